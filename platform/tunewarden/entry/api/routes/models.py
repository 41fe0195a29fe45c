"""/v1/models and /v1/promotions"""

from collections.abc import Iterator
from typing import Annotated, BinaryIO

from fastapi import Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Malformed
from tunewarden.domain.gates import Verdict
from tunewarden.domain.model_names import model_in
from tunewarden.domain.names import Alias, Digest, PromotionId
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion, PromotionState
from tunewarden.domain.removals import RemovalReason
from tunewarden.entry.api.caller import Called, Caller
from tunewarden.entry.api.instants import instant
from tunewarden.entry.api.organization_pages import After, Limit, paged
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.registry_schemas import (
    OverrideIn,
    PromotionApprovalIn,
    PromotionIn,
    RemovalIn,
    alias_out,
    clearing_out,
    model_out,
    promotion_out,
    stretch_out,
)
from tunewarden.entry.api.schemas import Json, page, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.bundle import bundle, report_page
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.report import difference, render_difference
from tunewarden.usecases import models, naming, overriding, proposals, removals, reports, rollbacks, serving

router = Routes(tags=["models"])

AsOf = Annotated[str | None, Query(max_length=40, description="A date (to its end, UTC), or an instant with its zone.")]
At = Annotated[str | None, Query(max_length=40, description="A date (to its end, UTC), or an instant; else now.")]
Since = Annotated[tuple[int, ...], Query(max_length=20, description="Sizes of checkpoints that you kept.")]
Reason = Annotated[RemovalReason | None, Query(description="Why it is not to be used any more.")]
For = Annotated[Purpose | None, Query(description="What the weights are to be used for.")]
Standing = Annotated[PromotionState | None, Query(description="Where it has to stand.")]
_PART = 1 << 20  # bytes


@router.get("/v1/models", summary="List model versions")
def listed(called: Called) -> Json:
    """Those that you may see, oldest first, each with the aliases that name it."""
    found = models.listed(called.platform, called.principal)
    aliases = models.aliases(called.platform, called.principal) if found else []
    purposes, names = models.purposes(called.platform, found), naming.names(called.platform, found)
    return page([model_out(one, names[one.id], aliases, purposes[one.id]) for one in found])


@router.get("/v1/models/{model_id}", summary="One model version")
def get(called: Called, model_id: str) -> Json:
    """Its plan, its adapter, the aliases that name it, and what it may be used for."""
    model = models.get(called.platform, called.principal, model_in(model_id))
    return _out(called, model, models.aliases(called.platform, called.principal))


@router.get(
    "/v1/models/{model_id}/adapter", summary="The weights", response_class=StreamingResponse, responses={200: {}}
)
def adapter(called: Called, model_id: str, purpose: For = None) -> StreamingResponse:
    """`adapter.safetensors`, only while an alias names the model version; that they left is an entry of the log.

    It has one purpose, which may be left out; for another one, or one that its dataset has no more, it is refused.
    The header `Tunewarden-Receipt` has its index and leaf hash. HOWTO-VERIFY.txt of the bundle says how to hold the
    file against its digest and signature.
    """
    weights, model, receipt = models.take_adapter(called.platform, called.principal, model_in(model_id), purpose)
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
    promotion, verdict, receipt = models.propose(
        called.platform, called.principal, model_in(model_id), Alias(body.alias)
    )
    return {**_promotion_out(called, promotion, verdict), "receipt": receipt_out(receipt)}


@router.post("/v1/models/{model_id}/rollback", summary="Put an alias back to a model version")
def roll_back(called: Called, model_id: str, body: PromotionIn) -> Json:
    """In an emergency, alone, to what the alias named before; the gate judges as it is today.

    Without one, propose its promotion: two do it, and the log says as well that the alias went back.
    """
    target, receipt = rollbacks.roll_back(called.platform, called.principal, model_in(model_id), Alias(body.alias))
    return {**alias_out(target), "receipt": receipt_out(receipt)}


