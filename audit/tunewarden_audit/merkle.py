"""The Merkle tree of RFC 6962: hashing, proofs and their verification.

Every function works on leaf *hashes* (32 bytes each); `leaf_hash` makes one from an entry's bytes. Verification follows
RFC 9162 sections 2.1.3.2 (inclusion) and 2.1.4.2 (consistency) step by step, without recursion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

HASH_BYTES = 32
LONGEST_PROOF = 63  # a longer one belongs to a tree of more than 2**63 leaves: nobody has that, so it is an attack
EMPTY_ROOT = hashlib.sha256(b"").digest()


class InvalidProof(ValueError):
    """The proof does not show what it claims; the message names the step that failed."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), 32 bytes (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves, kept as the roots of its perfect subtrees, largest first: at most 63 hashes.

    It can grow and it knows its root; it cannot prove anything (see `Tree`).
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves cannot have {len(self.peaks)} perfect subtrees")
        _require_hashes(self.peaks)

    def append(self, leaf_hash: bytes) -> Frontier:
        """The tree with one more leaf."""
        return self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The tree with more leaves, in order. Raises ValueError for a hash that is not 32 bytes."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaf_hashes:
            _require_hash(leaf)
            peaks.append(leaf)
            size += 1
            for _ in range(_trailing_zeros(size)):
                right, left = peaks.pop(), peaks.pop()
                peaks.append(node_hash(left, right))
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """The tree's root hash; SHA-256 of nothing for the empty tree."""
        if not self.peaks:
            return EMPTY_ROOT
        *lefts, root = self.peaks
        for left in reversed(lefts):
            root = node_hash(left, root)
        return root


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree whose leaf *hashes* these are, in order (not the entries: hash them with `leaf_hash`).

    Raises ValueError for a leaf hash that is not 32 bytes.
    """
    return Frontier().extend(leaves).root()


class Nodes(Protocol):
    """Something that knows the perfect subtrees of a tree of `size` leaves."""

    @property
    def size(self) -> int: ...

    def node(self, height: int, index: int) -> bytes:
        """The root of the leaves [index * 2**height, (index + 1) * 2**height), which all lie inside the tree."""


def root_of(nodes: Nodes, size: int | None = None) -> bytes:
    """The root of the tree, or of its beginning of `size` leaves; SHA-256 of nothing for the empty tree."""
    count = nodes.size if size is None else size
    return _subroot(nodes, 0, count) if count else EMPTY_ROOT


def prove_inclusion(nodes: Nodes, index: int) -> list[bytes]:
    """The path from leaf `index` to the root, lowest first (RFC 6962 section 2.1.1). Raises IndexError."""
    if not 0 <= index < nodes.size:
        raise IndexError(f"leaf {index} is not in a tree of {nodes.size} leaves")
    path = []
    low, high = 0, nodes.size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subroot(nodes, middle, high))
            high = middle
        else:
            path.append(_subroot(nodes, low, middle))
            low = middle
    return path[::-1]


def prove_consistency(nodes: Nodes, old_size: int) -> list[bytes]:
    """That the first `old_size` leaves are this tree's beginning (RFC 6962 section 2.1.2). Raises IndexError.

    Empty when `old_size` is the whole tree. A tree of size 0 has no consistency proof: everything extends it.
    """
    if not 0 < old_size <= nodes.size:
        raise IndexError(f"a tree of {nodes.size} leaves has no consistency proof from size {old_size}")
    path = []
    low, high = 0, nodes.size
    while old_size < high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_subroot(nodes, middle, high))
            high = middle
        else:
            path.append(_subroot(nodes, low, middle))
            low = middle
    if low > 0:  # otherwise the old tree is a perfect subtree, and the verifier already has its root
        path.append(_subroot(nodes, low, high))
    return path[::-1]


class Tree:
    """Every perfect subtree of a log, in memory: about two hashes a leaf.

    Building it hashes once per leaf; a proof then takes at most (log2 n)^2 / 2 hashes.
    """

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        level = list(leaf_hashes)
        _require_hashes(level)
        self._levels = [level]  # _levels[k][i] is the root of the leaves [i * 2**k, (i + 1) * 2**k)
        while len(level) > 1:
            level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            self._levels.append(level)

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def node(self, height: int, index: int) -> bytes:
        """See `Nodes`."""
        return self._levels[height][index]

    def root(self) -> bytes:
        """The tree's root hash; SHA-256 of nothing for the empty tree."""
        return root_of(self)

    def inclusion_proof(self, index: int) -> list[bytes]:
        """See `prove_inclusion`. Raises IndexError."""
        return prove_inclusion(self, index)

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """See `prove_consistency`. Raises IndexError."""
        return prove_consistency(self, old_size)


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The inclusion proof of one leaf; for many proofs of one log build a `Tree` once. Raises IndexError."""
    return Tree(leaf_hashes).inclusion_proof(index)


def consistency_proof(old_size: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The consistency proof from `old_size` to all these leaves; see `prove_consistency`. Raises IndexError."""
    return Tree(leaf_hashes).consistency_proof(old_size)


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf is at `index` in the tree of `size` leaves with this root; raises InvalidProof.

    RFC 9162 section 2.1.3.2. Not checked: that `root` is signed by anyone.
    """
    _require_proof(proof, leaf_hash)
    # 1. The leaf must lie inside the tree (this also refuses size 0).
    if not 0 <= index < size:
        raise InvalidProof(f"leaf index {index} is not inside a tree of {size} leaves")
    # 2. Take in one sibling per level, from the leaf up.
    computed = leaf_hash
    for sibling, is_left in _way_up(index, size - 1, proof):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    # 3. The top must be the root.
    if computed != root:
        raise InvalidProof(f"leaf {index} and its proof give another root than the one signed for size {size}")


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of `new_size` begins with the whole tree of `old_size`; raises InvalidProof.

    RFC 9162 section 2.1.4.2, with two conventions of the transparency-dev test vectors where the RFC is silent: nothing
    is consistent with size 0 (such a proof says nothing), and at equal sizes the proof is empty and the two roots are
    compared as they are. Not checked: that either root is signed by anyone.
    """
    # 1. Sizes first: a log never shrinks.
    if not 0 < old_size <= new_size:
        raise InvalidProof(f"no proof leads from a tree of {old_size} leaves to one of {new_size}")
    # 2. Equal sizes need no proof, only equal roots.
    if old_size == new_size:
        if proof:
            raise InvalidProof("the sizes are equal, so the proof must be empty")
        if old_root != new_root:
            raise InvalidProof(f"two different roots for one size, {new_size}")
        return
    # 3. An old tree that is one perfect subtree starts from its own root, which the proof leaves out.
    if not proof:
        raise InvalidProof("the proof is empty although the sizes differ")
    _require_proof(proof, old_root, new_root)
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    # 4. Climb to the level where the old tree's last perfect subtree ends.
    level = _trailing_zeros(old_size)
    position, last = (old_size - 1) >> level, (new_size - 1) >> level
    # 5. Rebuild both roots from the same hashes: what stands to the right is not in the old tree.
    old_computed = new_computed = path[0]
    for sibling, is_left in _way_up(position, last, path[1:]):
        if is_left:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
        else:
            new_computed = node_hash(new_computed, sibling)
    # 6. Both must be the roots that were claimed.
    if old_computed != old_root:
        raise InvalidProof(f"the proof gives another root for the old size, {old_size}")
    if new_computed != new_root:
        raise InvalidProof(f"the proof gives another root for the new size, {new_size}")


