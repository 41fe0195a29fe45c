"""The records of an attempt, opened for the step and for as long as it takes.

Where each row lies under the keys of its persons, those that can still be opened are copied into a blob whose key is in
the memory of this process, and of the ones that help it, and dies with them: every reading of the step is a reading of
that copy, and what a crash leaves of it nobody can read. Rows of who was erased are not in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tunewarden.domain.errors import Corrupted, Refused, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.finding import OpenBlobs
from tunewarden.usecases.custody import Lent, RawRows
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Attempt, Blobs


class LendBlobs(Protocol):
    """How workers in other processes reach blobs (`finding.OpenBlobs`), and those whose keys they are lent."""

    def __call__(self) -> Blobs: ...

    def lending(self, lent: Lent) -> OpenBlobs:
        """The same, with these keys as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Records to read, and where to put what is made of them.

    Attributes:
        blobs: have the records, and seal what is put under the dataset version's key.
        records: digest of one canonical `SourceRecord` a line.
        open_blobs: how another process reaches the same; None where none does.
        erased: rows that are in the dataset version and not in `records`.
    """

    blobs: Blobs
    records: Digest
    open_blobs: OpenBlobs | None
    erased: int = 0


@contextmanager
def opened(attempt: Attempt, blobs: Blobs, rows: RawRows | None, open_blobs: LendBlobs | None) -> Iterator[Raw]:
    """The records of the attempt; rows under their persons' keys can be read inside only.

    Raises `NotFound` where the dataset version's key was destroyed, `Refused` where nobody is left, `Corrupted` where
    the rows are not those of the dataset version, and `Unavailable` in a process without keys.
    """
    if attempt.sealed is None:
        yield Raw(blobs=blobs, records=attempt.records, open_blobs=open_blobs)
        return
    if rows is None:
        raise Unavailable(
            "data_keys_missing", "This process has no data keys, so it reads no records.", who="administrator"
        )
    version = rows.version(attempt.plan.dataset, attempt.key)
    kept = _Kept(rows.lines(attempt.plan.dataset, attempt.key, attempt.sealed))
    copy = version.fleeting()
    records = copy.put(stream_of(iter(kept)))
    try:
        kept.require_whole(records, attempt.records)
        lending = None if open_blobs is None else open_blobs.lending(version.lend())
        yield Raw(blobs=version, records=records, open_blobs=lending, erased=kept.erased)
    finally:
        copy.discard(records)


class _Kept:
    """The rows that can be opened; the others are counted."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self._rows = self.erased = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            if line is None:
                self.erased += 1
            else:
                self._rows += 1
                yield line

    def require_whole(self, found: Digest, expected: Digest) -> None:
        """As long as nobody is erased, the rows are the dataset version, byte for byte."""
        if self.erased and not self._rows:
            raise Refused(
                "everybody_erased",
                f"All {self.erased} records are of persons who were erased.",
                remedy="Register records of other persons.",
                who="steward",
            )
        if not self.erased and found != expected:
            raise Corrupted(
                "rows_of_another_version",
                "The rows are not those that the dataset version's digest names.",
                remedy="Restore the records from a copy.",
                who="administrator",
            )
