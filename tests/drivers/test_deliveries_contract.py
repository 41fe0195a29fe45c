"""The queue of what is told to endpoints: one contract for memory, SQLite and PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import NOW

from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_words import WebhookType
from tunewarden.domain.webhooks import Failing
from tunewarden.drivers.memory_webhooks import MemoryDeliveries
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_webhooks import SqlDeliveries
from tunewarden.usecases.webhook_deliveries import Deliveries, Delivery

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def deliveries(request: pytest.FixtureRequest) -> Iterator[Deliveries]:
    if request.param == "memory":
        yield MemoryDeliveries()
        return
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    yield SqlDeliveries(engine)
    engine.dispose()


def message(entry: int | None, webhook: str = "webhook-1", **changes: Any) -> Delivery:
    made = Delivery(
        webhook=WebhookId(webhook),
        message=f"evt-{entry}-0",
        entry=entry,
        type=WebhookType.GATE_FAILED,
        about="ftjob-1",
        at=NOW,
        attempts=0,
        next_at=NOW,
    )
    return replace(made, **changes)


def test_the_place_moves_with_what_is_queued_and_what_is_queued_already_stays_as_it_is(deliveries: Deliveries) -> None:
    assert deliveries.place() is None
    deliveries.put([message(3)], 4)
    deliveries.again(replace(message(3), attempts=2, next_at=NOW + SECOND))
    deliveries.put([message(3), message(5)], 6)
    assert deliveries.place() == 6
    assert deliveries.waiting(WebhookId("webhook-1")) == 2
    deliveries.done(message(5))
    assert list(deliveries.due(NOW + SECOND)) == [message(3, attempts=2, next_at=NOW + SECOND)]


def test_of_what_is_due_for_an_endpoint_the_first_that_happened_comes(deliveries: Deliveries) -> None:
    longer = message(11, next_at=NOW - SECOND)
    deliveries.put([longer, message(9), message(2, "webhook-2"), message(3, "webhook-2")], 12)
    deliveries.put([message(8, next_at=NOW + SECOND), message(12, "webhook-3", next_at=NOW + SECOND)], 13)
    found = {one.webhook: one for one in deliveries.due(NOW)}
    assert found == {WebhookId("webhook-1"): message(9), WebhookId("webhook-2"): message(2, "webhook-2")}


def test_a_test_comes_before_whatever_else_is_due_and_of_two_the_one_that_waits_for_longest(
    deliveries: Deliveries,
) -> None:
    deliveries.put([message(1, next_at=NOW - SECOND)], 2)
    deliveries.put_test(message(None))
    assert list(deliveries.due(NOW)) == [message(None)]
    earlier = message(None, message="evt-z", next_at=NOW - SECOND)
    deliveries.put_test(earlier)
    assert list(deliveries.due(NOW)) == [earlier]


def test_to_an_endpoint_that_is_held_nothing_is_due_but_tests_until_then(deliveries: Deliveries) -> None:
    held, other = Failing(changed_at=NOW, since=NOW, held_until=NOW + 2 * SECOND), message(1, "webhook-2")
    deliveries.put([message(1), other], 2)
    deliveries.put_failing(WebhookId("webhook-1"), held)
    deliveries.put_failing(WebhookId("webhook-2"), replace(held, held_until=None))
    assert deliveries.failing(WebhookId("webhook-1")) == held
    deliveries.put([message(3)], 4)  # also what is queued meanwhile
    assert list(deliveries.due(NOW + SECOND)) == [other]
    deliveries.put_test(message(None))
    assert {one.entry for one in deliveries.due(NOW + SECOND) if one.webhook == "webhook-1"} == {None}
    deliveries.done(message(None))
    assert {one.webhook: one for one in deliveries.due(NOW + 2 * SECOND)}[WebhookId("webhook-1")] == message(1)


def test_of_which_endpoints_anything_is_kept_is_told_each_once(deliveries: Deliveries) -> None:
    failing = Failing(changed_at=NOW, since=NOW)
    assert deliveries.endpoints() == set()
    deliveries.put([message(1), message(2)], 3)
    deliveries.put_test(message(None, "webhook-2"))
    deliveries.put_failing(WebhookId("webhook-1"), failing)
    deliveries.put_failing(WebhookId("webhook-3"), failing)
    assert deliveries.endpoints() == {"webhook-1", "webhook-2", "webhook-3"}
    deliveries.clear(WebhookId("webhook-1"))
    assert deliveries.endpoints() == {"webhook-2", "webhook-3"}


def test_what_is_done_is_gone_and_what_comes_again_waits_until_then(deliveries: Deliveries) -> None:
    deliveries.put([message(1), message(2)], 3)
    deliveries.done(message(1))
    again = message(2, attempts=1, next_at=NOW + SECOND)
    deliveries.again(again)
    assert list(deliveries.due(NOW)) == []
    assert list(deliveries.due(NOW + SECOND)) == [again]
    deliveries.done(again)
    deliveries.again(again)
    deliveries.answered(replace(again, status=204))
    assert list(deliveries.due(NOW + SECOND)) == []


def test_the_answer_to_a_test_is_taken_once_and_until_it_is_the_test_is_not_due_again(deliveries: Deliveries) -> None:
    test = message(None)
    deliveries.put_test(test)
    assert list(deliveries.due(NOW)) == [test]
    assert deliveries.take_answer(test) is None
    deliveries.answered(replace(test, status=0))
    assert list(deliveries.due(NOW)) == []
    assert deliveries.take_answer(test) == 0
    assert deliveries.take_answer(test) is None


def test_tests_do_not_count_among_what_waits_and_those_that_nobody_took_are_forgotten_by_the_next(
    deliveries: Deliveries,
) -> None:
    left, later = message(None, message="evt-a"), message(None, "webhook-2", message="evt-b", at=NOW + 61 * SECOND)
    deliveries.put_test(left)
    deliveries.put([message(1)], 2)
    assert deliveries.waiting(WebhookId("webhook-1")) == 1
    deliveries.answered(replace(left, status=204))
    deliveries.put_test(message(None, "webhook-2", message="evt-c", at=NOW + 60 * SECOND))
    deliveries.put_test(later)
    assert deliveries.take_answer(left) is None
    assert {one.message for one in deliveries.due(NOW)} == {"evt-1-0", "evt-b"}


def test_what_waits_for_an_endpoint_that_is_cleared_is_gone_and_for_others_stays(deliveries: Deliveries) -> None:
    deliveries.put([message(1), message(2), message(1, "webhook-2")], 3)
    deliveries.put_test(message(None))
    deliveries.clear(WebhookId("webhook-1"))
    assert list(deliveries.due(NOW)) == [message(1, "webhook-2")]
    assert deliveries.place() == 3


def test_since_when_an_endpoint_fails_is_kept_for_each_until_it_is_forgotten_or_cleared(deliveries: Deliveries) -> None:
    first, second = WebhookId("webhook-1"), WebhookId("webhook-2")
    failing = Failing(changed_at=NOW - SECOND, since=NOW)
    assert deliveries.failing(first) is None
    deliveries.put_failing(first, failing)
    deliveries.put_failing(second, failing)
    deliveries.put_failing(second, replace(failing, since=NOW + SECOND, given_up=2))
    assert deliveries.failing(first) == failing
    assert deliveries.failing(second) == Failing(changed_at=NOW - SECOND, since=NOW + SECOND, given_up=2)
    deliveries.put_failing(first, None)
    deliveries.put_failing(first, None)
    assert deliveries.failing(first) is None
    deliveries.clear(first)
    assert deliveries.failing(second) is not None
    deliveries.clear(second)
    assert deliveries.failing(second) is None
