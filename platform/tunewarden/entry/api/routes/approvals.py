"""/v1/approvals: what waits for who asks to say yes or no. It is said where the thing is, and each item says how."""

from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import TrainingRequest
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.organization_pages import After, Limit, paged
from tunewarden.entry.api.schemas import Json
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases import deciding
from tunewarden.usecases.deciding import Deed, Pending

router = Routes(prefix="/v1/approvals", tags=["approvals"])


@router.get("", summary="What waits for your decision")
def listed(called: Called, after: After = None, limit: Limit = 20) -> Json:
    """Plans, oldest first, and then promotions; those that you may decide on and have not. Reading decides nothing.

    `decisions` are the requests that do, with the digest of what you have read in their bodies; reasons, and groups
    that you sign for without any figure, are yours to add. Whether a role of yours counts yet is asked then.
    """
    found = deciding.pending(called.platform, called.principal)
    for digest, fault in {(one.digest, one.fault) for one in found if one.fault}:
        logger.error("verdict_broken", code=fault, verdict=digest)
    return paged(found, _out, lambda one: one.thing.id, after, limit)


def _out(one: Pending) -> Json:
    return {
        "id": one.thing.id,
        "object": "approval",
        "kind": "promotion" if isinstance(one.thing, Promotion) else "plan",
        "digest": one.digest,
        "requested_by": one.requested_by,
        "requested_at": int(one.thing.requested_at.timestamp()) if isinstance(one.thing, TrainingRequest) else None,
        "missing": None
        if one.missing is None
        else {"persons": one.missing.persons, "roles": one.missing.roles, "approval": one.missing.approval},
        "fault": one.fault or None,
        "decisions": [_decision(one, deed) for deed in one.deeds],
    }


def _decision(one: Pending, deed: Deed) -> Json:
    if isinstance(one.thing, Promotion):
        where, body = "promotions", {"verdict": one.digest}
    else:
        where, body = "fine_tuning/jobs", {} if deed is Deed.REJECT else {"plan": one.digest}
    return {"decision": deed, "method": "POST", "path": f"/v1/{where}/{one.thing.id}/{deed}", "body": body}
