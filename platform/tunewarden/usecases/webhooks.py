"""Webhooks: administrators say where a project's events are told; `notifying.py` tells them.

An endpoint gets what is about things of its own project, and nothing of another one; one of no project, what is in
none. A message holds an id and nothing about the thing, so who gets it need not be allowed to read it here: whoever
made the endpoint has to be allowed to manage webhooks there, whenever something is told.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from tunewarden.domain.errors import Conflict, Corrupted, Malformed, Refused, TunewardenError, Unavailable
from tunewarden.domain.names import Action, ProjectId, Role, WebhookId
from tunewarden.domain.webhook_events import (
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
)
from tunewarden.domain.webhooks import MOST, Webhook, WebhookType, require_name
from tunewarden.usecases.ports import Access, Envelopes, Platform, Principal, Receipt, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import new, of_webhook
from tunewarden.usecases.webhook_deliveries import Deliveries, Delivery

MAKER_MAY_NOT = "maker-may-not"
CANNOT_BE_OPENED = "cannot-be-opened"
"""Why nothing is sent, where it does not stand in the log: the maker's role is gone, or what seals is another key."""


@dataclass(slots=True)
class Trials:
    """Tests that somebody waits for: one of each endpoint, and few in all, because each holds a thread meanwhile."""

    most: int = 8
    _under_way: set[WebhookId] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def one(self, webhook: WebhookId) -> Iterator[None]:
        """A place for one more. Raises `Conflict` where there is none."""
        with self._lock:
            if webhook in self._under_way or len(self._under_way) >= self.most:
                raise busy()
            self._under_way.add(webhook)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(webhook)


