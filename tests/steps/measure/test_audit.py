"""The one-run audit: its bound holds where epsilon is known, and it finds what leaks."""

from decimal import Decimal
from fractions import Fraction
from math import comb, exp, log

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom

from tunewarden.steps.measure.audit import ALPHA_EACH, Attack, Audit, attacks, audit, label_scores, lower_bound, p_value

DELTA = Decimal("0.00001")
RUNS = 1_000
_FALSE_ALARM = 1e-6


def audited(scores: np.ndarray, present: np.ndarray, claimed: str = "3") -> Audit:
    return audit(scores=scores, present=present, claimed=Decimal(claimed), delta=DELTA)


def coins(seed: int, canaries: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, size=canaries).astype(bool)


@pytest.mark.parametrize(("guesses", "shown"), [(100, 3.49), (200, 4.19), (500, 5.11), (1_000, 5.81)])
def test_so_many_guesses_that_are_all_right_show_so_much(guesses: int, shown: float) -> None:
    """Without delta the bound is the logarithm of the odds of 0.05 to the power of one over the guesses."""
    chance = 0.05 ** (1 / guesses)
    found = lower_bound(guesses, guesses, guesses, 0.0, 0.05)
    assert found == pytest.approx(log(chance / (1 - chance)), abs=1e-9)
    assert found == pytest.approx(shown, abs=0.005)


def test_nine_tenths_of_five_hundred_right_guesses_show_almost_two() -> None:
    assert lower_bound(500, 500, 450, 0.0, 0.05) == pytest.approx(1.95, abs=0.005)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_a_mechanism_of_known_epsilon_is_overstated_in_less_than_one_of_twenty_runs(epsilon: float) -> None:
    """Randomised response on every coin is exactly epsilon-private, and nothing can tell more of the coins.

    That the true epsilon is refused is that the bound exceeds it. More than the threshold of the runs would do so in
    less than one of 10**6 tests, were the bound just right.
    """
    random, overstated = np.random.default_rng(7), 0
    for seed in range(RUNS):
        present = coins(seed)
        said = np.where(random.random(200) < exp(epsilon) / (1 + exp(epsilon)), present, ~present)
        made = attacks(said + 0.1 * random.random(200), present)
        overstated += any(p_value(200, one.guesses, one.right, epsilon, 0.0) < ALPHA_EACH for one in made)
    assert overstated <= binom.isf(_FALSE_ALARM, RUNS, 0.05)


@given(st.integers(1, 60), st.data())
def test_the_p_value_is_that_of_the_theorem(guesses: int, data: st.DataObject) -> None:
    """Against the theorem in fractions: beta + 2 m delta max (P[v - i <= B < v] / i)."""
    canaries = data.draw(st.integers(guesses, 200))
    right = data.draw(st.integers(0, guesses))
    odds = data.draw(st.integers(1, 40))
    delta = data.draw(st.fractions(0, Fraction(1, 100)))
    each = Fraction(odds, odds + 1)
    mass = [comb(guesses, k) * each**k * (1 - each) ** (guesses - k) for k in range(guesses + 1)]
    means = [sum(mass[right - i : right]) / i for i in range(1, right + 1)]
    expected = min(Fraction(1), sum(mass[right:]) + 2 * canaries * delta * max(means, default=Fraction(0)))
    assert p_value(canaries, guesses, right, log(odds), float(delta)) == pytest.approx(float(expected), rel=1e-6)


@given(
    st.integers(1, 300),
    st.floats(0, 1),
    st.floats(0, 8),
    st.floats(0, 2),
    st.floats(0, 1e-3),
    st.floats(0, 1e-3),
)
def test_the_p_value_grows_with_epsilon_and_delta(
    guesses: int, share: float, epsilon: float, more: float, delta: float, further: float
) -> None:
    right = round(share * guesses)
    least = p_value(guesses, guesses, right, epsilon, delta)
    assert least <= p_value(guesses, guesses, right, epsilon, delta + further) + 1e-12
    if right == guesses or delta == 0:  # where halving has to find the one place
        assert least <= p_value(guesses, guesses, right, epsilon + more, delta) + 1e-9


@given(st.integers(10, 300), st.floats(0, 1), st.sampled_from([0.0, 1e-6, 1e-3]))
def test_what_is_returned_was_refused_and_a_little_more_was_not(canaries: int, share: float, delta: float) -> None:
    right = round(share * canaries)
    found = lower_bound(canaries, canaries, right, delta, 0.05)
    if found > 0:
        assert p_value(canaries, canaries, right, found, delta) < 0.05
    assert p_value(canaries, canaries, right, found + 1e-6, delta) >= 0.05


def test_guessing_blindly_shows_nothing() -> None:
    """Coins and scores are independent: a bound above 1 would come in less than one of 10**8 runs."""
    shown = [audited(np.random.default_rng(seed).random(200), coins(seed)).lower_bound for seed in range(10)]
    assert max(shown) < 1


def test_scores_that_tell_every_coin_reach_as_far_as_the_audit_can() -> None:
    present = np.arange(200) % 2 == 0
    found = audited(present + np.random.default_rng(1).random(200), present)
    assert found.attacks == (
        Attack(guesses=200, right=200),
        Attack(guesses=100, right=100),
        Attack(guesses=50, right=50),
    )
    assert found.lower_bound == found.reach
    thirds = lower_bound(200, 200, 200, float(DELTA), 0.05 / 3)
    assert thirds - 1e-4 <= float(found.reach) <= thirds, "three numbers of guesses share one in twenty; rounded down"
    assert found.excess == found.lower_bound - 3
    assert found.membership.auc is not None
    assert found.membership.auc.value == 1


def test_the_surest_guesses_count_where_most_canaries_are_hard_to_tell() -> None:
    present = coins(3)
    scores = np.random.default_rng(4).normal(size=200)
    scores[:50] = np.where(present[:50], 10, -10) + scores[:50]
    found = audited(scores, present)
    assert found.lower_bound > 1.5
    assert found.attacks[2].right > 45


def test_what_a_gate_may_judge_is_exact_and_counts_canaries() -> None:
    found = {m.metric: m for m in audited(coins(2) + np.arange(200) / 1000, coins(2), claimed="8").measurements()}
    assert found.keys() == {"privacy.epsilon_lower_bound", "privacy.epsilon_excess", "privacy.audit_reach"}
    assert all((m.low, m.high, m.n) == (m.value, m.value, 200) for m in found.values())
    assert found["privacy.epsilon_excess"].value == found["privacy.epsilon_lower_bound"].value - 8


def test_one_canary_is_an_audit_that_reaches_nowhere() -> None:
    found = audited(np.zeros(1), np.array([True]))
    assert (found.reach, found.lower_bound) == (0, 0)


def test_a_label_that_the_model_prefers_for_everybody_tells_nothing() -> None:
    """Two canaries of each label; the model likes label 0, and the second of each better than the first."""
    logits = np.array([[5.0, 0.0], [6.0, 0.0], [5.0, 0.0], [4.0, 0.0]])
    labels, owners = np.array([0, 0, 1, 1]), np.arange(4)
    scores = label_scores(logits, labels, owners)
    assert scores[:2] == pytest.approx(scores[2:])
    assert scores[0] < scores[1]


def test_a_canary_is_scored_by_the_mean_over_its_rows() -> None:
    logits = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    scores = label_scores(logits, np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 2]))
    assert scores[0] == pytest.approx(scores[1])
    assert scores[2] < scores[1]
