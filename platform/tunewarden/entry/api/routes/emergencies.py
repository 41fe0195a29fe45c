"""/v1/emergencies: breaking the glass, confirming it, and looking at it afterwards."""

from tunewarden.domain.break_glass import Emergency, EmergencyFinding, EmergencyReason
from tunewarden.domain.canonical import instant_text
from tunewarden.domain.names import EmergencyId
from tunewarden.entry.api.caller import Asking, Called, Caller
from tunewarden.entry.api.organization_pages import After, Limit, paged
from tunewarden.entry.api.schemas import Json, Strict, Word, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import emergencies
from tunewarden.usecases.ports import Receipt

router = Routes(prefix="/v1/emergencies", tags=["emergencies"])


class EmergencyIn(Strict):
    """`incident`: its number in your incident system, like INC-4711."""

    incident: Word
    reason: EmergencyReason


class ReviewIn(Strict):
    """What the review says."""

    finding: EmergencyFinding


@router.post("", summary="Break the glass")
def open_(called: Called, body: EmergencyIn) -> Json:
    """In force at once, for 15 minutes, and for four hours where somebody else confirms it within these.

    It lets you read lineage reports, suspend training requests, and put an alias back to a model version that it named
    before; nothing else, and no deny rule gives way. Everything is flagged, and you open no other one before this one
    was reviewed.
    """
    return _answer(called, *emergencies.open_(called.platform, called.principal, body.incident, body.reason))


@router.get("", summary="Emergencies")
def listed(called: Asking, after: After = None, limit: Limit = 20) -> Json:
    """Those that you may see, newest first; `standing` is as of now."""
    found = emergencies.listed(called.platform, called.principal)
    return paged(found, lambda one: _out(called, one), lambda one: one.id, after, limit, "desc")


@router.get("/{emergency_id}", summary="One emergency")
def get(called: Asking, emergency_id: str) -> Json:
    """Who opened it, for which incident, and how it went on."""
    return _out(called, emergencies.get(called.platform, called.principal, EmergencyId(emergency_id)))


@router.post("/{emergency_id}/confirm", summary="Confirm an emergency")
def confirm(called: Called, emergency_id: str) -> Json:
    """By somebody else, within 15 minutes of its opening."""
    return _answer(called, *emergencies.confirm(called.platform, called.principal, EmergencyId(emergency_id)))


@router.post("/{emergency_id}/close", summary="Close an emergency")
def close(called: Called, emergency_id: str) -> Json:
    """It is over from now on; by who opened it, or by who could confirm it."""
    return _answer(called, *emergencies.close(called.platform, called.principal, EmergencyId(emergency_id)))


@router.post("/{emergency_id}/review", summary="Review an emergency")
def review(called: Called, emergency_id: str, body: ReviewIn) -> Json:
    """By a third person, once it is over."""
    done = emergencies.review(called.platform, called.principal, EmergencyId(emergency_id), body.finding)
    return _answer(called, *done)


def _answer(called: Caller, emergency: Emergency, receipt: Receipt) -> Json:
    return {**_out(called, emergency), "receipt": receipt_out(receipt)}


def _out(called: Caller, emergency: Emergency) -> Json:
    times = {
        "confirmed_at": emergency.confirmed_at,
        "closed_at": emergency.closed_at,
        "reviewed_at": emergency.reviewed_at,
    }
    return {
        "id": emergency.id,
        "object": "emergency",
        "standing": emergency.standing(called.platform.clock()),
        "incident": emergency.incident,
        "reason": emergency.reason,
        "opened_by": emergency.opened_by,
        "opened_at": instant_text(emergency.opened_at),
        "confirm_by": instant_text(emergency.confirm_by),
        "ends_at": instant_text(emergency.ends_at),
        "confirmed_by": emergency.confirmed_by,
        "closed_by": emergency.closed_by,
        "reviewed_by": emergency.reviewed_by,
        **{name: None if at is None else instant_text(at) for name, at in times.items()},
        "finding": emergency.finding,
    }