@router.post("/v1/models/{model_id}/aliases/{alias}/clear", summary="Take an alias off a model version")
def clear(called: Called, model_id: str, alias: str, body: RemovalIn) -> Json:
    """Afterwards it names nothing. A protected one is taken off by the second person who says so."""
    target, receipt = removals.clear(called.platform, called.principal, model_in(model_id), Alias(alias), body.reason)
    return {**alias_out(target), "receipt": receipt_out(receipt)}


@router.post("/v1/models/{model_id}/retire", summary="Retire a model version for good")
def retire(called: Called, model_id: str, body: RemovalIn) -> Json:
    """One that no alias names; none will again, so nobody can take its weights."""
    model, receipt = removals.retire(called.platform, called.principal, model_in(model_id), body.reason)
    return {**_out(called, model, []), "receipt": receipt_out(receipt)}


@router.delete("/v1/models/{model_id}", summary="Retire a model version, as the client deletes one")
def delete(called: Called, model_id: str, reason: Reason = None) -> Json:
    """The same with the reason in the query: its evidence stays, and so does what is said of it."""
    if reason is None:
        raise Malformed(
            "reason_required",
            f"Nothing is retired without a reason, one of: {', '.join(RemovalReason)}.",
            remedy="Send it with the query, as `reason`; the client does so for extra_query.",
            param="reason",
        )
    model, receipt = removals.retire(called.platform, called.principal, model_in(model_id), reason)
    name = naming.names(called.platform, [model])[model.id]
    return {"id": name, "object": "model", "deleted": True, "receipt": receipt_out(receipt)}


@router.get("/v1/aliases", summary="List aliases")
def aliases(called: Called, after: After = None, limit: Limit = 20) -> Json:
    """Those that name a model version which you may see, and that; `clearing` is who wants one taken off."""
    found = serving.targets(called.platform, called.principal)
    return paged(found, alias_out, lambda one: one.key, after, limit)


@router.get("/v1/aliases/{alias}", summary="What an alias names, or named")
def served(called: Called, alias: str, at: At = None) -> Json:
    """The model version, since when and until when, with the log entries that say so; of now also `clearing`."""
    then = instant(at, "at")
    if then is not None:
        return stretch_out(serving.served(called.platform, called.principal, Alias(alias), then))
    stretch, asked = serving.now(called.platform, called.principal, Alias(alias))
    return {**stretch_out(stretch), "clearing": clearing_out(asked)}


@router.get("/v1/aliases/{alias}/history", summary="What an alias named when")
def history(called: Called, alias: str, after: After = None, limit: Limit = 20) -> Json:
    """Every model version that it named and that you may see, oldest first, with the log entries that say so."""
    found = serving.history(called.platform, called.principal, Alias(alias))
    return paged(found, stretch_out, lambda one: f"alias-{one.since.index}", after, limit)


@router.get("/v1/promotions", summary="List promotions")
def promotions(called: Called, state: Standing = None, after: After = None, limit: Limit = 20) -> Json:
    """Of model versions that you may see, newest first, however they ended; with `state` those that stand so."""
    found = [one for one in proposals.listed(called.platform, called.principal) if state in (None, one.state)]
    page = paged(found, lambda one: {"id": one.id}, lambda one: one.id, after, limit, "desc")
    chosen = {one.id: one for one in found}
    said = proposals.told(called.platform, [chosen[one["id"]] for one in page["data"]])
    for verdict, fault in {(one.promotion.verdict, one.fault) for one in said if one.fault}:
        logger.error("promotion_broken", code=fault, verdict=verdict)
    return {**page, "data": [promotion_out(one.promotion, one.verdict, one.unassessed, one.fault) for one in said]}


@router.get("/v1/promotions/{promotion_id}", summary="One promotion")
def promotion(called: Called, promotion_id: str) -> Json:
    """The verdict's digest, every finding behind it, and of which groups nobody can tell."""
    return _promotion_out(called, *models.promotion(called.platform, called.principal, PromotionId(promotion_id)))


