"""/models/{id}/evidence: what was measured about a model version, as pages for whoever may read its lineage."""

from fastapi.responses import Response

from tunewarden.domain.model_names import model_in
from tunewarden.entry.api.caller import Caller, Visited
from tunewarden.entry.api.page_answers import shown
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.bundle import metrics
from tunewarden.entry.exports.evidence_kinds import EvidenceKind
from tunewarden.entry.exports.evidence_page import render_evidence, render_kinds
from tunewarden.usecases import reports
from tunewarden.usecases.refusals import not_found
from tunewarden.usecases.reports import Lineage

router = Routes(include_in_schema=False)


@router.get("/models/{model_id}/evidence")
def listed(visited: Visited, model_id: str) -> Response:
    """The kinds of evidence, with where each comes from."""

    def page() -> str:
        found = _lineage(visited, model_id)
        return render_kinds(found, origin=visited.settings.origin, metrics=metrics(visited.settings.policies))

    return shown(visited, page)


@router.get("/models/{model_id}/evidence/{kind}")
def of_kind(visited: Visited, model_id: str, kind: str) -> Response:
    """One kind, told as the lineage report tells it."""

    def page() -> str:
        found = _lineage(visited, model_id)
        if kind not in frozenset(EvidenceKind):
            raise not_found("evidence")
        origin, known = visited.settings.origin, metrics(visited.settings.policies)
        return render_evidence(found, EvidenceKind(kind), origin=origin, metrics=known)

    return shown(visited, page)


def _lineage(visited: Caller, model_id: str) -> Lineage:
    return reports.lineage(visited.platform, visited.principal, model_in(model_id))
