"""What waits to be delivered to endpoints, in memory: the same rules as in SQL, for tests."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhooks import Failing
from tunewarden.usecases.webhook_deliveries import TEST_LASTS, Delivery


@dataclass(slots=True)
class MemoryDeliveries:
    """`usecases.webhook_deliveries.Deliveries`."""

    _queued: dict[tuple[WebhookId, str], Delivery] = field(default_factory=dict)
    _failing: dict[WebhookId, Failing] = field(default_factory=dict)
    _place: int | None = None

    def place(self) -> int | None:
        return self._place

    def put(self, found: Sequence[Delivery], place: int) -> None:
        self._place = place
        for one in found:
            self._queued.setdefault(_key(one), one)

    def put_test(self, test: Delivery) -> None:
        for one in list(self._queued.values()):
            if one.entry is None and one.at < test.at - TEST_LASTS:
                self.done(one)
        self._queued[_key(test)] = test

    def due(self, now: datetime) -> Sequence[Delivery]:
        first: dict[WebhookId, Delivery] = {}
        for one in sorted(self._queued.values(), key=_turn):
            is_due = one.next_at <= now and one.status is None
            if is_due and (one.entry is None or not self._is_held(one.webhook, now)):
                first.setdefault(one.webhook, one)
        return list(first.values())

    def _is_held(self, webhook: WebhookId, now: datetime) -> bool:
        failing = self._failing.get(webhook)
        return failing is not None and failing.held_until is not None and now < failing.held_until

    def waiting(self, webhook: WebhookId) -> int:
        return sum(1 for one in self._queued.values() if one.webhook == webhook and one.entry is not None)

    def done(self, delivery: Delivery) -> None:
        self._queued.pop(_key(delivery), None)

    def again(self, delivery: Delivery) -> None:
        if (known := self._queued.get(_key(delivery))) is not None:
            self._queued[_key(delivery)] = replace(known, attempts=delivery.attempts, next_at=delivery.next_at)

    def answered(self, test: Delivery) -> None:
        if (known := self._queued.get(_key(test))) is not None:
            self._queued[_key(test)] = replace(known, status=test.status)

    def take_answer(self, test: Delivery) -> int | None:
        known = self._queued.get(_key(test))
        if known is None or known.status is None:
            return None
        self.done(test)
        return known.status

    def clear(self, webhook: WebhookId) -> None:
        self._queued = {key: one for key, one in self._queued.items() if one.webhook != webhook}
        self.put_failing(webhook, None)

    def failing(self, webhook: WebhookId) -> Failing | None:
        return self._failing.get(webhook)

    def put_failing(self, webhook: WebhookId, failing: Failing | None) -> None:
        self._failing.pop(webhook, None)
        if failing is not None:
            self._failing[webhook] = failing

    def endpoints(self) -> Set[WebhookId]:
        return {webhook for webhook, _ in self._queued} | self._failing.keys()


def _key(delivery: Delivery) -> tuple[WebhookId, str]:
    return delivery.webhook, delivery.message


def _turn(delivery: Delivery) -> tuple[int, datetime, str]:
    """Tests come first, and then as it happened."""
    return -1 if delivery.entry is None else delivery.entry, delivery.next_at, delivery.message
