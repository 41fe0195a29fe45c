"""The records as they were ingested: what is de-identified."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.person import Known
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Blobs

LONGEST_TEXT = 1_000_000  # characters; longer ones are refused, never cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One record as it was ingested; the form is stated at `usecases.ports.Ingested`."""

    label: int
    person: str
    protected: Mapping[str, str]
    text: str
    known: Mapping[EntityType, tuple[str, ...]] = field(default_factory=dict)

    def identifiers(self) -> list[Known]:
        """What the record's own columns say about its person, the column that names the person first."""
        stated = (Known(entity=kind, value=value) for kind, values in self.known.items() for value in values)
        return [Known(entity=EntityType.PERSON_ID, value=self.person), *stated]


def store_source(blobs: Blobs, records: Iterable[SourceRecord]) -> Digest:
    """Write records in the form in which `release` reads them."""
    return blobs.put(stream_of(encode(to_plain(record)) for record in records))


def source_records(blobs: Blobs, digest: Digest) -> Iterator[SourceRecord]:
    """The ingested records, streamed. Raises `Malformed` for a text of more than `LONGEST_TEXT` characters."""
    with blobs.open(digest) as stream:
        for index, line in enumerate(stream):
            yield source_record(index, line.removesuffix(b"\n"))


def source_record(index: int, line: bytes) -> SourceRecord:
    """One line read; `index` counts from 0. Raises `Malformed` for a text that is too long."""
    record = from_plain(SourceRecord, decode(line))
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
