"""Endpoints that take nothing for days are disabled, and of deleted ones nothing is left and nothing is sent."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.conftest import ADA
from tests.entry.post_office import Post
from tests.entry.test_notifier_faults import WHERE, turn

from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_events import WebhookDisabled, WebhookGivenUp
from tunewarden.domain.webhook_words import WebhookType
from tunewarden.domain.webhooks import PAUSES, Failing, WebhookEnd
from tunewarden.drivers.sql_webhooks import SqlDeliveries
from tunewarden.usecases import notifying, webhooks
from tunewarden.usecases.notifying import NOTIFIER, collect, deliver
from tunewarden.usecases.ports import Decision
from tunewarden.usecases.webhook_deliveries import Delivery

HOST = "hooks.example"


def until_given_up(post: Post, messages: int = 1) -> None:
    """So many messages, and time for each of their attempts: 3.5 days."""
    for _ in range(messages):
        post.props.job()
    for pause in PAUSES:
        post.later(pause * 1.1)


def shown(post: Post, endpoint: dict[str, Any]) -> dict[str, Any]:
    """As an administrator sees it, alone and in the list."""
    one: dict[str, Any] = post.theatre.must("ada", "GET", f"{WHERE}/{endpoint['id']}")
    assert one in post.theatre.must("ada", "GET", WHERE)["data"]
    return one


@pytest.fixture
def failing(post: Post) -> dict[str, Any]:
    """An endpoint that answers 503; two messages were given up."""
    post.run()
    endpoint = post.endpoint()
    post.outside.answers[HOST] = 503
    until_given_up(post, messages=2)
    assert len(post.facts(WebhookGivenUp)) == 2
    return endpoint


def test_an_endpoint_that_takes_nothing_for_days_is_disabled_as_the_log_and_the_administrator_are_told(
    post: Post, failing: dict[str, Any]
) -> None:
    assert shown(post, failing)["disabled_because"] is None
    until_given_up(post)
    (disabled,) = [entry for entry in post.theatre.entries() if isinstance(entry.event, WebhookDisabled)]
    assert disabled.event == WebhookDisabled(webhook=failing["id"], because=WebhookEnd.KEPT_FAILING)
    assert disabled.actor == NOTIFIER
    assert len(post.facts(WebhookGivenUp)) == 3
    assert shown(post, failing)["disabled_because"] == "kept-failing"
    post.outside.answers.clear()
    post.outside.came.clear()
    post.props.job()
    post.later(timedelta(days=5))
    assert post.outside.came == []


def test_once_it_is_enabled_again_it_is_told_what_happens_from_then_on_and_has_its_five_days_anew(
    post: Post, failing: dict[str, Any]
) -> None:
    until_given_up(post)
    enabled = post.theatre.must("ada", "POST", f"{WHERE}/{failing['id']}", json={})
    assert (enabled["disabled_because"], enabled["failing_since"]) == (None, None)
    until_given_up(post, messages=2)
    assert len(post.facts(WebhookGivenUp)) == 5
    assert len(post.facts(WebhookDisabled)) == 1
    post.outside.answers.clear()
    post.outside.came.clear()
    job = post.props.job()["id"]
    post.run()
    assert [one["data"]["id"] for one in post.outside.told()] == [job]


def test_since_when_it_takes_nothing_is_told_while_nobody_can_say_who_may_be_told(
    post: Post, failing: dict[str, Any]
) -> None:
    app: Any = post.theatre.client.app
    stale = replace(
        post.theatre.platform, access=lambda *_: Decision(allowed=True, because="a-line", version="v", stale=True)
    )
    told = webhooks.get(stale, app.state.doors.webhooks, ADA, failing["id"])
    assert told.failing_since is not None
    assert (int(told.failing_since.timestamp()), told.ended) == (shown(post, failing)["failing_since"], None)


def test_a_burst_that_nobody_takes_ends_no_endpoint_before_its_five_days(post: Post) -> None:
    post.run()
    post.endpoint()
    post.outside.answers[HOST] = 0
    until_given_up(post, messages=4)
    assert len(post.facts(WebhookGivenUp)) == 4
    assert post.facts(WebhookDisabled) == []


def test_one_message_that_is_taken_begins_the_count_anew(post: Post, failing: dict[str, Any]) -> None:
    post.outside.answers.clear()
    post.props.job()
    post.run()
    assert shown(post, failing)["failing_since"] is None
    post.outside.answers[HOST] = 503
    until_given_up(post, messages=2)
    assert len(post.facts(WebhookGivenUp)) == 4
    assert post.facts(WebhookDisabled) == []


@pytest.mark.parametrize(("status", "is_over"), [(200, False), (503, True)])
def test_a_test_that_is_taken_begins_it_anew_and_one_that_is_not_changes_nothing(
    post: Post, failing: dict[str, Any], status: int, is_over: bool
) -> None:
    post.outside.answers[HOST] = status
    now = post.clock.now
    test = Delivery(
        webhook=WebhookId(failing["id"]),
        message="evt-test",
        entry=None,
        type=WebhookType.GATE_FAILED,
        about="test",
        at=now,
        attempts=0,
        next_at=now,
    )
    post.notifier.deliveries.put_test(test)
    post.run()
    assert post.notifier.deliveries.take_answer(test) == status
    post.outside.answers[HOST] = 503
    until_given_up(post)
    assert bool(post.facts(WebhookDisabled)) == is_over


@pytest.mark.parametrize("how", ["", "/rotate_secret"])
def test_whoever_changes_it_begins_it_anew(post: Post, failing: dict[str, Any], how: str) -> None:
    since = shown(post, failing)["failing_since"]
    assert since is not None
    post.theatre.must("ada", "POST", f"{WHERE}/{failing['id']}{how}", json={})
    assert shown(post, failing)["failing_since"] is None
    until_given_up(post, messages=2)
    assert shown(post, failing)["failing_since"] > since
    assert post.facts(WebhookDisabled) == []


def test_what_a_former_address_failed_to_take_is_not_held_against_the_new_one(
    post: Post, failing: dict[str, Any]
) -> None:
    where = f"{WHERE}/{failing['id']}"
    post.props.job()
    post.outside.during = lambda _: post.theatre.must("ada", "POST", where, json={"url": "https://new.example/"})
    collect(post.notifier)
    (one,) = notifying.waiting(post.notifier, frozenset())
    deliver(post.notifier, one)
    assert shown(post, failing)["failing_since"] is None


def test_a_crash_of_ours_is_held_against_nobody(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.props.job()
    collect(post.notifier)

    def crash(*_: object) -> int:
        raise ZeroDivisionError

    post.notifier = replace(post.notifier, attempt=crash)
    turn(post)
    (waits,) = post.notifier.deliveries.due(post.clock.now + timedelta(minutes=1))
    assert waits.attempts == 1
    assert post.notifier.deliveries.failing(WebhookId(endpoint["id"])) is None


def everything(post: Post) -> str:
    """All rows of the database."""
    with sqlite3.connect(post.theatre.settings.home / "tunewarden.db") as connection:
        found = "\n".join(connection.iterdump())
    connection.close()
    return found


def require_nothing_left(post: Post, endpoint: dict[str, Any]) -> None:
    """No table of webhooks has anything of it."""
    tables = [line for line in everything(post).splitlines() if "webhook" in line.split("(")[0]]
    assert not any(endpoint["id"] in line for line in tables)


def test_of_an_endpoint_that_is_deleted_neither_address_nor_secret_is_left_even_sealed(post: Post) -> None:
    endpoint = post.endpoint()
    where = f"{WHERE}/{endpoint['id']}"
    post.theatre.must("ada", "POST", where + "/rotate_secret", json={"keep_old_secret_active_for_24_hours": True})
    with post.theatre.platform.view() as view:
        there = view.webhooks.get(WebhookId(endpoint["id"]))
    sealed = (there.url, there.secret, there.former or "")
    assert all(one and one in everything(post) for one in sealed)
    post.theatre.must("ada", "DELETE", where)
    assert not any(one in everything(post) for one in sealed)
    with post.theatre.platform.view() as view:
        assert view.webhooks.all() == []
    assert post.theatre.ask("ada", "GET", where).status_code == 404


@pytest.fixture
def refusing(post: Post) -> dict[str, Any]:
    """An endpoint that takes nothing, and a message for it that is due."""
    post.run()
    endpoint = post.endpoint()
    post.outside.answers[HOST] = 503
    post.props.job()
    collect(post.notifier)
    return endpoint


def once(post: Post) -> None:
    """The message that is due has one attempt."""
    (one,) = notifying.waiting(post.notifier, frozenset())
    deliver(post.notifier, one)


def test_what_waits_for_an_endpoint_that_is_deleted_is_sent_nowhere(
    post: Post, refusing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was queued at that moment, so that the deletion did not clear it; then nothing is left either."""
    once(post)
    with monkeypatch.context() as patched:
        patched.setattr(SqlDeliveries, "clear", lambda *_: None)
        post.theatre.must("ada", "DELETE", f"{WHERE}/{refusing['id']}")
    assert post.notifier.deliveries.waiting(WebhookId(refusing["id"])) == 1
    assert post.notifier.deliveries.failing(WebhookId(refusing["id"])) is not None
    post.outside.came.clear()
    post.later(timedelta(minutes=1))
    assert post.outside.came == []
    require_nothing_left(post, refusing)


