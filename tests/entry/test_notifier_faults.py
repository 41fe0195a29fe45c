"""What goes wrong while endpoints are told: nothing is lost by it, and nothing goes on for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ADA, NOW
from tests.entry.post_office import Post

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.names import Role, WebhookId
from tunewarden.domain.webhook_events import WebhookChanged, WebhookDisabled, WebhookGivenUp
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql_engine import migrate
from tunewarden.drivers.webhook_seals import WebhookSeals
from tunewarden.entry import webhooks
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import create_keys
from tunewarden.usecases import notifying
from tunewarden.usecases.notifying import collect, deliver
from tunewarden.usecases.ports import Decision

WHERE = "/v1/webhook_endpoints"
NOT_FRESH = Decision(allowed=False, because="policy-not-fresh", who=Role.ADMINISTRATOR, stale=True)
FAULTY = Decision(allowed=False, because="error", who=Role.ADMINISTRATOR)
TAKEN_BACK = Decision(allowed=False, because="no-rule", who=Role.ADMINISTRATOR)


def laid(post: Post, identifier: str, **changes: str) -> None:
    """As whoever has the database lays envelopes into a row."""
    with post.theatre.platform.work(ADA.id) as work:
        webhook: Any = work.webhooks.get(identifier)  # type: ignore[arg-type]
        work.webhooks.put(replace(webhook, **{name: getattr(webhook, other) for name, other in changes.items()}))
        work.record(WebhookChanged(webhook=webhook.id, types=(), moved=False))
        work.commit()


def turn(post: Post) -> None:
    """One turn of the process, to its end."""
    with ThreadPoolExecutor(4) as pool:
        webhooks.Turns(post.notifier, pool).turn()


@pytest.mark.parametrize("answer", [NOT_FRESH, FAULTY])
def test_while_nobody_can_say_who_may_be_told_messages_wait_and_the_log_is_not_passed_over(
    post: Post, answer: Decision
) -> None:
    post.run()
    post.endpoint()
    first = post.props.job()["id"]
    collect(post.notifier)
    known = post.notifier.access
    post.notifier = replace(post.notifier, access=lambda *_: answer)
    for one in notifying.waiting(post.notifier, frozenset()):
        with pytest.raises(Unavailable):
            deliver(post.notifier, one)
    second = post.props.job()["id"]
    place = post.notifier.deliveries.place()
    with pytest.raises(Unavailable):
        collect(post.notifier)
    assert post.notifier.deliveries.place() == place
    assert post.outside.came == []
    post.notifier = replace(post.notifier, access=known)
    post.later(timedelta(days=1))
    assert [one["data"]["id"] for one in post.outside.told()] == [first, second]


def test_who_may_not_any_more_is_not_told_and_the_message_is_gone(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    collect(post.notifier)
    known = post.notifier.access
    post.notifier = replace(post.notifier, access=lambda *_: TAKEN_BACK)
    post.run()
    post.notifier = replace(post.notifier, access=known)
    post.later(timedelta(days=1))
    assert post.outside.came == []


def test_a_message_that_waits_for_somebody_to_say_is_not_due_again_at_once_and_was_not_tried(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    collect(post.notifier)
    (before,) = notifying.waiting(post.notifier, frozenset())

    def nobody(*_: object) -> Decision:
        return NOT_FRESH

    telling, post.notifier = post.notifier, replace(post.notifier, access=nobody)
    turn(post)
    post.notifier = telling
    assert notifying.waiting(post.notifier, frozenset()) == []
    post.clock.now += timedelta(seconds=10)
    (after,) = notifying.waiting(post.notifier, frozenset())
    assert (after.message, after.attempts) == (before.message, 0)


def test_what_a_former_address_answers_ends_nothing_at_the_new_one(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    where = f"{WHERE}/{endpoint['id']}"
    post.outside.answers["hooks.example"] = 410
    post.props.job()
    collect(post.notifier)
    post.outside.during = lambda _: post.theatre.must("ada", "POST", where, json={"url": "https://new.example/"})
    (one,) = notifying.waiting(post.notifier, frozenset())
    deliver(post.notifier, one)
    assert post.theatre.must("ada", "GET", where)["disabled_because"] is None
    post.outside.during = lambda _: None
    post.run()
    assert len(post.outside.told("new.example")) == 1
    assert post.facts(WebhookDisabled) == []


def test_an_envelope_opens_in_its_own_place_alone(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    laid(post, endpoint["id"], url="secret")
    for shown in (
        post.theatre.must("ada", "GET", f"{WHERE}/{endpoint['id']}"),
        *post.theatre.must("ada", "GET", WHERE)["data"],
    ):
        assert endpoint["signing_secret"] not in str(shown)
        assert (shown["url"], shown["disabled_because"]) == ("", "cannot-be-opened")


@pytest.mark.parametrize(("one", "other"), [("secret", "url"), ("url", "secret")])
def test_what_cannot_be_opened_waits_and_was_no_attempt(post: Post, one: str, other: str) -> None:
    post.run()
    endpoint = post.endpoint()
    laid(post, endpoint["id"], **{one: other})
    post.props.job()
    collect(post.notifier)
    turn(post)
    assert notifying.waiting(post.notifier, frozenset()) == []
    post.clock.now += timedelta(minutes=1)
    (again,) = notifying.waiting(post.notifier, frozenset())
    assert again.attempts == 0
    assert post.notifier.deliveries.failing(WebhookId(endpoint["id"])) is None
    assert post.outside.came == []


def test_weeks_under_a_wrong_webhook_key_end_no_endpoint_and_lose_no_message(post: Post) -> None:
    post.run()
    post.endpoint()
    jobs = {post.props.job()["id"] for _ in range(3)}
    collect(post.notifier)
    posting: Any = post.notifier.attempt
    post.notifier = replace(post.notifier, attempt=replace(posting, seals=WebhookSeals(bytes(32))))
    for _ in range(35):  # ten attempts of each message, and more
        post.clock.now += timedelta(days=1)
        turn(post)
    assert post.facts(WebhookDisabled) == post.facts(WebhookGivenUp) == []
    post.notifier = replace(post.notifier, attempt=posting)
    post.later(timedelta(minutes=1))
    assert {one["data"]["id"] for one in post.outside.told()} == jobs


def test_a_crash_in_telling_counts_as_an_attempt_and_the_next_message_has_its_turn(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    second = post.props.job()["id"]
    collect(post.notifier)

    def crash(*_: object) -> int:
        raise ZeroDivisionError

    telling, post.notifier = post.notifier, replace(post.notifier, attempt=crash)
    turn(post)
    post.notifier = telling
    (now,) = notifying.waiting(post.notifier, frozenset())
    assert now.about == second
    post.later(timedelta(minutes=1))
    assert len(post.outside.came) == 2


def test_what_was_taken_out_of_its_types_is_not_told_even_where_it_waits(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.props.job()
    collect(post.notifier)
    post.theatre.must("ada", "POST", f"{WHERE}/{endpoint['id']}", json={"event_types": ["gate.failed"]})
    post.later(timedelta(days=1))
    assert post.outside.came == []


def test_what_happened_while_an_endpoint_was_disabled_is_not_told_however_late_the_notifier_is(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.outside.answers["hooks.example"] = 410
    post.props.job()
    post.run()
    post.props.job()  # while it is disabled, and the notifier has not looked
    post.theatre.must("ada", "POST", f"{WHERE}/{endpoint['id']}", json={"name": "again"})
    post.outside.answers.clear()
    post.outside.came.clear()
    after = post.props.job()["id"]
    post.run()
    assert [one["data"]["id"] for one in post.outside.told()] == [after]


def test_a_change_of_an_endpoint_that_is_told_passes_nothing_over(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    job = post.props.job()["id"]
    post.theatre.must("ada", "POST", f"{WHERE}/{endpoint['id']}", json={"name": "ours still"})
    post.run()
    assert [one["data"]["id"] for one in post.outside.told()] == [job]


def test_where_the_log_has_not_grown_no_endpoint_is_read(post: Post) -> None:
    post.endpoint()
    post.run()
    with post.notifier.view() as view:
        size, asked = view.size(), list[str]()

    class Watched:
        """A view that says which shelves are read."""

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def size(self) -> int:
            return size

        @property
        def webhooks(self) -> Any:
            asked.append("webhooks")
            raise AssertionError

    watching: Any = Watched
    assert collect(replace(post.notifier, view=watching)) is False
    assert asked == []


def test_a_delivery_that_ends_wakes_the_next_turn(post: Post) -> None:
    post.run()
    post.endpoint()
    for _ in range(3):
        post.props.job()
    with ThreadPoolExecutor(2) as pool:
        turns = webhooks.Turns(post.notifier, pool)
        for number in range(1, 4):
            turns.turn()
            turns.rest(3600.0)
            assert len(post.outside.came) == number


def test_started_before_there_is_an_access_policy_the_process_waits_for_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", webhooks=True, poll_interval_seconds=0.01)
    settings.home.mkdir(mode=0o700)
    create_keys(settings)
    migrate(settings.database)
    stopping = Stopping()
    assert webhooks.run(settings, FixedClock(NOW), stopping) == 0
    assert stopping.waits == 3


class Stopping(threading.Event):
    """Set when it was waited for the third time."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits += 1
        if self.waits == 3:
            self.set()
        return self.is_set()


