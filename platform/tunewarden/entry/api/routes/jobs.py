"""/v1/fine_tuning/jobs"""

from decimal import Decimal
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.names import Digest, RequestId, policy_name
from tunewarden.domain.training import TrainingRequest
from tunewarden.entry.api.caller import Called, Caller, decimal
from tunewarden.entry.api.curve_schemas import curve_out
from tunewarden.entry.api.fairness_schemas import fairness_out
from tunewarden.entry.api.job_schemas import JobIn, hyperparameters_in, is_wanted, job_out, metadata_wanted
from tunewarden.entry.api.mitigation_schemas import mitigation_of, mitigation_out
from tunewarden.entry.api.organization_pages import paged
from tunewarden.entry.api.schemas import ApprovalIn, Json, receipt_out
from tunewarden.usecases import requests, suspending, voting
from tunewarden.usecases.ports import Receipt

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])

After = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=100)]


@router.post("", summary="Ask for a fine-tune")
def create(called: Called, body: JobIn) -> Json:
    """Queue a request. It waits until somebody else has approved the digest of its plan."""
    request, receipt = requests.submit(called.platform, called.principal, _ask(body))
    return _out(called, request, receipt)


@router.get("", summary="List jobs")
def listed(called: Called, request: Request, after: After = None, limit: Limit = 20) -> Json:
    """Those that you may see, newest first; `metadata[key]=value` asks for some, `metadata=null` for those without."""
    wanted = metadata_wanted(request)
    found = [one for one in requests.listed(called.platform, called.principal) if is_wanted(one, wanted)]
    return paged(found, lambda one: _out(called, one), lambda one: one.id, after, limit, "desc")


@router.get("/{job_id}", summary="One job")
def get(called: Called, job_id: str) -> Json:
    """Its state, its plan's digest and what it has cost so far."""
    return _out(called, requests.get(called.platform, called.principal, RequestId(job_id)))


@router.get("/{job_id}/plan", summary="The plan, as it is approved")
def plan(called: Called, job_id: str) -> Json:
    """Everything that changes the model or its guarantee."""
    request = requests.get(called.platform, called.principal, RequestId(job_id))
    return {"object": "plan", "digest": request.plan.digest(), "plan": to_plain(request.plan)}


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
def reject(called: Called, job_id: str) -> Json:
    """The reserved budget is given back."""
    return _out(called, *requests.reject(called.platform, called.principal, RequestId(job_id)))


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


@router.get("/{job_id}/events", summary="What happened to a job")
def events(called: Called, job_id: str, after: After = None, limit: Limit = 20) -> Json:
    """The job's entries of the log, newest first."""
    entries = requests.events(called.platform, called.principal, RequestId(job_id))
    return paged(entries, _event_out, lambda one: f"ftevent-{one.index}", after, limit, "desc")


def _ask(body: JobIn) -> requests.Ask:
    asked = hyperparameters_in(body)
    privacy = body.governance.privacy
    multiplier = (
        Decimal(1) if asked.learning_rate_multiplier == "auto" else Decimal(str(asked.learning_rate_multiplier))
    )
    return requests.Ask(
        training_file=body.training_file,
        base_model=policy_name(body.model),
        purpose=body.governance.purpose,
        epsilon=decimal(privacy.epsilon, "governance.privacy.epsilon"),
        delta=None if privacy.delta is None else decimal(privacy.delta, "governance.privacy.delta"),
        profile=policy_name(body.governance.deidentification_profile),
        epochs=requests.DEFAULT_EPOCHS if asked.n_epochs == "auto" else asked.n_epochs,
        expected_units=None if asked.batch_size == "auto" else asked.batch_size,
        learning_rate=requests.DEFAULT_LEARNING_RATE * multiplier,
        unit=privacy.unit,
        rows_per_person=privacy.rows_per_person,
        precision=privacy.precision,
        noise=privacy.noise,
        task=body.governance.task,
        canaries=None if privacy.canaries == "auto" else privacy.canaries,
        suffix=body.suffix or "",
        metadata=body.metadata or {},
        fairness={
            metric: decimal(at_most, "governance.fairness.tolerances")
            for metric, at_most in body.governance.fairness.tolerances.items()
        },
        mitigation=mitigation_of(body.governance.mitigation),
        twins=body.governance.twins,
        curve=tuple(decimal(share, "governance.learning_curve") for share in body.governance.learning_curve),
    )


def _out(called: Caller, request: TrainingRequest, receipt: Receipt | None = None) -> Json:
    charged, spent = requests.progress(called.platform, request)
    alone = requests.epsilon_of_one_record(called.platform, request)
    out = job_out(request, updates_charged=charged, epsilon_spent=spent, epsilon_of_one_record=alone)
    out["governance"]["fairness"] = fairness_out(request.plan.fairness)
    out["governance"]["mitigation"] = mitigation_out(request.plan.mitigation)
    out["governance"]["twins"] = request.plan.twins
    out["governance"]["learning_curve"] = curve_out(request.plan)
    if receipt is not None:
        out["governance"]["receipt"] = receipt_out(receipt)
    return out


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


def _event_out(entry: Entry) -> Json:
    kind = type(entry.event).__name__
    return {
        "id": f"ftevent-{entry.index}",
        "object": "fine_tuning.job.event",
        "created_at": int(entry.at.timestamp()),
        "level": "warn" if kind in {"ActionRefused", "StepFailed"} else "info",
        "message": kind,
        "type": "message",
        "data": {"index": entry.index, "actor": entry.actor, **cast(dict[str, Any], to_plain(entry.event))},
    }