def busy() -> Conflict:
    """What is said where too much waits for the outside already: nobody else may have to wait for it."""
    return Conflict(
        "webhooks_busy",
        "A test of this endpoint, or too many tests and look-ups of host names, are under way.",
        remedy="Ask again in half a minute.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDoor:
    """What webhooks need of the outside.

    Attributes:
        seals: for addresses and secrets.
        public_key: of the signatures that need no shared secret.
        new_secret: a fresh signing secret.
        check: raises `Malformed` or `Refused` for a URL to which nothing is sent, `Conflict` where it cannot look now.
    """

    seals: Envelopes
    public_key: str
    new_secret: Callable[[], str]
    check: Callable[[str], None]
    deliveries: Deliveries
    trials: Trials = field(default_factory=Trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An endpoint with its address in the clear, for who manages it; `secret` only where it is new.

    Attributes:
        url: empty where it cannot be opened.
        ended: why nothing is sent to it; None where something is.
        failing_since: it takes nothing since then; None where it took the last message.
    """

    webhook: Webhook
    url: str
    ended: str | None
    failing_since: datetime | None = None
    secret: str = ""
    receipt: Receipt | None = None


def create(
    platform: Platform,
    door: WebhookDoor | None,
    principal: Principal,
    *,
    name: str,
    url: str,
    types: frozenset[WebhookType],
) -> Shown:
    """An endpoint where this principal acts. It is told of what happens from here on.

    Raises `Refused` where webhooks are off, where the address is one inside, or where there are 20 already;
    `Malformed`, `Conflict`.
    """
    with refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook"):
        permit(platform, principal, Action.MANAGE_WEBHOOKS, new("webhook", principal))
        door = _on(door)
        require_name(name)
        _require_types(types)
        door.check(url)
        identifier, secret, now = WebhookId(platform.new_id("webhook")), door.new_secret(), platform.clock()
        with platform.work(principal.id) as work:
            require_active(work, principal.place)
            if sum(1 for one in work.webhooks.all() if one.project == principal.place) >= MOST:
                raise Refused(
                    "too_many_webhooks",
                    f"A project has {MOST} endpoints at most.",
                    remedy="Delete one.",
                    who=Role.ADMINISTRATOR,
                )
            with platform.view() as view:
                since = view.size()
            webhook = Webhook(
                id=identifier,
                project=principal.place,
                made_by=principal.id,
                made_at=now,
                changed_at=now,
                name=name,
                types=types,
                url=door.seals.seal(url_of(identifier), url.encode()),
                secret=door.seals.seal(secret_of(identifier), secret.encode()),
                since=since,
            )
            work.webhooks.put(webhook)
            work.record(WebhookCreated(webhook=identifier, project=principal.place, types=_sorted(types)))
            return Shown(webhook=webhook, url=url, ended=None, secret=secret, receipt=work.commit())


def listed(platform: Platform, door: WebhookDoor | None, principal: Principal) -> list[Shown]:
    """Those where this principal acts and may manage them, oldest first."""
    if door is None:
        return []
    with platform.view() as view:
        found = [one for one in view.webhooks.all() if one.project == principal.place]
    may = (one for one in found if platform.access(principal, Action.MANAGE_WEBHOOKS, of_webhook(one)).allowed)
    return [_shown(platform, door, one) for one in may]


def get(platform: Platform, door: WebhookDoor | None, principal: Principal, identifier: WebhookId) -> Shown:
    """Raises `NotFound`, `Refused`."""
    with refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook", identifier):
        with platform.view() as view:
            webhook = view.webhooks.get(identifier)
        permit(platform, principal, Action.MANAGE_WEBHOOKS, of_webhook(webhook))
        return _shown(platform, _on(door), webhook)


def change(
    platform: Platform,
    door: WebhookDoor | None,
    principal: Principal,
    identifier: WebhookId,
    *,
    name: str | None,
    url: str | None,
    types: frozenset[WebhookType] | None,
) -> Shown:
    """What is None stays. An endpoint that was disabled is told again once it was changed. Raises as `create` does."""
    with refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook", identifier):
        with platform.view() as view:
            seen = view.webhooks.get(identifier)
        permit(platform, principal, Action.MANAGE_WEBHOOKS, of_webhook(seen))
        door = _on(door)
        if url is not None:  # before the unit of work: looking a name up may take long, and all others would wait
            door.check(url)
        with platform.work(principal.id) as work:
            before = work.webhooks.get(identifier)
            with platform.view() as view:
                since = before.since if before.ended is None else view.size()
            after = replace(
                before,
                name=before.name if name is None else require_name(name),
                types=before.types if types is None else _require_types(types),
                url=before.url if url is None else door.seals.seal(url_of(identifier), url.encode()),
                made_by=principal.id,
                changed_at=platform.clock(),
                ended=None,
                since=since,
            )
            work.webhooks.put(after)
            work.record(WebhookChanged(webhook=identifier, types=_sorted(after.types), moved=url is not None))
            receipt = work.commit()
    _begin_anew(door, identifier)
    return replace(_shown(platform, door, after), receipt=receipt)


def rotate(
    platform: Platform, door: WebhookDoor | None, principal: Principal, identifier: WebhookId, *, keep_old: bool
) -> Shown:
    """A new signing secret; the one before signs along for 24 hours where it is kept. Raises as `get` does."""
    with (
        refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook", identifier),
        platform.work(principal.id) as work,
    ):
        before = work.webhooks.get(identifier)
        permit(platform, principal, Action.MANAGE_WEBHOOKS, of_webhook(before))
        door = _on(door)
        secret = door.new_secret()
        sealed = door.seals.seal(secret_of(identifier), secret.encode())
        after = before.rotated(sealed, platform.clock(), keep_old=keep_old)
        work.webhooks.put(after)
        work.record(WebhookSecretRotated(webhook=identifier, former_until=after.former_until))
        receipt = work.commit()
    _begin_anew(door, identifier)
    return replace(_shown(platform, door, after), secret=secret, receipt=receipt)


def _begin_anew(door: WebhookDoor, identifier: WebhookId) -> None:
    """How the endpoint failed before says nothing of it any more; so it is told at once, and not when that asked to."""
    with suppress(TunewardenError):  # the change is done; the notifier forgets it, too
        door.deliveries.put_failing(identifier, None)


def delete(platform: Platform, door: WebhookDoor | None, principal: Principal, identifier: WebhookId) -> Receipt:
    """Its row is gone, with its address and secrets, and what waited for it. Raises as `get` does."""
    with (
        refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook", identifier),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.MANAGE_WEBHOOKS, of_webhook(work.webhooks.get(identifier)))
        work.webhooks.remove(identifier)
        work.record(WebhookDeleted(webhook=identifier))
        receipt = work.commit()
    if door is not None:
        with suppress(TunewardenError):  # it is done; what waits for an endpoint that is gone is sent nowhere
            door.deliveries.clear(identifier)
    return receipt


def send_test(
    platform: Platform,
    door: WebhookDoor | None,
    principal: Principal,
    identifier: WebhookId,
    kind: WebhookType,
    answer: Callable[[Deliveries, Delivery], int],
) -> int:
    """A test message waits to be sent: the status that came, 0 for none.

    Args:
        answer: waits for it. Only few wait at once, and one for each endpoint.

    Raises as `get` does; `Refused` where nothing is sent to the endpoint, `Conflict` where too many tests are under
    way, and what `answer` raises.
    """
    shown = get(platform, door, principal, identifier)
    with refusals_recorded(platform, principal, Action.MANAGE_WEBHOOKS, "webhook", identifier):
        if shown.ended is not None:
            raise Refused(
                "webhook_disabled",
                "Nothing is sent to the endpoint.",
                remedy="Read why, and change it: it is told again by whoever changed it.",
                who=Role.ADMINISTRATOR,
            )
    door = _on(door)
    with door.trials.one(identifier):
        test = _test(platform, identifier, kind)
        door.deliveries.put_test(test)
        return answer(door.deliveries, test)


def _test(platform: Platform, identifier: WebhookId, kind: WebhookType) -> Delivery:
    now = platform.clock()
    return Delivery(
        webhook=identifier,
        message=platform.new_id("evt"),
        entry=None,
        type=kind,
        about="test",
        at=now,
        attempts=0,
        next_at=now,
    )


def _on(door: WebhookDoor | None) -> WebhookDoor:
    if door is None:
        raise Refused(
            "webhooks_off",
            "This platform sends no webhooks.",
            remedy="Have TUNEWARDEN_WEBHOOKS set, or follow a job with `stream=true`.",
            who=Role.ADMINISTRATOR,
        )
    return door


def maker_may(view: View, access: Access, webhook: Webhook) -> bool:
    """Whether who made the endpoint, or changed it last, may manage it still.

    Raises `Unavailable` where the access policy cannot be asked now: that is no answer.
    """
    maker = view.principals.find(webhook.made_by)
    if maker is None or maker.revoked:
        return False
    decision = access(maker, Action.MANAGE_WEBHOOKS, of_webhook(webhook))
    if decision.stale or decision.because == "error":
        raise Unavailable("policy_unavailable", "The access policy could not be asked.", remedy="Ask again.")
    return decision.allowed


def url_of(identifier: WebhookId) -> str:
    """What an envelope with the endpoint's address is about."""
    return f"{identifier} url"


def secret_of(identifier: WebhookId) -> str:
    """The same for its secrets: one cannot be laid in the other's place."""
    return f"{identifier} secret"


def _shown(platform: Platform, door: WebhookDoor, webhook: Webhook) -> Shown:
    """Never fails: what was done is answered as done, and what cannot be opened can be found and deleted."""
    is_told, failing = True, None
    with suppress(Unavailable), platform.view() as view:
        is_told = maker_may(view, platform.access, webhook)
    with suppress(Unavailable):
        failing = door.deliveries.failing(webhook.id)
    ended = webhook.ended or (None if is_told else MAKER_MAY_NOT)
    since = failing.since if failing is not None and failing.changed_at == webhook.changed_at else None
    try:
        url = door.seals.open(url_of(webhook.id), webhook.url).decode()
    except Corrupted:
        url, ended = "", CANNOT_BE_OPENED
    return Shown(webhook=webhook, url=url, ended=ended, failing_since=since)


def _require_types(types: frozenset[WebhookType]) -> frozenset[WebhookType]:
    if not types:
        raise Malformed("types_missing", "An endpoint is told of at least one type of event.", param="event_types")
    return types


def _sorted(types: frozenset[WebhookType]) -> tuple[WebhookType, ...]:
    return tuple(sorted(types))


def of_project(found: Sequence[Webhook], project: ProjectId) -> list[Webhook]:
    """Those of this project to which something is sent."""
    return [one for one in found if one.is_live and one.project == project]
