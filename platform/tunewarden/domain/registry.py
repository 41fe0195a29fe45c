"""Model versions and the names that move between them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from tunewarden.domain.canonical import LATER, digest_of
from tunewarden.domain.errors import Conflict, IllegalTransition, Refused
from tunewarden.domain.gates import Verdict
from tunewarden.domain.names import (
    EVERYWHERE,
    Alias,
    Digest,
    ModelId,
    PrincipalId,
    ProjectId,
    PromotionId,
    RequestId,
)
from tunewarden.domain.overrides import DECIDING, Override, are_enough, final
from tunewarden.domain.removals import Clearing, RemovalReason

AliasKey = NewType("AliasKey", str)
"""Of an alias in its project; see `alias_key`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A trained adapter, the plan that made it and the evidence about it, in its request's project.

    Immutable, but that it can be retired for good, for the reason in `retired`.
    """

    id: ModelId
    request: RequestId
    plan: Digest
    adapter: Digest
    evidence: tuple[Digest, ...]
    requested_by: PrincipalId
    registered_at: datetime
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)
    retired: RemovalReason | None = field(default=None, metadata=LATER)

    def require_not_retired(self) -> None:
        """Raise `Refused` where no alias may name it any more."""
        if self.retired is not None:
            raise Refused(
                "model_retired",
                "The model version was retired for good.",
                remedy="Promote another one, or train one.",
                who="requester",
            )


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
        overrides: who let pass what it stopped, in the order in which they said so.
    """

    id: PromotionId
    model: ModelId
    alias: Alias
    proposed_by: PrincipalId
    verdict: Digest
    state: PromotionState
    approved_by: PrincipalId | None = None
    overrides: tuple[Override, ...] = field(default=(), metadata=LATER)

    def overridden(self, override: Override, today: Verdict, requested_by: PrincipalId) -> "Promotion":
        """With one more override; two let it wait for approval, which nobody has given yet.

        `today` is what the gate says now, `requested_by` who asked for the training. Raises `Refused` for those two
        whose work it is, for another verdict, for what is stopped for good and in another role; `Conflict` for who, or
        in whose role somebody, decided before; `IllegalTransition`.
        """
        if self.state is not PromotionState.REFUSED:
            raise IllegalTransition("illegal_transition", f"Of a promotion that is {self.state} nothing is overridden.")
        barred = {self.proposed_by, requested_by}
        if override.by in barred:
            raise Refused(
                "own_promotion",
                "Who proposed, or asked for the training, cannot let it pass.",
                remedy="Two others have to decide.",
                who="privacy-officer",
            )
        if not override.verdict == self.verdict == digest_of(today):
            raise _verdict_changed("Propose again, so that the gate judges as it is today, and decide on its verdict.")
        if stopped := final(today):
            raise Refused(
                "not_overridable",
                f"Nobody can let pass: {', '.join(finding.metric for finding in stopped)}.",
                remedy="Train a model version that passes there, or has it measured.",
                who="requester",
                rule=stopped[0].metric,
            )
        if override.role not in DECIDING:
            raise Refused("not_deciding", "In that role nobody lets pass what a gate stopped.", who="approver")
        if any(override.by == one.by or override.role == one.role for one in self.overrides):
            raise Conflict("overridden_before", "You, or somebody in your role, decided this before.")
        decided = replace(self, overrides=(*self.overrides, override))
        if are_enough(decided.overrides, self.verdict, barred):
            return replace(decided, state=PromotionState.AWAITING_APPROVAL)
        return decided

    def approve(self, by: PrincipalId, verdict: Digest, *, unassessed: int = 0, signed: int = 0) -> "Promotion":
        """Approved by somebody else, on the evidence they saw; raises `Refused` or `IllegalTransition`.

        `unassessed` is how many groups and comparisons the evidence says could not be assessed, `signed` how many they
        sign for: that the model version is let at those persons all the same. A gate that passes has not shown anything
        about them.
        """
        if self.state is not PromotionState.AWAITING_APPROVAL:
            raise IllegalTransition("illegal_transition", f"A promotion that is {self.state} cannot be approved.")
        if by == self.proposed_by:
            raise Refused(
                "own_promotion", "Who proposed cannot approve.", remedy="Somebody else has to approve.", who="approver"
            )
        if verdict != self.verdict:
            raise _verdict_changed("Review the verdict as it is now and approve its digest.")
        if signed != unassessed:
            raise Refused(
                "unassessed_unsigned",
                f"Groups and comparisons that could not be assessed: {unassessed}; signed for: {signed}.",
                remedy=f"Read which they are in the promotion, and approve with 'unassessed': {unassessed}.",
                who="approver",
                param="unassessed",
            )
        return replace(self, state=PromotionState.APPROVED, approved_by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasTarget:
    """Which model version an alias names now. Each project has aliases of its own, and so has what is in none.

    Attributes:
        model: None since the alias was taken off what it named.
        promotion: by which it came to name that.
        clearing: that one of two persons wants it taken off.
    """

    alias: Alias
    model: ModelId | None
    promotion: PromotionId
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)
    clearing: Clearing | None = field(default=None, metadata=LATER)

    @property
    def key(self) -> AliasKey:
        """Under which it is kept."""
        return alias_key(self.alias, self.project)


def _verdict_changed(remedy: str) -> Refused:
    return Refused(
        "verdict_changed",
        "The decision names another verdict than the one of this promotion.",
        remedy=remedy,
        who="approver",
        param="verdict",
    )


def alias_key(alias: Alias, project: ProjectId) -> AliasKey:
    """What an alias of a project is kept under; one in no project, under its own word."""
    return AliasKey(alias if project == EVERYWHERE else f"{alias}@{project}")
