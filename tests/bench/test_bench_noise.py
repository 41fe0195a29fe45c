"""Noise: what it costs to draw, and what is left of that when a spare core draws it one update ahead."""

import time

import pytest
import torch
from tests.bench.conftest import Rows as BenchRows, seconds
from tests.steps.train.conftest import base, plan

from tunewarden.domain.training import Plan
from tunewarden.steps.train.discrete_noise import discrete_normal
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.release import Release, noise_of

__all__ = ["base", "plan"]

pytestmark = pytest.mark.bench
_NUMBERS, _REPETITIONS = 1_000_000, 9


def test_what_a_million_numbers_cost(rows: BenchRows) -> None:
    forms = {
        "normal": (0.3, lambda: NoiseStream().normal(_NUMBERS)),
        "discrete normal, exact": (1.0, lambda: discrete_normal(NoiseStream(), 2**20, _NUMBERS)),
    }
    for name, (goal, draw) in forms.items():
        draw()
        times = [seconds(draw) for _ in range(_REPETITIONS)]
        rows.add(
            f"a million numbers of noise, {name}", times, unit="s", goal=goal, bound="at_most", baseline="one core"
        )


def test_what_is_left_of_it_when_a_spare_core_draws_it(rows: BenchRows, plan: Plan) -> None:
    """The update computes on one core. Its noise is being drawn on the other, or was ready before it began."""
    before, matrix = torch.get_num_threads(), torch.randn(1_000, 1_000)
    torch.set_num_threads(1)
    ratios = []
    with Release(plan, noise_of(plan, _NUMBERS)) as release:

        def update() -> None:
            for _ in range(12):
                torch.mm(matrix, matrix)
            release({"a": torch.zeros(_NUMBERS)})

        update()
        for _ in range(_REPETITIONS):
            meanwhile = seconds(update)  # the noise of this one is drawn while it computes
            time.sleep(1.0)
            ratios.append(meanwhile / seconds(update))
    torch.set_num_threads(before)
    rows.add(
        "an update whose noise a spare core draws meanwhile",
        ratios,
        unit="ratio of time",
        goal=1.05,
        bound="at_most",
        baseline="the same update with its noise ready before it begins",
    )
