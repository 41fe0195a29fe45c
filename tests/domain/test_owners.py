"""At most so many rows of every person are kept, also where a row belongs to several."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import Malformed
from tunewarden.domain.owners import kept_rows

PEOPLE = st.sampled_from("abcdefgh")
OWNERS = st.lists(st.frozensets(PEOPLE, min_size=1, max_size=4), max_size=40)


@given(OWNERS, st.integers(1, 4))
def test_nobody_owns_more_of_the_kept_rows_than_allowed(owners: list[frozenset[str]], at_most: int) -> None:
    counts = Counter(person for row in kept_rows(owners, at_most) for person in owners[row])
    assert max(counts.values(), default=0) <= at_most


@given(OWNERS, st.integers(1, 4))
def test_no_row_is_left_out_that_could_be_kept(owners: list[frozenset[str]], at_most: int) -> None:
    kept = kept_rows(owners, at_most)
    counts = Counter(person for row in kept for person in owners[row])
    for row in set(range(len(owners))) - set(kept):
        assert any(counts[person] == at_most for person in owners[row])


@given(OWNERS, st.integers(1, 4))
def test_only_who_owns_what_decides_not_what_persons_are_called(owners: list[frozenset[str]], at_most: int) -> None:
    renamed = [frozenset(person.upper() for person in row) for row in owners]
    assert kept_rows(owners, at_most) == kept_rows(renamed, at_most)


@given(st.lists(PEOPLE, max_size=40), st.integers(1, 4))
def test_with_one_owner_each_a_person_changes_nothing_for_others(single: list[str], at_most: int) -> None:
    kept = kept_rows([[person] for person in single], at_most)
    without = [(index, person) for index, person in enumerate(single) if person != "a"]
    again = kept_rows([[person] for _, person in without], at_most)
    assert [without[row][0] for row in again] == [row for row in kept if single[row] != "a"]


def test_of_one_person_with_ten_thousand_rows_the_first_few_are_kept() -> None:
    assert kept_rows([["a"]] * 10_000 + [["b"]], 3) == [0, 1, 2, 10_000]


def test_a_row_of_nobody_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        kept_rows([["a"], []], 1)
    assert refused.value.code == "row_without_owner"


def test_keeping_nothing_is_no_way_to_keep_a_bound() -> None:
    with pytest.raises(Malformed):
        kept_rows([["a"]], 0)
