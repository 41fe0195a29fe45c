"""Emergencies in plain words, and where they touched a model version."""

from collections.abc import Iterator, Mapping

from tunewarden.domain.break_glass import EmergencyFinding, EmergencyReason, Standing
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyClosed,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.events import Event
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import ModelId
from tunewarden.entry.report.facts import Said, indices, of
from tunewarden.entry.report.figures import instant, short

STANDINGS: Mapping[Standing, str] = {
    Standing.OPENED: "in force, and nobody else has confirmed it",
    Standing.CONFIRMED: "in force, confirmed by somebody else",
    Standing.LAPSED: "lapsed, because nobody confirmed it in time; it waits for its review",
    Standing.ENDED: "over; it waits for its review",
    Standing.REVIEWED: "reviewed",
}
REASONS: Mapping[EmergencyReason, str] = {
    EmergencyReason.HARMFUL_MODEL: "a model does harm",
    EmergencyReason.DATA_LEAK: "personal data get out",
    EmergencyReason.RUNAWAY_TRAINING: "a training has to stop",
    EmergencyReason.NOBODY_REACHABLE: "nobody who may act could be reached",
    EmergencyReason.DRILL: "a drill",
}
FINDINGS: Mapping[EmergencyFinding, str] = {
    EmergencyFinding.JUSTIFIED: "it was justified",
    EmergencyFinding.NOT_NEEDED: "it was not needed",
    EmergencyFinding.MISUSED: "it was misused",
}
ACTS: Mapping[type[Event], str] = {
    EmergencyOpened: "opened an emergency",
    EmergencyConfirmed: "confirmed an emergency",
    EmergencyClosed: "closed an emergency",
    EmergencyReviewed: "reviewed an emergency",
    EmergencyUsed: "read this report in an emergency",
    RequestSuspended: "suspended the training",
    RequestResumed: "let the training go on",
    AliasRolledBack: "put an alias back",
}


def told_of(event: Event, model: ModelId) -> str:
    """A line of the time line of this model version; empty for what is no intervention."""
    match event:
        case EmergencyOpened(reason=reason):
            return f"Emergency: opened one, because {REASONS[reason]}"
        case EmergencyConfirmed():
            return "Emergency: confirmed that there is one"
        case EmergencyClosed():
            return "Emergency: closed it"
        case EmergencyReviewed(finding=finding):
            return f"Emergency: reviewed it, and found that {FINDINGS[finding]}"
        case EmergencyUsed():
            return "Emergency: read this report because of it"
        case RequestSuspended(emergency=emergency):
            return "Suspended the training request" + _because(emergency)
        case RequestResumed():
            return "Let the suspended training request go on"
        case AliasRolledBack(alias=alias, model=named, previous=previous, emergency=emergency):
            way = f"back to this model version, from {short(previous)}"
            way = way if named == model else f"back from this model version, to {short(named)}"
            return f"Put the alias {alias} {way}" + _because(emergency)
    return ""


def emergencies(report: LineageReport) -> tuple[Said, ...]:
    """Each emergency that touched the model version, in one sentence with what became of it."""
    return tuple(_told(report))


def _told(report: LineageReport) -> Iterator[Said]:
    confirmed = {event.emergency: entry for entry, event in of(report.interventions, EmergencyConfirmed)}
    reviewed = {event.emergency: (entry, event) for entry, event in of(report.interventions, EmergencyReviewed)}
    for entry, event in of(report.interventions, EmergencyOpened):
        other, review = confirmed.get(event.emergency), reviewed.get(event.emergency)
        others = [one for one in (other, None if review is None else review[0]) if one is not None]
        yield Said(
            f"An emergency was opened at {instant(entry.at)}, because {REASONS[event.reason]}; "
            f"{'nobody confirmed it' if other is None else f'somebody else confirmed it at {instant(other.at)}'}; "
            + (
                "it has not been reviewed." if review is None else f"a review found that {FINDINGS[review[1].finding]}."
            ),
            indices((entry, *others)),
        )


def _because(emergency: str | None) -> str:
    return "" if emergency is None else ", because of an emergency"
