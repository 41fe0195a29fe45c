"""Content-addressed files in a folder, encrypted at rest.

The folder is trusted for nothing: a blob is named by the SHA-256 of its plain bytes, and nobody is handed a byte before
the whole blob has been checked against that name. Who can write to the folder can at most make reading fail; who can
read it learns how many blobs there are, how long each is, and which belong to the same dataset version.

A blob that belongs to no dataset is sealed under the blob key, the first one where there are several; any of them opens
it (`blob_rotation`). One that does is put through `under` and is sealed under the data key of its scope (`scopes`):
destroyed, that key takes with it all copies of the file, wherever they are. The same bytes in two scopes are two files,
so that destroying one leaves the other; reading needs no scope, any file of that name does whose key is still there.

A file is `HEADER || chunk || chunk || ...`:

- header: 8 bytes of magic, 32 random bytes of salt; in a scope, 1 byte of length and the scope;
- key: HKDF-SHA256 (RFC 5869) of the blob key or data key with that salt, so every blob has a key of its own;
- chunk: AES-256-GCM of 1 MiB of plain bytes (the last one may be shorter; an empty blob has one empty chunk), with
  nonce = 11 bytes big-endian counter || 1 byte "is the last", and the header as associated data.

This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar, CRYPTO 2015) as age uses it: chunks cannot be
reordered, repeated, dropped or cut off. A folder on one machine only; object stores are a later driver.
"""

import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Corrupted, NotFound, TunewardenError, Unavailable
from tunewarden.domain.names import DatasetId, Digest, digest_name
from tunewarden.drivers.blob_keys import Keys, as_keys
from tunewarden.drivers.keyfiles import flush_folder
from tunewarden.drivers.scopes import DataKeys, NoKeys, Scope, ScopeKeys, scope_in
from tunewarden.usecases.custody import Lent

CHUNK = 1 << 20
_TAG = 16
_MAGIC, _SCOPED = b"tw-blob1", b"tw-blob2"
_SALTED = len(_MAGIC) + 32
_WHOLE_NAME = re.compile(r"[0-9a-f]{64}")


