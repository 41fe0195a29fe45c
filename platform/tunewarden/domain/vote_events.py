"""Facts about how many have to agree to a plan: a part of the closed set of `events.py`, under the same law."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.names import Digest, PrincipalId, RequestId
from tunewarden.domain.quorum import Needed


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumInForce:
    """Votes count by this rule from here on. `quorum` is the digest of `needed`, and is what votes name."""

    quorum: Digest
    needed: Mapping[Sensitivity, Needed]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteLapsed:
    """Before enough had agreed, who had agreed was revoked or lost the role: their vote counts no more."""

    request: RequestId
    plan: Digest
    principal: PrincipalId


VoteEvent = QuorumInForce | VoteLapsed
