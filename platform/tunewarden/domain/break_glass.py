"""Emergencies: somebody with the role break-glass may stop things for some hours, and is looked at afterwards.

What it opens is small: reading lineage reports, suspending a training request, putting an alias back to a model version
that it named before. It lifts no deny rule. Somebody else confirms it within a quarter of an hour, or it lapses; it is
over after four hours at the latest; and until somebody who neither opened nor confirmed it has reviewed it, whoever
opened it opens no other one.

Nothing runs when a time is up: each decision reads the clock and asks `is_in_force`. Not checked: whether the incident
is in the organisation's own system, which this platform does not know.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, Refused
from tunewarden.domain.names import Action, Digest, EmergencyId, PrincipalId, Role

CONFIRM_WITHIN = timedelta(minutes=15)
LONGEST = timedelta(hours=4)
OPENED_BY_IT = frozenset({Action.READ_LINEAGE, Action.SUSPEND_REQUEST, Action.ROLL_BACK_MODEL})
"""All that somebody may do because of an emergency."""

_INCIDENT = re.compile(r"[A-Z]{2,8}-[0-9]{1,12}", re.ASCII)


class EmergencyReason(StrEnum):
    """Why the glass was broken."""

    HARMFUL_MODEL = "harmful-model"
    DATA_LEAK = "data-leak"
    RUNAWAY_TRAINING = "runaway-training"
    NOBODY_REACHABLE = "nobody-reachable"
    DRILL = "drill"


class EmergencyFinding(StrEnum):
    """What the review says of it."""

    JUSTIFIED = "justified"
    NOT_NEEDED = "not-needed"
    MISUSED = "misused"


class Standing(StrEnum):
    """Where an emergency stands at an instant."""

    OPENED = "opened"
    CONFIRMED = "confirmed"
    LAPSED = "lapsed"
    ENDED = "ended"
    REVIEWED = "reviewed"


NEXT: Mapping[Standing, frozenset[Standing]] = MappingProxyType(
    {
        Standing.OPENED: frozenset({Standing.CONFIRMED, Standing.LAPSED, Standing.ENDED}),
        Standing.CONFIRMED: frozenset({Standing.ENDED}),
        Standing.LAPSED: frozenset({Standing.REVIEWED}),
        Standing.ENDED: frozenset({Standing.REVIEWED}),
        Standing.REVIEWED: frozenset(),
    }
)
"""The state machine is this table. To `LAPSED`, and to `ENDED` after four hours, it goes by the clock alone."""

IN_FORCE = frozenset({Standing.OPENED, Standing.CONFIRMED})
OPEN_TASK = frozenset({Standing.LAPSED, Standing.ENDED})
"""Over, and its review has not been held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """One opening of the glass.

    Attributes:
        incident: of the organisation's incident system, `[A-Z]{2,8}-[0-9]{1,12}`; kept here, and in the log by digest.
        ends_at: when it is over, whatever else happens.
        confirmed_by, closed_by, reviewed_by: None as long as nobody did; `finding` is the reviewer's.
    """

    id: EmergencyId
    opened_by: PrincipalId
    incident: str
    reason: EmergencyReason
    opened_at: datetime
    ends_at: datetime
    confirmed_by: PrincipalId | None = None
    confirmed_at: datetime | None = None
    closed_by: PrincipalId | None = None
    closed_at: datetime | None = None
    reviewed_by: PrincipalId | None = None
    reviewed_at: datetime | None = None
    finding: EmergencyFinding | None = None

    @property
    def confirm_by(self) -> datetime:
        """From this instant on it is no longer in force, unless it was confirmed before."""
        return self.opened_at + CONFIRM_WITHIN

    @property
    def incident_digest(self) -> Digest:
        """What the log has of the incident: it holds the row to its word, and two emergencies of one do not look alike.

        It hides nothing from who has the log: incidents are short, so whoever tries them all finds this one.
        """
        return digest_bytes(f"tunewarden incident\n{self.id}\n{self.incident}".encode())

    def standing(self, now: datetime) -> Standing:
        """Where it stands at an instant, which is not before what was done with it."""
        if self.reviewed_at is not None:
            return Standing.REVIEWED
        if self._lapsed(now):
            return Standing.LAPSED
        if self.closed_at is not None or now >= self.ends_at:
            return Standing.ENDED
        return Standing.OPENED if self.confirmed_at is None else Standing.CONFIRMED

    def is_in_force(self, now: datetime) -> bool:
        """Whether something may be done because of it. Not by a clock that was put back to before it began."""
        return now >= self.opened_at and self.standing(now) in IN_FORCE

    def confirm(self, by: PrincipalId, now: datetime) -> "Emergency":
        """Somebody else says that there is one. Raises `Refused` for who opened it, and `IllegalTransition`."""
        if by == self.opened_by:
            raise _own("confirm")
        return replace(self._to(Standing.CONFIRMED, now), confirmed_by=by, confirmed_at=now)

    def close(self, by: PrincipalId, now: datetime) -> "Emergency":
        """It is over before its time. Raises `IllegalTransition` where it is over already."""
        return replace(self._to(Standing.ENDED, now), closed_by=by, closed_at=now)

    def review(self, by: PrincipalId, finding: EmergencyFinding, now: datetime) -> "Emergency":
        """Somebody who neither opened nor confirmed it says what it was; who closed it may.

        Raises `Refused` for who did, and `IllegalTransition`.
        """
        if by == self.opened_by:
            raise _own("review")
        if by == self.confirmed_by:
            raise Refused(
                "emergency_confirmed_by_you",
                "Who confirmed an emergency does not review it.",
                remedy="A third person has to review it.",
                who=Role.PRIVACY_OFFICER,
            )
        return replace(self._to(Standing.REVIEWED, now), reviewed_by=by, reviewed_at=now, finding=finding)

    def _lapsed(self, now: datetime) -> bool:
        """Whether nobody confirmed it in time. Closed before that, it has ended and not lapsed."""
        until = now if self.closed_at is None else self.closed_at
        return self.confirmed_at is None and until >= self.confirm_by

    def _to(self, standing: Standing, now: datetime) -> "Emergency":
        at = self.standing(now)
        if standing not in NEXT[at]:
            raise IllegalTransition("illegal_transition", f"An emergency that is {at} cannot become {standing}.")
        return self


