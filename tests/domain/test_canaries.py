"""How many canaries a training gets."""

from hypothesis import given, strategies as st

from tunewarden.domain.canaries import LEAST_PERSONS, MOST_CANARIES, canaries_for


@given(st.integers(min_value=0, max_value=10**9))
def test_those_that_take_part_are_one_in_six_persons_at_most(persons: int) -> None:
    assert canaries_for(persons) / 2 <= persons / 6
    assert canaries_for(persons) <= MOST_CANARIES


def test_there_are_two_hundred_from_six_hundred_persons_on_and_none_under_two_hundred() -> None:
    assert canaries_for(LEAST_PERSONS - 1) == 0
    assert [canaries_for(persons) for persons in (LEAST_PERSONS, 600, 2_000, 3_000)] == [66, 200, 200, 300]


@given(st.integers(min_value=0, max_value=10**5))
def test_more_persons_never_get_fewer(persons: int) -> None:
    assert canaries_for(persons) <= canaries_for(persons + 1)
