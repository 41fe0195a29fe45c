"""The Merkle root of a sequence of records, as RFC 6962 section 2.1 defines it, computed while they stream by.

The auditor's own code (`tunewarden_audit.merkle`) computes the same root and is not used here: steps do not know it.
"""

from hashlib import sha256

from tunewarden.domain.names import Digest


class MerkleTree:
    """Grows by one leaf at a time and knows its root. Memory: 32 bytes for each bit of the number of leaves."""

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []  # roots of the perfect subtrees, the largest first

    def append(self, leaf: bytes) -> None:
        """Take the bytes of one record."""
        node = sha256(b"\x00" + leaf).digest()
        completed = self._size
        while completed & 1:
            node = sha256(b"\x01" + self._peaks.pop() + node).digest()
            completed >>= 1
        self._peaks.append(node)
        self._size += 1

    @property
    def size(self) -> int:
        """How many leaves."""
        return self._size

    def root(self) -> Digest:
        """Of everything appended so far; SHA-256 of nothing where that is nothing."""
        if not self._peaks:
            return Digest("sha256:" + sha256(b"").hexdigest())
        *lefts, root = self._peaks
        for left in reversed(lefts):
            root = sha256(b"\x01" + left + root).digest()
        return Digest("sha256:" + root.hex())
