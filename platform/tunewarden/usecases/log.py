"""Reading the log itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Platform, Principal, Resource, SignedTreeHead
from tunewarden.usecases.refusals import permit_to_see


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """An entry's inclusion proof in the tree of `size` entries, and the note that signs that tree."""

    index: int
    proof: Sequence[bytes]
    size: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The proof that the log of `old_size` entries is the beginning of that of `size`, and the note that signs it."""

    old_size: int
    proof: Sequence[bytes]
    size: int
    note: str


def head(platform: Platform, principal: Principal) -> SignedTreeHead:
    """The newest signed tree head. Raises `Unavailable` before the sealer has signed the first."""
    permit_to_see(platform, principal, Action.READ_LOG, Resource(kind="log"))
    found = platform.log.head()
    if found is None:
        raise Unavailable("log_not_sealed", "The sealer has not signed a tree head yet.", remedy="Try again shortly.")
    return found


def inclusion(platform: Platform, principal: Principal, index: int) -> Inclusion:
    """That the log has an entry at `index`, whether its body is still kept or not.

    Raises `NotFound` for an index that is not sealed yet, or that no entry has.
    """
    newest = head(platform, principal)
    if not 0 <= index < newest.size:
        raise _not_sealed(platform, index, newest.size)
    proof = platform.log.inclusion_proofs([index], newest.size)[index]
    return Inclusion(index=index, proof=proof, size=newest.size, note=newest.note)


def _not_sealed(platform: Platform, index: int, size: int) -> NotFound:
    """What to do depends on whether the entry is there, and only its signature is missing."""
    with platform.view() as view:
        is_written = 0 <= index < view.size()
    return NotFound(
        "entry_not_found",
        f"The signed log has entries 0 to {size - 1}.",
        remedy="The entry is written, and the sealer signs what is new within seconds: ask again shortly."
        if is_written
        else "No entry of that index was written so far; GET /v1/audit/entries lists those that are signed.",
        param="index",
    )


def entry(platform: Platform, principal: Principal, index: int) -> tuple[bytes, Inclusion]:
    """One entry's canonical bytes with its proof. Raises `NotFound` where it is not sealed yet or no longer kept."""
    found = inclusion(platform, principal, index)
    return platform.log.entry(index), found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An entry as it is sealed: `leaf_hash` has 32 bytes; `body` is None where its retention ended."""

    index: int
    leaf_hash: bytes
    body: bytes | None


def entries(platform: Platform, principal: Principal, start: int, limit: int) -> tuple[Sequence[Sealed], int]:
    """At most `limit` of the sealed entries from index `start` on, in order; and how many are sealed.

    Leaf hashes are those of the bytes, but where these are gone; an inclusion proof shows that one is in the log.
    """
    size = head(platform, principal).size
    found = platform.log.leaves(start, max(0, min(limit, size - start)))
    sealed = [Sealed(index=start + place, leaf_hash=leaf, body=body) for place, (leaf, body) in enumerate(found)]
    return sealed, size


def heads(platform: Platform, principal: Principal, below: int | None, limit: int) -> Sequence[SignedTreeHead]:
    """At most `limit` of the signed tree heads, the largest first; of those that are smaller than `below`."""
    permit_to_see(platform, principal, Action.READ_LOG, Resource(kind="log"))
    return platform.log.heads(below, limit)


def continued(platform: Platform, principal: Principal, old: int, new: int | None = None) -> Continuation:
    """That the log of `old` entries is the beginning of the log of `new`; of the newest signed one where None.

    Raises `Malformed` for sizes between which there is no proof, and `NotFound` for one that was never signed.
    """
    newest = head(platform, principal)
    size = newest.size if new is None else new
    if old < 1 or size < old:
        raise Malformed(
            "sizes_not_comparable",
            "A consistency proof leads from a size of at least 1 to one that is not smaller; "
            f"the newest signed size is {newest.size}.",
            param="old",
        )
    signed = newest if size >= newest.size else platform.log.head_of(size)
    if signed is None or signed.size != size:
        raise NotFound(
            "tree_head_not_found",
            f"No tree head was signed for that size; the newest is for {newest.size}.",
            remedy="Leave it out for the newest.",
            param="new",
        )
    proof = platform.log.consistency_proof(old, size)
    return Continuation(old_size=old, proof=proof, size=size, note=signed.note)
