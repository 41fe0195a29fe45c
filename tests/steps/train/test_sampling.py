"""Persons take part independently, each with the plan's rate; thresholds state how often they would cry wolf."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.sampling import draw_persons, draw_rows, draw_update

PERSONS, DRAWS, RATE = 200, 4_000, Decimal("0.05")
SIX = 6.0  # standard deviations: a false alarm in 500 million for one value


def drawn() -> np.ndarray:
    """bool[draws, persons]"""
    mask = np.zeros((DRAWS, PERSONS), dtype=bool)
    for draw in range(DRAWS):
        mask[draw, draw_persons(RATE, PERSONS)] = True
    return mask


def test_everybody_takes_part_with_the_rate_of_the_plan() -> None:
    frequencies = drawn().mean(axis=0)
    deviation = np.sqrt(0.05 * 0.95 / DRAWS)
    assert np.abs(frequencies - 0.05).max() < SIX * deviation
    assert abs(frequencies.mean() - 0.05) < SIX * deviation / np.sqrt(PERSONS)


def test_the_number_drawn_varies_as_independent_draws_do() -> None:
    """Shuffled batches of a fixed size would have no variance at all."""
    sizes = drawn().sum(axis=1)
    expected = PERSONS * 0.05 * 0.95
    assert abs(sizes.var() / expected - 1) < SIX * np.sqrt(2 / DRAWS) * 1.1


def test_two_persons_take_part_independently_and_so_do_two_updates() -> None:
    mask = drawn().astype(float) - 0.05
    together = (mask[:, 0::2] * mask[:, 1::2]).mean()
    later = (mask[1:] * mask[:-1]).mean()
    assert abs(together) < SIX * 0.05 * 0.95 / np.sqrt(DRAWS * PERSONS / 2)
    assert abs(later) < SIX * 0.05 * 0.95 / np.sqrt((DRAWS - 1) * PERSONS)


def test_rate_one_draws_everybody_and_nobody_is_drawn_from_nobody() -> None:
    assert draw_persons(Decimal(1), 5).tolist() == [0, 1, 2, 3, 4]
    assert draw_persons(Decimal("0.5"), 0).tolist() == []


def test_a_tiny_rate_draws_nobody_for_a_long_time() -> None:
    assert sum(len(draw_persons(Decimal("1e-12"), 1_000)) for _ in range(100)) == 0


@pytest.mark.parametrize("at_most", [1, 3, 7, 50])
def test_never_more_rows_than_the_plan_allows_and_each_only_once(at_most: int) -> None:
    rows = np.arange(100, 107)
    kept = draw_rows(rows, at_most)
    assert len(kept) == len(set(kept.tolist())) == min(at_most, 7)
    assert set(kept.tolist()) <= set(rows.tolist())


def test_rows_are_drawn_afresh_and_evenly() -> None:
    rows = np.arange(10)
    counts = np.bincount(np.concatenate([draw_rows(rows, 3) for _ in range(DRAWS)]), minlength=10)
    assert np.abs(counts / DRAWS - 0.3).max() < SIX * np.sqrt(0.3 * 0.7 / DRAWS)


def test_an_update_has_at_most_the_plans_rows_of_each_drawn_person_and_perhaps_nobody(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    rows = rows_of((1, 5, 3))
    of = {int(row): person for person in range(3) for row in rows.of(person)}
    sizes = set()
    for _ in range(300):
        persons = draw_update(plan, rows)  # each with probability one half
        sizes.add(len(persons))
        assert all(len({of[int(row)] for row in theirs}) == 1 for theirs in persons)
        assert [len(theirs) for theirs in persons] == [min(len(rows.of(of[int(theirs[0])])), 2) for theirs in persons]
    assert sizes == {0, 1, 2, 3}, "none of them is missing in 300 draws but once in 10**17"


def test_where_the_record_is_the_unit_each_row_is_drawn_for_itself(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    rows = rows_of((1, 2, 2))
    by_record = replace(plan, mechanism=replace(plan.mechanism, unit=PrivacyUnit.RECORD, contributions=2))
    draws = [draw_update(by_record, rows) for _ in range(DRAWS)]
    assert all(len(unit) == 1 for units in draws for unit in units)
    counts = np.bincount(np.concatenate([unit for units in draws for unit in units]), minlength=5)
    assert np.abs(counts / DRAWS - 0.5).max() < SIX * np.sqrt(0.25 / DRAWS)
