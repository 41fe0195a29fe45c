"""The model, its batches and its adapter file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict

from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.training import Plan, Recipe
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.model import TextClassifier, adapter_bytes, build, load_adapter, logits
from tunewarden.steps.train.texts import pad, tokenize

TEXTS = ("burn fire hand", "Cut FINGER", "smoke", "left right left right left right left right left right")


@pytest.fixture
def fresh(base: Path, plan: Plan) -> TextClassifier:
    return build(base, plan.base_model.digest, plan.recipe, 2)[0]


def predicted(model: TextClassifier, base: Path, plan: Plan) -> np.ndarray:
    return logits(model, load(base, plan.base_model.digest)[1], TEXTS, plan.recipe)


def test_a_loaded_adapter_gives_exactly_the_logits_it_was_stored_with(
    model: TextClassifier, fresh: TextClassifier, base: Path, plan: Plan
) -> None:
    expected = predicted(model, base, plan)
    assert not np.allclose(predicted(fresh, base, plan), expected)
    load_adapter(fresh, adapter_bytes(model, plan), plan)
    assert np.array_equal(predicted(fresh, base, plan), expected)


def test_the_same_weights_give_the_same_bytes(model: TextClassifier, fresh: TextClassifier, plan: Plan) -> None:
    data = adapter_bytes(model, plan)
    load_adapter(fresh, data, plan)
    assert adapter_bytes(fresh, plan) == data


def test_peft_itself_can_read_the_adapter(model: TextClassifier, base: Path, plan: Plan) -> None:
    encoder, _ = load(base, plan.base_model.digest)
    lora = LoraConfig(r=plan.recipe.lora_rank, lora_alpha=plan.recipe.lora_alpha, target_modules=["query", "value"])
    with pytest.warns(FutureWarning, match="is_gradient_checkpointing"):
        reader: PeftModel = get_peft_model(encoder, lora)
    tensors = safetensors.torch.load(adapter_bytes(model, plan))
    unread = set_peft_model_state_dict(reader, tensors).unexpected_keys
    assert sorted(unread) == ["head.bias", "head.weight"]
    ours = {name.removeprefix("encoder."): tensor for name, tensor in model.trainable().items() if "lora" in name}
    theirs = dict(reader.named_parameters())
    assert all(torch.equal(theirs[f"base_model.model.{name}"], tensor) for name, tensor in ours.items())


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": 1},
        {"recipe": Recipe(lora_rank=2, lora_alpha=8, max_tokens=8, expected_units=16)},
        {"delta": "0.00001"},
    ],
)
def test_an_adapter_of_another_plan_is_refused(
    model: TextClassifier, fresh: TextClassifier, plan: Plan, change: dict[str, object]
) -> None:
    with pytest.raises(PlanMismatch):
        load_adapter(fresh, adapter_bytes(model, replace(plan, **change)), plan)  # type: ignore[arg-type]


def test_an_adapter_for_other_classes_is_refused(model: TextClassifier, base: Path, plan: Plan) -> None:
    three, _ = build(base, plan.base_model.digest, plan.recipe, 3)
    with pytest.raises(PlanMismatch):
        load_adapter(three, adapter_bytes(model, plan), plan)


@pytest.mark.parametrize("data", [b"", b"\x00" * 7, b"\xff" * 100, b"\x02" + bytes(7) + b"{}"])
def test_bytes_that_are_no_adapter_are_corrupted(fresh: TextClassifier, plan: Plan, data: bytes) -> None:
    with pytest.raises(Corrupted):
        load_adapter(fresh, data, plan)


def test_an_adapter_with_a_tensor_missing_is_corrupted(
    model: TextClassifier, fresh: TextClassifier, plan: Plan
) -> None:
    data = adapter_bytes(model, plan)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    tensors = safetensors.torch.load(data)
    tensors.pop("head.bias")
    with pytest.raises(Corrupted):
        load_adapter(fresh, safetensors.torch.save(tensors, metadata=header), plan)


@pytest.mark.parametrize("targets", [("no_such_layer",), ("query", "nothing"), ("word_embeddings",), ("self",)])
def test_a_lora_target_that_is_no_linear_layer_is_refused(base: Path, plan: Plan, targets: tuple[str, ...]) -> None:
    recipe = replace(plan.recipe, lora_targets=targets)
    with pytest.raises(Refused) as refused:
        build(base, plan.base_model.digest, recipe, 2)
    assert refused.value.code == "lora_target_not_linear"
    assert refused.value.remedy


def test_a_text_is_understood_alike_alone_and_among_others(model: TextClassifier, base: Path, plan: Plan) -> None:
    tokenizer = load(base, plan.base_model.digest)[1]
    together = logits(model, tokenizer, TEXTS, plan.recipe)
    alone = np.concatenate([logits(model, tokenizer, [text], plan.recipe) for text in TEXTS])
    assert together.dtype == np.float32
    assert np.allclose(together, alone, atol=1e-5)


def test_no_texts_give_no_logits(model: TextClassifier, base: Path, plan: Plan) -> None:
    assert logits(model, load(base, plan.base_model.digest)[1], [], plan.recipe).shape == (0, 2)


def test_texts_are_cut_and_lower_cased_as_the_recipe_says_and_the_cut_ones_are_counted(base: Path, plan: Plan) -> None:
    tokenizer: transformers.PreTrainedTokenizerBase = load(base, plan.base_model.digest)[1]
    tokens = tokenize(tokenizer, TEXTS, plan.recipe)
    assert tokens.lengths().tolist() == [5, 4, 3, 8]
    assert tokens.truncated == 1
    unknown = 1
    assert unknown not in tokens.ids
    assert unknown in tokenize(tokenizer, TEXTS, replace(plan.recipe, lower_case=False)).ids


def test_padding_is_masked_and_texts_stay_in_the_asked_order(base: Path, plan: Plan) -> None:
    tokens = tokenize(load(base, plan.base_model.digest)[1], TEXTS, plan.recipe)
    ids, mask = pad(tokens, np.array([2, 0]))
    assert ids.tolist() == [[2, 10, 3, 0, 0], [2, 4, 5, 6, 3]]
    assert mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_texts_longer_than_the_base_model_has_places_for_are_refused(base: Path, plan: Plan) -> None:
    with pytest.raises(Refused) as refused:
        build(base, plan.base_model.digest, replace(plan.recipe, max_tokens=65), 2)
    assert refused.value.code == "base_model_too_short"
    assert "64" in refused.value.reason
