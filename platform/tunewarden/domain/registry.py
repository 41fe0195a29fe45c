"""Model versions and the names that move between them."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tunewarden.domain.errors import IllegalTransition, Refused
from tunewarden.domain.names import Alias, Digest, ModelId, PrincipalId, PromotionId, RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A trained adapter, the plan that made it and the evidence about it. Immutable."""

    id: ModelId
    request: RequestId
    plan: Digest
    adapter: Digest
    evidence: tuple[Digest, ...]
    requested_by: PrincipalId
    registered_at: datetime


class PromotionState(StrEnum):
    """Where a promotion stands."""

    REFUSED = "refused"
    AWAITING_APPROVAL = "awaiting-approval"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The wish to move an alias to a model version, judged by the gate that guards it.

    Attributes:
        verdict: digest of the verdict at the time of the proposal.
    """

    id: PromotionId
    model: ModelId
    alias: Alias
    proposed_by: PrincipalId
    verdict: Digest
    state: PromotionState
    approved_by: PrincipalId | None = None

    def approve(self, by: PrincipalId, verdict: Digest) -> "Promotion":
        """Approved by somebody else, on the evidence they saw; raises `Refused` or `IllegalTransition`."""
        if self.state is not PromotionState.AWAITING_APPROVAL:
            raise IllegalTransition("illegal_transition", f"A promotion that is {self.state} cannot be approved.")
        if by == self.proposed_by:
            raise Refused(
                "own_promotion", "Who proposed cannot approve.", remedy="Somebody else has to approve.", who="approver"
            )
        if verdict != self.verdict:
            raise Refused(
                "verdict_changed",
                "The approval names another verdict than the one of this promotion.",
                remedy="Review the verdict as it is now and approve its digest.",
                who="approver",
                param="verdict",
            )
        return replace(self, state=PromotionState.APPROVED, approved_by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasTarget:
    """Which model version an alias names now."""

    alias: Alias
    model: ModelId
    promotion: PromotionId
