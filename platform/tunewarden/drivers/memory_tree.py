"""RFC 6962 section 2.1, written down a second time, because of the drivers only SQL may know tunewarden_audit.

Slow and short: for the log in memory. The contract tests compare the two.
"""

import hashlib
from collections.abc import Sequence


def leaf_hash(entry: bytes) -> bytes:
    """Of an entry's bytes, 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Of a tree with at least one leaf."""
    if len(leaves) == 1:
        return leaves[0]
    split = _split(leaves)
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.1: the hashes beside the way from leaf `index` up to the root."""
    if len(leaves) == 1:
        return []
    split = _split(leaves)
    if index < split:
        return [*path(index, leaves[:split]), root(leaves[split:])]
    return [*path(index - split, leaves[split:]), root(leaves[:split])]


def continuation(old_size: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """Section 2.1.2, SUBPROOF: `whole` says that the old tree is a subtree whose root the verifier has."""
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(leaves)
    if old_size <= split:
        return [*continuation(old_size, leaves[:split], whole=whole), root(leaves[split:])]
    return [*continuation(old_size - split, leaves[split:], whole=False), root(leaves[:split])]


def _split(leaves: Sequence[bytes]) -> int:
    """The largest power of two below the number of leaves."""
    return 1 << (len(leaves) - 1).bit_length() - 1
