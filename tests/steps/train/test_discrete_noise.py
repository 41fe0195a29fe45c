"""Whole numbers: the noise has its exact probabilities, and one person moves the sum by what the noise is made for."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from tunewarden.domain.errors import Refused
from tunewarden.steps.train.discrete_noise import Grid, GridClipper, discrete_normal
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.person_clip import Gradients

COUNT = 400_000
SIX = 6.0  # standard deviations: a false alarm in 500 million for one value


@pytest.mark.parametrize("deviation", [1, 2, 3, 7])
def test_every_whole_number_comes_as_often_as_its_probability_says(deviation: int) -> None:
    values = discrete_normal(NoiseStream(), deviation, COUNT)
    points = np.arange(-60 * deviation, 60 * deviation + 1)
    chances = np.exp(-(points**2) / (2 * deviation**2))
    chances /= chances.sum()
    for point in range(-3 * deviation, 3 * deviation + 1):
        chance = chances[points == point][0]
        assert abs((values == point).mean() - chance) < SIX * np.sqrt(chance * (1 - chance) / COUNT)


@pytest.mark.parametrize("deviation", [100, 10**6, 2**26])
def test_mean_variance_and_fourth_moment_are_those_of_a_normal_of_that_deviation(deviation: int) -> None:
    values = discrete_normal(NoiseStream(), deviation, COUNT) / deviation
    assert abs(values.mean()) < SIX / np.sqrt(COUNT)
    assert abs(np.square(values).mean() - 1) < SIX * np.sqrt(2 / COUNT)
    assert abs((values**4).mean() - 3) < SIX * np.sqrt(96 / COUNT)


def test_the_distribution_is_normal_everywhere_when_seen_from_afar() -> None:
    """By Dvoretzky, Kiefer, Wolfowitz and Massart a false alarm in 10**9; a step of the grid is a millionth."""
    values = torch.from_numpy(np.sort(discrete_normal(NoiseStream(), 10**6, COUNT) / 10**6))
    expected = torch.special.ndtr(values).numpy()
    ranks = np.arange(COUNT) / COUNT
    distance = np.maximum(np.abs(expected - ranks), np.abs(expected - ranks - 1 / COUNT)).max()
    assert distance < np.sqrt(np.log(2e9) / (2 * COUNT)) + 1e-6


def test_values_are_not_correlated_with_the_next_or_with_those_of_another_update() -> None:
    one, other = (discrete_normal(NoiseStream(), 1_000, COUNT) / 1_000 for _ in range(2))
    for lag in (1, 2, COUNT // 2):
        assert abs((one[lag:] * one[:-lag]).mean()) < SIX / np.sqrt(COUNT - lag)
    assert abs((one * other).mean()) < SIX / np.sqrt(COUNT)


@pytest.mark.parametrize("deviation", [0, -1, 2**26 + 1])
def test_a_deviation_beyond_what_whole_numbers_hold_is_no_noise_at_all(deviation: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        discrete_normal(NoiseStream(), deviation, 1)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_any_number_of_values_can_be_had(count: int) -> None:
    assert discrete_normal(NoiseStream(), 100, count).shape == (count,)


@given(
    st.decimals("0.001", "1000", places=3).map(float),
    st.decimals("0.01", "50", places=2).map(float),
    st.integers(1, 10**7),
)
def test_the_grid_costs_next_to_nothing_and_its_noise_is_never_below_the_plans(
    clip: float, multiplier: float, numbers: int
) -> None:
    grid = Grid.fit(clip, multiplier, numbers)
    assert grid.step * grid.longest >= clip + grid.step * np.sqrt(numbers) / 2
    assert grid.step * grid.longest <= clip * (1.04 if grid.deviation > 2**24 else 1.001) + grid.step
    assert grid.deviation >= multiplier * grid.longest
    assert 100 <= grid.deviation <= max(100, 1 + multiplier * grid.longest)


def test_noise_that_is_too_strong_for_whole_numbers_is_refused_with_a_way_out() -> None:
    with pytest.raises(Refused) as refused:
        Grid.fit(0.5, 10_000, 10**8)
    assert refused.value.code == "noise_too_strong"
    assert refused.value.remedy


class Given:
    """A clipper that gives back what a test put in; a person is the index of a gradient."""

    def __init__(self, gradients: torch.Tensor) -> None:
        self.gradients, self.calls = gradients, list[int]()

    def require_covered(self) -> None:
        pass

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        self.calls.append(len(persons))
        chosen = self.gradients[[int(person[0]) for person in persons]]
        return {"a": chosen[:, :3].sum(dim=0), "b": chosen[:, 3:].sum(dim=0).view(1, -1)}

    def close(self) -> None:
        pass


def flat(gradients: Gradients) -> torch.Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients.values()])


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(4, 300))
def test_one_person_moves_the_sum_by_no_more_than_the_noise_is_made_for_exactly(
    seed: int, persons: int, numbers: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    clip = 0.5
    gradients = torch.nn.functional.normalize(torch.randn(persons, numbers, generator=generator)) * clip
    grid = Grid.fit(clip, 1.0, numbers)
    clipper = GridClipper(Given(gradients), grid)
    everybody = [np.array([person]) for person in range(persons)]
    total = flat(clipper.clipped_sum(everybody)) / grid.step
    assert torch.equal(total, total.round()), "whole multiples of the step, nothing else"
    for person in range(persons):
        rest = flat(clipper.clipped_sum(everybody[:person] + everybody[person + 1 :])) / grid.step
        moved = [int(number) for number in total - rest]
        assert sum(number**2 for number in moved) <= grid.longest**2
    assert float((total * grid.step - gradients.double().sum(dim=0)).abs().max()) <= persons * grid.step / 2


def test_persons_are_computed_one_by_one_and_one_beyond_the_bound_counts_for_nothing() -> None:
    gradients = torch.full((3, 5), 0.1)
    gradients[1] = 10.0
    given = Given(gradients)
    grid = Grid.fit(0.5, 1.0, 5)
    total = flat(GridClipper(given, grid).clipped_sum([np.array([person]) for person in range(3)]))
    assert max(given.calls) == 1
    assert float((total - 0.2).abs().max()) <= grid.step
    assert Decimal(grid.step) * 2**30 % 1 == 0, "a power of two"
