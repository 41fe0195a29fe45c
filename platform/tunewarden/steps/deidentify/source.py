"""The records as they were ingested: what is de-identified."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER, decode, encode, from_plain
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.person import Known
from tunewarden.steps.records import ends_prompt
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Blobs

LONGEST_TEXT = 1_000_000  # characters; longer ones are refused, never cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One record as it was ingested; the form is stated at `usecases.ports.Ingested`.

    `others`, `completion` are those of `steps.records.CleanRecord`, before de-identification.
    """

    label: int
    person: str
    protected: Mapping[str, str]
    text: str
    known: Mapping[EntityType, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[str, ...] = field(default=(), metadata=LATER)
    completion: int | None = field(default=None, metadata=LATER)

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody that the record belongs to, each once."""
        return tuple(dict.fromkeys((self.person, *self.others)))

    def identifiers(self) -> list[Known]:
        """What the record's own columns say about its persons, the column that names them first."""
        stated = (Known(entity=kind, value=value) for kind, values in self.known.items() for value in values)
        named = (Known(entity=EntityType.PERSON_ID, value=person) for person in self.persons)
        return [*named, *stated]


def store_source(blobs: Blobs, records: Iterable[SourceRecord]) -> Digest:
    """Write records in the form in which `release` reads them."""
    return blobs.put(stream_of(encode(record) for record in records))


def source_records(blobs: Blobs, digest: Digest) -> Iterator[SourceRecord]:
    """The ingested records, streamed. Raises `Malformed` for a text of more than `LONGEST_TEXT` characters."""
    with blobs.open(digest) as stream:
        for index, line in enumerate(stream):
            yield source_record(index, line.removesuffix(b"\n"))


def source_record(index: int, line: bytes) -> SourceRecord:
    """One line read; `index` counts from 0. Raises `Malformed` for a text that is too long."""
    record = from_plain(SourceRecord, decode(line))
    if record.completion is not None and not ends_prompt(record.text, record.completion):
        raise Corrupted("record_malformed", "The completion of a stored record does not begin behind a line feed.")
    if len(record.text) > LONGEST_TEXT:
        raise Malformed(
            "text_too_long",
            f"The text of record {index} (counted from 0) has {len(record.text)} characters, "
            f"at most {LONGEST_TEXT} are allowed.",
            remedy="Split it into several records of the same person.",
            who="steward",
            param="file",
        )
    return record
