"""Membership inference: a model that remembers its training side is found out."""

from decimal import Decimal

import numpy as np
import pytest

from tunewarden.steps.measure.privacy import auc, measure_membership, person_losses


def test_losses_that_say_nothing_about_membership_give_an_auc_of_one_half() -> None:
    rng = np.random.default_rng(1)
    found = measure_membership(rng.random(300), rng.random(300)).auc
    assert found is not None
    assert found.low < Decimal("0.5") < found.high < Decimal("0.65")


def test_a_model_that_remembers_its_training_side_is_found_out() -> None:
    rng = np.random.default_rng(2)
    found = measure_membership(rng.random(300) * 0.5, rng.random(300)).auc
    assert found is not None
    assert found.low > Decimal("0.65")


def test_too_few_persons_are_no_evidence() -> None:
    found = measure_membership(np.zeros(29), np.zeros(300))
    assert found.auc is None
    assert found.measurements() == ()


def test_the_interval_of_the_auc_holds() -> None:
    rng = np.random.default_rng(3)
    truth = 0.6382  # of two normal distributions half a standard deviation apart: Phi(0.5 / sqrt 2)
    found = [auc(rng.normal(0.5, 1, 100), rng.normal(0, 1, 100)) for _ in range(400)]
    assert sum(each.low <= truth <= each.high for each in found) / 400 >= 0.93


def test_ties_count_half() -> None:
    assert auc(np.zeros(5), np.zeros(5)).value == 0.5


def test_a_persons_loss_is_the_mean_over_their_rows() -> None:
    logits = np.array([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0]])
    losses = person_losses(logits, np.array([0, 0, 0]), np.array([1, 1, 0]))
    assert losses == pytest.approx([1000.0, np.log(2) / 2])
