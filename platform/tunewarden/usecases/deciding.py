"""What waits for somebody to say yes or no: plans, and promotions of model versions.

Deciding is done where the thing is: `voting`, `requests.reject`, `models.approve`, `overriding`. These ask
everything once more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.gates import Verdict
from tunewarden.domain.names import Action, Digest, PrincipalId
from tunewarden.domain.overrides import final
from tunewarden.domain.quorum import Missing, missing
from tunewarden.domain.registry import ModelVersion, Promotion, PromotionState
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases.ports import Platform, Principal, Resource, View
from tunewarden.usecases.things import of_model, of_promotion, of_request


class Deed(StrEnum):
    """What may be done about it."""

    APPROVE = "approve"
    ENDORSE = "endorse"
    REJECT = "reject"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something that waits for this principal.

    Attributes:
        thing: what is decided on.
        digest: what a decision binds to: of the plan, or of the verdict.
        deeds: what the access policy lets them do about it.
        missing: of a plan, how many more have to agree; None of a promotion, which one other person approves.
    """

    thing: TrainingRequest | Promotion
    digest: Digest
    requested_by: PrincipalId
    deeds: tuple[Deed, ...]
    missing: Missing | None = None


def pending(platform: Platform, principal: Principal) -> Sequence[Pending]:
    """Plans, oldest first, and then promotions, that this principal may decide on and has not yet.

    Not asked: whether a role of theirs is too fresh to count (`grants`). Whoever decides is told.
    """
    with platform.view() as view:
        plans = list(_plans(platform, principal, view))
        proposed = list(_promotions(platform, principal, view))
    return [*plans, *proposed]


def _plans(platform: Platform, principal: Principal, view: View) -> Iterator[Pending]:
    for request in view.requests.all():
        if request.state is not State.AWAITING_APPROVAL or principal.id in {vote.by for vote in request.counted}:
            continue
        about = of_request(request)
        if not _may(platform, principal, Action.READ_REQUEST, about):
            continue
        deeds = []
        if _may(platform, principal, Action.APPROVE_REQUEST, about):
            deeds = [Deed.APPROVE, Deed.REJECT]
        if _may(platform, principal, Action.ENDORSE_REQUEST, about):
            deeds.append(Deed.ENDORSE)
        if deeds:
            needed = platform.policies.quorum().needed[view.datasets.get(request.plan.dataset).sensitivity]
            yield Pending(
                thing=request,
                digest=request.plan.digest(),
                requested_by=request.requested_by,
                deeds=tuple(deeds),
                missing=missing(needed, request.counted),
            )


def _promotions(platform: Platform, principal: Principal, view: View) -> Iterator[Pending]:
    for promotion in view.promotions.all():
        if promotion.state is PromotionState.APPROVED:
            continue
        model = view.models.get(promotion.model)
        if model.retired is not None or not _may(platform, principal, Action.READ_MODEL, of_model(model)):
            continue
        deed = _deed(platform, principal, promotion, model)
        if deed is not None:
            yield Pending(thing=promotion, digest=promotion.verdict, requested_by=promotion.proposed_by, deeds=(deed,))


def _deed(platform: Platform, principal: Principal, promotion: Promotion, model: ModelVersion) -> Deed | None:
    """Of one that waits: to approve it. Of one that a gate stopped: to let it pass, where somebody could."""
    about = of_promotion(promotion, model)
    if promotion.state is PromotionState.AWAITING_APPROVAL:
        return Deed.APPROVE if _may(platform, principal, Action.APPROVE_PROMOTION, about) else None
    if principal.id in {one.by for one in promotion.overrides}:
        return None
    whose = (about, replace(about, author=model.requested_by))  # as `models.counted_for_two` asks
    if not all(_may(platform, principal, Action.OVERRIDE_GATE, one) for one in whose):
        return None
    verdict = from_plain(Verdict, decode(platform.blobs.read(promotion.verdict)))
    return None if final(verdict) else Deed.OVERRIDE


def _may(platform: Platform, principal: Principal, action: Action, about: Resource) -> bool:
    return platform.access(principal, action, about).allowed
