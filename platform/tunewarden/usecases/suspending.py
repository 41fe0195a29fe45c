"""Holding a training request where it is, and letting it go on.

Suspended, no step of it begins; one that runs ends at its next charge, or when it wants to hand in its outcome, and is
tried again later. What was charged stays charged, and what was reserved stays reserved. It may still be withdrawn.
"""

from tunewarden.domain.emergency_events import RequestResumed, RequestSuspended
from tunewarden.domain.names import Action, RequestId
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.counting import role_of
from tunewarden.usecases.emergencies import because_of
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Platform, Principal, Receipt
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import of_request


def suspend(platform: Platform, principal: Principal, identifier: RequestId) -> tuple[TrainingRequest, Receipt]:
    """By a privacy officer, or because of an emergency. Raises `Refused`, `IllegalTransition` and `NotFound`."""
    with (
        refusals_recorded(platform, principal, Action.SUSPEND_REQUEST, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        resource, emergency = because_of(platform, principal, Action.SUSPEND_REQUEST, of_request(request), work)
        permit(platform, principal, Action.SUSPEND_REQUEST, resource)
        suspended = request.suspend()
        work.requests.put(suspended)
        work.record(RequestSuspended(request=identifier, emergency=emergency))
        return suspended, work.commit()


def resume(platform: Platform, principal: Principal, identifier: RequestId) -> tuple[TrainingRequest, Receipt]:
    """By an approver or a privacy officer who did not ask for it; never because of an emergency.

    Raises as above, and `Refused` for a role that they had from who asked for it less than a day before.
    """
    with (
        refusals_recorded(platform, principal, Action.RESUME_REQUEST, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        decision = require_counting(platform, work, principal, Action.RESUME_REQUEST, of_request(request))
        resumed = request.resume()
        work.requests.put(resumed)
        work.record(RequestResumed(request=identifier, role=role_of(decision.because)))
        return resumed, work.commit()
