"""What waits for somebody to say yes or no: plans, and promotions of model versions.

Deciding is done where the thing is: `voting`, `requests.reject`, `models.approve`, `overriding`. These ask
everything once more.

A promotion that a gate stopped waits for two persons who let it pass, as long as they could: the gate still is the one
that stopped it, no rule is hard, and the same was not proposed again. Else it waits for nobody, and neither does any
of what no alias may come to name: of a retired model version, in an archived project, under a withdrawn signature.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from tunewarden.domain.errors import Corrupted, NotFound, Refused
from tunewarden.domain.gates import Verdict
from tunewarden.domain.names import Action, Alias, Digest, ModelId, PrincipalId, PromotionId
from tunewarden.domain.overrides import final
from tunewarden.domain.quorum import Missing, missing
from tunewarden.domain.registry import ModelVersion, Promotion, PromotionState
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases.counting import role_of
from tunewarden.usecases.gating import promotion_gate
from tunewarden.usecases.models import verdict_of
from tunewarden.usecases.ports import Platform, Principal, Resource, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.signing import require_not_withdrawn
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
        fault: code of the error where what is decided on cannot be read; then there are no deeds. Empty else.
    """

    thing: TrainingRequest | Promotion
    digest: Digest
    requested_by: PrincipalId
    deeds: tuple[Deed, ...]
    missing: Missing | None = None
    fault: str = ""


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


def waiting(platform: Platform, principal: Principal) -> Sequence[Promotion]:
    """Promotions that wait for anybody at all, of model versions that this principal may see, oldest first."""
    with platform.view() as view:
        return [promotion for promotion, _, _ in _waiting(platform, principal, view)]


def _promotions(platform: Platform, principal: Principal, view: View) -> Iterator[Pending]:
    for promotion, model, fault in _waiting(platform, principal, view):
        if promotion.state is PromotionState.REFUSED:
            deed, may = Deed.OVERRIDE, _may_let_pass(platform, principal, promotion, model)
        else:
            about = of_promotion(promotion, model)
            deed, may = Deed.APPROVE, _may(platform, principal, Action.APPROVE_PROMOTION, about)
        if may:
            yield Pending(
                thing=promotion,
                digest=promotion.verdict,
                requested_by=promotion.proposed_by,
                deeds=() if fault else (deed,),
                fault=fault,
            )


def _waiting(platform: Platform, principal: Principal, view: View) -> Iterator[tuple[Promotion, ModelVersion, str]]:
    """Each with its model version and the fault of its verdict: where that is broken, somebody has to look."""
    found = view.promotions.all()
    replaced = _replaced(found)
    for promotion in found:
        if promotion.state is PromotionState.APPROVED or promotion.id in replaced:
            continue
        model = view.models.get(promotion.model)
        if not _may(platform, principal, Action.READ_MODEL, of_model(model)) or not _goes_on(platform, view, model):
            continue
        try:
            verdict = verdict_of(platform, promotion)
        except (Corrupted, NotFound) as broken:
            yield promotion, model, broken.code
            continue
        awaits = promotion.state is PromotionState.AWAITING_APPROVAL
        if awaits or (not final(verdict) and _is_of_today(platform, view, verdict, model)):
            yield promotion, model, ""


def _goes_on(platform: Platform, view: View, model: ModelVersion) -> bool:
    """Whether an alias may come to name it at all, as whatever decides on its promotion asks too."""
    try:
        model.require_not_retired()
        require_active(view, model.project)
        require_not_withdrawn(platform, view, view.requests.get(model.request))
    except Refused:
        return False
    return True


def _replaced(promotions: Sequence[Promotion]) -> Set[PromotionId]:
    """Of those that a gate stopped, oldest first: after which the same was proposed again, and nobody had decided."""
    newest: dict[tuple[ModelId, Alias], Promotion] = {(one.model, one.alias): one for one in promotions}
    return {
        one.id
        for one in promotions
        if one.state is PromotionState.REFUSED
        and (later := newest[one.model, one.alias]) is not one
        and not (one.overrides and later.state is PromotionState.REFUSED)
    }


def _may_let_pass(platform: Platform, principal: Principal, promotion: Promotion, model: ModelVersion) -> bool:
    """Whether this principal is one of the two who could let pass what a gate stopped, and has not."""
    about = of_promotion(promotion, model)
    whose = (about, replace(about, author=model.requested_by))  # as `models.counted_for_two` asks
    said = [platform.access(principal, Action.OVERRIDE_GATE, one) for one in whose]
    if not all(one.allowed for one in said):
        return False
    role = role_of(said[0].because)
    return not any(principal.id == one.by or role is one.role for one in promotion.overrides)


def _is_of_today(platform: Platform, view: View, verdict: Verdict, model: ModelVersion) -> bool:
    """Whether the gate says the same today, as it does while it is the same: evidence never changes."""
    try:
        gate = promotion_gate(platform, view.requests.get(model.request).plan)
    except NotFound:
        return False
    return gate.digest() == verdict.gate_digest


def _may(platform: Platform, principal: Principal, action: Action, about: Resource) -> bool:
    return platform.access(principal, action, about).allowed
