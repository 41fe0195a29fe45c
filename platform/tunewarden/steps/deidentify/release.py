"""Records in, de-identified records out: streamed, so that memory does not grow with their number."""

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from tempfile import TemporaryFile
from typing import BinaryIO

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.deidentification import EntityType
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.residual import Rescan
from tunewarden.steps.deidentify.spans import distinctive
from tunewarden.steps.records import CleanRecord, Manifest, ProtectedRow
from tunewarden.usecases.ports import Blobs

LONGEST_TEXT = 1_000_000  # characters; longer ones are refused, never cut


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One record as it was ingested; the form is stated at `usecases.ports.Ingested`."""

    label: int
    person: str
    protected: Mapping[str, str]
    text: str


@dataclass(slots=True, kw_only=True)
class Released:
    """What was counted on the way. `emptied` texts had nothing left; they are kept, so that no person disappears."""

    rows: int = 0
    emptied: int = 0
    entities: Counter[EntityType] = field(default_factory=Counter)
    persons: set[bytes] = field(default_factory=set)
    rescan: Rescan = field(default_factory=Rescan)


def source_records(blobs: Blobs, digest: Digest) -> Iterator[SourceRecord]:
    """The ingested records, streamed. Raises `Malformed` for a text of more than `LONGEST_TEXT` characters."""
    with blobs.open(digest) as stream:
        for index, line in enumerate(stream):
            record = from_plain(SourceRecord, decode(line.rstrip(b"\n")))
            if len(record.text) > LONGEST_TEXT:
                raise Malformed(
                    "text_too_long",
                    f"The text of record {index} (counted from 0) has {len(record.text)} characters, "
                    f"at most {LONGEST_TEXT} are allowed.",
                    remedy="Split it into several records of the same person.",
                    who="steward",
                    param="file",
                )
            yield record


def release(
    blobs: Blobs, source: Digest, *, deidentifier: Deidentifier, tenant_key: bytes, dataset: DatasetId, classes: int
) -> tuple[Manifest, Released]:
    """Write every record of `source`, de-identified and under a pseudonym, and say what was done.

    The only thing that grows is the set of pseudonyms (32 bytes a person). Raises `Corrupted` for a file without
    records: ingesting refuses those.
    """
    counted = Released()
    with TemporaryFile() as texts, TemporaryFile() as protected:
        for record in source_records(blobs, source):
            person = pseudonym(tenant_key, dataset, record.person)
            text = _clean(record, deidentifier, counted)
            _write(texts, CleanRecord(person=person, label=record.label, text=text))
            _write(protected, ProtectedRow(person=person, protected=record.protected))
            counted.persons.add(bytes.fromhex(person))
        if not counted.rows:
            raise Corrupted("records_empty", "The dataset version has no records.")
        manifest = Manifest(
            records=_store(blobs, texts),
            protected=_store(blobs, protected),
            profile=deidentifier.profile.digest(),
            source=source,
            rows=counted.rows,
            persons=len(counted.persons),
            classes=classes,
        )
    return manifest, counted


def pseudonym(tenant_key: bytes, dataset: DatasetId, person: str) -> str:
    """HMAC-SHA256 (RFC 2104) of dataset and person under the tenant's key: 64 hexadecimal digits.

    The same person in another dataset gets another one. Who has the key can link pseudonyms to persons again, so this
    is pseudonymisation as GDPR Art. 4(5) defines it, and no more.
    """
    message = encode([dataset, person])
    return hmac.new(tenant_key, message, sha256).hexdigest()


def _clean(record: SourceRecord, deidentifier: Deidentifier, counted: Released) -> str:
    cleaned = deidentifier.clean(record.text, [record.person] if distinctive(record.person) else [])
    counted.rows += 1
    counted.emptied += not cleaned.text.strip()
    counted.entities.update(span.entity for span in cleaned.spans)
    counted.rescan.look(deidentifier, cleaned.text, record.person)
    return cleaned.text


def _write(stream: BinaryIO, row: CleanRecord | ProtectedRow) -> None:
    stream.write(encode(to_plain(row)) + b"\n")


def _store(blobs: Blobs, stream: BinaryIO) -> Digest:
    stream.seek(0)
    return blobs.put(stream)
