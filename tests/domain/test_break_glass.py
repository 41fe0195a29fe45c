"""When an emergency is in force, and who may do what with it: whatever the times and in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.break_glass import (
    CONFIRM_WITHIN,
    IN_FORCE,
    LONGEST,
    NEXT,
    Emergency,
    EmergencyFinding,
    EmergencyReason,
    Standing,
    in_force,
    opened,
)
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, Refused
from tunewarden.domain.names import EmergencyId, PrincipalId

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
GAIL, BOB, PIA, PAT = (PrincipalId(f"prn-{name}") for name in ("gail", "bob", "pia", "pat"))
FIRST, SECOND = EmergencyId("bgl-1"), EmergencyId("bgl-2")
MOMENT = timedelta(milliseconds=1)


def an_emergency(at: datetime = NOW, by: PrincipalId = GAIL, earlier: tuple[Emergency, ...] = ()) -> Emergency:
    return opened(FIRST, by, "INC-4711", EmergencyReason.DATA_LEAK, at, earlier)


def test_unconfirmed_it_is_in_force_for_a_quarter_of_an_hour_and_not_a_moment_longer() -> None:
    made = an_emergency()
    assert made.is_in_force(NOW)
    assert made.is_in_force(NOW + CONFIRM_WITHIN - MOMENT)
    assert not made.is_in_force(NOW + CONFIRM_WITHIN)
    assert made.standing(NOW + CONFIRM_WITHIN) is Standing.LAPSED
    assert made.standing(NOW + LONGEST) is Standing.LAPSED, "what lapsed has not ended by its time"


def test_confirmed_it_is_in_force_for_four_hours_from_its_opening_and_not_a_moment_longer() -> None:
    made = an_emergency().confirm(BOB, NOW + CONFIRM_WITHIN - MOMENT)
    assert made.is_in_force(NOW + LONGEST - MOMENT)
    assert not made.is_in_force(NOW + LONGEST)
    assert made.standing(NOW + LONGEST) is Standing.ENDED


def test_what_lapsed_is_not_confirmed_any_more() -> None:
    with pytest.raises(IllegalTransition, match="lapsed cannot become confirmed"):
        an_emergency().confirm(BOB, NOW + CONFIRM_WITHIN)


def test_a_clock_that_was_put_back_opens_nothing() -> None:
    assert not an_emergency().is_in_force(NOW - MOMENT)


def test_closed_it_is_over_at_once_and_for_good() -> None:
    closed = an_emergency().confirm(BOB, NOW).close(GAIL, NOW + timedelta(minutes=20))
    assert not closed.is_in_force(NOW + timedelta(minutes=20))
    assert closed.standing(NOW + timedelta(minutes=20)) is Standing.ENDED
    with pytest.raises(IllegalTransition):
        closed.close(GAIL, NOW + timedelta(minutes=21))


def test_closed_before_anybody_confirmed_it_has_ended_and_not_lapsed() -> None:
    closed = an_emergency().close(GAIL, NOW + timedelta(minutes=1))
    assert closed.standing(NOW + LONGEST) is Standing.ENDED


def test_who_opened_it_neither_confirms_nor_reviews_it_and_who_confirmed_it_does_not_review_it() -> None:
    made = an_emergency()
    with pytest.raises(Refused, match="cannot confirm"):
        made.confirm(GAIL, NOW)
    over = made.confirm(PIA, NOW).close(GAIL, NOW)
    for by in (GAIL, PIA):
        with pytest.raises(Refused):
            over.review(by, EmergencyFinding.JUSTIFIED, NOW)
    reviewed = over.review(PAT, EmergencyFinding.NOT_NEEDED, NOW)
    assert (reviewed.reviewed_by, reviewed.finding) == (PAT, EmergencyFinding.NOT_NEEDED)
    with pytest.raises(IllegalTransition):
        reviewed.review(PAT, EmergencyFinding.JUSTIFIED, NOW)


def test_it_is_not_reviewed_while_it_is_in_force() -> None:
    with pytest.raises(IllegalTransition, match="confirmed cannot become reviewed"):
        an_emergency().confirm(BOB, NOW).review(PIA, EmergencyFinding.JUSTIFIED, NOW)


def test_who_opened_one_opens_no_other_before_its_review() -> None:
    first = an_emergency()
    for earlier in (first, first.close(GAIL, NOW)):
        with pytest.raises(Conflict, match="has not been reviewed"):
            an_emergency(NOW + 2 * LONGEST, earlier=(earlier,))
    assert an_emergency(NOW, by=BOB, earlier=(first,)).opened_by == BOB, "others are not kept waiting"
    reviewed = first.close(GAIL, NOW).review(PIA, EmergencyFinding.JUSTIFIED, NOW)
    assert an_emergency(NOW, earlier=(reviewed,)).is_in_force(NOW)


def test_nobody_has_the_emergency_of_somebody_else() -> None:
    made = an_emergency()
    assert in_force([made], GAIL, NOW) == made
    assert in_force([made], BOB, NOW) is None


@pytest.mark.parametrize(
    "incident",
    ["", "INC", "inc-1", "INC-", "I-1", "INCIDENTS1-1", "INC-1234567890123", "INC-1\n", "INC-١", " INC-1", "INC-1; x"],  # noqa: RUF001
)
def test_an_incident_is_what_the_incident_system_gave_and_nothing_that_somebody_wrote(incident: str) -> None:
    with pytest.raises(Malformed) as caught:
        opened(FIRST, GAIL, incident, EmergencyReason.DRILL, NOW, ())
    assert not incident.strip() or incident not in str(caught.value)


def test_the_log_is_told_of_the_incident_by_a_digest_that_is_another_one_in_every_emergency() -> None:
    one, other = an_emergency(), replace(an_emergency(), id=SECOND)
    assert one.incident_digest != other.incident_digest
    assert one.incident_digest != replace(one, incident="INC-4712").incident_digest


MINUTES = st.integers(min_value=-10, max_value=400).map(lambda number: timedelta(minutes=number))
STEPS = st.lists(
    st.tuples(MINUTES, st.sampled_from(["confirm", "close", "review"]), st.sampled_from([GAIL, BOB, PIA, PAT])),
    max_size=8,
)


@given(steps=STEPS, asked=MINUTES)
def test_whatever_is_tried_and_when_it_goes_along_the_table_and_is_in_force_only_as_it_may(
    steps: list[tuple[timedelta, str, PrincipalId]], asked: timedelta
) -> None:
    one = an_emergency()
    clock = NOW
    for minutes, what, by in sorted(steps, key=lambda step: step[0]):
        clock = max(clock, NOW + minutes)
        before = one.standing(clock)
        try:
            match what:
                case "confirm":
                    one = one.confirm(by, clock)
                case "close":
                    one = one.close(by, clock)
                case _:
                    one = one.review(by, EmergencyFinding.JUSTIFIED, clock)
        except Refused:
            assert one.standing(clock) is before
        else:
            assert one.standing(clock) in NEXT[before]
    at = max(clock, NOW + asked)
    if one.is_in_force(at):
        assert one.standing(at) in IN_FORCE
        assert NOW <= at < NOW + LONGEST
        assert at < NOW + CONFIRM_WITHIN or one.confirmed_by not in (None, GAIL)
        assert one.closed_by is None
    if one.reviewed_by is not None:
        assert one.reviewed_by not in {GAIL, one.confirmed_by}
