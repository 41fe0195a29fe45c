"""Webhooks: people make and change endpoints, the notifier says what became of them, and nobody does the other's."""

from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, after, saying
from tests.audit.test_conduct_identities import blamed

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
