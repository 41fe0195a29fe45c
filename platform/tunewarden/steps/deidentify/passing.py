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
from tunewarden.steps.deidentify.carried import Carried
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.elsewhere import Value, elsewhere, worth_looking_for
from tunewarden.steps.deidentify.finding import Finding, finding, found_in
from tunewarden.steps.deidentify.operators import Cleaned
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.quasi import NOTHING_GIVEN_UP, SUPPRESSED, Census, GivenUp, Suppressions, given_up
from tunewarden.steps.deidentify.residual import sought
from tunewarden.steps.deidentify.source import SourceRecord, source_record, source_records
from tunewarden.steps.deidentify.spans import Span, carried as worth_carrying
from tunewarden.steps.records import BudgetRow, CleanRecord, Place, ProtectedRow, ReplacedRow
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
        found: every candidate in the source text, those of kept kinds too.
        protected: the protected attributes as they are released.
    """

    index: int
    person: str
    source: SourceRecord
    found: tuple[Span, ...]
    cleaned: Cleaned
    protected: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A released text on its second reading.

    Attributes:
        found: candidates at `CLOSER` times the thresholds, of every kind.
        replaced: where something of ours stands.
        values: identifiers of the same person, of the kinds that are `sought`, that were transformed anywhere.
    """

    text: str
    found: tuple[Span, ...]
    replaced: tuple[tuple[int, int], ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Who looks on while records go out. `left_out` gets the index of a record whose person was erased."""

    seen: Callable[[Seen], None] = lambda _: None
    looked: Callable[[Looked], None] = lambda _: None
    left_out: Callable[[int], None] = lambda _: None


@dataclass(slots=True, kw_only=True)
class Released:
    """What was counted on the way. `emptied` texts had nothing left; they are kept, so that no person disappears.

    `generalised` persons had attributes given up so that the profile's `k` holds; `given_up` says which.
    """

    rows: int = 0
    erased: int = 0
    emptied: int = 0
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
        """What each text and each record's columns say about its person, to be looked for in the person's texts."""
        for records in self._read():
            for _, record, person, key, found in records:
                if key is not None:
                    binary = bytes.fromhex(person)
                    self._carried.add_known(binary, record.identifiers())
                    self._carried.add_names(binary, worth_carrying(record.text, found).items())
                    spans = self._deidentifier.settle(record.text, found)
                    self._carried.add_values(binary, _values(record.text, spans))

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
            for index, record, person, key, found in records:
                if key is None:
                    self.counted.erased += 1
                    replaced.append(None)
                    witnesses.left_out(index)
                    continue
                seen = self._seen(index, record, found, person, key)
                self._count(seen)
                replaced.append([(span.start, span.end, span.entity) for span in seen.cleaned.replaced])
                witnesses.seen(seen)
                yield CleanRecord(person=person, label=record.label, text=seen.cleaned.text)
            self._replaced.put(number, json.dumps(replaced).encode())

    def protected(self) -> Iterator[ProtectedRow]:
        """The protected attributes of the records that `cleaned` yielded."""
        for (_, record, person, _), replaced in zip(self._records(), self._places(), strict=True):
            if replaced is not None:
                yield ProtectedRow(person=person, protected=self._protected(record, person))

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
                yield Looked(
                    text=record.text,
                    found=tuple(spans),
                    replaced=tuple((start, end) for start, end, _ in replaced),
                    values=tuple(value.text for value in self._carried.values(bytes.fromhex(record.person))),
                )

    def require_somebody(self) -> None:
        """Raise `Refused` where the key of every person was destroyed."""
        if not self.counted.rows:
            raise Refused(
                "everybody_erased",
                f"All {self.counted.erased} records are of persons who were erased.",
                remedy="Register records of other persons.",
                who="steward",
            )

    def _census(self) -> Census:
        """What is readable of everybody once the present suppressions are done."""
        census = Census(self._deidentifier.profile)
        for records in self._read():
            for index, record, person, key, found in records:
                if key is not None:
                    tell_census(census, self._seen(index, record, found, person, key))
        return census

    def _seen(self, index: int, record: SourceRecord, found: list[Span], person: str, key: bytes) -> Seen:
        """One record settled and transformed, with all that is known of its person."""
        binary = bytes.fromhex(person)
        whole = Person(pseudonym=person, key=key, known=self._carried.known(binary), names=self._carried.names(binary))
        deidentifier, values = self._tightened(person), self._carried.values(binary)
        candidates = list(found)
        spans = deidentifier.settle(record.text, candidates, whole)
        # Until nothing is left: what is hidden now may be what told a name from a word of prose.
        while left := [span for span in elsewhere(record.text, values, hidden=spans) if not _covered(span, spans)]:
            before, candidates = spans, [*candidates, *left]
            spans = deidentifier.settle(record.text, candidates, whole)
            if spans == before:
                break
        return Seen(
            index=index,
            person=person,
            source=record,
            found=tuple(found),
            cleaned=deidentifier.transformer.apply(record.text, spans, whole),
            protected=self._protected(record, person),
        )

    def _count(self, seen: Seen) -> None:
        binary, job = bytes.fromhex(seen.person), self._job
        self._carried.add_values(binary, _values(seen.source.text, seen.cleaned.spans))
        self._carried.count(binary, budget_pseudonym(job.tenant_key, job.namespace or job.dataset, seen.source.person))
        self.counted.rows += 1
        self.counted.emptied += not seen.cleaned.text.strip()
        self.counted.entities.update(span.entity for span in seen.cleaned.spans)

    def _tightened(self, person: str) -> Deidentifier:
        """The profile for this person: what has to give way for k gives way."""
        given_up = self._suppressions.get(person, {})
        stricter = {kind: does for kind, does in given_up.items() if isinstance(kind, EntityType)}
        if not stricter:
            return self._deidentifier
        key = frozenset(stricter.items())
        if key not in self._stricter:
            profile = self._deidentifier.profile
            tightened = replace(profile, operators={**profile.operators, **stricter})
            self._stricter[key] = Deidentifier(self._deidentifier.detector, tightened)
        return self._stricter[key]

    def _protected(self, record: SourceRecord, person: str) -> Mapping[str, str]:
        given_up = self._suppressions.get(person, {})
        return {name: SUPPRESSED if name in given_up else value for name, value in record.protected.items()}

    def _read(self) -> Iterator[Iterator[tuple[int, SourceRecord, str, bytes | None, list[Span]]]]:
        """Block by block: index, record, pseudonym, data key (None once it is destroyed), candidates."""
        found = found_in(self._blocks, self._journal)
        with self._blobs.open(self._job.source) as stream:
            for block in self._blocks:
                records = [
                    source_record(index, line) for index, line in enumerate(lines_of(stream, block), block.first)
                ]
                persons = [self._pseudonym(record) for record in records]
                keys = self._job.vault.keys(self._job.dataset, set(persons))
                yield (
                    (index, record, person, keys[person], next(found))
                    for index, (record, person) in enumerate(zip(records, persons, strict=True), block.first)
                )

    def _records(self) -> Iterator[tuple[int, SourceRecord, str, None]]:
        for index, record in enumerate(source_records(self._blobs, self._job.source)):
            yield index, record, self._pseudonym(record), None

    def _places(self) -> Iterator[list[tuple[int, int, EntityType]] | None]:
        """Of every source record in order: where something of ours stands in what became of it; None if it went."""
        for block in self._blocks:
            for replaced in json.loads(self._replaced.made(block.number)):
                yield None if replaced is None else [(start, end, EntityType(kind)) for start, end, kind in replaced]

    def _pseudonym(self, record: SourceRecord) -> str:
        return pseudonym(self._job.tenant_key, self._job.dataset, record.person)


def tell_census(census: Census, seen: Seen) -> None:
    """Let the census see a record as it is released."""
    census.see(
        seen.person,
        seen.source.label,
        seen.protected,
        seen.source.text,
        seen.found,
        seen.cleaned.text,
        seen.cleaned.spans,
        seen.cleaned.replaced,
    )


def _covered(span: Span, spans: Iterable[Span]) -> bool:
    return any(other.start <= span.start and span.end <= other.end for other in spans)


def _values(text: str, spans: Iterable[Span]) -> Iterator[Value]:
    for span in spans:
        value = text[span.start : span.end]
        if sought(span.entity) and worth_looking_for(value):
            yield Value(entity=span.entity, text=value, score=span.score)