def opened(
    identifier: EmergencyId,
    by: PrincipalId,
    incident: str,
    reason: EmergencyReason,
    now: datetime,
    earlier: Iterable[Emergency],
) -> Emergency:
    """A new one. `earlier`: all that there were.

    Raises `Malformed` for what is no incident, and `Conflict` where one that they opened has not been reviewed.
    """
    if not _INCIDENT.fullmatch(incident):
        raise Malformed(
            "incident_malformed",
            "An incident is 2 to 8 capital letters, a hyphen and 1 to 12 digits, as the incident system gave it.",
            remedy="Open an incident there, and give its number.",
            param="incident",
        )
    if any(one.opened_by == by and one.standing(now) is not Standing.REVIEWED for one in earlier):
        raise Conflict(
            "emergency_not_reviewed",
            "The last emergency that you opened has not been reviewed.",
            remedy="Ask for its review.",
            who=Role.PRIVACY_OFFICER,
        )
    return Emergency(
        id=identifier, opened_by=by, incident=incident, reason=reason, opened_at=now, ends_at=now + LONGEST
    )


def in_force(emergencies: Iterable[Emergency], by: PrincipalId, now: datetime) -> Emergency | None:
    """The one that somebody opened and that is in force now; there is never a second one. Nobody has another's."""
    return next((one for one in emergencies if one.opened_by == by and one.is_in_force(now)), None)


def _own(what: str) -> Refused:
    return Refused(
        "own_emergency",
        f"Who opened an emergency cannot {what} it.",
        remedy="Somebody else has to.",
        who=f"{Role.APPROVER}, {Role.PRIVACY_OFFICER}" if what == "confirm" else Role.PRIVACY_OFFICER,
    )
