"""How long an endpoint is left alone that asks for it, and that nobody can ask for more than an hour."""

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given, strategies as st
from tests.conftest import NOW
from tests.domain.test_webhooks import endpoint

from tunewarden.domain.webhook_holds import MOST_ASKED, Answer, hold
from tunewarden.domain.webhooks import Failing, failed_again

SECOND = timedelta(seconds=1)
STATUSES = st.integers(300, 599) | st.just(0)
HEADERS = st.text(max_size=70) | st.from_regex(
    r"\A[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d [+-]?\w{0,5}\Z"
)
SHARES = st.floats(0.0, 1.0, exclude_max=True)
SINCE = st.integers(0, 1_000_000).map(lambda seconds: NOW - seconds * SECOND)


def asked(header: str, status: int = 503) -> timedelta | None:
    return hold(Answer(status=status, retry_after=header), NOW, NOW, 0.0)


@pytest.mark.parametrize("status", [429, 502, 504])
def test_each_pause_is_as_long_as_all_before_it_from_five_seconds_to_five_minutes(status: int) -> None:
    failing, now, pauses = None, NOW, []
    for _ in range(10):
        failing = failed_again(failing, endpoint(), Answer(status=status), now, 0.0, is_given_up=False)
        assert failing.held_until is not None
        pauses.append((failing.held_until - now) // SECOND)
        now = failing.held_until
    assert pauses == [5, 5, 10, 20, 40, 80, 160, 300, 300, 300]


@given(STATUSES.filter(lambda status: status not in {429, 502, 504}), SINCE, SHARES)
def test_no_other_status_asks_for_a_pause_by_itself(status: int, since: datetime, share: float) -> None:
    assert hold(Answer(status=status), since, NOW, share) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        (format_datetime(NOW + 90 * SECOND).replace("+0000", "GMT"), 90),
        ((NOW + 90 * SECOND).strftime("%A, %d-%b-%y %H:%M:%S GMT"), 90),
        ((NOW + 90 * SECOND).strftime("%a %b %d %H:%M:%S %Y"), 90),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 64, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_how_long_is_said_in_seconds_or_as_a_date_and_is_an_hour_at_most(header: str, seconds: int) -> None:
    assert asked(header) == seconds * SECOND
    assert asked(header, status=429) == max(seconds, 5) * SECOND


@pytest.mark.parametrize(
    "header",
    [
        "",
        "0",
        "-5",
        "1.5",
        "soon",
        "\u0665",
        "\u00b2",
        "5, 5",
        "9" * 65,
        format_datetime(NOW),
        format_datetime(NOW - SECOND),
    ],
)
def test_what_says_nothing_or_is_over_is_no_pause_and_less_than_a_status_asks_for_is_not_taken(header: str) -> None:
    assert asked(header) is None
    assert asked(header, status=429) == 5 * SECOND


@given(STATUSES, HEADERS, SINCE, SHARES)
@example(504, "Fri, 31 Dec 9999 23:59:59 -2359", NOW, 0.5)
@example(504, "Mon, 01 Jan 0001 00:00:00 +2359", NOW, 0.5)
@example(504, "Sat, 21 Nov 2026 10:00:00 +99999999999999999999", NOW, 0.5)
def test_whatever_is_sent_the_pause_is_bounded_and_up_to_a_tenth_is_added_by_chance(
    status: int, header: str, since: datetime, share: float
) -> None:
    answer = Answer(status=status, retry_after=header)
    pause, least = (hold(answer, since, NOW, one) for one in (share, 0.0))
    assert (pause is None) == (least is None)
    if pause is not None and least is not None:
        assert timedelta() < least <= MOST_ASKED
        assert pause == least * (1 + share / 10)


def test_the_next_answer_says_anew_how_long_and_one_that_does_not_ends_it() -> None:
    held = failed_again(None, endpoint(), Answer(status=429), NOW, 0.0, is_given_up=False)
    assert held == Failing(changed_at=endpoint().changed_at, since=NOW, held_until=NOW + 5 * SECOND)
    later = failed_again(held, endpoint(), Answer(status=500), NOW + 9 * SECOND, 0.0, is_given_up=False)
    assert later == replace(held, held_until=None)


def test_the_header_is_in_no_text_of_an_answer() -> None:
    assert "canary" not in f"{Answer(status=503, retry_after='canary')}"
