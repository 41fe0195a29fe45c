"""The noise is normal, independent and never repeated; the thresholds state how often they would cry wolf."""

import numpy as np
import pytest
import torch

from tunewarden.steps.train.noise import NoiseStream, energy_is_plausible

COUNT = 1_000_000
FIVE_AND_A_HALF = 5.5  # standard deviations: a false alarm in 26 million


def test_mean_variance_and_fourth_moment_are_those_of_a_standard_normal() -> None:
    values = NoiseStream().normal(COUNT)
    assert values.dtype == np.float64
    assert abs(values.mean()) < FIVE_AND_A_HALF / np.sqrt(COUNT)
    assert abs(np.square(values).mean() - 1) < FIVE_AND_A_HALF * np.sqrt(2 / COUNT)
    assert abs((values**4).mean() - 3) < FIVE_AND_A_HALF * np.sqrt(96 / COUNT)


def test_the_distribution_is_normal_everywhere() -> None:
    """Kolmogorov and Smirnov's distance; by Dvoretzky, Kiefer, Wolfowitz and Massart a false alarm in 10**9."""
    values = torch.from_numpy(np.sort(NoiseStream().normal(COUNT)))
    expected = torch.special.ndtr(values).numpy()
    ranks = np.arange(COUNT) / COUNT
    distance = np.maximum(np.abs(expected - ranks), np.abs(expected - ranks - 1 / COUNT)).max()
    assert distance < np.sqrt(np.log(2e9) / (2 * COUNT))


@pytest.mark.parametrize("lag", [1, 2, COUNT // 4, COUNT // 2])
def test_values_of_one_stream_are_not_correlated(lag: int) -> None:
    values = NoiseStream().normal(COUNT)
    assert abs((values[lag:] * values[:-lag]).mean()) < FIVE_AND_A_HALF / np.sqrt(COUNT - lag)


def test_two_updates_get_independent_noise() -> None:
    one, other = NoiseStream().normal(COUNT), NoiseStream().normal(COUNT)
    assert abs((one * other).mean()) < FIVE_AND_A_HALF / np.sqrt(COUNT)


def test_a_stream_goes_on_instead_of_repeating_itself() -> None:
    stream = NoiseStream()
    one, other = stream.normal(COUNT), stream.normal(COUNT)
    assert abs((one * other).mean()) < FIVE_AND_A_HALF / np.sqrt(COUNT)


def test_seeds_do_not_reach_the_noise() -> None:
    draws = []
    for _ in range(2):
        torch.manual_seed(0)
        np.random.seed(0)
        draws.append(NoiseStream().normal(8))
    assert not np.array_equal(*draws)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_any_number_of_values_can_be_had(count: int) -> None:
    assert NoiseStream().normal(count).shape == (count,)


def test_honest_noise_has_a_plausible_energy() -> None:
    assert all(energy_is_plausible(NoiseStream().normal(5_000)) for _ in range(50))


@pytest.mark.parametrize("scale", [0.0, 0.9, 1.1])
def test_missing_or_wrong_noise_does_not(scale: float) -> None:
    assert not energy_is_plausible(scale * NoiseStream().normal(50_000))
