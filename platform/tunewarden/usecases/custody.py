"""Raw records and what is sealed under a key of its own: the doors to it, beside those of `ports`.

Every data key is in the vault under a dataset (or a file) and a name, and is destroyed by `UnitOfWork.forget` alone:

- of a person's raw rows: the dataset and `RawRows.handle`. All rows of a dataset that belong to the person, in every
  version, are unreadable without it, wherever copies of them are;
- of a dataset version: the dataset and `version_key`. Its rows, and all clean versions made from it, are sealed under
  it once more;
- of an upload: the file's id and `UPLOAD`. It is destroyed when the upload has become a dataset version: raw records
  are then nowhere but in rows under their persons' keys.
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol

from tunewarden.domain.names import DatasetId, Digest, FileId

UPLOAD = "upload"


def version_key(source: Digest) -> str:
    """The name of a dataset version's data key: by the upload it was read from, known before the records are."""
    return source.removeprefix("sha256:")


def upload_key(file: FileId) -> DatasetId:
    """Where the vault has the data key of an upload, whose dataset is not known yet."""
    return DatasetId(file)


class Blobs(Protocol):
    """Bytes by their digest. Not trusted: every read is checked."""

    def put(self, source: BinaryIO) -> Digest:
        """Store everything that `source` yields, durably; the same bytes again change nothing."""

    def put_bytes(self, data: bytes) -> Digest:
        """Store a small document."""

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of bytes that have been checked against `digest`. Raises `NotFound` or `Corrupted`."""

    def read(self, digest: Digest) -> bytes:
        """A small document, whole. Raises `NotFound` or `Corrupted`."""

    def size(self, digest: Digest) -> int:
        """How many bytes. Raises `NotFound`."""


class ScopedBlobs(Blobs, Protocol):
    """Blobs; what is put through this is sealed under one data key, and unreadable once that is destroyed."""

    def fleeting(self) -> "ScopedBlobs":
        """The same; what is put through this can be read by this process only, and through these blobs."""

    def open_own(self, digest: Digest) -> BinaryIO:
        """As `open`, but never what was put under another key, though the bytes are the same."""

    def lend(self) -> "Lent":
        """The keys of this scope and of fleeting ones, for a process of ours on this machine; never for storing."""

    def discard(self, digest: Digest) -> None:
        """Take this scope's copy of a blob away, and with it a fleeting scope's key."""


Lent = Mapping[tuple[DatasetId, str], bytes]
"""By dataset and name."""


class RowsWriter(Blobs, Protocol):
    """Where records are written; what else is read is read as ever."""

    def put(self, source: BinaryIO) -> Digest:
        """Seal canonical records, one JSON object a line, each under the keys of its persons: `person`, and `others`.

        Returns the digest of the plain lines, which are not stored. Whoever was erased before: their rows are counted
        into the digest and kept nowhere. The same records again give the same bytes.
        """

    @property
    def sealed(self) -> Digest:
        """Of the blob with the sealed rows; after `put`."""


class RawRows(Protocol):
    """Raw records, sealed for storing and opened for reading."""

    def upload(self, file: FileId) -> ScopedBlobs:
        """Where the content of an upload is put."""

    def version(self, dataset: DatasetId, key: str) -> ScopedBlobs:
        """Where what is made from a dataset version is put."""

    def writer(self, dataset: DatasetId, key: str) -> RowsWriter:
        """Where a dataset version's records are put."""

    def lines(self, dataset: DatasetId, key: str, sealed: Digest) -> Iterator[bytes | None]:
        """The records in order, without line feeds, streamed; None for each whose persons' keys are not all there.

        Raises `NotFound` where the version's key was destroyed, `Corrupted` for rows that are not what was sealed.
        """

    def holds(self, dataset: DatasetId, sealed: Digest, person: str) -> bool:
        """Whether a row belongs to `person`, erased or not. Reads every row, and opens none."""

    def handle(self, dataset: DatasetId, person: str) -> str:
        """The name of the key of a person's raw rows: 64 hexadecimal digits that tell nothing of the person."""
