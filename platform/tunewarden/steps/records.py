"""The de-identified records, as they pass from step to step: a manifest and its blobs, bound to each other by digest.

Protected attributes are in none of them: they lie in a table of their own, sealed, which only the measuring step is
handed (`usecases.attribute_doors`). Of releases from before that was so, and of tables that are de-identified on the
command line, they lie in a blob beside the texts, in the same order. So do the places where something of ours stands:
whoever had both could tell a made-up name from one that was missed, and only people who look for the latter may. A
reader computes the Merkle root of what it read and refuses what is not the manifest's.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from tunewarden.domain.canonical import LATER, decode, encode, from_plain
from tunewarden.domain.errors import Corrupted, NotFound, Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.merkle import MerkleTree
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Blobs

_HELD_OUT_ONE_IN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the de-identify step released; its digest is that step's output.

    What people find when they read a sample, and what they sign, comes later and is evidence about this manifest's
    digest; so it cannot stand in here.

    Attributes:
        records: digest of one canonical `CleanRecord` a line.
        root: Merkle root (RFC 6962) over those lines, each a leaf without its line feed.
        protected: digest of one canonical `ProtectedRow` a line, in the same order; None where they lie apart.
        protected_root: Merkle root over those; None likewise.
        profile: digest of the de-identification profile that was applied.
        detector: what recognised: the identity of the step, its weights included.
        source: digest of the records it was made from.
        rows, persons, classes: counts of what was released. `persons` are different pseudonyms, the privacy units.
        erased: records left out because the key of one of their persons was destroyed.
        replaced: digest of one canonical `ReplacedRow` a line, in the same order; None in manifests of before.
        replaced_root: Merkle root over those.
        budget: digest of one canonical `BudgetRow` a line, one for each person, by `person`; None as above.
        budget_root: Merkle root over those.
    """

    records: Digest
    root: Digest
    protected: Digest | None
    protected_root: Digest | None
    profile: Digest
    detector: Digest
    source: Digest
    rows: int
    persons: int
    classes: int
    erased: int = 0
    replaced: Digest | None = None
    replaced_root: Digest | None = None
    budget: Digest | None = field(default=None, metadata=LATER)
    budget_root: Digest | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRecord:
    """One de-identified record.

    Attributes:
        person: a keyed pseudonym (64 hex digits): the privacy unit of training.
        label: index of the class; 0 where completions are learnt.
        text: what the record says; where completions are learnt, the prompt, one line feed, the completion.
        others: pseudonyms of the further persons that the record belongs to.
        completion: where in `text` the completion begins, in code points, its line feed before it; None where classes
            are learnt.
    """

    person: str
    label: int
    text: str
    others: tuple[str, ...] = field(default=(), metadata=LATER)
    completion: int | None = field(default=None, metadata=LATER)

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody that the record belongs to; at least one, all different."""
        return (self.person, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedRow:
    """The protected attributes of the record on the same line. Readable by the fairness measurement only.

    `person` is the first of those that the record belongs to.
    """

    person: str
    protected: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a released text something of ours stands, in code points: 0 <= start < end."""

    start: int
    end: int
    kind: EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedRow:
    """What stands in the place of identifiers in the record on the same line: disjoint, in order.

    Readable by whoever draws samples for people to read, and by nothing that trains or measures.
    """

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """Under which budget pseudonym (64 hex digits) the budget of a person is kept, across datasets.

    Readable by whoever admits the persons to a step, and by nothing else: with it, releases of several datasets could
    be joined.
    """

    person: str
    budget: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLines:
    """Lines in a blob: its digest, the Merkle root over the lines, and how many there are."""

    digest: Digest
    root: Digest
    count: int


def store_lines(blobs: Blobs, rows: Iterable[CleanRecord | ProtectedRow | ReplacedRow | BudgetRow]) -> StoredLines:
    """Write one canonical line for each row, as they come; nothing of them is kept, in memory or in plain on disk."""
    tree = MerkleTree()

    def lines() -> Iterator[bytes]:
        for row in rows:
            line = encode(row)
            tree.append(line)
            yield line

    digest = blobs.put(stream_of(lines()))
    return StoredLines(digest=digest, root=tree.root(), count=tree.size)


def read_manifest(blobs: Blobs, digest: Digest) -> Manifest:
    """Raises `NotFound` or `Corrupted`."""
    return from_plain(Manifest, decode(blobs.read(digest)))


def read_records(blobs: Blobs, manifest: Manifest) -> Iterator[CleanRecord]:
    """Every released record, streamed, in order.

    Raises `Corrupted` at the end if number or root are not the manifest's: use nothing before the end is reached.
    """
    with blobs.open(manifest.records) as stream:
        for line in _checked(stream, manifest.rows, manifest.root):
            yield from_plain(CleanRecord, decode(line))


