"""The fairness gate in 4,000 simulations, the intervals it rests on, and how long a bootstrap of cells takes.

Groups of 2,000, 800, 300, 100 and 40 persons, one row each, a tolerance of 10 points. With 4,000 simulations a rate of
0.02 is known to 0.0022 (one standard deviation), and one of 0.9 to 0.0047.
"""

import numpy as np
import pytest
from tests.bench.conftest import Rows, seconds
from tests.steps.measure.simulated import SIZES, World, declaration, outcome

from tunewarden.domain.gates import Outcome
from tunewarden.steps.measure.cells import rates, replicates
from tunewarden.steps.measure.intervals import critical, difference, wilson

pytestmark = pytest.mark.bench
MANY, DRAWS = 4_000, 20_000


def shares(rate: float, gap: dict[str, float], seed: int) -> dict[Outcome, float]:
    """How often the shipped gate says what."""
    world, rng, said = World.of(SIZES), np.random.default_rng(seed), declaration()
    found = [outcome(world.decided(rng, rate, gap=gap, said=said)) for _ in range(MANY)]
    return {each: found.count(each) / MANY for each in Outcome}


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.9])
def test_fair_models_are_blocked_in_at_most_two_of_a_hundred(rows: Rows, rate: float) -> None:
    found = shares(rate, {}, seed=1)
    rows.add(
        f"fair models that are failed, right at {rate}",
        [found[Outcome.FAIL]],
        unit="share",
        goal=0.02,
        bound="at_most",
        baseline=f"passed {found[Outcome.PASS]:.3f}, undecided {found[Outcome.UNKNOWN]:.3f}",
    )
    assert found[Outcome.FAIL] <= 0.02


@pytest.mark.parametrize("rate", [0.5, 0.9])
@pytest.mark.parametrize(("group", "gap"), [("c", 0.2), ("d", 0.2), ("e", 0.3)])
def test_gaps_are_caught_in_nine_of_ten(rows: Rows, rate: float, group: str, gap: float) -> None:
    found = shares(rate, {group: gap}, seed=2)
    rows.add(
        f"gaps of {100 * gap:.0f} points in {SIZES[group]} persons that are failed, right at {rate}",
        [found[Outcome.FAIL]],
        unit="share",
        goal=0.9,
        bound="at_least",
        baseline=f"passed {found[Outcome.PASS]:.3f}, undecided {found[Outcome.UNKNOWN]:.3f}",
    )
    assert found[Outcome.FAIL] >= 0.9


@pytest.mark.parametrize("size", [30, 40, 100, 300])
@pytest.mark.parametrize("rate", [0.5, 0.8, 0.9])
def test_how_often_intervals_hold_what_is_true(rows: Rows, size: int, rate: float) -> None:
    """A group against a rest of 2,000 who are answered rightly as often; the coverage is known to 0.0015."""
    rng, z = np.random.default_rng(3), critical()
    own, rest = rng.binomial(size, rate, DRAWS) / size, rng.binomial(2_000, rate, DRAWS) / 2_000
    held = 0
    for group, others in zip(own, rest, strict=True):
        interval = difference(wilson(float(others), 2_000, z), wilson(float(group), size, z))
        held += interval.low <= 0 <= interval.high
    rows.add(
        f"coverage of a 95 % interval, {size} persons, right at {rate}",
        [held / DRAWS],
        unit="share",
        goal=0.93,
        bound="at_least",
        baseline="and at most 0.97",
    )
    assert 0.93 <= held / DRAWS <= 0.97


def test_two_thousand_replicates_of_twenty_thousand_rows(rows: Rows) -> None:
    cells = np.array([[4000, 1000, 1000, 4000], [3000, 600, 700, 3000], [1000, 200, 200, 900], [200, 40, 40, 120]])
    sizes = cells.sum(axis=1).astype(np.float64)
    assert sizes.sum() == 20_000

    def intervals() -> None:
        for drawn in rates(replicates(cells, sizes)).values():
            np.quantile(drawn, [0.025, 0.975], axis=1)

    rows.add(
        "2,000 bootstrap replicates of four rates in four groups, 20,000 rows",
        [1000 * seconds(intervals) for _ in range(7)],
        unit="ms",
        goal=50,
        bound="at_most",
        baseline="MetricFrame's own bootstrap: 166 ms for each replicate",
    )
