"""Learning how texts go on: the rows, the losses, the model and its adapter file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.steps.train.language import SIZE, TARGETS, WORDS, completer, llama, rows_of, store
from torch.nn.functional import cross_entropy

from tunewarden.domain.errors import Corrupted, Malformed, PlanMismatch, Refused
from tunewarden.domain.training import BaseModel, Plan, Precision, Recipe, Task
from tunewarden.steps.train.base_model import file_digest, load
from tunewarden.steps.train.model import TextCompleter, adapter_bytes, build, build_classifier, load_adapter
from tunewarden.steps.train.objective import padded_to, row_losses
from tunewarden.steps.train.rows import require_enough
from tunewarden.steps.train.texts import tokenize_pairs

RECIPE = Recipe(task=Task.COMPLETION, lora_rank=2, lora_targets=TARGETS, max_tokens=8, expected_units=16)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("llama"), llama())


@pytest.fixture(scope="module")
def completion_plan(directory: Path, plan: Plan) -> Plan:
    base = BaseModel(name=plan.base_model.name, digest=file_digest(directory / "model.safetensors"))
    return replace(plan, base_model=base, recipe=RECIPE)


def built(directory: Path, plan: Plan) -> TextCompleter:
    model, _ = build(directory, plan.base_model.digest, plan.recipe, 0)
    assert isinstance(model, TextCompleter)
    return model


def stirred(directory: Path, plan: Plan) -> TextCompleter:
    model = built(directory, plan)
    for parameter in model.trainable().values():
        parameter.data.normal_(std=0.5)
    return model


@torch.no_grad()
def test_a_row_costs_the_mean_over_its_own_completion() -> None:
    model, rows = completer(), rows_of((5,))
    losses = row_losses(model, rows, np.arange(5))
    for row in range(5):
        ids = torch.from_numpy(rows.tokens.ids[rows.tokens.starts[row] : rows.tokens.starts[row + 1]]).long()
        logits = model(ids[None], torch.ones((1, len(ids)), dtype=torch.int64))[0]
        first = rows.completions[row]
        by_hand = [cross_entropy(logits[place - 1], ids[place]) for place in range(first, len(ids))]
        assert float(losses[row]) == pytest.approx(float(torch.stack(by_hand).mean()), rel=1e-5)


@torch.no_grad()
def test_what_the_library_would_do_differs_it_averages_over_the_batch() -> None:
    model, rows = completer(), rows_of((2,), seed=4)
    alone = row_losses(model, rows, np.array([0]))
    assert float(row_losses(model, rows, np.arange(2))[0]) == pytest.approx(float(alone[0]), rel=1e-5)


@torch.no_grad()
def test_the_prompt_is_not_learnt_but_read() -> None:
    model, rows = completer(), rows_of((1,), shortest=8, longest=8)
    rows.completions[0] = 6
    loss = float(row_losses(model, rows, np.array([0])))
    rows.completions[0] = 1
    assert float(row_losses(model, rows, np.array([0]))) != pytest.approx(loss, rel=1e-3)
    rows.completions[0] = 6
    rows.tokens.ids[3] = (rows.tokens.ids[3] + 1) % SIZE
    assert float(row_losses(model, rows, np.array([0]))) != pytest.approx(loss, rel=1e-6)


def test_losses_do_not_depend_on_the_order_or_on_others() -> None:
    model, rows = completer(), rows_of((9,))
    whole = row_losses(model, rows, np.arange(9))
    assert torch.allclose(row_losses(model, rows, np.arange(9)[::-1].copy()).flip(0), whole, atol=1e-5)
    assert torch.allclose(torch.cat([row_losses(model, rows, np.array([i])) for i in range(9)]), whole, atol=1e-5)


@given(lengths=st.lists(st.integers(min_value=1, max_value=8192), min_size=1, max_size=20))
def test_only_in_bfloat16_lengths_are_rounded_up_and_each_for_itself(lengths: list[int]) -> None:
    exact = np.array(lengths)
    assert (padded_to(exact, Precision.FLOAT32) == exact).all()
    rounded = padded_to(exact, Precision.BFLOAT16)
    assert ((rounded > exact) & (rounded <= exact + 16) & (rounded % 16 == 0)).all()


def test_a_pair_is_a_prompt_with_its_completion_behind_it(directory: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokens, begins = tokenize_pairs(tokenizer, ["w0 w1", "", "W3"], ["w2", "w2 w4", "w0 w1"], RECIPE)
    assert np.split(tokens.ids, tokens.starts[1:-1])[0].tolist() == [2, 4, 5, 6, 3]
    assert np.split(tokens.ids, tokens.starts[1:-1])[1].tolist() == [2, 6, 8, 3]
    assert np.split(tokens.ids, tokens.starts[1:-1])[2].tolist() == [2, 7, 4, 5, 3]
    assert begins.tolist() == [3, 1, 2]
    assert tokens.truncated == 0


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.integers(0, 12), after=st.integers(1, 12), most=st.integers(2, 10))
def test_a_long_pair_loses_the_beginning_of_its_prompt_first(
    directory: Path, before: int, after: int, most: int
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    prompt, completion = WORDS[:before], WORDS[-after:]
    recipe = replace(RECIPE, max_tokens=most)
    tokens, begins = tokenize_pairs(tokenizer, [" ".join(prompt)], [" ".join(completion)], recipe)
    begin, words = int(begins[0]), tokenizer.convert_ids_to_tokens(tokens.ids.tolist())
    assert 1 <= begin < len(words) <= most
    assert words[0] == "<s>"
    assert words[1:begin] == list(prompt)[before - (begin - 1) :]
    assert words[begin:] == [*completion, "</s>"][: len(words) - begin]
    whole = 1 + before + after + 1
    assert tokens.truncated == (whole > most)
    assert len(words) == min(whole, most)


@pytest.mark.parametrize(("prompt", "completion"), [("w0", ""), ("w0", "  "), ("", "")])
def test_an_empty_completion_is_refused_and_no_text_is_shown(directory: Path, prompt: str, completion: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with pytest.raises(Refused) as refused:
        tokenize_pairs(tokenizer, ["w1", prompt], ["w2", completion], RECIPE)
    assert refused.value.code == "completion_empty"
    assert "w0" not in str(refused.value)


def test_a_completion_that_nothing_stands_before_is_refused(directory: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokenizer.bos_token = None
    with pytest.raises(Refused) as refused:
        tokenize_pairs(tokenizer, [""], ["w2"], RECIPE)
    assert refused.value.code == "completion_empty"


def test_one_token_is_too_few_for_a_pair(directory: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with pytest.raises(Malformed):
        tokenize_pairs(tokenizer, ["w1"], ["w2"], replace(RECIPE, max_tokens=1))


def test_no_pairs_give_no_tokens(directory: Path) -> None:
    tokens, begins = tokenize_pairs(transformers.AutoTokenizer.from_pretrained(directory), [], [], RECIPE)
    assert len(tokens.ids) == len(begins) == 0
    assert tokens.starts.tolist() == [0]


def test_the_recipe_chooses_a_model_that_completes(directory: Path, completion_plan: Plan) -> None:
    model = built(directory, completion_plan)
    assert set(model.trainable()) == {name for name, _ in model.named_parameters() if "lora_" in name}
    ids = torch.arange(10).view(2, 5)
    logits = model(ids, torch.ones_like(ids))
    assert logits.shape == (2, 5, SIZE)
    assert torch.equal(model(ids, torch.ones_like(ids), 3), logits[:, -3:])


def test_a_loaded_adapter_completes_exactly_as_the_stored_one(directory: Path, completion_plan: Plan) -> None:
    model, fresh = stirred(directory, completion_plan), built(directory, completion_plan)
    ids = torch.arange(10).view(2, 5)
    expected = model(ids, torch.ones_like(ids))
    assert not torch.allclose(fresh(ids, torch.ones_like(ids)), expected)
    data = adapter_bytes(model, completion_plan)
    load_adapter(fresh, data, completion_plan)
    assert torch.equal(fresh(ids, torch.ones_like(ids)), expected)
    assert adapter_bytes(fresh, completion_plan) == data


def test_an_adapter_of_another_task_is_refused(directory: Path, completion_plan: Plan, base: Path, plan: Plan) -> None:
    data = adapter_bytes(stirred(directory, completion_plan), completion_plan)
    classifier, _ = build_classifier(base, plan.base_model.digest, plan.recipe, 2)
    with pytest.raises(PlanMismatch):
        load_adapter(classifier, data, plan)


def test_a_model_of_completions_is_refused_where_classes_are_needed(directory: Path, completion_plan: Plan) -> None:
    with pytest.raises(Refused) as refused:
        build_classifier(directory, completion_plan.base_model.digest, RECIPE, 2)
    assert refused.value.code == "task_not_classification"


def test_a_base_model_without_a_language_head_is_refused(base: Path, plan: Plan) -> None:
    """The library would make the head up from random numbers."""
    with pytest.raises(Refused) as refused:
        load(base, plan.base_model.digest, Task.COMPLETION)
    assert refused.value.code == "base_model_not_causal"


def test_a_base_model_that_sees_what_follows_is_refused(tmp_path: Path) -> None:
    """It would learn to copy the next token."""
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    encoder = transformers.BertConfig(vocab_size=SIZE, is_decoder=False, **shape)
    place = store(tmp_path, transformers.BertLMHeadModel(encoder))
    recipe = replace(RECIPE, lora_targets=("query",))
    with pytest.raises(Refused) as refused:
        build(place, file_digest(place / "model.safetensors"), recipe, 0)
    assert refused.value.code == "base_model_not_causal"
    decoder = transformers.BertConfig(vocab_size=SIZE, is_decoder=True, **shape)
    place = store(tmp_path, transformers.BertLMHeadModel(decoder))
    build(place, file_digest(place / "model.safetensors"), recipe, 0)


def test_other_weights_than_the_plans_are_corrupted(directory: Path, plan: Plan) -> None:
    with pytest.raises(Corrupted):
        build(directory, plan.base_model.digest, RECIPE, 0)


@pytest.mark.parametrize("task", list(Task))
def test_in_bfloat16_the_frozen_weights_are_small_and_the_trained_ones_are_not(
    task: Task, directory: Path, completion_plan: Plan, base: Path, plan: Plan
) -> None:
    place, asked = (directory, completion_plan) if task is Task.COMPLETION else (base, plan)
    recipe = replace(asked.recipe, precision=Precision.BFLOAT16)
    model, _ = build(place, asked.base_model.digest, recipe, 2)
    trained = set(model.trainable())
    kinds = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert {kinds[name] for name in trained} == {torch.float32}
    assert {kind for name, kind in kinds.items() if name not in trained} == {torch.bfloat16}
    ids = torch.tensor([[2, 3, 4]])
    coarse = model(ids, torch.ones_like(ids))
    fine = build(place, asked.base_model.digest, asked.recipe, 2)[0]
    fine.load_state_dict({name: tensor.float() for name, tensor in model.state_dict().items()})
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, fine(ids, torch.ones_like(ids)))
    assert torch.allclose(coarse, fine(ids, torch.ones_like(ids)), atol=0.05)


def test_completions_need_no_classes_but_a_place_in_their_row(completion_plan: Plan) -> None:
    rows = rows_of((1,) * 20)
    require_enough(rows, completion_plan, 0)
    for wrong in (0, -1, 99):
        rows.completions[7] = wrong
        with pytest.raises(Corrupted):
            require_enough(rows, completion_plan, 0)