def read_protected(blobs: Blobs, manifest: Manifest) -> Iterator[Mapping[str, str]]:
    """The protected attributes of every record, in the order of `read_records`; raises as that does.

    Raises `NotFound` for a manifest that has them apart.
    """
    if manifest.protected is None or manifest.protected_root is None:
        raise NotFound("attributes_apart", "No protected attributes lie beside these records.")
    with blobs.open(manifest.protected) as stream:
        for line in _checked(stream, manifest.rows, manifest.protected_root):
            yield from_plain(ProtectedRow, decode(line)).protected


def read_replaced(blobs: Blobs, manifest: Manifest) -> Iterator[tuple[Place, ...]]:
    """Where something of ours stands in every record, in the order of `read_records`; raises as that does.

    Raises `Refused` for a manifest of before, which names no such places. Not checked: that a place lies within its
    record's text; whoever holds both checks that with `within`.
    """
    if manifest.replaced is None or manifest.replaced_root is None:
        raise Refused(
            "made_up_values_not_reviewable",
            "The release does not say where made-up values stand in it; no reader could tell them from leaks.",
            remedy="Ask again; the records are then de-identified anew, and it is kept where made-up values stand.",
            who="requester",
        )
    with blobs.open(manifest.replaced) as stream:
        for line in _checked(stream, manifest.rows, manifest.replaced_root):
            yield from_plain(ReplacedRow, decode(line)).places


def read_budgets(blobs: Blobs, manifest: Manifest) -> Iterator[BudgetRow]:
    """The budget pseudonym of every person, streamed, by `person`; raises as `read_records` does.

    Raises `Refused` for a manifest of before, which names none.
    """
    if manifest.budget is None or manifest.budget_root is None:
        raise Refused(
            "persons_not_known",
            "The release does not say whose budget is charged.",
            remedy="Ask again; the records are then de-identified anew, and persons are known by their budget.",
            who="requester",
        )
    with blobs.open(manifest.budget) as stream:
        for line in _checked(stream, manifest.persons, manifest.budget_root):
            yield from_plain(BudgetRow, decode(line))


def within(text: str, places: Sequence[Place]) -> Sequence[Place]:
    """`places`, which are disjoint, in order and of this text; raises `Corrupted` where they are not."""
    ends = [0, *(place.end for place in places)]
    for after, place in zip(ends, places, strict=False):
        if not after <= place.start < place.end <= len(text):
            raise Corrupted("places_malformed", "What is said to stand in a released record cannot stand there.")
    return places


def held_out(person: str) -> bool:
    """Whether this person is measured on instead of trained on: one in five, by their pseudonym alone.

    Because no other person has a say in it, adding or removing one person moves nobody else between the two sides, as
    the neighbouring relation requires.
    """
    return hashlib.sha256(b"held-out\x00" + person.encode()).digest()[0] % _HELD_OUT_ONE_IN == 0


def ends_prompt(text: str, completion: int) -> bool:
    """Whether a line feed stands before the completion that is to begin at this place of `text`."""
    return completion > 0 and text[completion - 1 : completion] == "\n"


def prompt_and_completion(record: CleanRecord) -> tuple[str, str]:
    """The two texts of a record; either may be empty, where nothing of it was left. Raises `Corrupted` for a record
    that has no completion, or no line feed before it."""
    if record.completion is None or not ends_prompt(record.text, record.completion):
        raise Corrupted("completion_malformed", "A released record has no completion where it says that one begins.")
    return record.text[: record.completion - 1], record.text[record.completion :]


class Side(StrEnum):
    """What a record may be used for. `NEITHER`: some of its persons are held out and some are not."""

    TRAINING = "training"
    HELD_OUT = "held-out"
    NEITHER = "neither"


def side(record: CleanRecord) -> Side:
    """A record is trained on only where none of its persons is held out, and measured on only where all of them are.

    So nobody's records are ever on both sides. Figures that are made private count what one person can move them by:
    those who make them pass over a record of several persons.
    """
    return side_of(record.persons)


def side_of(persons: Iterable[str]) -> Side:
    """The same of a record that belongs to these persons; at least one."""
    sides = {Side.HELD_OUT if held_out(person) else Side.TRAINING for person in persons}
    return sides.pop() if len(sides) == 1 else Side.NEITHER


def _checked(stream: BinaryIO, rows: int, root: Digest) -> Iterator[bytes]:
    tree = MerkleTree()
    for ended in stream:
        line = ended.removesuffix(b"\n")
        tree.append(line)
        yield line
    if tree.size != rows:
        raise Corrupted("record_count", f"The manifest states {rows} records, the file has {tree.size}.")
    if tree.root() != root:
        raise Corrupted(
            "records_not_released",
            "The records are not those that were released: their Merkle root is not the manifest's.",
            remedy="De-identify the dataset version again.",
            who="administrator",
        )
