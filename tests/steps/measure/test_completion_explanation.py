"""Explanations of a model whose completions follow from one word of the prompt."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from tests.steps.measure.tales import MADE_UP, PLOTS, plan_for
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.steps.measure import completion_explanation
from tunewarden.steps.measure.ablation import ablated, shapley
from tunewarden.steps.measure.completion_explanation import explain_completions, scrutinise_completions
from tunewarden.steps.measure.explanation import Method
from tunewarden.steps.measure.prompts import Prompt, prompts
from tunewarden.steps.train.model import TextCompleter, build


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)[1]


def told(base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, *texts: str) -> list[Prompt]:
    return prompts(taught, tokenizer, plan_for(base).recipe, texts)


def test_the_word_that_decides_moves_the_completion_most_by_both_ways(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    texts = [f"{MADE_UP[number]} {MADE_UP[number + 40]} {plot}" for number, plot in enumerate(sorted(PLOTS))]
    for prompt in told(base, taught, tokenizer, *texts):
        assert int(ablated(prompt, tokenizer).argmax()) == 2
        assert int(shapley(prompt, tokenizer).argmax()) == 2


def test_what_is_lost_without_a_token_is_what_the_model_says_without_it(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Captum's weights, counted again by hand, for a mark of a beginning and a token that stands for nothing."""
    (prompt,) = told(base, taught, tokenizer, f"{MADE_UP[5]} {MADE_UP[9]} burn")
    whole, weights = prompt.log_chance(prompt.ids), ablated(prompt, tokenizer)
    assert prompt.ids.tolist()[0][0] == tokenizer.bos_token_id
    for place in range(3):
        without = prompt.ids.clone()
        without[0, place + 1] = prompt.nothing
        lost = (whole - prompt.log_chance(without)) * len(prompt.written)
        assert float(weights[place]) == pytest.approx(lost, abs=1e-3)


def test_of_a_long_prompt_the_beginning_is_left_out_and_weighs_nothing(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    (prompt,) = told(base, taught, tokenizer, " ".join([*MADE_UP[:40], "burn"]))
    spread = prompt.spread(ablated(prompt, tokenizer))
    assert prompt.ids.shape[1] + 8 == plan_for(base).recipe.max_tokens
    assert len(spread) == 41
    assert not spread[: prompt.left_out].any()
    assert spread[-1] != 0


def test_explanations_are_tested_on_made_up_prompts_and_can_be_had_again(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion_explanation, "made_up_texts", tales)
    recipe = plan_for(base).recipe
    torch.manual_seed(3)
    found = explain_completions(taught, tokenizer, recipe, 8)
    torch.manual_seed(4)
    assert explain_completions(taught, tokenizer, recipe, 8) == found
    assert (found.method, found.made_up, found.terms, found.convergence_delta) == (
        Method.FEATURE_ABLATION,
        True,
        (),
        None,
    )
    assert found.comprehensiveness_over_random.low > Decimal("0.1")
    assert found.sufficiency_under_random.low > Decimal("0.1")
    assert {each.metric for each in found.measurements()} == {
        "explanation.prompt_comprehensiveness_over_random",
        "explanation.prompt_sufficiency_under_random",
    }


def tales(_: PreTrainedTokenizerBase, count: int) -> list[str]:
    """Prompts of which this model knows how they go on."""
    return [f"{MADE_UP[n]} {MADE_UP[n + 40]} {sorted(PLOTS)[n % 4]}" for n in range(count)]


def test_scrutiny_shows_prompts_and_never_what_was_written(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def texts(count: int) -> Sequence[str]:
        return tales(tokenizer, count)

    monkeypatch.setattr(completion_explanation, "probe_texts", texts)
    found = scrutinise_completions(taught, tokenizer, plan_for(base).recipe, 6)
    assert [each.between for each in found.stability.agreements] == ["baseline", "shapley"]
    assert found.stability.redrawn_correlation.low < Decimal("0.7"), "another model is moved by other words"
    assert [" ".join(each.word for each in shown.words) for shown in found.maps] == tales(tokenizer, 6)
    heaviest = [max(shown.words, key=lambda each: each.weight).word for shown in found.maps]
    assert heaviest == [sorted(PLOTS)[n % 4] for n in range(6)]
    document = encode(to_plain(found)).decode()
    assert not [word for plot in PLOTS.values() for word in plot.split() if f'"{word}"' in document]


def test_the_model_is_as_it_was_afterwards(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    before = {name: tensor.clone() for name, tensor in taught.trainable().items()}
    scrutinise_completions(taught, tokenizer, plan_for(base).recipe, 2)
    assert all(torch.equal(before[name], tensor) for name, tensor in taught.trainable().items())
    assert not taught.training
