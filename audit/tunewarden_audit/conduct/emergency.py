"""What the log has told of emergencies: who opened, confirmed and reviewed each, until when, and what it opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from tunewarden_audit.conduct.facts import Fact

CONFIRM_WITHIN = timedelta(minutes=15)
LONGEST = timedelta(hours=4)
KINDS = frozenset({"EmergencyOpened", "EmergencyConfirmed", "EmergencyClosed", "EmergencyReviewed"})
"""Types of entries about emergencies themselves."""


@dataclass(slots=True)
class Emergency:
    """One of them.

    Attributes:
        index, opened: of the entry that tells of it.
        ends: when it is over at the latest; None where the entry names no instant.
        over: when it was closed.
    """

    by: str
    index: int
    opened: datetime
    ends: datetime | None
    confirmed_by: str | None = None
    over: datetime | None = None
    is_reviewed: bool = False

    def is_in_force(self, at: datetime) -> bool:
        """Whether something may be done because of it, if what the log says of it is right."""
        if self.over is not None or self.ends is None:
            return False
        until = self.ends if self.confirmed_by is not None else min(self.ends, self.opened + CONFIRM_WITHIN)
        return at < until


@dataclass(slots=True)
class Emergencies:
    """Attributes:
    known: by id.
    last: who opened any -> the id of their last.
    going_back: (alias, model version) that an entry says an alias goes back to, until it moves -> its index.
    named: (alias, model version) that the alias named at some time.
    taken_off: those among them that the alias was taken off since it last named them.
    suspended: requests that are.
    """

    known: dict[str, Emergency] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    going_back: dict[tuple[str, str], int] = field(default_factory=dict)
    named: set[tuple[str, str]] = field(default_factory=set)
    taken_off: set[tuple[str, str]] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)

    def add(self, fact: Fact) -> None:
        """The entry was judged: from here on it is so."""
        match fact.kind:
            case "EmergencyOpened":
                ends = instant(fact["ends_at"])
                self.known[fact["emergency"]] = Emergency(fact.actor, fact.index, fact.at, ends)
                self.last[fact.actor] = fact["emergency"]
            case "EmergencyConfirmed" | "EmergencyClosed" | "EmergencyReviewed":
                self._went_on(fact)
            case "AliasRolledBack":
                self.going_back[fact["alias"], fact["model"]] = fact.index
            case "AliasMoved":
                self.going_back.pop((fact["alias"], fact["model"]), None)
                self.named.add((fact["alias"], fact["model"]))
                self.taken_off.discard((fact["alias"], fact["model"]))
            case "AliasCleared":
                self.taken_off.add((fact["alias"], fact["model"]))
            case "RequestSuspended":
                self.suspended.add(fact["request"])
            case "RequestResumed":
                self.suspended.discard(fact["request"])

    def _went_on(self, fact: Fact) -> None:
        emergency = self.known.get(fact["emergency"])
        if emergency is None:
            return
        match fact.kind:
            case "EmergencyConfirmed":
                emergency.confirmed_by = fact.actor
            case "EmergencyClosed":
                emergency.over = fact.at
            case _:
                emergency.is_reviewed = True


def instant(text: str) -> datetime | None:
    """A time as it stands in entries, in UTC; None for what is none."""
    try:
        found = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc) if text.endswith("Z") and found.tzinfo is None else None
