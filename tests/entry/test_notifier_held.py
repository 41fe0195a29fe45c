"""Endpoints that say that too much comes are left alone for a while, and no longer than is bearable for others."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.entry.post_office import Post
from tests.entry.test_notifier_failing import HOST
from tests.entry.test_notifier_faults import WHERE, turn

from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_events import WebhookDisabled, WebhookGivenUp
from tunewarden.domain.webhook_words import WebhookType
from tunewarden.domain.webhooks import WebhookEnd
from tunewarden.drivers.memory_webhooks import MemoryDeliveries
from tunewarden.usecases.notifying import collect
from tunewarden.usecases.webhook_deliveries import Delivery

SECOND = timedelta(seconds=1)


@pytest.fixture
def endpoint(post: Post) -> dict[str, Any]:
    post.run()
    return post.endpoint()


def came(post: Post, after: timedelta = timedelta()) -> int:
    """How many messages come when so much time has passed."""
    post.outside.came.clear()
    post.later(after)
    return len(post.outside.came)


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(("status", "at_once"), [(429, 1), (502, 1), (504, 1), (500, 3), (503, 3)])
def test_nothing_more_is_sent_for_a_while_to_an_endpoint_that_says_that_too_much_comes(
    post: Post, status: int, at_once: int
) -> None:
    post.outside.answers[HOST] = status
    for _ in range(3):
        post.props.job()
    assert came(post) == at_once
    post.outside.answers.clear()
    assert came(post, 4.9 * SECOND) == 0
    assert came(post, 0.6 * SECOND) == 3


@pytest.mark.usefixtures("endpoint")
def test_an_endpoint_that_says_how_long_is_left_alone_so_long_and_so_is_what_happens_meanwhile(post: Post) -> None:
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 503, "120"
    post.props.job()
    post.props.job()
    assert came(post) == 1
    post.props.job()
    assert came(post, 119 * SECOND) == 0
    assert came(post, 13 * SECOND) == 1, "it says so again"
    post.outside.answers.clear()
    assert came(post, 132 * SECOND) == 2
    assert came(post, timedelta(minutes=5)) == 1, "the one that was tried twice has a pause of its own"


@pytest.mark.usefixtures("endpoint")
def test_no_endpoint_is_left_alone_for_more_than_an_hour_and_a_tenth(post: Post) -> None:
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 503, "99999999999"
    post.props.job()
    assert came(post) == 1
    assert came(post, timedelta(minutes=59)) == 0
    assert came(post, timedelta(minutes=7)) == 1


@pytest.mark.usefixtures("endpoint")
def test_others_are_told_meanwhile(post: Post) -> None:
    post.endpoint("https://other.example/in")
    post.outside.answers[HOST] = 429
    for _ in range(2):
        post.props.job()
    post.run()
    assert (len(post.outside.told()), len(post.outside.told("other.example"))) == (1, 2)


@pytest.mark.usefixtures("endpoint")
def test_a_restart_does_not_shorten_it(post: Post) -> None:
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 429, "60"
    post.props.job()
    post.props.job()
    post.run()
    post.outside.came.clear()
    post.clock.now += 50 * SECOND
    turn(post)
    assert post.outside.came == []


def test_a_test_goes_out_all_the_same_and_once_it_is_taken_everything_does(
    post: Post, endpoint: dict[str, Any]
) -> None:
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 429, "600"
    for _ in range(3):
        post.props.job()
    assert came(post) == 1
    test = Delivery(
        webhook=WebhookId(endpoint["id"]),
        message="evt-test",
        entry=None,
        type=WebhookType.GATE_FAILED,
        about="test",
        at=post.clock.now,
        attempts=0,
        next_at=post.clock.now,
    )
    post.notifier.deliveries.put_test(test)
    assert came(post) == 1
    assert post.notifier.deliveries.take_answer(test) == 429
    post.outside.answers.clear()
    post.notifier.deliveries.put_test(test)
    assert came(post) == 1 + 2, "the test, and what waited; the one that was tried has its own pause"


@pytest.mark.parametrize("how", ["", "/rotate_secret"])
def test_whoever_changes_the_endpoint_has_it_told_at_once(post: Post, endpoint: dict[str, Any], how: str) -> None:
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 429, "600"
    for _ in range(2):
        post.props.job()
    assert came(post) == 1
    post.outside.answers.clear()
    post.theatre.must("ada", "POST", f"{WHERE}/{endpoint['id']}{how}", json={})
    assert came(post) == 1


def test_what_the_former_address_asks_for_while_it_is_replaced_holds_the_new_one_up_for_nothing(
    post: Post, endpoint: dict[str, Any]
) -> None:
    def moved(host: str) -> None:
        if host == HOST:
            post.theatre.must("ada", "POST", f"{WHERE}/{endpoint['id']}", json={"url": "https://new.example/"})

    post.outside.answers[HOST], post.outside.retry_after[HOST], post.outside.during = 429, "600", moved
    for _ in range(2):
        post.props.job()
    post.run()
    assert (len(post.outside.told()), len(post.outside.told("new.example"))) == (1, 1)


def test_one_that_asks_for_more_time_for_days_is_disabled_like_others_however_much_waits(
    post: Post, endpoint: dict[str, Any]
) -> None:
    """Told a little at a time, one message after the other is tried to its end: turn about, none would come to it."""
    post.notifier = replace(post.notifier, deliveries=MemoryDeliveries())
    collect(post.notifier)
    post.outside.answers[HOST], post.outside.retry_after[HOST] = 503, "86400"
    for _ in range(30):
        post.props.job()
    post.run()
    days = 0
    while not post.facts(WebhookDisabled) and days < 7:  # turn about, each of the thirty would be tried five times
        days += 1
        for _ in range(22):
            post.later(timedelta(hours=1.1))
    assert post.facts(WebhookDisabled) == [WebhookDisabled(webhook=endpoint["id"], because=WebhookEnd.KEPT_FAILING)]
    assert len(post.facts(WebhookGivenUp)) >= 3
    assert len(post.outside.came) <= 22 * days + 1
