"""The offline likelihood-ratio attack, against populations whose AUC is known in closed form.

Random tests: fixed seeds; each figure is compared at more than five standard errors, which chance exceeds less than
once in a million.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from statistics import NormalDist
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import ndtr

from tunewarden.domain.training import Task
from tunewarden.steps.measure.beside import OTHERS, Side, membership
from tunewarden.steps.measure.intervals import Floats, by_person
from tunewarden.steps.measure.likelihood_ratio import ENOUGH_FOR_EACH, likelihood_ratio, scaled
from tunewarden.steps.measure.parts_asked import AskedPart
from tunewarden.steps.measure.privacy import Membership, auc, caught
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.train.parts import in_part

PERSONS, SURER, SPREAD = 2_000, 1.0, 0.8
NORMAL = NormalDist()


def world(models: int, surer: float = SURER, hard: float = 5.0) -> tuple[Floats, Floats]:
    """Scores of trained and of other persons, of whom some are far harder than others."""
    rng = np.random.default_rng(20261126)
    usual = rng.normal(0, hard, 2 * PERSONS)
    outs = [usual + rng.normal(0, SPREAD, 2 * PERSONS) for _ in range(models)]
    target = usual + rng.normal(0, SPREAD, 2 * PERSONS)
    target[:PERSONS] += surer
    scores = likelihood_ratio(target, outs)
    return scores[:PERSONS], scores[PERSONS:]


@pytest.mark.parametrize("models", [1, 2, 8])
def test_the_auc_is_that_of_two_normals_apart_by_what_training_added(models: int) -> None:
    """A person's distance from K out-models varies by sqrt(1 + 1/K) spreads; two differ by sqrt(2) of that."""
    truth = NORMAL.cdf(SURER / (SPREAD * sqrt(2 * (1 + 1 / models))))
    found = auc(*world(models))
    assert abs(found.value - truth) < 5.5 * (found.high - found.low) / (2 * 1.96)


def test_those_caught_at_one_in_a_hundred_are_as_many_as_the_normals_say() -> None:
    truth = 1 - NORMAL.cdf(NORMAL.inv_cdf(0.99) - SURER / (SPREAD * sqrt(1 + 1 / 8)))
    found = caught(*world(8))
    assert found is not None
    assert found.low <= truth <= found.high


def test_persons_who_are_hard_for_everybody_hide_nothing_from_it_and_all_from_the_loss_alone() -> None:
    rng = np.random.default_rng(5)
    usual = rng.normal(0, 5, 2 * PERSONS)
    target = usual + rng.normal(0, SPREAD, 2 * PERSONS)
    target[:PERSONS] += SURER
    alone = auc(target[:PERSONS], target[PERSONS:])
    assert alone.value < 0.6
    assert auc(*world(4)).low > 0.7


def test_who_was_not_trained_on_gets_scores_that_are_standard_normal() -> None:
    """Kolmogorov's distance of 2,000 uniform numbers exceeds 0.06 less than once in a million."""
    others = ndtr(np.sort(world(8)[1]))
    assert np.abs(others - (np.arange(PERSONS) + 0.5) / PERSONS).max() < 0.06


def test_a_model_that_learnt_nothing_of_them_is_not_said_to_have() -> None:
    found = auc(*world(4, surer=0.0))
    assert abs(found.value - 0.5) < 5.5 * (found.high - found.low) / (2 * 1.96)