class DirectoryBlobs:
    """Blobs in the folder `root`; `usecases.ports.Blobs`. A crash while writing leaves an encrypted draft behind."""

    def __init__(
        self,
        root: Path,
        blob_key: bytes | Keys,
        vault: DataKeys | None = None,
        *,
        lent: Lent | None = None,
    ) -> None:
        """`vault` has the data keys of scopes, `lent` those that another process lent."""
        self._root, self._blob_keys = root, as_keys(blob_key)
        borrowed = {Scope(*scope): key for scope, key in (lent or {}).items()}
        self._keys = ScopeKeys(vault=vault or NoKeys(), lent=borrowed)
        self._scope: Scope | None = None
        self._drafts = root / "drafts"
        with _storage():
            self._drafts.mkdir(mode=0o700, parents=True, exist_ok=True)

    def under(self, dataset: DatasetId, name: str) -> Self:
        """The same blobs; what is put through this is sealed under the data key `name` of `dataset`."""
        return self._within(Scope(dataset, name))

    def fleeting(self) -> Self:
        """The same blobs; what is put through this can be read by this process, for as long as it lives."""
        return self._within(self._keys.fleeting())

    def lend(self) -> Lent:
        """The key of this scope and of fleeting ones, for a process of ours on this machine; never for storing."""
        return self._keys.lend([] if self._scope is None else [self._scope])

    def _within(self, scope: Scope) -> Self:
        seen = copy(self)  # the keys, fleeting ones too, are the same
        seen._scope = scope
        return seen

    def put(self, source: BinaryIO) -> Digest:
        """Store what `source` yields, durably; memory stays flat. An existing blob is replaced by its equal.

        Raises `Refused` where the key of this scope was destroyed.
        """
        header = _new_header(self._scope)
        key = self._blob_keys()[0] if self._scope is None else self._keys.sealing(self._scope)
        with _storage():
            draft, digest = self._write_draft(source, (header, _cipher(key, header)))
            target = self._path(digest, self._scope)
            _make_durably(target.parent)
            draft.replace(target)  # point of no return: from here on the blob exists, whole
            flush_folder(target.parent)
        return digest

    def put_bytes(self, data: bytes) -> Digest:
        """Store a small document; one that is whole in this scope stays as it is."""
        digest = digest_bytes(data)
        path = self._path(digest, self._scope)
        with suppress(OSError, TunewardenError):
            self._opened(path, digest).close()
            flush_folder(path.parent)  # who put it may not have come so far yet
            return digest
        return self.put(io.BytesIO(data))

    def open(self, digest: Digest) -> BinaryIO:
        """A seekable stream of exactly the bytes of `digest`. Raises `NotFound` or `Corrupted`.

        The first pass checks everything; later reads are decrypted with the key that the first pass used, so a file
        that is exchanged meanwhile fails instead of yielding other bytes.
        """
        with _storage():
            paths = self._files(digest)
        return self._first(paths, digest)

    def open_own(self, digest: Digest) -> BinaryIO:
        """As `open`, but from no file of another scope."""
        return self._first([self._path(digest, self._scope), self._path(digest, None)], digest)

    def _first(self, paths: Sequence[Path], digest: Digest) -> BinaryIO:
        with _storage():
            failure: NotFound | Corrupted = NotFound("blob_not_found", f"There is no blob {digest}.")
            for path in paths:
                try:
                    return io.BufferedReader(self._opened(path, digest), buffer_size=CHUNK)
                except FileNotFoundError:
                    continue  # not there, or taken away meanwhile
                except (NotFound, Corrupted) as error:
                    failure = error if not isinstance(failure, Corrupted) else failure
            raise failure

    def read(self, digest: Digest) -> bytes:
        """A small document, whole."""
        with self.open(digest) as stream:
            return stream.read()

    def size(self, digest: Digest) -> int:
        """How many plain bytes, from the length of the file. Not checked: the bytes themselves."""
        with _storage():
            for path in self._files(digest):
                with path.open("rb") as file:
                    return _plain_size(file, len(_header(file)))
            raise NotFound("blob_not_found", f"There is no blob {digest}.")

    def discard(self, digest: Digest) -> None:
        """Take this scope's file of that blob away; a fleeting scope ends with it.

        Copies of the file stay readable to whoever has the key: what counts is destroying that.
        """
        if self._scope is not None:
            with _storage():
                self._path(digest, self._scope).unlink(missing_ok=True)
            self._keys.forget(self._scope)

    def _opened(self, path: Path, digest: Digest) -> "_Reader":
        file = path.open("rb")
        try:
            several = self._openings(file)
            fitting = several if len(several) == 1 else [each for each in several if _opens(file, each)]
            if not fitting:
                raise _corrupted()
            reader = _Reader(file, fitting[0])
            if reader.digest() != digest:
                raise _corrupted()
        except BaseException:
            file.close()
            raise
        return reader

    def is_newest(self, digest: Digest) -> bool:
        """Whether the file of that blob that is in no scope is sealed under the key that seals now."""
        with _storage(), self._path(digest, None).open("rb") as file:
            header = _header(file)
            return _opens(file, (header, _cipher(self._blob_keys()[0], header)))

    def unscoped(self) -> Iterator[Digest]:
        """Every blob that has a file in no scope, in the order of digests."""
        with _storage():
            for path in sorted(self._root.glob("??/??/*")):
                if _WHOLE_NAME.fullmatch(path.name):
                    yield Digest(f"sha256:{path.name}")

    def _openings(self, file: BinaryIO) -> list[tuple[bytes, AESGCM]]:
        """Header and cipher of a file that is to be read; of one in no scope, for each key that may have sealed it."""
        header = _header(file)
        scope = _scope_of(header)
        if scope is None:
            return [(header, _cipher(key, header)) for key in self._blob_keys()]
        key = self._keys.opening(scope)
        if key is None:
            raise NotFound(
                "blob_destroyed",
                "The key of this dataset version or file was destroyed: nobody can read it any more.",
                remedy="Register newer records.",
                who="steward",
            )
        return [(header, _cipher(key, header))]

    def _files(self, digest: Digest) -> list[Path]:
        """Every file of that blob: this scope's, that of none, those of others."""
        first = [self._path(digest, self._scope), self._path(digest, None)]
        others = sorted(first[1].parent.glob(f"{first[1].name}.*"))
        return [path for path in dict.fromkeys([*first, *others]) if path.exists()]

    def _path(self, digest: Digest, scope: Scope | None) -> Path:
        name = digest_name(digest).removeprefix("sha256:")
        return self._root / name[:2] / name[2:4] / (name if scope is None else f"{name}.{scope.tag()}")

    def _write_draft(self, source: BinaryIO, sealing: tuple[bytes, AESGCM]) -> tuple[Path, Digest]:
        """Encrypt `source` into a flushed file; its digest is known only at the end, so the name comes later."""
        (header, cipher), plain = sealing, hashlib.sha256()
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

    def __init__(self, file: BinaryIO, opening: tuple[bytes, AESGCM]) -> None:
        super().__init__()
        self._file = file
        self._header, self._cipher = opening
        self._size = _plain_size(file, len(self._header))
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
            self._file.seek(len(self._header) + number * (CHUNK + _TAG))
            sealed = self._file.read(CHUNK + _TAG)
            try:
                plain = self._cipher.decrypt(_nonce(number, number == self._last()), sealed, self._header)
            except InvalidTag:
                raise _corrupted() from None
            self._loaded = (number, plain)
        return self._loaded[1]


def _opens(file: BinaryIO, opening: tuple[bytes, AESGCM]) -> bool:
    """Whether the first chunk of a file was sealed so."""
    header, cipher = opening
    file.seek(len(header))
    try:
        cipher.decrypt(_nonce(0, _plain_size(file, len(header)) <= CHUNK), file.read(CHUNK + _TAG), header)
    except InvalidTag:
        return False
    return True


def _new_header(scope: Scope | None) -> bytes:
    salt = secrets.token_bytes(_SALTED - len(_MAGIC))
    if scope is None:
        return _MAGIC + salt
    encoded = scope.encoded()
    return _SCOPED + salt + bytes([len(encoded)]) + encoded


def _header(file: BinaryIO) -> bytes:
    """What a file begins with, the file being at its start. Raises `Corrupted` where it is no blob."""
    header = file.read(_SALTED)
    if header.startswith(_SCOPED):
        length = file.read(1)
        header += length + file.read(length[0] if length else 0)
    if len(header) < _SALTED or not header.startswith((_MAGIC, _SCOPED)):
        raise _corrupted()
    return header


def _scope_of(header: bytes) -> Scope | None:
    if header.startswith(_MAGIC):
        return None
    scope = scope_in(header[_SALTED + 1 :])
    if scope is None or len(header) != _SALTED + 1 + header[_SALTED]:
        raise _corrupted()
    return scope


def _cipher(key: bytes, header: bytes) -> AESGCM:
    magic, salt = header[: len(_MAGIC)], header[len(_MAGIC) : _SALTED]
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=magic).derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _plain_size(file: BinaryIO, header: int) -> int:
    sealed = os.fstat(file.fileno()).st_size - header
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
