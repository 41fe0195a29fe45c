"""/models/{one}/compare/{other}: how two model versions differ, as a page for whoever may read both lineages."""

from fastapi.responses import Response

from tunewarden.domain.model_names import model_in
from tunewarden.entry.api.caller import Visited
from tunewarden.entry.api.page_answers import shown
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.report import render_difference
from tunewarden.usecases import reports

router = Routes(include_in_schema=False)


@router.get("/models/{model_id}/compare/{other_id}")
def compare(visited: Visited, model_id: str, other_id: str) -> Response:
    """What `GET /v1/models/{model_id}/diff/{other_id}/report` shows."""

    def page() -> str:
        found = reports.compare(visited.platform, visited.principal, model_in(model_id), model_in(other_id))
        return render_difference(*found, origin=visited.settings.origin)

    return shown(visited, page)