def test_that_the_maker_may_not_any_more_is_shown_and_a_test_says_so(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    where = f"{WHERE}/{endpoint['id']}"
    with post.theatre.platform.work(ADA.id) as work:
        work.principals.put(replace(work.principals.get(ADA.id), roles=frozenset({Role.REQUESTER})))
        work.record(WebhookChanged(webhook=endpoint["id"], types=(), moved=False))
        work.commit()
    for shown in (post.theatre.must("max", "GET", where), *post.theatre.must("max", "GET", WHERE)["data"]):
        assert shown["disabled_because"] == "maker-may-not"
    answer = post.theatre.ask("max", "POST", where + "/test", json={"event_type": "gate.failed"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "webhook_disabled")
    assert post.theatre.must("max", "POST", where, json={"name": "max's"})["disabled_because"] is None


def test_a_test_of_an_endpoint_that_is_disabled_is_refused(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.outside.answers["hooks.example"] = 410
    post.props.job()
    post.run()
    path = f"{WHERE}/{endpoint['id']}/test"
    answer = post.theatre.ask("ada", "POST", path, json={"event_type": "gate.failed"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "webhook_disabled")


def test_whether_a_name_inside_is_there_cannot_be_learnt(post: Post) -> None:
    """One answer for a host that leads inside, and for one that leads nowhere."""

    def nowhere(_: str) -> list[str]:
        raise OSError("no such name")

    answers = []
    for resolved in (lambda _: ["10.0.0.1"], nowhere):
        post.outside.resolved = resolved
        body = {"name": "n", "url": "https://db.internal.example/", "event_types": ["gate.failed"]}
        answer = post.theatre.ask("ada", "POST", WHERE, json=body)
        answers.append((answer.status_code, answer.json()["error"]))
    assert answers[0] == answers[1]
    assert answers[0][1]["code"] == "webhook_address_refused"
