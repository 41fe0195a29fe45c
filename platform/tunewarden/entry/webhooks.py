"""Webhooks put together: the door of the api, and the notifier, a process that reaches the outside and signs no log."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Engine

from tunewarden.domain.errors import Corrupted, Malformed, TunewardenError, Unavailable
from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_holds import Answer
from tunewarden.domain.webhooks import Webhook
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_webhooks import SqlDeliveries
from tunewarden.drivers.stored_policies import StoredPolicies
from tunewarden.drivers.webhook_addresses import (
    Allowed,
    Lookups,
    Resolve,
    addresses,
    read_allowed,
    read_url,
    refused,
    system_resolve,
)
from tunewarden.drivers.webhook_posting import Send, Sender
from tunewarden.drivers.webhook_seals import WebhookSeals, new_secret
from tunewarden.entry import key_files
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.settings import Settings
from tunewarden.usecases import notifying
from tunewarden.usecases.binding import bound
from tunewarden.usecases.notifying import Notifier
from tunewarden.usecases.ports import Clock
from tunewarden.usecases.webhook_deliveries import Delivery
from tunewarden.usecases.webhooks import WebhookDoor, secret_of, url_of

_AT_ONCE = 64
"""Endpoints that are told something at the same time. More than so many slow ones would keep others waiting."""
_PAUSE_AFTER_A_CRASH_SECONDS = 2.0
_TYPE = "application/json"


def door(settings: Settings, engine: Engine, resolve: Resolve = system_resolve) -> WebhookDoor | None:
    """What the api needs for webhooks; None where they are off. Raises as `key_files.secret` and `read_allowed` do."""
    if not settings.webhooks:
        return None
    seals, allowed = (
        WebhookSeals(key_files.secret(settings, key_files.WEBHOOKS)),
        read_allowed(settings.webhook_allowed),
    )
    lookups = Lookups(resolve)

    def check(url: str) -> None:
        try:
            addresses(read_url(url), allowed, lookups)
        except Unavailable:  # the same as for a name inside: nobody learns here which names there are
            raise refused() from None

    return WebhookDoor(
        seals=seals,
        public_key=seals.public_key,
        new_secret=new_secret,
        check=check,
        deliveries=SqlDeliveries(engine),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`usecases.notifying.Attempt`: checks the address, signs, sends."""

    seals: WebhookSeals
    allowed: Allowed
    clock: Clock
    send: Send
    resolve: Resolve = system_resolve

    def __call__(self, webhook: Webhook, delivery: Delivery, body: bytes) -> Answer:
        """The address is looked up here, and what is connected to is what was looked up.

        Raises `Corrupted` where address or secret cannot be opened: the key here is another one, or the row is broken.
        """
        now = self.clock()
        timestamp = int(now.timestamp())
        try:
            target = read_url(self.seals.open(url_of(webhook.id), webhook.url).decode())
            shared = [self.seals.open(secret_of(webhook.id), one).decode() for one in webhook.secrets(now)]
            there = addresses(target, self.allowed, self.resolve)
            headers = {
                "content-type": _TYPE,
                "user-agent": "Tunewarden",
                "webhook-id": delivery.message,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": self.seals.signatures(delivery.message, timestamp, body, shared),
            }
            answer = self.send(target, there[0], headers, body)
        except Corrupted:
            raise  # nobody was asked, so it is no attempt: the message waits for whoever mends it here
        except TunewardenError as error:
            logger.warning("webhook_failed", webhook=webhook.id, code=error.code, attempts=delivery.attempts + 1)
            return Answer(status=0)
        logger.info("webhook_sent", webhook=webhook.id, status=answer.status, attempts=delivery.attempts + 1)
        return answer


