"""/v1/fine_tuning/jobs"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import Query, Request

from tunewarden.domain.names import Digest, RequestId
from tunewarden.domain.training import TrainingRequest
from tunewarden.entry.api.asking import asked
from tunewarden.entry.api.caller import Called, Caller
from tunewarden.entry.api.curve_schemas import curve_out
from tunewarden.entry.api.fairness_schemas import fairness_out
from tunewarden.entry.api.gate_schemas import judgement_out
from tunewarden.entry.api.job_schemas import JobIn, is_wanted, job_out, metadata_wanted, privacy_out
from tunewarden.entry.api.mitigation_schemas import mitigation_out
from tunewarden.entry.api.organization_pages import paged
from tunewarden.entry.api.plan_schemas import plan_out
from tunewarden.entry.api.schemas import ApprovalIn, Json, RejectionIn, budget_out, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases import datasets, judging, requests, suspending, voting
from tunewarden.usecases.judging import Judgement
from tunewarden.usecases.ports import Receipt

router = Routes(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])

After = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]
Include = Annotated[Literal["budget"] | None, Query(description="What is told beside the job, because it takes time.")]
Said = Mapping[RequestId, Sequence[Judgement]]


@router.post("", summary="Ask for a fine-tune")
def create(called: Called, body: JobIn) -> Json:
    """Queue a request. It waits until somebody else has approved the digest of its plan."""
    request, receipt = requests.submit(called.platform, called.principal, asked(body))
    return _out(called, request, receipt)


@router.get("", summary="List jobs")
def listed(called: Called, request: Request, after: After = None, limit: Limit = 20) -> Json:
    """Those that you may see, newest first; `metadata[key]=value` asks for some, `metadata=null` for those without."""
    wanted = metadata_wanted(request)
    found = [one for one in requests.listed(called.platform, called.principal) if is_wanted(one, wanted)]
    page = paged(found, lambda one: {"id": one.id}, lambda one: one.id, after, limit, "desc")
    shown = {one["id"] for one in page["data"]}
    chosen = {one.id: one for one in found if one.id in shown}
    said = _said(called, list(chosen.values()))
    return {**page, "data": [_out(called, chosen[one["id"]], said=said) for one in page["data"]]}


@router.get("/{job_id}", summary="One job")
def get(called: Called, job_id: str, include: Include = None) -> Json:
    """Its state, its plan's digest, what it has cost so far, and what the gates said.

    With `include=budget`, for who may see the dataset, `privacy.budget` is what is left for others too.
    """
    found = requests.get(called.platform, called.principal, RequestId(job_id))
    out = _out(called, found)
    if include is not None:
        dataset = found.plan.dataset
        out["privacy"]["budget"] = budget_out(datasets.budget(called.platform, called.principal, dataset))
    return out


@router.get("/{job_id}/plan", summary="The plan, as it is approved")
def plan(called: Called, job_id: str) -> Json:
    """Everything that changes the model or its guarantee."""
    return plan_out(requests.get(called.platform, called.principal, RequestId(job_id)).plan)


@router.post("/{job_id}/approve", summary="Approve a plan")
def approve(called: Called, job_id: str, body: ApprovalIn) -> Json:
    """Somebody else than the requester approves exactly this digest."""
    return _out(called, *voting.approve(called.platform, called.principal, RequestId(job_id), Digest(body.plan)))


@router.post("/{job_id}/endorse", summary="Endorse a plan")
def endorse(called: Called, job_id: str, body: ApprovalIn) -> Json:
    """Beside an approval, of exactly this digest; for special categories both have to be there."""
    return _out(called, *voting.endorse(called.platform, called.principal, RequestId(job_id), Digest(body.plan)))


@router.get("/{job_id}/approvals", summary="Who agreed, and who has to yet")
def approvals(called: Called, job_id: str) -> Json:
    """Votes for the plan as it is, what is missing, and the roles of which one can give the next."""
    return _approvals_out(voting.standing(called.platform, called.principal, RequestId(job_id)))


@router.post("/{job_id}/reject", summary="Reject a request")
def reject(called: Called, job_id: str, body: RejectionIn | None = None) -> Json:
    """The reserved budget is given back. `reason` is what has to change; the log and the job say it."""
    reason = None if body is None else body.reason
    return _out(called, *requests.reject(called.platform, called.principal, RequestId(job_id), reason))


@router.post("/{job_id}/cancel", summary="Withdraw a request")
def cancel(called: Called, job_id: str) -> Json:
    """What was charged stays charged."""
    return _out(called, *requests.cancel(called.platform, called.principal, RequestId(job_id)))


@router.post("/{job_id}/pause", summary="Suspend a request")
def pause(called: Called, job_id: str) -> Json:
    """By a privacy officer, or in an emergency: a step that runs ends at its next charge, and none begins.

    `status` is then "paused", as the service says it; the types of the client have no word for it.
    """
    return _out(called, *suspending.suspend(called.platform, called.principal, RequestId(job_id)))


@router.post("/{job_id}/resume", summary="Let a suspended request go on")
def resume(called: Called, job_id: str) -> Json:
    """By an approver or a privacy officer who did not ask for it."""
    return _out(called, *suspending.resume(called.platform, called.principal, RequestId(job_id)))


def _out(called: Caller, request: TrainingRequest, receipt: Receipt | None = None, *, said: Said | None = None) -> Json:
    charged, spent = requests.progress(called.platform, request)
    alone = requests.epsilon_of_one_record(called.platform, request.plan)
    out = job_out(request, updates_charged=charged, epsilon_spent=spent, epsilon_of_one_record=alone)
    out["governance"]["fairness"] = fairness_out(request.plan.fairness)
    out["governance"]["mitigation"] = mitigation_out(request.plan.mitigation)
    out["governance"]["twins"] = request.plan.twins
    out["governance"]["learning_curve"] = curve_out(request.plan)
    found = _said(called, [request]) if said is None else said
    out["privacy"] = privacy_out(request, charged, spent)
    out["gates"] = [judgement_out(one) for one in found[request.id]]
    if receipt is not None:
        out["governance"]["receipt"] = receipt_out(receipt)
    return out


def _said(called: Caller, chosen: Sequence[TrainingRequest]) -> Said:
    """What gates said of these. A broken document of a gate is told at its job, and wakes somebody all the same."""
    found = judging.judgements(called.platform, chosen)
    for digest, fault in {(one.digest, one.fault) for each in found.values() for one in each if one.fault}:
        logger.error("gate_broken", code=fault, gate=digest)
    return found


def _approvals_out(standing: voting.Standing) -> Json:
    request = standing.request
    return {
        "object": "list",
        "plan": request.plan.digest(),
        "data": [
            {
                "object": "fine_tuning.job.approval",
                "by": vote.by,
                "role": vote.role,
                "kind": "endorsement" if vote.endorses else "approval",
                "at": int(vote.at.timestamp()),
            }
            for vote in standing.counted
        ],
        "needed": {"persons": standing.needed.persons, "roles": standing.needed.roles},
        "missing": {
            "persons": standing.missing.persons,
            "roles": standing.missing.roles,
            "approval": standing.missing.approval,
            "who": list(standing.who),
        },
        "has_more": False,
    }
