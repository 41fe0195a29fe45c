"""What leaves an update: noised once, checked each time, divided by a constant. Thresholds state their false alarms."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.training import NoiseForm, Plan
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.person_clip import Gradients
from tunewarden.steps.train.release import Noise, Release, noise_of

NUMBERS = 50_000
SIX = 6.0  # standard deviations: a false alarm in 500 million for one value


@pytest.fixture(params=list(NoiseForm))
def noised(request: pytest.FixtureRequest, plan: Plan) -> Plan:
    return replace(plan, recipe=replace(plan.recipe, noise=request.param))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def total() -> Gradients:
    return {"a": torch.full((1_000, 49), 3.0), "b": torch.full((1_000,), -1.0)}


def test_what_the_optimizer_gets_is_the_sum_with_the_plans_noise_over_the_plans_constant(
    noised: Plan, stack: ExitStack
) -> None:
    released = stack.enter_context(Release(noised, noise_of(noised, NUMBERS)))(total())
    assert {name: tensor.shape for name, tensor in released.items()} == {n: t.shape for n, t in total().items()}
    added = torch.cat([(released[n] * noised.recipe.expected_units - t).flatten() for n, t in total().items()])
    deviation = float(noised.mechanism.noise_multiplier * noised.recipe.clip)
    assert -SIX * np.sqrt(2 / NUMBERS) < float(added.square().mean()) / deviation**2 - 1
    assert float(added.square().mean()) / deviation**2 - 1 < SIX * np.sqrt(2 / NUMBERS) + 0.005, "the grid's share"
    assert abs(float(added.mean())) < SIX * deviation / np.sqrt(NUMBERS)


def test_the_sum_does_not_show_in_the_noise_and_updates_are_independent(noised: Plan, stack: ExitStack) -> None:
    release = stack.enter_context(Release(noised, noise_of(noised, NUMBERS)))
    zeros = {name: torch.zeros_like(clean) for name, clean in total().items()}
    one, other = (torch.cat([t.flatten() for t in release(zeros).values()]) for _ in range(2))
    assert abs(float((one * other).mean() / one.var())) < SIX / np.sqrt(NUMBERS)


def test_the_divisor_is_the_plans_constant_whatever_the_sum(noised: Plan, stack: ExitStack) -> None:
    release = stack.enter_context(Release(noised, noise_of(noised, 1_000)))
    for scale in (1e4, 2e4, 4e4):
        released = release({"a": torch.full((1_000,), scale)})["a"]
        assert abs(float(released.mean()) * noised.recipe.expected_units / scale - 1) < 1e-5


@pytest.mark.parametrize("scale", [0.0, 0.9, 1.1])
def test_an_update_whose_noise_is_missing_or_of_another_strength_is_not_made(plan: Plan, scale: float) -> None:
    weak = Noise(deviation=1.0, draw=lambda: scale * NoiseStream().normal(NUMBERS))
    with Release(plan, weak) as release:
        with pytest.raises(Corrupted) as raised:
            release(total())
        assert raised.value.code == "noise_missing"
        assert release.checked == 0


def test_noise_that_is_lost_when_it_is_added_is_missing(plan: Plan) -> None:
    """Beside a sum so large that float64 has no room for the noise."""
    ordinary = Noise(deviation=1.0, draw=lambda: NoiseStream().normal(NUMBERS))
    with Release(plan, ordinary) as release, pytest.raises(Corrupted, match="does not have the energy"):
        release({"a": torch.full((NUMBERS,), 1e17)})


@pytest.mark.parametrize("between", [0, 5])
def test_noise_that_was_there_before_stops_the_training_however_long_ago(plan: Plan, between: int) -> None:
    repeated = NoiseStream().normal(NUMBERS)
    draws = iter([repeated, *(NoiseStream().normal(NUMBERS) for _ in range(between)), repeated, repeated])
    with Release(plan, Noise(deviation=1.0, draw=lambda: next(draws))) as release:
        for update in range(1 + between):
            release({"a": torch.full((NUMBERS,), float(update))})
        with pytest.raises(Corrupted) as raised:
            release({"a": torch.full((NUMBERS,), -0.7)})
        assert raised.value.code == "noise_repeated"
        assert release.checked == 1 + between


def test_honest_noise_passes_every_time_and_is_counted(noised: Plan, stack: ExitStack) -> None:
    release = stack.enter_context(Release(noised, noise_of(noised, 2_000)))
    for _ in range(100):
        release({"a": torch.zeros(2_000)})
    assert release.checked == 100


def test_an_empty_share_of_nobody_is_noised_like_any_other(noised: Plan, stack: ExitStack) -> None:
    release = stack.enter_context(Release(noised, noise_of(noised, NUMBERS)))
    assert float(release({"a": torch.zeros(NUMBERS)})["a"].abs().min()) >= 0
    assert release.checked == 1


def test_the_next_noise_is_drawn_while_the_update_is_computed(plan: Plan) -> None:
    drawn = threading.Semaphore(0)

    def told() -> NDArray[np.float64]:
        noise = NoiseStream().normal(10_000)
        drawn.release()
        return noise

    with Release(plan, Noise(deviation=1.0, draw=told)) as release:
        release({"a": torch.zeros(10_000)})
        assert drawn.acquire(timeout=60)
        assert drawn.acquire(timeout=60), "nobody asks for the second one yet"


def test_what_goes_wrong_while_drawing_stops_the_training(plan: Plan) -> None:
    def broken() -> NDArray[np.float64]:
        raise OSError("no randomness")

    with Release(plan, Noise(deviation=1.0, draw=broken)) as release, pytest.raises(OSError, match="no randomness"):
        release({"a": torch.zeros(10)})


def test_hardened_noise_lies_on_the_grid_with_the_sum(plan: Plan) -> None:
    hardened = replace(plan, recipe=replace(plan.recipe, noise=NoiseForm.DISCRETE_GAUSSIAN, clip=Decimal(1)))
    noise = noise_of(hardened, 4_096)  # a step of 2**-16
    assert np.array_equal(noise.draw() * 2**16, np.rint(noise.draw() * 2**16)) is False, "two draws differ"
    drawn = noise.draw() * 2**16
    assert np.array_equal(drawn, np.rint(drawn))
    with Release(hardened, noise) as release:
        released = release({"a": torch.full((4_096,), 5 * 2.0**-16)})["a"] * hardened.recipe.expected_units * 2**16
    assert torch.equal(released, released.round())