def test_one_that_is_deleted_just_before_its_failure_is_written_down_leaves_nothing(
    post: Post, refusing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = SqlDeliveries.put_failing

    def too_late(queue: SqlDeliveries, webhook: WebhookId, failing: Failing | None) -> None:
        post.theatre.must("ada", "DELETE", f"{WHERE}/{refusing['id']}")
        write(queue, webhook, failing)

    monkeypatch.setattr(SqlDeliveries, "put_failing", too_late)
    once(post)
    require_nothing_left(post, refusing)


class Died(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("change", [("DELETE", ""), ("POST", ""), ("POST", "/rotate_secret")])
def test_what_a_notifier_that_died_in_the_middle_left_behind_is_gone_with_its_next_start(
    post: Post, refusing: dict[str, Any], monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    method, where = change
    path = f"{WHERE}/{refusing['id']}{where}"
    write = SqlDeliveries.put_failing

    def dies(queue: SqlDeliveries, webhook: WebhookId, failing: Failing | None) -> None:
        with monkeypatch.context() as alive:
            alive.setattr(SqlDeliveries, "put_failing", write)
            post.theatre.must("ada", method, path, json=None if method == "DELETE" else {})
        write(queue, webhook, failing)
        raise Died

    monkeypatch.setattr(SqlDeliveries, "put_failing", dies)
    with pytest.raises(Died):
        once(post)
    monkeypatch.setattr(SqlDeliveries, "put_failing", write)
    assert post.notifier.deliveries.failing(WebhookId(refusing["id"])) is not None
    turn(post)
    assert post.notifier.deliveries.failing(WebhookId(refusing["id"])) is None
    if method == "DELETE":
        require_nothing_left(post, refusing)


def test_what_an_api_that_died_after_a_deletion_left_behind_is_gone_with_the_next_start_of_the_notifier(
    post: Post, refusing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    once(post)
    with monkeypatch.context() as patched:
        patched.setattr(SqlDeliveries, "clear", lambda *_: None)
        post.theatre.must("ada", "DELETE", f"{WHERE}/{refusing['id']}")
    turn(post)  # its message is not due, so nobody else would look
    require_nothing_left(post, refusing)


def test_the_start_forgets_nothing_of_an_endpoint_that_is_as_it_was(post: Post, refusing: dict[str, Any]) -> None:
    once(post)
    failing, waits = post.notifier.deliveries.failing(WebhookId(refusing["id"])), post.notifier.deliveries.endpoints()
    turn(post)
    assert post.notifier.deliveries.failing(WebhookId(refusing["id"])) == failing is not None
    assert post.notifier.deliveries.endpoints() == waits == {refusing["id"]}


@pytest.mark.parametrize("answer", [200, 410, 503])
def test_whatever_is_answered_for_one_that_is_deleted_meanwhile_nothing_is_left_of_it(
    post: Post, refusing: dict[str, Any], answer: int
) -> None:
    post.outside.answers[HOST] = answer
    post.outside.during = lambda _: post.theatre.must("ada", "DELETE", f"{WHERE}/{refusing['id']}")
    once(post)
    assert post.facts(WebhookDisabled) == []
    require_nothing_left(post, refusing)
