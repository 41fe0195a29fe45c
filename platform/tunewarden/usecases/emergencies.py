"""Breaking the glass, and looking at it afterwards: opened by one, confirmed by another, reviewed by a third.

What an emergency opens is asked by the use cases that do it: `because_of` states the fact for their decision, read from
the clock at that moment, and says which emergency a deed has to name. A person's own roles come first: what they may do
anyway takes no emergency, and is not said to be of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tunewarden.domain.break_glass import Emergency, EmergencyFinding, EmergencyReason, in_force, opened
from tunewarden.domain.emergency_events import (
    EmergencyClosed,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
)
from tunewarden.domain.events import Event
from tunewarden.domain.names import Action, EmergencyId, Role
from tunewarden.usecases.counting import role_of
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded


def open_(
    platform: Platform, principal: Principal, incident: str, reason: EmergencyReason
) -> tuple[Emergency, Receipt]:
    """From now on, for a quarter of an hour unless somebody confirms it, and never for more than four hours.

    Raises `Refused`, `Malformed` for what is no incident, and `Conflict` where their last one waits for its review.
    """
    with (
        refusals_recorded(platform, principal, Action.OPEN_EMERGENCY, "emergency"),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.OPEN_EMERGENCY, Resource(kind="emergency", author=principal.id))
        identifier = EmergencyId(platform.new_id("bgl"))
        made = opened(identifier, principal.id, incident, reason, platform.clock(), work.emergencies.all())
        work.emergencies.put(made)
        work.record(
            EmergencyOpened(emergency=made.id, reason=made.reason, incident=made.incident_digest, ends_at=made.ends_at)
        )
        return made, work.commit()


def confirm(platform: Platform, principal: Principal, identifier: EmergencyId) -> tuple[Emergency, Receipt]:
    """Somebody else says that there is one, in time. Raises `Refused`, `IllegalTransition` and `NotFound`."""
    return _change(
        platform,
        principal,
        Action.CONFIRM_EMERGENCY,
        identifier,
        lambda one, role: (
            one.confirm(principal.id, platform.clock()),
            EmergencyConfirmed(emergency=one.id, role=role),
        ),
    )


def close(platform: Platform, principal: Principal, identifier: EmergencyId) -> tuple[Emergency, Receipt]:
    """It is over: by who opened it, or by who could confirm it. Raises as `confirm` does."""
    return _change(
        platform,
        principal,
        Action.CLOSE_EMERGENCY,
        identifier,
        lambda one, role: (
            one.close(principal.id, platform.clock()),
            EmergencyClosed(emergency=one.id, role=role),
        ),
    )


def review(
    platform: Platform, principal: Principal, identifier: EmergencyId, finding: EmergencyFinding
) -> tuple[Emergency, Receipt]:
    """A third person says what it was, once it is over. Raises as `confirm` does."""
    return _change(
        platform,
        principal,
        Action.REVIEW_EMERGENCY,
        identifier,
        lambda one, role: (
            one.review(principal.id, finding, platform.clock()),
            EmergencyReviewed(emergency=one.id, finding=finding, role=role),
        ),
    )


def get(platform: Platform, principal: Principal, identifier: EmergencyId) -> Emergency:
    """Raises `NotFound`."""
    with platform.view() as view:
        found = view.emergencies.get(identifier)
    permit_to_see(platform, principal, Action.READ_EMERGENCY, _resource(found))
    return found


def listed(platform: Platform, principal: Principal) -> Sequence[Emergency]:
    """Every emergency that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.emergencies.all()
    return [one for one in found if platform.access(principal, Action.READ_EMERGENCY, _resource(one)).allowed]


def because_of(
    platform: Platform, principal: Principal, action: Action, resource: Resource, shelves: View | UnitOfWork
) -> tuple[Resource, EmergencyId | None]:
    """The thing, with the fact that the decision about it may need; and the emergency that it would rest on.

    None where they may do it anyway, or have no emergency in force: then the decision to come is the refusal. Good for
    this moment alone: whoever waits has to ask again.
    """
    if platform.access(principal, action, resource).allowed:
        return resource, None
    found = in_force(shelves.emergencies.all(), principal.id, platform.clock())
    return replace(resource, emergency_open=found is not None), None if found is None else found.id


def _change(
    platform: Platform,
    principal: Principal,
    action: Action,
    identifier: EmergencyId,
    change: Callable[[Emergency, Role], tuple[Emergency, Event]],
) -> tuple[Emergency, Receipt]:
    with (
        refusals_recorded(platform, principal, action, "emergency", identifier),
        platform.work(principal.id) as work,
    ):
        found = work.emergencies.get(identifier)
        decision = require_counting(platform, work, principal, action, _resource(found))
        changed, event = change(found, role_of(decision.because))
        work.emergencies.put(changed)
        work.record(event)
        return changed, work.commit()


def _resource(emergency: Emergency) -> Resource:
    return Resource(kind="emergency", id=emergency.id, author=emergency.opened_by)
