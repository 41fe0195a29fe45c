"""/promotions: what waits for a decision about an alias, and the forms of those who decide.

The same as the API's routes of this name. Letting pass what a gate stopped takes two persons with a reason each; what
is hard, or was not measured, has no form.
"""

from typing import Annotated

from fastapi import Form
from fastapi.responses import RedirectResponse, Response

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import PromotionId, digest_name
from tunewarden.domain.overrides import OverrideReason
from tunewarden.entry.api.caller import Sent, Visited
from tunewarden.entry.api.page_answers import done, shown
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.bundle import metrics
from tunewarden.entry.report.promotion_pages import render_promotion, render_promotions
from tunewarden.usecases import deciding, models, overriding, proposals

router = Routes(include_in_schema=False)

Digested = Annotated[str, Form(max_length=128)]


@router.get("/promotions")
def listed(visited: Visited) -> Response:
    """Those that somebody has begun to let pass first, then those that wait for approval."""
    return shown(visited, lambda: render_promotions(deciding.waiting(visited.platform, visited.principal)))


@router.get("/promotions/{promotion_id}")
def one(visited: Visited, promotion_id: str) -> Response:
    """What the gate said, who decided what, and the form for who may decide."""

    def page() -> str:
        found = proposals.proposal(visited.platform, visited.principal, PromotionId(promotion_id))
        return render_promotion(found, visited.principal.id, metrics(visited.settings.policies))

    return shown(visited, page)


@router.post("/promotions/{promotion_id}/override")
def override(sent: Sent, promotion_id: str, verdict: Digested, reason: Annotated[str, Form(max_length=32)]) -> Response:
    """One of two lets it pass."""

    def act() -> Response:
        identifier = PromotionId(promotion_id)
        overriding.override(sent.platform, sent.principal, identifier, digest_name(verdict), _reason(reason))
        return _back(identifier)

    return done(sent, act)


@router.post("/promotions/{promotion_id}/approve")
def approve(
    sent: Sent, promotion_id: str, verdict: Digested, unassessed: Annotated[int, Form(ge=0, le=1_000_000)] = 0
) -> Response:
    """The alias moves."""

    def act() -> Response:
        identifier = PromotionId(promotion_id)
        models.approve(sent.platform, sent.principal, identifier, digest_name(verdict), unassessed)
        return _back(identifier)

    return done(sent, act)


def _reason(text: str) -> OverrideReason:
    try:
        return OverrideReason(text)
    except ValueError:
        raise Malformed("word_unknown", f"This is one of: {', '.join(sorted(OverrideReason))}.") from None


def _back(identifier: PromotionId) -> Response:
    return RedirectResponse(f"/promotions/{identifier}", status_code=303)
