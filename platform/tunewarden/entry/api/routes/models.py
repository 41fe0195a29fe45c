"""/v1/models and /v1/promotions"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, ModelId, PromotionId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.pages import html
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
from tunewarden.entry.report import difference, render_difference
from tunewarden.usecases import models, reports

router = APIRouter(tags=["models"])

AsOf = Annotated[str | None, Query(max_length=40, description="A date (to its end, UTC), or an instant with its zone.")]
Since = Annotated[tuple[int, ...], Query(max_length=20, description="Sizes of checkpoints that you kept.")]
For = Annotated[Purpose | None, Query(description="What the weights are to be used for.")]
_PART = 1 << 20  # bytes
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LAST_OF_A_DAY = time(23, 59, 59, 999_000, UTC)  # the log has milliseconds


@router.get("/v1/models", summary="List model versions")
def listed(called: Called) -> Json:
    """Those that you may see, oldest first, each with the aliases that name it."""
    found = models.listed(called.platform, called.principal)
    aliases = models.aliases(called.platform, called.principal) if found else []
    purposes = models.purposes(called.platform, found)
    return page([model_out(one, aliases, purposes[one.id]) for one in found])


@router.get("/v1/models/{model_id}", summary="One model version")
def get(called: Called, model_id: str) -> Json:
    """Its plan, its adapter, the aliases that name it, and what it may be used for."""
    model = models.get(called.platform, called.principal, ModelId(model_id))
    purposes = models.purposes(called.platform, [model])
    return model_out(model, models.aliases(called.platform, called.principal), purposes[model.id])


@router.get(
    "/v1/models/{model_id}/adapter", summary="The weights", response_class=StreamingResponse, responses={200: {}}
)
def adapter(called: Called, model_id: str, purpose: For = None) -> StreamingResponse:
    """`adapter.safetensors`, only while an alias names the model version; that they left is an entry of the log.

    It has one purpose, which may be left out; for another one, or one that its dataset has no more, it is refused.
    The header `Tunewarden-Receipt` has its index and leaf hash. HOWTO-VERIFY.txt of the bundle says how to hold the
    file against its digest and signature.
    """
    weights, model, receipt = models.take_adapter(called.platform, called.principal, ModelId(model_id), purpose)
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="adapter.safetensors"',
        "tunewarden-adapter": model.adapter,
        "tunewarden-receipt": f"{receipt.index} {receipt.leaf_hash}",
    }
    return StreamingResponse(_parts(weights), media_type="application/octet-stream", headers=headers)


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
def lineage(called: Called, model_id: str, as_of: AsOf = None, since: Since = ()) -> Response:
    """A deterministic zip that `tunewarden-audit verify` checks offline.

    With `as_of`, what the log said then; with `since`, proofs that the log only grew since those sizes.
    """
    found = reports.lineage(called.platform, called.principal, ModelId(model_id), as_of=_instant(as_of))
    data = bundle(called.platform, found, called.settings, since)
    headers = {"content-disposition": f'attachment; filename="{ModelId(model_id)}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


@router.get("/v1/models/{model_id}/report", summary="The lineage report", response_class=HTMLResponse)
def report(called: Called, model_id: str, as_of: AsOf = None) -> HTMLResponse:
    """The page that is also in the bundle; with `as_of`, what it would have said then."""
    found = reports.lineage(called.platform, called.principal, ModelId(model_id), as_of=_instant(as_of))
    return html(report_page(called.platform, found, called.settings))


@router.get("/v1/models/{model_id}/diff/{other_id}", summary="How two model versions differ")
def diff(called: Called, model_id: str, other_id: str) -> Json:
    """Plan, evidence, verdicts, people and aliases side by side, each with its log entries; never a score."""
    return difference(*reports.compare(called.platform, called.principal, ModelId(model_id), ModelId(other_id)))


@router.get(
    "/v1/models/{model_id}/diff/{other_id}/report", summary="The difference as a page", response_class=HTMLResponse
)
def diff_page(called: Called, model_id: str, other_id: str) -> HTMLResponse:
    """The same for paper and screen."""
    found = reports.compare(called.platform, called.principal, ModelId(model_id), ModelId(other_id))
    return html(render_difference(*found, origin=called.settings.origin))


def _instant(text: str | None) -> datetime | None:
    """A date means its end in UTC: everything of that day is in the report."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), _LAST_OF_A_DAY)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Malformed(
        "as_of_malformed",
        "A date like 2026-11-20, or an instant with its zone like 2026-11-20T12:00:00Z.",
        param="as_of",
    )


def _parts(source: BinaryIO) -> Iterator[bytes]:
    with source:
        while part := source.read(_PART):
            yield part
