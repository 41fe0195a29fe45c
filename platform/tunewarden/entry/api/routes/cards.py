"""Model cards: as JSON for programs, and as pages; and the lineage report for a browser with a session."""

from fastapi import Response

from tunewarden.domain.canonical import digest_of, encode
from tunewarden.domain.model_names import model_in
from tunewarden.entry.api.caller import Called, Visited
from tunewarden.entry.api.page_answers import shown
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.bundle import metrics, report_page
from tunewarden.entry.exports.card import card
from tunewarden.entry.exports.card_page import render_card
from tunewarden.usecases import reports

router = Routes(tags=["models"])


@router.get("/v1/models/{model_id}/card", summary="The model card", response_class=Response, responses={200: {}})
def of_model(called: Called, model_id: str) -> Response:
    """Canonical JSON (RFC 8785) from logged evidence alone; the header `Tunewarden-Card` has its digest."""
    found = reports.lineage(called.platform, called.principal, model_in(model_id))
    made = card(found, metrics(called.settings.policies))
    return Response(encode(made), media_type="application/json", headers={"tunewarden-card": digest_of(made)})


@router.get("/models/{model_id}/card", include_in_schema=False)
def page(visited: Visited, model_id: str) -> Response:
    """The same for paper and screen."""

    def rendered() -> str:
        found = reports.lineage(visited.platform, visited.principal, model_in(model_id))
        return render_card(card(found, metrics(visited.settings.policies)))

    return shown(visited, rendered)


@router.get("/models/{model_id}/report", include_in_schema=False)
def report(visited: Visited, model_id: str) -> Response:
    """What `GET /v1/models/{model_id}/report` shows, with links to the other pages about the model version."""

    def rendered() -> str:
        found = reports.lineage(visited.platform, visited.principal, model_in(model_id))
        return report_page(visited.platform, found, visited.settings, links=True)

    return shown(visited, rendered)
