"""Raw records in a blob, each row sealed under the keys of the persons it belongs to.

A line of the blob is `handle,handle,... content` and a line feed. A handle (64 hexadecimal digits) is HMAC-SHA256 of
dataset and person under a key that was derived from the first blob key there was: it names the person's data key in the
vault and tells nothing of the person. The content is base64 of AES-256-SIV (RFC 5297) of the record's canonical line,
with dataset, version and position as associated data; the key is HKDF-SHA256 (RFC 5869) of the data keys of all its
persons, so that destroying one of them is enough. The content is empty where a person had been erased before the row
came.

SIV needs no nonce, so none can repeat, and the same records give the same blob. Its tag is a digest of the plain record
under the persons' keys: each row that is left is checked against it, and who does not have the keys cannot guess at a
row with it. All of the plain records are checked against the version's own digest as long as nobody is erased. The blob
is sealed under the version's key like any other, and its digest stays the same whoever is erased.

Not hidden from who has the version's key: which rows are of the same person, and how long each is.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import DatasetId, Digest, FileId
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.scopes import DataKeys
from tunewarden.usecases.custody import UPLOAD, upload_key
from tunewarden.usecases.lines import stream_of

_AT_ONCE = 500  # rows whose keys are asked for together
_CIPHERS = 4096  # kept ready, of persons whose rows come one after the other or again


class SealedRows:
    """`usecases.custody.RawRows` over blobs with scopes and the vault of their keys."""

    def __init__(self, blobs: DirectoryBlobs, vault: DataKeys, handles: bytes) -> None:
        """`handles`, 32 bytes, makes handles. It is never another one: these stand in stored rows and name keys."""
        self._blobs, self._vault, self._handles = blobs, vault, handles

    def upload(self, file: FileId) -> DirectoryBlobs:
        return self._blobs.under(upload_key(file), UPLOAD)

    def version(self, dataset: DatasetId, key: str) -> DirectoryBlobs:
        return self._blobs.under(dataset, key)

    def writer(self, dataset: DatasetId, key: str) -> "RowsIntoBlobs":
        return RowsIntoBlobs(self, self.version(dataset, key), dataset, key)

    def handle(self, dataset: DatasetId, person: str) -> str:
        # Of any text that JSON can carry, half a surrogate pair too: an error would quote it.
        named = f"{dataset}\0{person}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._handles, named, "sha256").hex()

    def lines(self, dataset: DatasetId, key: str, sealed: Digest) -> Iterator[bytes | None]:
        with self._blobs.open(sealed) as stream:
            rows = enumerate(map(_parsed, stream))
            while some := list(islice(rows, _AT_ONCE)):
                names = {handle for _, (handles, _) in some for handle in handles}
                found = self._vault.known(dataset, names)
                if len(found) < len(names):
                    raise _corrupted()
                for index, (handles, content) in some:
                    yield _opened(_keys(handles, found), content, _place(dataset, key, index))

    def holds(self, dataset: DatasetId, sealed: Digest, person: str) -> bool:
        wanted, found = self.handle(dataset, person).encode(), False
        with self._blobs.open(sealed) as stream:
            for line in stream:
                for handle in line.partition(b" ")[0].split(b","):
                    found |= hmac.compare_digest(handle, wanted)
        return found

    def sealed_lines(self, dataset: DatasetId, key: str, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of the blob, from those of the records."""
        rows = enumerate(lines)
        while some := list(islice(rows, _AT_ONCE)):
            owned = [[self.handle(dataset, person) for person in persons_of(line)] for _, line in some]
            found = self._vault.keys(dataset, {handle for handles in owned for handle in handles})
            for (index, line), handles in zip(some, owned, strict=True):
                content = _sealed(_keys(handles, found), line, _place(dataset, key, index))
                yield ",".join(handles).encode() + b" " + content


def handles_key(blob_key: bytes) -> bytes:
    """What handles are made with as long as the blob key was never rotated."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tunewarden handle").derive(blob_key)


class RowsIntoBlobs:
    """`usecases.custody.RowsWriter`."""

    def __init__(self, rows: SealedRows, blobs: DirectoryBlobs, dataset: DatasetId, key: str) -> None:
        self._rows, self._blobs, self._dataset, self._key = rows, blobs, dataset, key
        self._sealed: Digest | None = None

    @property
    def sealed(self) -> Digest:
        assert self._sealed is not None, "nothing was put yet"
        return self._sealed

    def put(self, source: BinaryIO) -> Digest:
        plain = hashlib.sha256()

        def lines() -> Iterator[bytes]:
            for ended in source:
                plain.update(ended)
                yield ended.removesuffix(b"\n")

        self._sealed = self._blobs.put(stream_of(self._rows.sealed_lines(self._dataset, self._key, lines())))
        return Digest("sha256:" + plain.hexdigest())

    def put_bytes(self, data: bytes) -> Digest:
        return self._blobs.put_bytes(data)

    def open(self, digest: Digest) -> BinaryIO:
        return self._blobs.open(digest)

    def read(self, digest: Digest) -> bytes:
        return self._blobs.read(digest)

    def size(self, digest: Digest) -> int:
        return self._blobs.size(digest)


def persons_of(line: bytes) -> list[str]:
    """Everybody a record belongs to; at least one. Raises `Corrupted` for another form."""
    try:
        record: object = json.loads(line)
    except ValueError:
        raise _malformed() from None
    named = [record.get("person"), *_list(record.get("others", []))] if isinstance(record, dict) else []
    persons = [each for each in named if isinstance(each, str)]
    if not persons or len(persons) < len(named):
        raise _malformed()
    return persons


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [None]


def _keys(handles: Sequence[str], found: Mapping[str, bytes | None]) -> bytes | None:
    """Of all persons together; None where one is gone."""
    keys = [key for handle in handles if (key := found[handle]) is not None]
    return b"".join(keys) if len(keys) == len(handles) else None


@lru_cache(maxsize=_CIPHERS)
def _cipher(keys: bytes) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=64, salt=None, info=b"tunewarden raw row").derive(keys))


def _sealed(keys: bytes | None, line: bytes, place: bytes) -> bytes:
    return b"" if keys is None else base64.b64encode(_cipher(keys).encrypt(line, [place]))


def _opened(keys: bytes | None, content: bytes, place: bytes) -> bytes | None:
    if keys is None or not content:
        return None
    try:
        return _cipher(keys).decrypt(base64.b64decode(content, validate=True), [place])
    except (InvalidTag, ValueError, binascii.Error):
        raise _corrupted() from None


def _parsed(line: bytes) -> tuple[list[str], bytes]:
    handles, space, content = line.removesuffix(b"\n").partition(b" ")
    if not space or not handles.isascii():
        raise _corrupted()
    return handles.decode("ascii").split(","), content


def _place(dataset: DatasetId, key: str, index: int) -> bytes:
    return f"{dataset}/{key}/{index}".encode()


def _malformed() -> Corrupted:
    return Corrupted("record_malformed", "A stored record does not have the expected form.")


def _corrupted() -> Corrupted:
    return Corrupted(
        "row_corrupted",
        "A sealed row is not what was stored, or the keys of its persons are others.",
        remedy="Restore the records, and the database with the keys, from copies that belong together.",
        who="administrator",
    )