def _way_up(position: int, last: int, siblings: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each sibling between a node and the root, and whether it stands to the left.

    `position` is the node's index in its level, `last` that of the level's last node. Raises
    InvalidProof when there are more or fewer siblings than the way has.
    """
    for sibling in siblings:
        if last == 0:
            raise InvalidProof("the proof is longer than the way to the root")
        is_left = bool(position & 1) or position == last
        yield sibling, is_left
        while is_left and position and not position & 1:  # the right edge: levels where the node has no sibling
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the proof is shorter than the way to the root")


def _subroot(nodes: Nodes, low: int, high: int) -> bytes:
    """The root of the leaves [low, high), where low is a multiple of the largest power of two in the range."""
    peaks = []
    while low < high:
        height = (high - low).bit_length() - 1
        peaks.append(nodes.node(height, low >> height))
        low += 1 << height
    *lefts, top = peaks
    for left in reversed(lefts):
        top = node_hash(left, top)
    return top


def _require_proof(proof: Sequence[bytes], *hashes: bytes) -> None:
    if len(proof) > LONGEST_PROOF:
        raise InvalidProof(f"the proof has {len(proof)} hashes; no tree needs more than {LONGEST_PROOF}")
    if any(len(value) != HASH_BYTES for value in (*proof, *hashes)):
        raise InvalidProof(f"a hash is not {HASH_BYTES} bytes long")


def _require_hashes(hashes: Iterable[bytes]) -> None:
    for value in hashes:
        _require_hash(value)


def _require_hash(value: bytes) -> None:
    if len(value) != HASH_BYTES:
        raise ValueError(f"a leaf hash has {HASH_BYTES} bytes, this one has {len(value)}; hash entries with leaf_hash")


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (RFC 6962: k), for count > 1."""
    return 1 << ((count - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1
