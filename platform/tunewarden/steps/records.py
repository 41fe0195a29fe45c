"""The de-identified records, as they pass from step to step: a manifest and two blobs, bound to each other by digest.

The protected attributes lie apart from the texts, in the same order, so that training can be handed one without the
other.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest
from tunewarden.usecases.ports import Blobs

_HELD_OUT_ONE_IN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the de-identify step released; its digest is that step's output.

    Attributes:
        records: digest of one canonical `CleanRecord` a line.
        protected: digest of one canonical `ProtectedRow` a line, in the same order.
        profile: digest of the de-identification profile that was applied.
        source: digest of the records it was made from.
        rows, persons, classes: counts.
    """

    records: Digest
    protected: Digest
    profile: Digest
    source: Digest
    rows: int
    persons: int
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRecord:
    """One de-identified record. `person` is a keyed pseudonym (64 hex digits): the privacy unit of training."""

    person: str
    label: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedRow:
    """The protected attributes of the record on the same line. Readable by the fairness measurement only."""

    person: str
    protected: Mapping[str, str]


def read_manifest(blobs: Blobs, digest: Digest) -> Manifest:
    """Raises `NotFound` or `Corrupted`."""
    return from_plain(Manifest, decode(blobs.read(digest)))


def read_records(blobs: Blobs, manifest: Manifest) -> Iterator[CleanRecord]:
    """Every released record, streamed, in order; raises `Corrupted` if their number is not the manifest's."""
    with blobs.open(manifest.records) as stream:
        count = 0
        for line in _lines(stream):
            yield from_plain(CleanRecord, decode(line))
            count += 1
    if count != manifest.rows:
        raise Corrupted("record_count", f"The manifest states {manifest.rows} records, the file has {count}.")


def read_protected(blobs: Blobs, manifest: Manifest) -> Iterator[Mapping[str, str]]:
    """The protected attributes of every record, in the order of `read_records`."""
    with blobs.open(manifest.protected) as stream:
        for line in _lines(stream):
            yield from_plain(ProtectedRow, decode(line)).protected


def held_out(person: str) -> bool:
    """Whether this person is measured on instead of trained on: one in five, by their pseudonym alone.

    Because no other person has a say in it, adding or removing one person moves nobody else between the two sides, as
    the neighbouring relation requires.
    """
    return hashlib.sha256(b"held-out\x00" + person.encode()).digest()[0] % _HELD_OUT_ONE_IN == 0


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    for line in stream:
        yield line.rstrip(b"\n")
