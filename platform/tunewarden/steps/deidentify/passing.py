"""The readings of a release that know persons; `release` says in which order they come."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.deidentification import Operator
from tunewarden.domain.errors import Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, Digest, PolicyName
from tunewarden.domain.pseudonyms import budget_pseudonym, pseudonym
from tunewarden.steps.deidentify.blocks import Blocks, Journal, journal_key, lines_of
from tunewarden.steps.deidentify.border import moved, parted
from tunewarden.steps.deidentify.carried import Carried
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.elsewhere import Value, elsewhere, worth_looking_for
from tunewarden.steps.deidentify.finding import Finding, finding, found_in
from tunewarden.steps.deidentify.operators import Cleaned
from tunewarden.steps.deidentify.owners import Owners, strictest, values_of, whole
from tunewarden.steps.deidentify.quasi import (
    NOTHING_GIVEN_UP,
    SUPPRESSED,
    Attribute,
    Census,
    GivenUp,
    Suppressions,
    given_up,
)
from tunewarden.steps.deidentify.residual import sought
from tunewarden.steps.deidentify.source import SourceRecord, source_record, source_records
from tunewarden.steps.deidentify.spans import Span, carried as worth_carrying
from tunewarden.steps.records import BudgetRow, CleanRecord, Place, ProtectedRow, ReplacedRow, Side, side_of
from tunewarden.usecases.attribute_doors import Line, Whose
from tunewarden.usecases.ports import Blobs, Vault

_MOST_ROUNDS = 8
"""Of looking whether k holds; two do, unless what gives way changes what else is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is released under which conditions.

    Attributes:
        source: digest of one canonical `SourceRecord` a line.
        classes: how many labels there are.
        profile: its canonical bytes.
        detector: digest of what recognises.
        tenant_key: 32 bytes or more; pseudonyms are made from it.
        namespace: which identifier persons are known by across datasets; None where by none.
        scratch: folder of this job alone, for what is made on the way. It may stay there for another attempt.
    """

    source: Digest
    dataset: DatasetId
    classes: int
    profile: bytes
    detector: Digest
    vault: Vault
    scratch: Path
    tenant_key: bytes = field(repr=False)
    namespace: PolicyName | None = None

    def finding(self, blob: Digest, scale: float) -> Finding:
        """The work of finding in one of the job's blobs."""
        return finding(
            blob,
            profile=self.profile,
            detector=self.detector,
            scale=scale,
            scratch=self.scratch,
            secret=self.tenant_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record on its way out, as evidence is gathered from it. Not kept.

    Attributes:
        index: of the source record, from 0.
        person, others: pseudonyms of those that the record belongs to.
        found: every candidate in the source text, those of kept kinds too.
        hidden: what was transformed; a span over the border of a completion is whole here, in `cleaned` it is parted.
        protected: the protected attributes as they are released.
    """

    index: int
    person: str
    source: SourceRecord
    found: tuple[Span, ...]
    cleaned: Cleaned
    protected: Mapping[str, str]
    hidden: tuple[Span, ...]
    others: tuple[str, ...] = ()

    def released(self) -> CleanRecord:
        """The record that goes out."""
        completion = self.source.completion
        return CleanRecord(
            person=self.person,
            label=self.source.label,
            text=self.cleaned.text,
            others=self.others,
            completion=None if completion is None else moved(self.cleaned, self.source.text, completion),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A released text on its second reading.

    Attributes:
        found: candidates at `CLOSER` times the thresholds, of every kind.
        replaced: where something of ours stands.
        values: identifiers of the same persons, of the kinds that are `sought`, that were transformed anywhere.
    """

    text: str
    found: tuple[Span, ...]
    replaced: tuple[tuple[int, int], ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Who looks on while records go out. `left_out` gets the index of a record, one of whose persons was erased."""

    seen: Callable[[Seen], None] = lambda _: None
    looked: Callable[[Looked], None] = lambda _: None
    left_out: Callable[[int], None] = lambda _: None


@dataclass(slots=True, kw_only=True)
class Released:
    """What was counted on the way. `emptied` texts had nothing left, in their completion where they have one; they are
    kept, so that no person disappears. `shared` rows belong to several persons.

    `generalised` persons had attributes given up so that the profile's `k` holds; `given_up` says which.
    """

    rows: int = 0
    erased: int = 0
    emptied: int = 0
    shared: int = 0
    persons: int = 0
    generalised: int = 0
    given_up: GivenUp = NOTHING_GIVEN_UP
    entities: Counter[EntityType] = field(default_factory=Counter)


class Passing:
    """The readings that know persons; one after the other, in this process, in the order of the records."""

    def __init__(
        self,
        job: Job,
        deidentifier: Deidentifier,
        blobs: Blobs,
        blocks: Blocks,
        journal: Journal,
        carried: Carried,
    ) -> None:
        self._job, self._deidentifier, self._blobs = job, deidentifier, blobs
        self._blocks, self._journal, self._carried = blocks, journal, carried
        name = f"replaced-{job.source.removeprefix('sha256:')}"
        self._replaced = Journal(job.scratch / name, journal_key(job.tenant_key, name))
        self._suppressions: Suppressions = {}
        self._stricter: dict[frozenset[tuple[EntityType, Operator]], Deidentifier] = {}
        self.counted = Released()

    def gather(self) -> None:
        """What each text and each record's columns say about its persons, to be looked for in the texts of each."""
        for records in self._read():
            for _, record, owners, found in records:
                if owners.key is None and not owners.others:
                    continue  # of a record that goes because of one of its persons, the others' records still know
                names = worth_carrying(record.text, found)
                values = list(_values(record.text, self._deidentifier.settle(record.text, found)))
                for owner in owners:
                    self._carried.add_known(owner, record.identifiers())
                    self._carried.add_names(owner, names.items())
                    self._carried.add_values(owner, values)

    def enforce(self, k: int) -> None:
        """Find out which attributes of whom have to give way, so that `k` persons are alike in what is readable."""
        census = self._census()
        readable = census.readable_attributes()
        for _ in range(_MOST_ROUNDS):
            before, self._suppressions = self._suppressions, census.suppressions(k, self._suppressions)
            if self._suppressions == before:
                break
            census = self._census()
        self.counted.generalised = len(self._suppressions)
        self.counted.given_up = given_up(self._suppressions, readable)

    def cleaned(self, witnesses: Witnesses) -> Iterator[CleanRecord]:
        """The released records; where something of ours stands in them is noted block by block."""
        for number, records in enumerate(self._read()):
            replaced: list[list[tuple[int, int, EntityType]] | None] = []
            for index, record, owners, found in records:
                if owners.key is None:
                    self.counted.erased += 1
                    replaced.append(None)
                    witnesses.left_out(index)
                    continue
                seen = self._seen(index, record, found, owners, owners.key)
                self._count(seen, owners)
                replaced.append([(span.start, span.end, span.entity) for span in seen.cleaned.replaced])
                witnesses.seen(seen)
                yield seen.released()
            self._replaced.put(number, json.dumps(replaced).encode())

    def protected(self) -> Iterator[ProtectedRow]:
        """The protected attributes of the records that `cleaned` yielded."""
        for line in self._lines():
            yield ProtectedRow(person=line.whose.persons[0], protected=line.protected)

    def apart(self) -> Iterator[Line]:
        """The same of those of them that are measured on, to be laid apart; whoever is trained on needs none."""
        yield from (line for line in self._lines() if side_of(line.whose.persons) is Side.HELD_OUT)

    def replaced(self) -> Iterator[ReplacedRow]:
        """Where something of ours stands in the records that `cleaned` yielded; where nothing does, nothing is said."""
        for places in self._places():
            if places is not None:
                standing = (Place(start=start, end=end, kind=kind) for start, end, kind in places if start < end)
                yield ReplacedRow(places=tuple(standing))

    def budgets(self) -> Iterator[BudgetRow]:
        """Whose budget the persons are known by whose records `cleaned` yielded."""
        for person, budget in self._carried.budgets():
            yield BudgetRow(person=person.hex(), budget=budget.hex())

    def looked(self, clean: Digest, found: Iterator[list[Span]]) -> Iterator[Looked]:
        """The released texts with what a second look found in them."""
        places = (replaced for replaced in self._places() if replaced is not None)
        with self._blobs.open(clean) as stream:
            for line, spans, replaced in zip(stream, found, places, strict=True):
                record = from_plain(CleanRecord, decode(line.removesuffix(b"\n")))
                owners = map(bytes.fromhex, record.persons)
                yield Looked(
                    text=record.text,
                    found=tuple(spans),
                    replaced=tuple((start, end) for start, end, _ in replaced),
                    values=tuple(value.text for value in values_of(owners, self._carried)),
                )

    def require_somebody(self) -> None:
        """Raise `Refused` where the key of every person was destroyed."""
        if not self.counted.rows:
            raise Refused(
                "everybody_erased",
                f"All {self.counted.erased} records belong to somebody who was erased.",
                remedy="Register records of other persons.",
                who="steward",
            )

    def _lines(self) -> Iterator[Line]:
        records, released = source_records(self._blobs, self._job.source), 0
        for record, replaced in zip(records, self._places(), strict=True):
            if replaced is not None:
                owners = Owners(pseudonyms=self._pseudonyms(record), key=None)
                whose = Whose(record=released, persons=owners.pseudonyms)
                yield Line(whose=whose, protected=_protected(record, self._given_up(owners)))
                released += 1

    def _census(self) -> Census:
        """What is readable of everybody once the present suppressions are done."""
        census = Census(self._deidentifier.profile)
        for records in self._read():
            for index, record, owners, found in records:
                if owners.key is not None:
                    tell_census(census, self._seen(index, record, found, owners, owners.key))
        return census

    def _seen(self, index: int, record: SourceRecord, found: list[Span], owners: Owners, key: bytes) -> Seen:
        """One record settled and transformed, with all that is known of its persons."""
        person, values = whole(owners, key, self._carried), values_of(owners, self._carried)
        given_up = self._given_up(owners)
        deidentifier = self._tightened(given_up)
        candidates = list(found)
        spans = deidentifier.settle(record.text, candidates, person)
        # Until nothing is left: what is hidden now may be what told a name from a word of prose.
        while left := [span for span in elsewhere(record.text, values, hidden=spans) if not _covered(span, spans)]:
            before, candidates = spans, [*candidates, *left]
            spans = deidentifier.settle(record.text, candidates, person)
            if spans == before:
                break
        return Seen(
            index=index,
            person=owners.first,
            others=owners.others,
            source=record,
            found=tuple(found),
            hidden=spans,
            cleaned=deidentifier.transformer.apply(record.text, parted(spans, record.completion), person),
            protected=_protected(record, given_up),
        )

    def _count(self, seen: Seen, owners: Owners) -> None:
        job, values = self._job, list(_values(seen.source.text, seen.hidden))
        for owner, person in zip(owners, seen.source.persons, strict=True):
            self._carried.add_values(owner, values)
            self._carried.count(owner, budget_pseudonym(job.tenant_key, job.namespace or job.dataset, person))
        released = seen.released()
        self.counted.rows += 1
        self.counted.shared += bool(seen.others)
        self.counted.emptied += not released.text[released.completion or 0 :].strip()
        self.counted.entities.update(span.entity for span in seen.hidden)

    def _given_up(self, owners: Owners) -> Mapping[Attribute, Operator]:
        return strictest(owners, self._suppressions, self._deidentifier.profile)

    def _tightened(self, given_up: Mapping[Attribute, Operator]) -> Deidentifier:
        """The profile for these persons: what has to give way for k gives way."""
        stricter = {kind: does for kind, does in given_up.items() if isinstance(kind, EntityType)}
        if not stricter:
            return self._deidentifier
        key = frozenset(stricter.items())
        if key not in self._stricter:
            profile = self._deidentifier.profile
            tightened = replace(profile, operators={**profile.operators, **stricter})
            self._stricter[key] = Deidentifier(self._deidentifier.detector, tightened)
        return self._stricter[key]

    def _read(self) -> Iterator[Iterator[tuple[int, SourceRecord, Owners, list[Span]]]]:
        """Block by block: index, record, whose it is, candidates."""
        found = found_in(self._blocks, self._journal)
        with self._blobs.open(self._job.source) as stream:
            for block in self._blocks:
                records = [
                    source_record(index, line) for index, line in enumerate(lines_of(stream, block), block.first)
                ]
                owners = self._owners(records)
                yield (
                    (index, record, theirs, next(found))
                    for index, (record, theirs) in enumerate(zip(records, owners, strict=True), block.first)
                )

    def _owners(self, records: Iterable[SourceRecord]) -> list[Owners]:
        several = [self._pseudonyms(record) for record in records]
        keys = self._job.vault.keys(self._job.dataset, {one for theirs in several for one in theirs})
        return [
            Owners(pseudonyms=theirs, key=None if any(keys[one] is None for one in theirs) else keys[theirs[0]])
            for theirs in several
        ]

    def _places(self) -> Iterator[list[tuple[int, int, EntityType]] | None]:
        """Of every source record in order: where something of ours stands in what became of it; None if it went."""
        for block in self._blocks:
            for replaced in json.loads(self._replaced.made(block.number)):
                yield None if replaced is None else [(start, end, EntityType(kind)) for start, end, kind in replaced]

    def _pseudonyms(self, record: SourceRecord) -> tuple[str, ...]:
        return tuple(pseudonym(self._job.tenant_key, self._job.dataset, person) for person in record.persons)


def tell_census(census: Census, seen: Seen) -> None:
    """Let the census see a record as it is released, for everybody that it belongs to."""
    for person in (seen.person, *seen.others):
        census.see(
            person,
            seen.source.label,
            seen.protected,
            seen.source.text,
            seen.found,
            seen.cleaned.text,
            seen.cleaned.spans,
            seen.cleaned.replaced,
        )


def _protected(record: SourceRecord, given_up: Mapping[Attribute, Operator]) -> Mapping[str, str]:
    return {name: SUPPRESSED if name in given_up else value for name, value in record.protected.items()}


def _covered(span: Span, spans: Iterable[Span]) -> bool:
    return any(other.start <= span.start and span.end <= other.end for other in spans)


def _values(text: str, spans: Iterable[Span]) -> Iterator[Value]:
    for span in spans:
        value = text[span.start : span.end]
        if sought(span.entity) and worth_looking_for(value):
            yield Value(entity=span.entity, text=value, score=span.score)
