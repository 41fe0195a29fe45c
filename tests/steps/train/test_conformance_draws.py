"""Samplers, noise and divisors that are not those of the plan, each found as people make them; honest ones pass."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from opacus import PrivacyEngine
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from tests.steps.train.planted import noised
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tunewarden.domain.errors import Refused
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import NoiseForm, Plan
from tunewarden.steps.train import chance
from tunewarden.steps.train.certificate import CheckName
from tunewarden.steps.train.conformance_draws import Draw, Release, check_draws, check_release
from tunewarden.steps.train.person_clip import Gradients
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.sampling import draw_update

pytestmark = pytest.mark.filterwarnings("ignore:Secure RNG turned off")
SHAPES = {"a": torch.zeros((32, 8)), "b": torch.zeros((8, 32)), "head": torch.zeros((8, 40)), "bias": torch.zeros(40)}
Drawn = Sequence[NDArray[np.int64]]


@pytest.fixture
def rare(plan: Plan) -> Plan:
    return replace(plan, mechanism=replace(plan.mechanism, sampling_rate=Decimal("0.01")))


def found_in_draws(plan: Plan, draw: Draw) -> str:
    with pytest.raises(Refused) as refused:
        list(check_draws(plan, draw))
    return refused.value.code.removeprefix("conformance_")


def found_in_release(plan: Plan, release: Release) -> str:
    with pytest.raises(Refused) as refused:
        list(check_release(plan, SHAPES, release))
    return refused.value.code.removeprefix("conformance_")


# Who is drawn.


@pytest.mark.parametrize("rate", ["1", "0.9", "0.5", "0.05", "0.001", "0.0001", "0.000001"])
@pytest.mark.parametrize("unit", PrivacyUnit)
def test_the_sampler_of_the_platform_passes_at_any_rate(plan: Plan, rate: str, unit: PrivacyUnit) -> None:
    units = plan.recipe.rows_per_person if unit is PrivacyUnit.RECORD else 1
    mechanism = replace(plan.mechanism, sampling_rate=Decimal(rate), unit=unit, contributions=units)
    plan = replace(plan, mechanism=mechanism)
    names = [check.name for check in check_draws(plan, lambda rows: draw_update(plan, rows))]
    assert names == [CheckName.ROWS_PER_PERSON, CheckName.SAMPLING_RATE, CheckName.SAMPLING_INDEPENDENCE]


def test_an_honest_training_is_not_refused_by_chance(rare: Plan) -> None:
    """Limits are at 10**-12. 22 figures in each of 100 trials: more than this once in ten million such tests."""
    worst = 0.0
    for _ in range(100):
        checks = [*check_draws(rare, lambda rows: draw_update(rare, rows))]
        checks += check_release(rare, SHAPES, lambda total, _drawn: noised(rare, total))
        worst = max(worst, *(float(check.measured) for check in checks if check.name is not CheckName.NORMALISER))
    assert worst < 7 * math.log(10) + math.log(100 * 22)


def opacus_loader(persons: int, rate: float, *, poisson: bool) -> DataLoader[tuple[torch.Tensor, ...]]:
    model = nn.Linear(1, 1)
    data = TensorDataset(torch.arange(persons))
    _, _, loader = PrivacyEngine(accountant="rdp").make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data_loader=DataLoader(data, batch_size=round(persons * rate), shuffle=True),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        poisson_sampling=poisson,
    )
    return loader


@pytest.mark.parametrize("poisson", [True, False])
def test_fixed_batches_that_opacus_accounts_as_poisson_are_found_and_its_poisson_ones_pass(
    rare: Plan, *, poisson: bool
) -> None:
    batches: dict[int, object] = {}

    def draw(rows: Rows) -> Drawn:
        if rows.persons == 1:
            return draw_update(rare, rows)
        loader = opacus_loader(rows.persons, 0.01, poisson=poisson)
        waiting = batches.get(rows.persons) or iter(loader)
        batch = next(waiting, None)
        if batch is None:
            waiting = iter(loader)
            batch = next(waiting)
        batches[rows.persons] = waiting
        return [rows.of(int(person))[:2] for person in batch[0]]

    if poisson:
        list(check_draws(rare, draw))
    else:
        assert found_in_draws(rare, draw) == "sampling_independence"


def test_equal_seeds_on_two_workers_are_found_and_different_ones_pass(rare: Plan) -> None:
    def sharded(seeds: Sequence[int]) -> Draw:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]

        def draw(rows: Rows) -> Drawn:
            if rows.persons == 1:
                return draw_update(rare, rows)
            shard = rows.persons // 2
            drawn: list[int] = []
            for rank, generator in enumerate(generators):
                sampler = UniformWithReplacementSampler(
                    num_samples=shard, sample_rate=0.01, generator=generator, steps=1
                )
                drawn += [rank * shard + person for batch in sampler for person in batch]
            return [rows.of(person)[:2] for person in drawn]

        return draw

    list(check_draws(rare, sharded((1, 2))))
    assert found_in_draws(rare, sharded((1, 1))) == "sampling_independence"


def test_the_same_seed_in_every_update_is_found(rare: Plan) -> None:
    def draw(rows: Rows) -> Drawn:
        if rows.persons == 1:
            return draw_update(rare, rows)
        taken = np.random.default_rng(0).random(rows.persons) < 0.01
        return [rows.of(int(person))[:2] for person in np.flatnonzero(taken)]

    assert found_in_draws(rare, draw) in {"sampling_independence", "sampling_rate"}


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_a_rate_that_is_four_tenths_off_is_found(rare: Plan, factor: float) -> None:
    other = replace(rare.mechanism, sampling_rate=rare.mechanism.sampling_rate * Decimal(str(factor)))
    other_plan = replace(rare, mechanism=other)
    assert found_in_draws(rare, lambda rows: draw_update(other_plan, rows)) == "sampling_rate"


def test_an_empty_draw_that_is_filled_up_is_found(rare: Plan) -> None:
    def never_empty(rows: Rows) -> Drawn:
        return draw_update(rare, rows) or [rows.of(0)[:1]]

    assert found_in_draws(rare, never_empty) == "sampling_rate"


def test_a_coin_for_all_persons_together_is_found(rare: Plan) -> None:
    def all_or_nobody(rows: Rows) -> Drawn:
        if rows.persons > 1 and np.random.default_rng().random() > 0.01:
            return []
        return [rows.of(person)[:2] for person in range(rows.persons)] if rows.persons > 1 else draw_update(rare, rows)

    assert found_in_draws(rare, all_or_nobody) in {"sampling_independence", "sampling_rate"}


def _one_more(rows: Rows, drawn: Drawn) -> Drawn:
    return [rows.of(_owner(rows, theirs))[:3] for theirs in drawn]


def _twice_the_same_row(_rows: Rows, drawn: Drawn) -> Drawn:
    return [np.repeat(theirs[:1], 2) for theirs in drawn]


def _row_of_the_next(rows: Rows, drawn: Drawn) -> Drawn:
    return [np.append(theirs[:1], (theirs[-1] + 5) % len(rows.labels)) for theirs in drawn]


def _everybody_twice(_rows: Rows, drawn: Drawn) -> Drawn:
    return [*drawn, *drawn]


def _owner(rows: Rows, theirs: NDArray[np.int64]) -> int:
    return int(np.searchsorted(rows.starts, theirs[0], side="right")) - 1


@pytest.mark.parametrize("fault", [_one_more, _twice_the_same_row, _row_of_the_next, _everybody_twice])
def test_rows_that_the_plan_does_not_allow_are_found(rare: Plan, fault: Callable[[Rows, Drawn], Drawn]) -> None:
    assert found_in_draws(rare, lambda rows: fault(rows, draw_update(rare, rows))) == "rows_per_person"


# What is added, and what the sum is divided by.


def _normal(seed: int) -> Callable[[int], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda count: torch.randn(count, generator=generator, dtype=torch.float64)


def test_the_same_seed_at_every_start_is_found(rare: Plan) -> None:
    assert found_in_release(rare, lambda total, _d: noised(rare, total, normal=_normal(7))) == "noise_freshness"


def test_the_same_noise_on_every_tensor_is_found(rare: Plan) -> None:
    """As of workers that each hold a part of the weights and start from one seed."""
    seeds = iter(range(10_000))

    def release(total: Gradients, _drawn: int) -> Gradients:
        seed = next(seeds)
        return noised(rare, total, normal=lambda count: _normal(seed)(count))

    assert found_in_release(rare, release) == "noise_freshness"


def test_the_same_noise_on_both_halves_of_the_weights_is_found(rare: Plan) -> None:
    def release(total: Gradients, _drawn: int) -> Gradients:
        count = sum(clean.numel() for clean in total.values())
        half = torch.randn(count // 2, dtype=torch.float64)
        parts = iter(torch.split(torch.cat((half, half)), [clean.numel() for clean in total.values()]))
        return noised(rare, total, normal=lambda _count: next(parts))

    assert found_in_release(rare, release) == "noise_freshness"


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.8, 1.3, 2**0.5])
def test_noise_scaled_by_something_else_than_the_clip_of_the_plan_is_found(rare: Plan, factor: float) -> None:
    """The last one is what two workers with one seed make of their shares."""
    assert found_in_release(rare, lambda total, _drawn: noised(rare, total, factor)) == "noise_scale"


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3])
def test_noise_on_a_grid_is_as_little_allowed_to_be_weaker_or_stronger(rare: Plan, factor: float) -> None:
    """A grid makes it up to 0.2 % stronger, and that is all that is forgiven."""
    on_grid = replace(rare, recipe=replace(rare.recipe, noise=NoiseForm.DISCRETE_GAUSSIAN))
    assert found_in_release(on_grid, lambda total, _drawn: noised(on_grid, total, factor)) == "noise_scale"


def test_noise_that_is_missing_on_one_small_tensor_is_found(rare: Plan) -> None:
    def release(total: Gradients, _drawn: int) -> Gradients:
        return {**noised(rare, total), "bias": total["bias"].double() / rare.recipe.expected_units}

    assert found_in_release(rare, release) == "noise_scale"


def test_noise_of_the_right_energy_that_is_not_normal_is_found(rare: Plan) -> None:
    def coins(count: int) -> torch.Tensor:
        return torch.randint(0, 2, (count,)).double() * 2 - 1

    def shifted(count: int) -> torch.Tensor:
        return (torch.randn(count, dtype=torch.float64) * 0.6**0.5) + 0.4**0.5

    for normal in (coins, shifted):
        assert found_in_release(rare, lambda total, _drawn, normal=normal: noised(rare, total, normal=normal)) == (
            "noise_scale"
        )


@pytest.mark.parametrize(
    "divisor",
    [
        lambda _expected, drawn: max(1, drawn),
        lambda expected, _drawn: expected - 1,
        lambda expected, _d: 1.01 * expected,
    ],
    ids=["number drawn", "one less", "one percent"],
)
def test_a_divisor_that_is_not_the_constant_of_the_plan_is_found(
    rare: Plan, divisor: Callable[[int, int], float]
) -> None:
    def release(total: Gradients, drawn: int) -> Gradients:
        expected = rare.recipe.expected_units
        return {name: part * expected / divisor(expected, drawn) for name, part in noised(rare, total).items()}

    assert found_in_release(rare, release) == "normaliser"


def test_a_division_by_nobody_is_found(rare: Plan) -> None:
    def release(total: Gradients, drawn: int) -> Gradients:
        return {name: part / (float("nan") if not drawn else 1.0) for name, part in noised(rare, total).items()}

    assert found_in_release(rare, release) == "normaliser"


# The bounds.


@given(
    trials=st.integers(min_value=1, max_value=40),
    rate=st.floats(min_value=0.01, max_value=0.99),
    found=st.integers(min_value=0, max_value=40),
)
def test_the_bound_on_counts_holds(trials: int, rate: float, found: int) -> None:
    found = min(found, trials)
    beyond = range(found, trials + 1) if found >= trials * rate else range(found + 1)
    exact = math.fsum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in beyond)
    assert exact <= math.exp(-chance.of_count(found, trials, rate)) * (1 + 1e-9)


@given(trials=st.integers(min_value=1, max_value=300), rate=st.floats(min_value=0.01, max_value=1.0))
def test_the_chance_to_be_near_the_mean_is_exact(trials: int, rate: float) -> None:
    width, probability = chance.near_mean(trials, rate)
    inside = [k for k in range(trials + 1) if abs(k - trials * rate) <= width]
    exact = math.fsum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in inside)
    assert probability == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_energy_and_mean_speak_against_noise_that_is_too_small_too_large_or_aside() -> None:
    normal = torch.randn(10_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert chance.of_energy(normal) < 10
    assert chance.of_mean(normal) < 10
    assert chance.of_energy(normal * 0.9) > chance.CRIES_WOLF
    assert chance.of_energy(normal * 1.1) > chance.CRIES_WOLF
    assert chance.of_mean(normal + 0.1) > chance.CRIES_WOLF
    for broken in (torch.zeros(5), torch.full((5,), float("nan")), torch.full((5,), float("inf"))):
        assert chance.of_energy(broken) == math.inf