@router.post("/v1/promotions/{promotion_id}/approve", summary="Approve a promotion")
def approve(called: Called, promotion_id: str, body: PromotionApprovalIn) -> Json:
    """Somebody else approves this verdict; the gate is asked once more and the alias moves.

    Where groups could not be assessed, the approver signs for them by their number.
    """
    approved, receipt = models.approve(
        called.platform, called.principal, PromotionId(promotion_id), Digest(body.verdict), body.unassessed
    )
    _, verdict = models.promotion(called.platform, called.principal, PromotionId(promotion_id))
    return {**_promotion_out(called, approved, verdict), "receipt": receipt_out(receipt)}


@router.post("/v1/promotions/{promotion_id}/override", summary="Let pass what the gate stopped")
def override(called: Called, promotion_id: str, body: OverrideIn) -> Json:
    """An approver and a privacy officer decide it, neither of whom proposed it or asked for the training.

    Never a hard rule, nor what was not measured. After the second decision the promotion waits for approval.
    """
    identifier, verdict = PromotionId(promotion_id), Digest(body.verdict)
    decided, receipt = overriding.override(called.platform, called.principal, identifier, verdict, body.reason)
    _, judged = models.promotion(called.platform, called.principal, identifier)
    return {**_promotion_out(called, decided, judged), "receipt": receipt_out(receipt)}


@router.get(
    "/v1/models/{model_id}/lineage", summary="The evidence bundle", response_class=Response, responses={200: {}}
)
def lineage(called: Called, model_id: str, as_of: AsOf = None, since: Since = ()) -> Response:
    """A deterministic zip that `tunewarden-audit verify` checks offline.

    With `as_of`, what the log said then; with `since`, proofs that the log only grew since those sizes.
    """
    found = reports.lineage(called.platform, called.principal, model_in(model_id), as_of=instant(as_of))
    data = bundle(called.platform, found, called.settings, since)
    headers = {"content-disposition": f'attachment; filename="{model_in(model_id)}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


@router.get("/v1/models/{model_id}/report", summary="The lineage report", response_class=HTMLResponse)
def report(called: Called, model_id: str, as_of: AsOf = None) -> HTMLResponse:
    """The page that is also in the bundle; with `as_of`, what it would have said then."""
    found = reports.lineage(called.platform, called.principal, model_in(model_id), as_of=instant(as_of))
    return html(report_page(called.platform, found, called.settings))


@router.get("/v1/models/{model_id}/diff/{other_id}", summary="How two model versions differ")
def diff(called: Called, model_id: str, other_id: str) -> Json:
    """Plan, evidence, verdicts, people and aliases side by side, each with its log entries; never a score."""
    return difference(*reports.compare(called.platform, called.principal, model_in(model_id), model_in(other_id)))


@router.get(
    "/v1/models/{model_id}/diff/{other_id}/report", summary="The difference as a page", response_class=HTMLResponse
)
def diff_page(called: Called, model_id: str, other_id: str) -> HTMLResponse:
    """The same for paper and screen."""
    found = reports.compare(called.platform, called.principal, model_in(model_id), model_in(other_id))
    return html(render_difference(*found, origin=called.settings.origin))


def _out(called: Caller, model: ModelVersion, aliases: list[AliasTarget]) -> Json:
    purposes, names = models.purposes(called.platform, [model]), naming.names(called.platform, [model])
    return model_out(model, names[model.id], aliases, purposes[model.id])


def _promotion_out(called: Caller, promotion: Promotion, verdict: Verdict) -> Json:
    return promotion_out(promotion, verdict, proposals.unassessed(called.platform, promotion))


def _parts(source: BinaryIO) -> Iterator[bytes]:
    with source:
        while part := source.read(_PART):
            yield part
