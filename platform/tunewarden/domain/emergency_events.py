"""Facts about emergencies and what they open: a part of the closed set of `events.py`, under the same law.

Whatever was done because of an emergency says which one. Suspending and going back may be done without one too. `role`
is that in which the access policy let somebody do it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tunewarden.domain.break_glass import EmergencyFinding, EmergencyReason
from tunewarden.domain.canonical import LATER
from tunewarden.domain.names import Action, Alias, Digest, EmergencyId, ModelId, PromotionId, RequestId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyOpened:
    """Somebody broke the glass. `incident` is `Emergency.incident_digest`; it is over at `ends_at` at the latest."""

    emergency: EmergencyId
    reason: EmergencyReason
    incident: Digest
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyConfirmed:
    """Somebody else said that there is one."""

    emergency: EmergencyId
    role: Role | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyClosed:
    """It was over before its time."""

    emergency: EmergencyId
    role: Role | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyReviewed:
    """Somebody who neither opened nor confirmed it looked at what was done."""

    emergency: EmergencyId
    finding: EmergencyFinding
    role: Role | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyUsed:
    """Something about a model version that leaves no entry of its own was allowed because of an emergency."""

    emergency: EmergencyId
    action: Action
    model: ModelId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSuspended:
    """No step of the request begins or goes on; its reservation stays. `emergency`: None where it took none."""

    request: RequestId
    emergency: EmergencyId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestResumed:
    """A suspended request goes on."""

    request: RequestId
    role: Role | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRolledBack:
    """An alias goes back from `previous` to a model version that it named before; the `AliasMoved` after it says so.

    By one person because of an `emergency`, or by two as the `promotion` says: exactly one of them is there.
    """

    alias: Alias
    model: ModelId
    previous: ModelId
    emergency: EmergencyId | None
    promotion: PromotionId | None


EmergencyEvent = (
    EmergencyOpened
    | EmergencyConfirmed
    | EmergencyClosed
    | EmergencyReviewed
    | EmergencyUsed
    | RequestSuspended
    | RequestResumed
    | AliasRolledBack
)
