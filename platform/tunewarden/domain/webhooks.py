"""Webhooks: where a project's owners want to be told that something happened, by an id and nothing about it.

What is sent is thin (Standard Webhooks 1.0.0, "payload structure"): the kind of event, when, and the id of the thing.
Who gets it reads the rest with a key of their own, or does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from tunewarden.domain.emergency_events import AliasRolledBack
from tunewarden.domain.erasure_events import ErasureAsked, PersonErased
from tunewarden.domain.errors import IllegalTransition, Malformed
from tunewarden.domain.events import AliasMoved, Event, GateJudged, PromotionApproved, PromotionProposed
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PrincipalId, ProjectId, WebhookId
from tunewarden.domain.request_events import RequestApproved, RequestEnded, RequestSubmitted
from tunewarden.domain.training import State
from tunewarden.domain.webhook_holds import Answer, hold
from tunewarden.domain.webhook_words import WebhookEnd as WebhookEnd, WebhookType as WebhookType

MOST = 20
"""Of one project."""
OVERLAP = timedelta(hours=24)
_LONGEST_NAME = 128

PAUSES: tuple[timedelta, ...] = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""How long after the attempt before each one is made, the first at once (Standard Webhooks 1.0.0); then it is given up.

Up to a tenth is added at random, so that what failed together does not come back together.
"""


FAILING_DAYS = timedelta(days=5)
MOST_GIVEN_UP = 3
"""An endpoint is disabled where so many messages in a row were given up, the first failure is so long ago, and it took
nothing in between. Standard Webhooks 1.0.0 recommend to disable what fails "consistently over a long period of time",
and leave open how long. One message is tried for 3.2 to 3.5 days (`PAUSES`): five are more than a long weekend without
anybody who mends it, and three messages are more than the odd one that a receiver cannot read while it takes others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint of a project; `EVERYWHERE`: of what is in no project.

    Attributes:
        made_by: nothing is sent once they may not manage webhooks here any more.
        name: for screens only, never logged.
        url, secret, former: sealed; `former` is a secret that was replaced and signs along until `former_until`.
        since: entries of the log before this index are not told.
        ended: why it is disabled; None while it is not.
    """

    id: WebhookId
    project: ProjectId
    made_by: PrincipalId
    made_at: datetime
    changed_at: datetime
    name: str
    types: frozenset[WebhookType]
    url: str = field(repr=False)
    secret: str = field(repr=False)
    since: int
    former: str | None = field(default=None, repr=False)
    former_until: datetime | None = None
    ended: WebhookEnd | None = None

    @property
    def is_live(self) -> bool:
        """Whether anything is sent to it."""
        return self.ended is None

    def rotated(self, secret: str, now: datetime, *, keep_old: bool) -> "Webhook":
        """With this secret; the one before signs along for a day where it is kept."""
        former, until = (self.secret, now + OVERLAP) if keep_old else (None, None)
        return replace(self, secret=secret, former=former, former_until=until, changed_at=now)

    def disabled(self, because: WebhookEnd, now: datetime) -> "Webhook":
        """Nothing is sent to it any more. Raises `IllegalTransition` where that is so already."""
        if not self.is_live:
            raise IllegalTransition("webhook_disabled", "Nothing is sent to the endpoint any more.")
        return replace(self, ended=because, changed_at=now)

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Sealed, those that sign now."""
        is_kept = self.former is not None and self.former_until is not None and now < self.former_until
        return (self.secret, self.former) if is_kept and self.former is not None else (self.secret,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """That an endpoint took nothing since some moment.

    Attributes:
        changed_at: of the endpoint that failed. Once somebody changed it, that says nothing of it any more.
        since: when the first of these attempts failed.
        given_up: how many messages were given up meanwhile.
        held_until: nothing but tests is sent before then, because the endpoint asked for that; None where it did not.
    """

    changed_at: datetime
    since: datetime
    given_up: int = 0
    held_until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether nothing more is sent to the endpoint."""
        return self.given_up >= MOST_GIVEN_UP and now - self.since >= FAILING_DAYS


def failed_again(
    before: Failing | None, webhook: Webhook, answer: Answer, now: datetime, share: float, *, is_given_up: bool
) -> Failing:
    """With one more attempt that failed, the last one of its message or not; from here on, if it was changed since.

    `share`: at random, from 0 up to 1.
    """
    if before is None or before.changed_at != webhook.changed_at:
        before = Failing(changed_at=webhook.changed_at, since=now)
    pause = hold(answer, before.since, now, share)
    until = None if pause is None else now + pause
    return replace(before, given_up=before.given_up + is_given_up, held_until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an entry of the log means to endpoints: of which type, and about which thing of which kind."""

    type: WebhookType
    kind: str
    id: str


_ENDED: Mapping[State, tuple[WebhookType, ...]] = MappingProxyType(
    {
        State.MEASURED: (WebhookType.JOB_SUCCEEDED,),
        State.CANCELLED: (WebhookType.JOB_CANCELLED,),
        State.REJECTED: (WebhookType.JOB_FAILED, WebhookType.APPROVAL_DENIED),
        State.BLOCKED: (WebhookType.JOB_FAILED,),
        State.FAILED: (WebhookType.JOB_FAILED,),
    }
)


def notices(event: Event, before: Event | None = None) -> tuple[Notice, ...]:
    """What an entry means; nothing where no endpoint is told of it.

    `before` is the entry just before it, where it has a body: an alias that goes back is one that moves, too.
    """
    match event:
        case RequestSubmitted(request=request):
            return _about("request", request, WebhookType.APPROVAL_REQUESTED)
        case RequestApproved(request=request):
            return _about("request", request, WebhookType.APPROVAL_GRANTED)
        case RequestEnded(request=request, state=state):
            return _about("request", request, *_ENDED[state])
        case GateJudged(request=request, outcome=outcome) if outcome is not Outcome.PASS:
            return _about("request", request, WebhookType.GATE_FAILED)
        case PromotionProposed(promotion=promotion, outcome=Outcome.PASS):
            return _about("promotion", promotion, WebhookType.APPROVAL_REQUESTED)
        case PromotionApproved(promotion=promotion):
            return _about("promotion", promotion, WebhookType.APPROVAL_GRANTED)
        case AliasMoved(model=model):
            is_back = isinstance(before, AliasRolledBack)
            return _about("model", model, WebhookType.MODEL_ROLLED_BACK if is_back else WebhookType.MODEL_PROMOTED)
        case ErasureAsked(erasure=erasure):
            return _about("erasure", erasure, WebhookType.ERASURE_REQUESTED)
        case PersonErased(erasure=erasure):
            return _about("erasure", erasure, WebhookType.ERASURE_COMPLETED)
    return ()


def _about(kind: str, identifier: str, *types: WebhookType) -> tuple[Notice, ...]:
    return tuple(Notice(type=one, kind=kind, id=identifier) for one in types)


def require_name(name: str) -> str:
    """The same. Raises `Malformed` for one that is empty, too long or has control characters."""
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise Malformed(
            "webhook_name_malformed",
            f"A name has 1 to {_LONGEST_NAME} characters, and no control characters.",
            param="name",
        )
    return name


def due(attempts: int, now: datetime, share: float) -> datetime | None:
    """When the next attempt is made after so many; None where it is given up. `share`: at random, from 0 up to 1."""
    if attempts >= len(PAUSES):
        return None
    return now + PAUSES[attempts] * (1 + share / 10)
