"""/v1/evidence: what was measured about a model version, by kind, and each document by its digest."""

from tunewarden.domain.model_names import model_in
from tunewarden.domain.names import digest_name
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json, page
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.bundle import metrics
from tunewarden.entry.exports.evidence_kinds import EvidenceKind, evidence_of_kind, kinds_of_evidence
from tunewarden.usecases import evidence, reports

router = Routes(tags=["evidence"])


@router.get("/v1/models/{model_id}/evidence", summary="What was measured about a model version")
def listed(called: Called, model_id: str) -> Json:
    """Each kind of evidence that there is, with the digests of the documents that hold it."""
    found = reports.lineage(called.platform, called.principal, model_in(model_id))
    kinds = [{"id": one["kind"], "object": "model.evidence", **one} for one in kinds_of_evidence(found)]
    return {**page(kinds), "model": model_in(model_id)}


@router.get("/v1/models/{model_id}/evidence/{kind}", summary="One kind of evidence about a model version")
def of_kind(called: Called, model_id: str, kind: EvidenceKind) -> Json:
    """Every figure with its 95 % interval, unit and meaning, and the tables behind them. Nothing is measured anew.

    What was withheld, because too few persons stand behind it, is in no document; where figures are noisy, these are
    the noisy ones. Empty where nothing of the kind was measured.
    """
    found = reports.lineage(called.platform, called.principal, model_in(model_id))
    said = evidence_of_kind(found, kind, metrics(called.settings.policies))
    return {"object": "model.evidence", "model": model_in(model_id), **said}


@router.get("/v1/evidence/{digest}", summary="One document of the evidence")
def document(called: Called, digest: str) -> Json:
    """As it is stored, for whoever may read the lineage of a model version that it is about.

    `content` has this digest in its canonical form (RFC 8785). `is_evidence` says whether it is the measurements, or
    the tables behind them.
    """
    found = evidence.document(called.platform, called.principal, digest_name(digest))
    return {
        "object": "evidence",
        "id": found.digest,
        "model": found.model,
        "index": found.entry.index,
        "is_evidence": found.is_evidence,
        "content": found.content,
    }
