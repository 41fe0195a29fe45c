"""When an endpoint that takes nothing is disabled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, strategies as st
from tests.conftest import NOW
from tests.domain.test_webhooks import endpoint

from tunewarden.domain.webhook_holds import Answer
from tunewarden.domain.webhooks import FAILING_DAYS, MOST_GIVEN_UP, PAUSES, Failing, failed_again

HOURS = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=20)
SECOND = timedelta(seconds=1)
NO = Answer(status=500)


def after(failures: Sequence[tuple[int, bool]], before: Failing | None = None) -> Failing:
    """After these failures, each so many hours after the one before, the last one of its message or not."""
    failing, now, webhook = before, NOW, endpoint()
    for hours, is_given_up in failures:
        now += timedelta(hours=hours)
        failing = failed_again(failing, webhook, NO, now, 0.0, is_given_up=is_given_up)
    assert failing is not None
    return failing


@given(HOURS)
def test_an_endpoint_is_over_after_three_messages_and_five_days_and_not_before_both(
    failures: list[tuple[int, bool]],
) -> None:
    failing = after(failures)
    now = NOW + timedelta(hours=sum(hours for hours, _ in failures))
    since = NOW + timedelta(hours=failures[0][0])
    given_up = sum(is_given_up for _, is_given_up in failures)
    assert (failing.since, failing.given_up) == (since, given_up)
    assert failing.is_over(now) == (given_up >= 3 and now - since >= timedelta(days=5))


def test_both_bounds_are_where_they_are_said_to_be() -> None:
    failing = Failing(changed_at=NOW, since=NOW, given_up=3)
    assert failing.is_over(NOW + timedelta(days=5))
    assert not failing.is_over(NOW + timedelta(days=5) - SECOND)
    assert not replace(failing, given_up=2).is_over(NOW + timedelta(days=365))


@given(HOURS)
def test_what_failed_before_an_endpoint_was_changed_is_not_held_against_it(failures: list[tuple[int, bool]]) -> None:
    changed = replace(endpoint(), changed_at=NOW + SECOND)
    later = NOW + timedelta(days=100)
    failing = failed_again(after(failures), changed, NO, later, 0.0, is_given_up=True)
    assert failing == Failing(changed_at=changed.changed_at, since=later, given_up=1)
    rotated = endpoint().rotated("second", NOW + SECOND, keep_old=True)
    assert failed_again(after(failures), rotated, NO, later, 0.0, is_given_up=False).given_up == 0


def test_one_message_alone_ends_no_endpoint_however_late_its_attempts_are() -> None:
    longest = sum((pause * 1.1 for pause in PAUSES), timedelta())
    assert longest < FAILING_DAYS
    assert MOST_GIVEN_UP > 1
