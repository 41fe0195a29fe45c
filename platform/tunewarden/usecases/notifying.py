"""Telling endpoints what happened: the log is looked through, messages are queued, and each becomes delivered or not.

At least once: a message is taken out of the queue after it was delivered, so a process that dies in between delivers it
again, under the same id. What is queued is what an endpoint may get when its turn in the log comes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from tunewarden.domain.canonical import Plain, encode
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import NotFound
from tunewarden.domain.events import Event
from tunewarden.domain.names import ErasureId, ModelId, PrincipalId, ProjectId, PromotionId, RequestId, WebhookId
from tunewarden.domain.webhook_events import WebhookDisabled, WebhookEvent, WebhookGivenUp
from tunewarden.domain.webhook_holds import Answer
from tunewarden.domain.webhooks import Notice, Webhook, WebhookEnd, due, failed_again, notices
from tunewarden.usecases.ports import Access, Clock, View, Views, Work
from tunewarden.usecases.webhook_deliveries import MOST_WAITING, Deliveries, Delivery
from tunewarden.usecases.webhooks import maker_may, of_project

NOTIFIER = PrincipalId("notifier")
_AT_ONCE = 500
_GONE = 410
_PUT_OFF = timedelta(seconds=5)

Attempt = Callable[[Webhook, Delivery, bytes], Answer]
"""(endpoint, message, body) -> what the endpoint answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """What telling needs.

    Attributes:
        attempt: sends a message. Never raises for what happens outside; `Corrupted` where it cannot be sent from here.
        share: a number from 0 up to 1, at random.
        most_waiting: for one endpoint; one for which more waits is disabled.
    """

    work: Work
    view: Views
    access: Access
    clock: Clock
    deliveries: Deliveries
    attempt: Attempt
    share: Callable[[], float]
    most_waiting: int = MOST_WAITING


def collect(notifier: Notifier) -> bool:
    """Queue what the next entries of the log mean; whether there were any.

    The first time, it begins where the first endpoint was made: what happened since then is told. Raises `Unavailable`
    where the access policy cannot be asked; then nothing is queued or passed over.
    """
    with notifier.view() as view:
        size, place = view.size(), notifier.deliveries.place()
        if place is not None and size <= place:
            return False
        endpoints = [one for one in view.webhooks.all() if one.is_live]
        if place is None:
            place = min((one.since for one in endpoints), default=size)
        if size <= place:
            return False
        stop = min(size, place + _AT_ONCE)
        found = _found(notifier, view, endpoints, place, stop) if endpoints else []
    notifier.deliveries.put(found, stop)
    _disable_full(notifier, endpoints)
    return True


def deliver(notifier: Notifier, delivery: Delivery) -> None:
    """One attempt, and what follows from it.

    Raises `Unavailable` as `collect` does, and what `attempt` raises; the message waits then.
    """
    with notifier.view() as view:
        webhook = view.webhooks.find(delivery.webhook)
        is_asked_for = webhook is not None and (delivery.entry is None or delivery.type in webhook.types)
        is_wanted = webhook is not None and is_asked_for and _may_be_told(notifier, view, webhook)
    if webhook is None or not is_wanted:
        if delivery.entry is None:
            notifier.deliveries.answered(replace(delivery, status=0))
        elif webhook is None:
            notifier.deliveries.clear(delivery.webhook)  # whoever deleted it may not have come to that
        else:
            notifier.deliveries.done(delivery)
        return
    answer = notifier.attempt(webhook, delivery, body_of(delivery))
    if answer.is_taken and notifier.deliveries.failing(webhook.id) is not None:
        notifier.deliveries.put_failing(webhook.id, None)
    if delivery.entry is None:
        notifier.deliveries.answered(replace(delivery, status=answer.status))
        return
    if answer.is_taken:
        notifier.deliveries.done(delivery)
    elif answer.status == _GONE:
        _disable(notifier, webhook, WebhookEnd.GONE)
    else:
        _not_taken(notifier, webhook, delivery, answer)


def _not_taken(notifier: Notifier, webhook: Webhook, delivery: Delivery, answer: Answer) -> None:
    """The endpoint did not take it. Once it has taken nothing for days, nothing more is sent to it."""
    is_given_up = failed(notifier, delivery)
    now, before = notifier.clock(), notifier.deliveries.failing(webhook.id)
    failing = failed_again(before, webhook, answer, now, notifier.share(), is_given_up=is_given_up)
    notifier.deliveries.put_failing(webhook.id, failing)
    _forget_former(notifier, webhook.id)  # after that was written: whoever deletes or changes it now forgets it, too
    if is_given_up and failing.is_over(now):
        _disable(notifier, webhook, WebhookEnd.KEPT_FAILING)


def put_right(notifier: Notifier) -> None:
    """Forget what nobody came to forget: whoever deleted, changed or disabled an endpoint may have ended just then."""
    for identifier in notifier.deliveries.endpoints():
        _forget_former(notifier, identifier)


