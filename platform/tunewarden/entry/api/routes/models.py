"""/v1/models and /v1/promotions"""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from tunewarden.domain.names import Digest, ModelId, PromotionId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import (
    Json,
    PromotionApprovalIn,
    PromotionIn,
    model_out,
    page,
    promotion_out,
    receipt_out,
)
from tunewarden.entry.bundle import bundle, report_page
from tunewarden.usecases import models, reports

router = APIRouter(tags=["models"])

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of the report page: its own stylesheet and nothing else; no script at all."""


@router.get("/v1/models", summary="List model versions")
def listed(called: Called) -> Json:
    """Those that you may see, oldest first, each with the aliases that name it."""
    found = models.listed(called.platform, called.principal)
    aliases = models.aliases(called.platform, called.principal) if found else []
    return page([model_out(one, aliases) for one in found])


@router.get("/v1/models/{model_id}", summary="One model version")
def get(called: Called, model_id: str) -> Json:
    """Its plan, its adapter and the aliases that name it."""
    model = models.get(called.platform, called.principal, ModelId(model_id))
    return model_out(model, models.aliases(called.platform, called.principal))


@router.post("/v1/models/{model_id}/promotions", summary="Propose a promotion")
def propose(called: Called, model_id: str, body: PromotionIn) -> Json:
    """The gate judges first; a verdict that does not pass is kept and refused."""
    promotion, verdict, receipt = models.propose(called.platform, called.principal, ModelId(model_id), body.alias)
    return {**promotion_out(promotion, verdict), "receipt": receipt_out(receipt)}


@router.get("/v1/promotions/{promotion_id}", summary="One promotion")
def promotion(called: Called, promotion_id: str) -> Json:
    """The verdict's digest, and every finding behind it."""
    return promotion_out(*models.promotion(called.platform, called.principal, PromotionId(promotion_id)))


@router.post("/v1/promotions/{promotion_id}/approve", summary="Approve a promotion")
def approve(called: Called, promotion_id: str, body: PromotionApprovalIn) -> Json:
    """Somebody else approves this verdict; the gate is asked once more and the alias moves."""
    approved, receipt = models.approve(
        called.platform, called.principal, PromotionId(promotion_id), Digest(body.verdict)
    )
    _, verdict = models.promotion(called.platform, called.principal, PromotionId(promotion_id))
    return {**promotion_out(approved, verdict), "receipt": receipt_out(receipt)}


@router.get(
    "/v1/models/{model_id}/lineage", summary="The evidence bundle", response_class=Response, responses={200: {}}
)
def lineage(called: Called, model_id: str) -> Response:
    """A deterministic zip that `tunewarden-audit verify` checks offline."""
    data = bundle(
        called.platform, reports.lineage(called.platform, called.principal, ModelId(model_id)), called.settings
    )
    headers = {"content-disposition": f'attachment; filename="{ModelId(model_id)}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


@router.get("/v1/models/{model_id}/report", summary="The lineage report", response_class=HTMLResponse)
def report(called: Called, model_id: str) -> HTMLResponse:
    """The page that is also in the bundle."""
    found = reports.lineage(called.platform, called.principal, ModelId(model_id))
    return HTMLResponse(
        report_page(called.platform, found, called.settings), headers={"content-security-policy": _POLICY}
    )
