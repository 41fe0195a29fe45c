"""Webhooks: people make and change endpoints, the notifier says what became of them, and nobody does the other's."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, after, entry, saying, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

ONE = {"webhook": "webhook-1"}
FACTS: dict[str, dict[str, Any]] = {
    "WebhookCreated": {**ONE, "project": "*", "types": ["gate.failed"]},
    "WebhookChanged": {**ONE, "types": ["gate.failed"], "moved": True},
    "WebhookSecretRotated": {**ONE, "former_until": None},
    "WebhookDeleted": ONE,
    "WebhookDisabled": {**ONE, "because": "gone"},
    "WebhookGivenUp": {**ONE, "entry": 3, "attempts": 10},
}
BY_NOTIFIER = {"WebhookDisabled", "WebhookGivenUp"}
BEGUN = datetime(2026, 12, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
TRIED, FAILED, CLOCKS = timedelta(seconds=272_105), 5 * DAY, timedelta(hours=3)


def blamed(log: Log, apart: timedelta | Sequence[timedelta] = 4 * DAY) -> dict[str, Grade]:
    """What comes after the good log is ten days later, and so long after what is before it."""
    more = len(log) - len(GOOD)
    pauses, at, entries = [apart] * more if isinstance(apart, timedelta) else apart, BEGUN, written(log[: len(GOOD)])
    for index, pause in zip(range(len(GOOD), len(log)), pauses, strict=True):
        at += pause
        entries.append((index, entry(index, log[index], at=f"{at:%Y-%m-%dT%H:%M:%S}.000Z")))
    report = conduct(entries, now=BEGUN + 365 * DAY)
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def line(kind: str, by: str) -> Line:
    return (by, kind, FACTS[kind])


def test_a_life_of_an_endpoint_is_as_it_should_be() -> None:
    order = (
        "WebhookCreated",
        "WebhookGivenUp",
        "WebhookDisabled",
        "WebhookChanged",
        "WebhookSecretRotated",
        "WebhookDeleted",
    )
    log: Log = list(GOOD)
    for kind in order:
        log = [*log, line(kind, "notifier" if kind in BY_NOTIFIER else "prn-ann")]
    assert blamed(log) == {}


@pytest.mark.parametrize("kind", FACTS)
def test_nobody_does_what_is_for_somebody_else(kind: str) -> None:
    wrong = ("prn-ann", "worker", "api") if kind in BY_NOTIFIER else ("notifier", "worker", "api")
    for by in wrong:
        assert blamed(after("AliasMoved", line(kind, by)))["principals"] is Grade.BROKEN


@pytest.mark.parametrize("kind", FACTS)
def test_an_entry_without_its_members_is_not_of_this_form(kind: str) -> None:
    assert blamed([*GOOD, ("prn-ann", kind, {})])["vocabulary"] is Grade.BROKEN


def test_the_notifier_does_nothing_else() -> None:
    assert blamed(saying("RequestApproved", by="notifier"))["principals"] is Grade.BROKEN


NORTH = "proj-1"
MADE, LOST = line("WebhookCreated", "prn-ann"), line("WebhookGivenUp", "notifier")


def test_an_endpoint_is_made_in_a_project_that_is_there_and_not_archived() -> None:
    fact = {**FACTS["WebhookCreated"], "project": NORTH}
    made: Line = ("prn-ann", "WebhookCreated", fact)
    begun: Line = ("prn-ann", "ProjectCreated", {"project": NORTH})
    over: Line = ("prn-ann", "ProjectArchived", {"project": NORTH})
    assert blamed([*GOOD, begun, made]) == {}
    assert blamed([*GOOD, begun, made, over, line("WebhookDeleted", "prn-ann")]) == {}
    assert blamed([*GOOD, made]) == {"projects": Grade.BROKEN}
    assert blamed([*GOOD, begun, over, made]) == {"projects": Grade.BROKEN}


@pytest.mark.parametrize("kind", sorted(FACTS.keys() - {"WebhookCreated"}))
def test_nothing_is_said_of_an_endpoint_that_was_never_made(kind: str) -> None:
    by = "notifier" if kind in BY_NOTIFIER else "prn-ann"
    assert blamed([*GOOD, line(kind, by)]) == {"webhooks": Grade.BROKEN}


@pytest.mark.parametrize("kind", sorted(FACTS.keys() - {"WebhookGivenUp"}))
def test_nothing_is_done_to_an_endpoint_that_was_deleted(kind: str) -> None:
    by = "notifier" if kind in BY_NOTIFIER else "prn-ann"
    log: Log = [*GOOD, MADE, line("WebhookDeleted", "prn-ann"), line(kind, by)]
    assert blamed(log) == {"webhooks": Grade.BROKEN}


def test_an_endpoint_is_made_once_and_a_message_under_way_may_be_given_up_after_it_was_deleted() -> None:
    assert blamed([*GOOD, MADE, MADE]) == {"webhooks": Grade.BROKEN}
    assert blamed([*GOOD, MADE, line("WebhookDeleted", "prn-ann"), LOST]) == {}


FAILING: Line = ("notifier", "WebhookDisabled", {**ONE, "because": "kept-failing"})
TWICE_MORE: Log = [LOST, LOST]


@pytest.mark.parametrize("kind", ["WebhookCreated", "WebhookChanged", "WebhookSecretRotated", "WebhookDisabled"])
def test_an_endpoint_is_disabled_as_failing_after_three_messages_since_it_was_as_it_is(kind: str) -> None:
    by = "notifier" if kind in BY_NOTIFIER else "prn-ann"
    before: Log = [MADE] if kind == "WebhookCreated" else [MADE, LOST, line(kind, by)]
    other: Line = ("notifier", "WebhookGivenUp", {**FACTS["WebhookGivenUp"], "webhook": "webhook-2"})
    second: Line = ("prn-ann", "WebhookCreated", {**FACTS["WebhookCreated"], "webhook": "webhook-2"})
    assert blamed([*GOOD, *before, LOST, *TWICE_MORE, FAILING]) == {}
    assert blamed([*GOOD, *before, second, *TWICE_MORE, other, FAILING]) == {"webhooks": Grade.BROKEN}


@pytest.mark.parametrize("wrong", [{"entry": 10**6}, {"entry": len(GOOD) + 1}, {"attempts": 0}])
def test_what_is_given_up_had_happened_and_was_tried(wrong: dict[str, int]) -> None:
    by, kind, fact = LOST
    assert blamed([*GOOD, MADE, (by, kind, {**fact, "entry": len(GOOD)})]) == {}
    assert blamed([*GOOD, MADE, (by, kind, {**fact, **wrong})]) == {"webhooks": Grade.BROKEN}


def test_a_message_is_given_up_when_ten_attempts_can_have_failed_and_not_before() -> None:
    by, kind, fact = LOST
    log: Log = [*GOOD, MADE, (by, kind, {**fact, "entry": len(GOOD)})]
    assert blamed(log, TRIED - CLOCKS) == {}
    assert blamed(log, TRIED - CLOCKS - SECOND) == {"webhooks": Grade.BROKEN}
    more: Log = [*log[:-1], (by, kind, {**fact, "entry": len(GOOD), "attempts": 11})]
    assert blamed(more, DAY) == {"webhooks": Grade.BROKEN}
    fewer: Log = [*log[:-1], (by, kind, {**fact, "entry": len(GOOD), "attempts": 9})]
    assert blamed(fewer, SECOND) == {}, "how long fewer attempts take is not said"


def test_entries_of_one_hour_are_as_old_as_its_first_and_one_before_what_is_at_hand_is_as_old_as_may_be() -> None:
    by, kind, fact = LOST
    lost: Line = (by, kind, {**fact, "entry": len(GOOD) + 1})
    log: Log = [*GOOD, MADE, line("WebhookChanged", "prn-ann"), lost]
    within, after_it = timedelta(minutes=59), timedelta(minutes=61)
    assert blamed(log, [DAY, within, TRIED - CLOCKS - within]) == {}
    assert blamed(log, [DAY, within, TRIED - CLOCKS - within - SECOND]) == {"webhooks": Grade.BROKEN}
    assert blamed(log, [DAY, after_it, TRIED - CLOCKS - SECOND]) == {"webhooks": Grade.BROKEN}
    assert blamed(log, [DAY, after_it, TRIED - CLOCKS]) == {}
    report = conduct(written([*GOOD, MADE, LOST])[len(GOOD) :])
    assert next(check.grade for check in report.checks if check.name == "webhooks") is Grade.CONSISTENT


def test_a_clock_that_was_ahead_for_days_and_was_set_makes_no_message_younger_than_it_is() -> None:
    by, kind, fact = LOST
    log: Log = [*GOOD, MADE, line("WebhookChanged", "prn-ann"), (by, kind, {**fact, "entry": len(GOOD) + 1})]
    assert blamed(log, [10 * DAY, -9 * DAY, TRIED]) == {"time": Grade.BROKEN}


@pytest.mark.parametrize("kind", ["WebhookCreated", "WebhookChanged", "WebhookSecretRotated", "WebhookDisabled"])
def test_an_endpoint_is_disabled_as_failing_five_days_after_it_became_as_it_is_and_not_before(kind: str) -> None:
    by = "notifier" if kind in BY_NOTIFIER else "prn-ann"
    before: Log = [] if kind == "WebhookCreated" else [MADE]
    log: Log = [*GOOD, *before, line(kind, by), LOST, LOST, LOST, FAILING]
    first = [10 * DAY] * (len(before) + 1)
    assert blamed(log, [*first, DAY, DAY, DAY, FAILED - CLOCKS - 3 * DAY]) == {}
    assert blamed(log, [*first, DAY, DAY, DAY, FAILED - CLOCKS - 3 * DAY - SECOND]) == {"webhooks": Grade.BROKEN}
