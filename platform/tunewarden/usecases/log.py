"""Reading the log itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.errors import NotFound, Unavailable
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Platform, Principal, Resource, SignedTreeHead
from tunewarden.usecases.refusals import permit_to_see


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEntry:
    """An entry's bytes, its inclusion proof in the tree of `size` entries, and the note that signs that tree."""

    entry: bytes
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


def proven(platform: Platform, principal: Principal, index: int) -> ProvenEntry:
    """One entry with its proof. Raises `NotFound` for an index that is not sealed yet."""
    newest = head(platform, principal)
    if not 0 <= index < newest.size:
        raise NotFound("entry_not_found", f"The signed log has entries 0 to {newest.size - 1}.", param="index")
    proof = platform.log.inclusion_proofs([index], newest.size)[index]
    return ProvenEntry(entry=platform.log.entry(index), proof=proof, size=newest.size, note=newest.note)
