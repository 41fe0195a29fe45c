"""How many canaries a training gets."""

from hypothesis import given, strategies as st
from scipy.stats import binom

from tunewarden.domain.canaries import LEAST_PERSONS, MOST_CANARIES, canaries_for
from tunewarden.steps.measure.privacy import LEAST_PERSONS as NEEDED_ON_A_SIDE


@given(st.integers(min_value=0, max_value=10**9))
def test_those_that_take_part_are_one_in_six_of_those_trained_on_at_most(persons: int) -> None:
    taking_part = canaries_for(persons) / 2
    assert taking_part <= (persons + taking_part) / 6
    assert canaries_for(persons) <= MOST_CANARIES


def test_there_are_two_hundred_from_six_hundred_persons_on_and_none_under_two_hundred() -> None:
    assert canaries_for(LEAST_PERSONS - 1) == 0
    assert [canaries_for(persons) for persons in (LEAST_PERSONS, 300, 600, 2_000, 3_000)] == [80, 100, 200, 200, 300]


@given(st.integers(min_value=LEAST_PERSONS, max_value=10**5))
def test_in_98_of_100_trainings_the_coins_leave_as_many_on_each_side_as_attacks_need(persons: int) -> None:
    canaries = canaries_for(persons)
    assert 1 - 2 * binom.cdf(NEEDED_ON_A_SIDE - 1, canaries, 0.5) > 0.98


@given(st.integers(min_value=0, max_value=10**5))
def test_more_persons_never_get_fewer(persons: int) -> None:
    assert canaries_for(persons) <= canaries_for(persons + 1)