def test_with_many_out_models_each_person_has_a_spread_of_their_own() -> None:
    rng, spreads = np.random.default_rng(3), np.repeat([0.1, 10.0], 50)
    outs = [rng.normal(0, spreads) for _ in range(ENOUGH_FOR_EACH)]
    scores = likelihood_ratio(np.full(100, 1.0), outs)
    assert scores[:50].min() > NORMAL.inv_cdf(0.99)
    assert scores[50:].max() < NORMAL.inv_cdf(0.7)
    few = likelihood_ratio(np.full(100, 1.0), outs[: ENOUGH_FOR_EACH // 2])
    assert np.ptp(few) < np.ptp(scores)


def test_out_models_that_all_say_the_same_leave_the_order_and_no_number_that_is_none() -> None:
    scores = likelihood_ratio(np.array([-1.0, 0.0, 0.5, 1.0]), [np.zeros(4)] * 3)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize("models", [1, 2, 8])
@pytest.mark.parametrize("away", [50.0, -50.0])
def test_whoever_is_far_from_the_out_models_is_still_told_from_who_is_farther(models: int, away: float) -> None:
    """Of a chance near 1 no digits are left, so everybody would be tied, and the attack look blunt."""
    rng = np.random.default_rng(11)
    outs = [rng.normal(0, SPREAD, 200) for _ in range(models)]
    target = np.mean(outs, axis=0) + away
    target[:100] += 0.01
    scores = likelihood_ratio(target, outs)
    assert auc(scores[:100], scores[100:]).value == 1


def test_the_scale_is_the_log_odds_of_the_truth_and_a_loss_of_nothing_is_finite() -> None:
    probability = np.array([0.01, 0.5, 0.9])
    assert scaled(-np.log(probability)) == pytest.approx(np.log(probability / (1 - probability)))
    assert np.isfinite(scaled(np.array([0.0]))).all()


@given(st.lists(st.floats(0, 30), min_size=2, max_size=20))
def test_who_has_the_smaller_loss_is_never_held_for_less_sure(losses: list[float]) -> None:
    ordered = np.sort(np.array(losses))
    assert (np.diff(scaled(ordered)) <= 0).all()


@dataclass(frozen=True)
class Telling:
    """What the model says to rows is their losses; it completes texts."""

    task: Task = Task.COMPLETION

    @property
    def recipe(self) -> "Telling":
        return self

    def losses(self, rows: Rows, said: Floats) -> Floats:
        return by_person(said, rows.person_array())


QUARTER, HALF = Decimal("0.25"), Decimal("0.5")


def attacked(*, public: bool = True, persons: int = 400, inside: float = 0.0) -> Membership:
    """Persons with two rows each, trained on to a loss that is smaller by 1; `inside` is added to those in a part."""
    rng = np.random.default_rng(17)
    names = [f"person-{number:05}" for number in range(persons)]
    rows = Rows(texts=["x"] * 2 * persons, persons=[name for name in names for _ in range(2)])
    held = Rows(texts=["x"] * 2 * persons, persons=[f"other-{name}" for name in rows.persons])
    usual = [np.repeat(rng.normal(0, 5, persons), 2) for _ in range(2)]
    outside = np.repeat([not in_part(name, HALF) for name in names], 2)

    def said(place: int) -> Floats:
        return usual[place] + np.repeat(rng.normal(0, SPREAD, persons), 2)

    parts = [
        AskedPart(share=share, trained_on=9, said=said(1), some=said(0) + inside * ~outside if public else None)
        for share in (QUARTER, HALF)
    ]
    trained = Side(rows=rows, before=said(0), after=said(0) - SURER)
    others = Side(rows=held, before=said(1), after=said(1))
    return membership(cast(Any, Telling()), trained, others, parts)


def test_models_of_a_learning_curve_attack_those_who_are_in_none_of_them() -> None:
    found = attacked().likelihood_ratio
    assert found is not None
    assert (found.out_models, found.held_out) == (2, 400)
    assert found.trained == sum(not in_part(f"person-{number:05}", HALF) for number in range(400))
    assert found.auc is not None
    truth = NORMAL.cdf(SURER / (SPREAD * sqrt(2 * 1.5)))
    assert abs(float(found.auc.value) - truth) < 5.5 * float(found.auc.high - found.auc.low) / (2 * 1.96)
    assert {one.metric: one.n for one in attacked().measurements()}[
        "privacy.membership_lira_auc"
    ] == found.trained + 400


def test_what_the_parts_say_of_those_who_are_in_them_changes_nothing() -> None:
    """They are no out-models of theirs: taking them for such would hide whoever is in a part."""
    assert attacked(inside=50.0).likelihood_ratio == attacked().likelihood_ratio


def test_without_public_records_or_a_curve_or_persons_nothing_is_attacked_so() -> None:
    assert attacked(public=False).likelihood_ratio is None
    few = attacked(persons=40).likelihood_ratio
    assert few is not None
    assert (few.auc, few.caught) == (None, None)
    assert few.measurements() == ()
    assert OTHERS >= 400
