"""The fake of `drivers/blobs.py`, under the same contract test."""

from io import BytesIO
from typing import BinaryIO

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.names import Digest


class MemoryBlobs:
    """Blobs in a dictionary, checked on reading like all blobs; tests may spoil `stored`."""

    def __init__(self) -> None:
        self.stored: dict[Digest, bytes] = {}

    def put(self, source: BinaryIO) -> Digest:
        return self.put_bytes(source.read())

    def put_bytes(self, data: bytes) -> Digest:
        digest = digest_bytes(data)
        self.stored[digest] = data
        return digest

    def open(self, digest: Digest) -> BinaryIO:
        return BytesIO(self.read(digest))

    def read(self, digest: Digest) -> bytes:
        data = self._find(digest)
        if digest_bytes(data) != digest:
            raise Corrupted("blob_corrupted", f"The blob {digest} holds other bytes than its digest says.")
        return data

    def size(self, digest: Digest) -> int:
        return len(self._find(digest))

    def _find(self, digest: Digest) -> bytes:
        if digest not in self.stored:
            raise NotFound("blob_not_found", f"There is no blob {digest}.")
        return self.stored[digest]
