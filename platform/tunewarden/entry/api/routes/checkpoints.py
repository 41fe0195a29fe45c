"""Checkpoints of jobs in the OpenAI contract: the model version that came of one, and who may use it.

Weights from in between are nobody's: they passed no gate, so none of them is named. The figures of training are sums
over the very persons who are protected, without any noise, so they are null; what was measured, with its accounting, is
in the evidence.
"""

from typing import Annotated

from fastapi import Query

from tunewarden.domain.model_names import model_in
from tunewarden.domain.names import EVERYWHERE, RequestId
from tunewarden.domain.registry import ModelVersion
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.file_schemas import seconds
from tunewarden.entry.api.organization_pages import After, Limit, paged
from tunewarden.entry.api.schemas import Json, Word, page
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import models, naming, requests

router = Routes(prefix="/v1/fine_tuning", tags=["fine-tuning"])

Project = Annotated[Word | None, Query(description="Only the permission of this project.")]

_FIGURES = (
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)


@router.get("/jobs/{job_id}/checkpoints", summary="The model version of a job")
def checkpoints(called: Called, job_id: str, after: After = None, limit: Limit = 10) -> Json:
    """None before the job succeeded, then one. That it is named here does not say that it may be used."""
    request = requests.get(called.platform, called.principal, RequestId(job_id))
    with called.platform.view() as view:
        found = [] if request.model is None else [view.models.get(request.model)]
    steps, names = request.plan.mechanism.updates, naming.names(called.platform, found)
    return paged(found, lambda one: _checkpoint_out(one, names[one.id], steps), _checkpoint_id, after, limit)


@router.get("/checkpoints/{model_id}/permissions", summary="In which project a model version may be used")
def permissions(called: Called, model_id: str, project_id: Project = None) -> Json:
    """In its own, and in no other one; one that is in none has no permission: it is for who holds a role everywhere.

    So there is one item at most, and neither an order nor a next page to ask for.
    """
    model = models.get(called.platform, called.principal, model_in(model_id))
    found = [] if model.project == EVERYWHERE or project_id not in (None, model.project) else [model]
    return page([_permission_out(one) for one in found])


def _checkpoint_out(model: ModelVersion, name: str, steps: int) -> Json:
    return {
        "id": _checkpoint_id(model),
        "object": "fine_tuning.job.checkpoint",
        "created_at": seconds(model.registered_at),
        "fine_tuned_model_checkpoint": name,
        "fine_tuning_job_id": model.request,
        "step_number": steps,
        "metrics": {"step": steps, **dict.fromkeys(_FIGURES)},
    }


def _permission_out(model: ModelVersion) -> Json:
    return {
        "id": f"cp-{model.id.partition('-')[2]}",
        "object": "checkpoint.permission",
        "created_at": seconds(model.registered_at),
        "project_id": model.project,
    }


def _checkpoint_id(model: ModelVersion) -> str:
    return f"ftckpt-{model.id.partition('-')[2]}"
