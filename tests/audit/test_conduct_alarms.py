"""A broken promise of privacy in the log: the alarm has to have a reason, and nobody promotes the model after it."""

import pytest
from tests.audit.house_log import Log, after, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

ALARM = {"claimed": "8", "delta": "0.0001", "model": "mdl-1", "request": "ftjob-1", "shown": "9.5"}


def alarmed(where: str = "AliasMoved", by: str = "worker", **members: str) -> Log:
    """The log of the house with an alarm about its model, in time or after it was promoted."""
    return after(where, (by, "PromiseDisproved", {**ALARM, **members}))


def found(log: Log, rule: str = "promotion") -> str:
    checks = conduct(written(log)).checks
    return " ".join(detail for check in checks if check.name == rule for detail in check.details)


def test_an_alarm_about_a_model_that_was_promoted_before_is_in_order() -> None:
    report = conduct(written(alarmed()))
    assert [check.name for check in report.checks if check.grade is Grade.BROKEN] == []


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (alarmed("ModelRegistered"), "of a model that was shown to leak more than is claimed"),
        (alarmed(model="mdl-2"), "of a model that its request did not become"),
        (alarmed(request="ftjob-2"), "of a model that its request did not become"),
        (alarmed(shown="8", claimed="8.0"), "by no more than it allows"),
    ],
    ids=["promoted all the same", "another model", "another request", "no reason"],
)
def test_an_alarm_that_was_passed_over_or_raised_wrongly_is_named(log: Log, said: str) -> None:
    assert said in found(log)


def test_only_the_worker_raises_an_alarm() -> None:
    assert "somebody else than a worker" in found(alarmed(by="prn-ann"), "principals")
