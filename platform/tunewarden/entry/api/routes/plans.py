"""/v1/plans: what would come of a request, without asking for it."""

from tunewarden.entry.api.asking import ask_of, gathered, plan_file
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.job_schemas import JobIn
from tunewarden.entry.api.plan_schemas import preview_out
from tunewarden.entry.api.schemas import Json
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import previewing

router = Routes(prefix="/v1/plans", tags=["plans"])


@router.post("", summary="Plan a fine-tune without asking for it")
def preview(called: Called, body: JobIn) -> Json:
    """Takes what `POST /v1/fine_tuning/jobs` takes, and checks the same. Nothing is kept, reserved or promised.

    `digest` is that of the plan that the same body becomes, as long as data and policies are as they are now; `refused`
    is what is in its way, as far as can be told at once: making a plan ends at its first reason. `gates` is empty for
    whoever may not read gates. Keep `file`: sent as a body, or as the `plan` of one, it becomes this plan or is
    refused.
    """
    whole = gathered(body)
    found = previewing.preview(called.platform, called.principal, ask_of(whole))
    return preview_out(found, plan_file(whole, None if found.plan is None else found.plan.digest()))