@dataclass(slots=True)
class Turns:
    """Looks through the log and has each endpoint told in a thread of its own, so that none waits for another one."""

    notifier: Notifier
    pool: ThreadPoolExecutor
    _busy: set[WebhookId] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _is_first: bool = True

    def turn(self) -> bool:
        """Whether anything was found to do. The first puts right what an end in the middle left behind."""
        if self._is_first:
            notifying.put_right(self.notifier)
            self._is_first = False
        is_more = notifying.collect(self.notifier)
        with self._lock:
            busy = frozenset(self._busy)
        found = notifying.waiting(self.notifier, busy)
        for delivery in found:
            with self._lock:
                self._busy.add(delivery.webhook)
            self.pool.submit(self._deliver, delivery)
        return is_more or bool(found)

    def rest(self, seconds: float) -> None:
        """For so long, or until a message is delivered: another one for the same endpoint may be due."""
        self._ended.wait(seconds)
        self._ended.clear()

    def _deliver(self, delivery: Delivery) -> None:
        is_told = False
        try:
            is_told = self._tried(delivery)
        except Exception as error:
            # Nobody else looks at what this thread raises. Only the type: the text may hold an address.
            logger.error("webhook_crashed", webhook=delivery.webhook, error=type(error).__name__)
        finally:
            with self._lock:
                self._busy.discard(delivery.webhook)
        if is_told:
            self._ended.set()

    def _tried(self, delivery: Delivery) -> bool:
        """Whether it ended as foreseen; else it has its pause like a failure, and is not due again at once."""
        try:
            notifying.deliver(self.notifier, delivery)
        except TunewardenError as error:
            logger.error("webhook_waits", webhook=delivery.webhook, code=error.code)
            notifying.put_off(self.notifier, delivery)
            return False
        except Exception as error:
            logger.error("webhook_crashed", webhook=delivery.webhook, error=type(error).__name__)
            notifying.failed(self.notifier, delivery)
            return False
        return True


def notifier(settings: Settings, clock: Clock, send: Send, resolve: Resolve = system_resolve) -> Notifier:
    """As the settings say. Raises as `door` does."""
    engine = connect(settings.database)
    view = SqlViews(engine)
    live = LiveAccess(StoredPolicies(view=view, model=settings.policies / "access" / "model.conf"), alarm=_alarm)
    posting = Posting(
        seals=WebhookSeals(key_files.secret(settings, key_files.WEBHOOKS)),
        allowed=read_allowed(settings.webhook_allowed),
        clock=clock,
        send=send,
        resolve=resolve,
    )
    return Notifier(
        work=SqlWork(engine, clock),
        view=view,
        access=bound(live),
        clock=clock,
        deliveries=SqlDeliveries(engine),
        attempt=posting,
        share=random.SystemRandom().random,
    )


def run(settings: Settings, clock: Clock, stopping: threading.Event) -> int:
    """Tell endpoints until told to stop; returns the exit code."""
    if not settings.webhooks:
        return 0
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhooks")
        stack.callback(pool.shutdown, cancel_futures=True)
        _await_policy(settings, stopping)
        if stopping.is_set():
            return 0
        turns = Turns(notifier(settings, clock, Sender()), pool)
        while not stopping.is_set():
            pause = settings.poll_interval_seconds
            try:
                pause = 0.0 if turns.turn() else pause
            except TunewardenError as error:
                logger.error("notifier_waits", code=error.code)
            except Exception as error:
                # The process would end and be started again, for ever. Only the type: the text may hold an address.
                logger.error("notifier_crashed", error=type(error).__name__)
                stopping.wait(_PAUSE_AFTER_A_CRASH_SECONDS)
            turns.rest(pause)
    return 0


def _await_policy(settings: Settings, stopping: threading.Event) -> None:
    """Until the api has installed an access policy, there is nobody who may be told. Raises what reading it raises."""
    engine = connect(settings.database)
    try:
        policies = StoredPolicies(view=SqlViews(engine), model=settings.policies / "access" / "model.conf")
        while not stopping.is_set():
            try:
                policies.stamp()
            except Malformed as error:
                logger.warning("notifier_waits", code=error.code)
                stopping.wait(settings.poll_interval_seconds)
            else:
                return
    finally:
        engine.dispose()


def _alarm(what: str, code: str) -> None:
    logger.error("access_alarm", what=what, code=code)
