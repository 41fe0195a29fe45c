"""Letting pass what the gate that guards promotion stopped; `domain/overrides.py` says what and by whom.

Both decide on the verdict of the proposal, while the gate still says exactly that. Then the promotion waits for
approval like any other, and is judged once more when that is given.
"""

from tunewarden.domain.names import Action, Digest, PromotionId
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.overrides import Override, OverrideReason
from tunewarden.domain.registry import Promotion
from tunewarden.usecases.counting import role_of
from tunewarden.usecases.gating import judged
from tunewarden.usecases.models import counted_for_two, judge_today, require_told, verdict_of
from tunewarden.usecases.ports import Platform, Principal, Receipt
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import refusals_recorded
from tunewarden.usecases.signing import require_not_withdrawn


def override(
    platform: Platform, principal: Principal, identifier: PromotionId, verdict: Digest, reason: OverrideReason
) -> tuple[Promotion, Receipt]:
    """One of two persons lets pass what the gate stopped with this verdict; after the second, approval is waited for.

    Raises `Refused` for whose work it is, for a verdict that is not the gate's any more, for what is stopped for good
    and for a role that they had from whose work it is less than a day before; `Conflict` where they, or somebody in
    their role, decided before; `IllegalTransition` of a promotion that was not refused; `Corrupted` where nobody can
    have read the verdict; `NotFound`.
    """
    action = Action.OVERRIDE_GATE
    with refusals_recorded(platform, principal, action, "promotion", identifier):
        with platform.view() as view:
            proposed = view.promotions.get(identifier)
        require_told(platform, principal, action, proposed.model, "promotion")
        with platform.work(principal.id) as work:
            promotion = work.promotions.get(identifier)
            model = work.models.get(promotion.model)
            role = role_of(counted_for_two(platform, work, principal, action, promotion, model).because)
            require_active(work, model.project)
            require_not_withdrawn(platform, work, work.requests.get(model.request))
            mine = Override(by=principal.id, role=role, reason=reason, verdict=verdict, at=platform.clock())
            today = judge_today(platform, work, model)
            decided = promotion.overridden(mine, today, model.requested_by)
            verdict_of(platform, promotion)  # of one that is broken this raises
            work.promotions.put(decided)
            work.record(judged(model.request, today))
            work.record(GateOverridden(promotion=identifier, model=model.id, verdict=verdict, role=role, reason=reason))
            return decided, work.commit()
