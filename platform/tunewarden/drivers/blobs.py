"""Content-addressed files in a folder, encrypted at rest.

The folder is trusted for nothing: a blob is named by the SHA-256 of its plain bytes, and nobody is handed a byte before
the whole blob has been checked against that name. Who can write to the folder can at most make reading fail; who can
read it learns how many blobs there are and how long each is. The master key is trusted (see `keyfiles`).

A file is `HEADER || chunk || chunk || ...`:

- header: 8 bytes of magic, 32 random bytes of salt;
- key: HKDF-SHA256 (RFC 5869) of the master key with that salt, so every blob has a key of its own;
- chunk: AES-256-GCM of 1 MiB of plain bytes (the last one may be shorter; an empty blob has one empty chunk), with
  nonce = 11 bytes big-endian counter || 1 byte "is the last", and the header as associated data.

This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, CRYPTO 2015) as age uses it: chunks cannot be
reordered, repeated, dropped or cut off. A folder on one machine only; object stores are a later driver.
"""

import hashlib
import io
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted, NotFound, Unavailable
from tunewarden.domain.names import Digest, digest_name
from tunewarden.drivers.keyfiles import flush_folder

CHUNK = 1 << 20
_TAG = 16
_MAGIC = b"tw-blob1"
_HEADER = len(_MAGIC) + 32


class DirectoryBlobs:
    """Blobs in the folder `root`; `usecases.ports.Blobs`. A crash while writing leaves an encrypted draft behind."""

    def __init__(self, root: Path, master_key: bytes) -> None:
        self._root, self._master_key = root, master_key
        self._drafts = root / "drafts"
        with _storage():
            self._drafts.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, source: BinaryIO) -> Digest:
        """Store what `source` yields, durably; memory stays flat. An existing blob is replaced by its equal."""
        with _storage():
            draft, digest = self._write_draft(source)
            target = self._path(digest)
            _make_durably(target.parent)
            draft.replace(target)  # point of no return: from here on the blob exists, whole
            flush_folder(target.parent)
        return digest

    def put_bytes(self, data: bytes) -> Digest:
        """Store a small document."""
        return self.put(io.BytesIO(data))

    def open(self, digest: Digest) -> BinaryIO:
        """A seekable stream of exactly the bytes of `digest`. Raises `NotFound` or `Corrupted`.

        The first pass checks everything; later reads are decrypted with the key that the first pass used, so a file
        that is exchanged meanwhile fails instead of yielding other bytes.
        """
        with _storage():
            try:
                file = self._path(digest).open("rb")
            except FileNotFoundError:
                raise NotFound("blob_not_found", f"There is no blob {digest}.") from None
            try:
                reader = _Reader(file, self._master_key)
                if reader.digest() != digest:
                    raise _corrupted()
            except BaseException:
                file.close()
                raise
        return io.BufferedReader(reader, buffer_size=CHUNK)

    def read(self, digest: Digest) -> bytes:
        """A small document, whole."""
        with self.open(digest) as stream:
            return stream.read()

    def size(self, digest: Digest) -> int:
        """How many plain bytes, from the length of the file. Not checked: the bytes themselves."""
        with _storage():
            try:
                return _plain_size(self._path(digest).stat().st_size)
            except FileNotFoundError:
                raise NotFound("blob_not_found", f"There is no blob {digest}.") from None

    def _path(self, digest: Digest) -> Path:
        name = digest_name(digest).removeprefix("sha256:")
        return self._root / name[:2] / name[2:4] / name

    def _write_draft(self, source: BinaryIO) -> tuple[Path, Digest]:
        """Encrypt `source` into a flushed file; its digest is known only at the end, so the name comes later."""
        header = _MAGIC + secrets.token_bytes(_HEADER - len(_MAGIC))
        cipher, plain = _cipher(self._master_key, header), hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=self._drafts, delete=False) as file:
            draft = Path(file.name)
            try:
                file.write(header)
                for number, (chunk, last) in enumerate(_chunks(source)):
                    plain.update(chunk)
                    file.write(cipher.encrypt(_nonce(number, last), chunk, header))
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                draft.unlink()
                raise
        return draft, Digest("sha256:" + plain.hexdigest())


class _Reader(io.RawIOBase):
    """The plain bytes of one file, one chunk in memory at a time. Every chunk's tag is checked whenever it is read."""

    def __init__(self, file: BinaryIO, master_key: bytes) -> None:
        super().__init__()
        self._file = file
        self._header = file.read(_HEADER)
        if len(self._header) != _HEADER or not self._header.startswith(_MAGIC):
            raise _corrupted()
        self._cipher = _cipher(master_key, self._header)
        self._size = _plain_size(os.fstat(file.fileno()).st_size)
        self._position = 0
        self._loaded: tuple[int, bytes] = (-1, b"")

    def digest(self) -> Digest:
        """The digest of the whole; the position stays."""
        plain = hashlib.sha256()
        for number in range(self._last() + 1):
            plain.update(self._chunk(number))
        return Digest("sha256:" + plain.hexdigest())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK)
        with _storage():
            piece = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a position cannot be negative")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()

    def _last(self) -> int:
        return max(0, self._size - 1) // CHUNK

    def _chunk(self, number: int) -> bytes:
        if self._loaded[0] != number:
            self._file.seek(_HEADER + number * (CHUNK + _TAG))
            sealed = self._file.read(CHUNK + _TAG)
            try:
                plain = self._cipher.decrypt(_nonce(number, number == self._last()), sealed, self._header)
            except InvalidTag:
                raise _corrupted() from None
            self._loaded = (number, plain)
        return self._loaded[1]


def _cipher(master_key: bytes, header: bytes) -> AESGCM:
    salt = header[len(_MAGIC) :]
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_MAGIC).derive(master_key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _plain_size(file_size: int) -> int:
    sealed = file_size - _HEADER
    chunks = -(-sealed // (CHUNK + _TAG))
    if sealed - chunks * _TAG < 0 or chunks < 1:
        raise _corrupted()
    return sealed - chunks * _TAG


def _chunks(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Full chunks, then the last one, which is known to be the last."""
    chunk = _fill(source)
    while len(chunk) == CHUNK and (following := _fill(source)):
        yield chunk, False
        chunk = following
    yield chunk, True


def _fill(source: BinaryIO) -> bytes:
    """Exactly one chunk, less only at the end; a single read may return less at any time."""
    pieces, missing = [], CHUNK
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _make_durably(folder: Path) -> None:
    for missing in reversed([each for each in (folder, folder.parent) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        flush_folder(missing.parent)


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable("storage_unavailable", f"The folder of the blobs did not do its work ({reason}).") from error


def _corrupted() -> Corrupted:
    return Corrupted(
        "blob_corrupted",
        "A stored blob is not what its digest says, or was encrypted with another key.",
        remedy="Restore it, and the key, from a copy.",
        who="administrator",
    )