def _forget_former(notifier: Notifier, identifier: WebhookId) -> None:
    """All that is kept of an endpoint that is not there; and of one that was changed, how it failed before."""
    with notifier.view() as view:
        there = view.webhooks.find(identifier)
    failing = notifier.deliveries.failing(identifier)
    if there is None:
        notifier.deliveries.clear(identifier)
    elif failing is not None and failing.changed_at != there.changed_at:
        notifier.deliveries.put_failing(identifier, None)


def failed(notifier: Notifier, delivery: Delivery) -> bool:
    """An attempt came to nothing: there is another one later, or it is given up, and then true. A test is tried once.

    Nothing that failed here is held against an endpoint: neither a crash, which is an attempt, nor what cannot be
    opened, which is none (`put_off`).
    """
    if delivery.entry is None:
        notifier.deliveries.answered(replace(delivery, status=0))
        return False
    attempts, now = delivery.attempts + 1, notifier.clock()
    again = due(attempts, now, notifier.share())
    if again is not None:
        notifier.deliveries.again(replace(delivery, attempts=attempts, next_at=again))
        return False
    _record(notifier, WebhookGivenUp(webhook=delivery.webhook, entry=delivery.entry, attempts=attempts))
    notifier.deliveries.done(delivery)
    return True


def put_off(notifier: Notifier, delivery: Delivery) -> None:
    """It could not be tried: it waits a little, so that it is not tried for ever with nothing in between."""
    notifier.deliveries.again(replace(delivery, next_at=notifier.clock() + _PUT_OFF))


def body_of(delivery: Delivery) -> bytes:
    """The message: the kind of event, when, and an id; the same bytes at each attempt."""
    message: dict[str, Plain] = {
        "id": delivery.message,
        "object": "event",
        "type": delivery.type,
        "created_at": int(delivery.at.timestamp()),
        "data": {"id": delivery.about},
    }
    return encode(message)


def _found(notifier: Notifier, view: View, endpoints: Sequence[Webhook], place: int, stop: int) -> list[Delivery]:
    found: list[Delivery] = []
    for entry, before in _with_before(view.entries(max(0, place - 1), stop)):
        if entry.index < place:
            continue
        for position, notice in enumerate(notices(entry.event, before)):
            project = _project_of(view, notice)
            if project is None:
                continue
            for webhook in of_project(endpoints, project):
                is_its = notice.type in webhook.types and entry.index >= webhook.since
                if is_its and _may_be_told(notifier, view, webhook):
                    found.append(_delivery(webhook, entry, position, notice, notifier.clock()))
    return found


def _with_before(entries: Iterable[Entry]) -> Iterable[tuple[Entry, Event | None]]:
    before: Entry | None = None
    for entry in entries:
        is_next = before is not None and before.index == entry.index - 1
        yield entry, before.event if before is not None and is_next else None
        before = entry


def _delivery(webhook: Webhook, entry: Entry, position: int, notice: Notice, now: datetime) -> Delivery:
    return Delivery(
        webhook=webhook.id,
        message=f"evt-{entry.index}-{position}",
        entry=entry.index,
        type=notice.type,
        about=notice.id,
        at=entry.at,
        attempts=0,
        next_at=now,
    )


def _project_of(view: View, notice: Notice) -> ProjectId | None:
    """In which project the thing is; None where it is not there any more."""
    try:
        match notice.kind:
            case "request":
                return view.requests.get(RequestId(notice.id)).project
            case "model":
                return view.models.get(ModelId(notice.id)).project
            case "promotion":
                return view.models.get(view.promotions.get(PromotionId(notice.id)).model).project
            case _:
                return view.datasets.get(view.erasures.get(ErasureId(notice.id)).dataset).project
    except NotFound:
        return None


def _may_be_told(notifier: Notifier, view: View, webhook: Webhook) -> bool:
    """Whether the endpoint is live, and who manages it may do so still. Raises as `maker_may` does."""
    return webhook.is_live and maker_may(view, notifier.access, webhook)


def _disable_full(notifier: Notifier, endpoints: Iterable[Webhook]) -> None:
    for webhook in endpoints:
        if notifier.deliveries.waiting(webhook.id) > notifier.most_waiting:
            _disable(notifier, webhook, WebhookEnd.TOO_MUCH_WAITS)


def _disable(notifier: Notifier, webhook: Webhook, because: WebhookEnd) -> None:
    """Unless it was changed meanwhile: then it is another address, or somebody said so knowing what it answered."""
    with notifier.work(NOTIFIER) as work:
        if work.webhooks.find(webhook.id) != webhook:
            return
        work.webhooks.put(webhook.disabled(because, notifier.clock()))
        work.record(WebhookDisabled(webhook=webhook.id, because=because))
        work.commit()
    notifier.deliveries.clear(webhook.id)


def _record(notifier: Notifier, event: WebhookEvent) -> None:
    with notifier.work(NOTIFIER) as work:
        work.record(event)
        work.commit()


def waiting(notifier: Notifier, busy: frozenset[str]) -> Sequence[Delivery]:
    """What is due now, at most one for each endpoint that is not being told something at this moment."""
    found = (one for one in notifier.deliveries.due(notifier.clock()) if one.webhook not in busy)
    return list(islice(found, _AT_ONCE))
