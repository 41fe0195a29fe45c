"""Membership inference: a model that remembers its training side is found out."""

from decimal import Decimal

import numpy as np
import pytest

from tunewarden.steps.measure.privacy import auc, caught, measure_membership, person_losses


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


def test_a_leak_that_the_loss_alone_does_not_show_is_found_by_how_much_training_lowered_it() -> None:
    """Some texts are hard and some easy, which hides in the loss what training took from it."""
    rng = np.random.default_rng(4)
    trained_before, others_before = rng.normal(5, 2, 300), rng.normal(5, 2, 1000)
    trained, others = trained_before - rng.normal(0.7, 0.2, 300), others_before - rng.normal(0, 0.2, 1000)
    found = measure_membership(trained, others, before=(trained_before, others_before))
    assert found.auc.high < Decimal("0.7")
    assert found.ratio_auc.low > Decimal("0.9")
    assert found.caught.low > Decimal("0.3")
    assert {each.metric for each in found.measurements()} == {
        "privacy.membership_auc",
        "privacy.membership_ratio_auc",
        "privacy.membership_caught",
    }


def test_without_losses_of_before_the_only_attack_is_the_one_that_is_sharpened() -> None:
    rng = np.random.default_rng(5)
    found = measure_membership(rng.random(300) * 0.5, rng.random(300))
    assert found.ratio_auc is None
    assert found.caught is not None


def test_scores_that_say_nothing_catch_about_one_in_a_hundred() -> None:
    rng = np.random.default_rng(6)
    found = caught(rng.normal(size=1000), rng.normal(size=1000))
    assert found.low <= 0.01 <= found.high < 0.05


def test_whoever_is_sure_of_all_catches_all() -> None:
    found = caught(np.full(400, 9.0), np.random.default_rng(7).normal(size=1000))
    assert found.value == found.high == 1
    assert found.low > 0.98


def test_with_few_others_one_in_a_hundred_is_unknown_and_with_few_more_little_is_known() -> None:
    assert caught(np.ones(300), np.zeros(99)) is None
    found = caught(np.random.default_rng(8).normal(1, 1, 300), np.random.default_rng(9).normal(size=100))
    assert found.low == 0, "the threshold may lie above every score that was seen"


def test_the_interval_of_those_caught_holds() -> None:
    """Coverage of at least 95 %; 400 draws fall below 88 % with a chance under 1e-7."""
    rng = np.random.default_rng(10)
    truth = 0.0924  # of two normal distributions one deviation apart: 1 - Phi(2.3263 - 1)
    found = [caught(rng.normal(1, 1, 300), rng.normal(size=300)) for _ in range(400)]
    assert sum(each.low <= truth <= each.high for each in found) / 400 >= 0.88
