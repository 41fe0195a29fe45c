"""Completions as they come from a release: cut at their border, and left out where nothing is left of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.steps.train.conftest import pseudonym, store_records
from tests.steps.train.language import TARGETS, llama, store
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Corrupted, PlanMismatch
from tunewarden.domain.training import BaseModel, Plan, Recipe, Task
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.records import CleanRecord, held_out
from tunewarden.steps.train.base_model import file_digest, load
from tunewarden.steps.train.rows import Rows, read_rows, require_enough
from tunewarden.steps.train.texts import completable, tokenize_pairs

RECIPE = Recipe(task=Task.COMPLETION, lora_rank=2, lora_targets=TARGETS, max_tokens=8, expected_units=16)
TRAINING = [person for person in range(60) if not held_out(pseudonym(person))]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("llama"), llama())


@pytest.fixture(scope="module")
def asked(directory: Path, plan: Plan) -> Plan:
    base = BaseModel(name=plan.base_model.name, digest=file_digest(directory / "model.safetensors"))
    return replace(plan, base_model=base, recipe=RECIPE)


@pytest.fixture(scope="module")
def tokenizer(directory: Path, asked: Plan) -> PreTrainedTokenizerBase:
    return load(directory, asked.base_model.digest, Task.COMPLETION)[1]


def pair(prompt: str, completion: str, person: int = TRAINING[0]) -> CleanRecord:
    text = f"{prompt}\n{completion}"
    return CleanRecord(person=pseudonym(person), label=0, text=text, completion=len(prompt) + 1)


def read(records: Sequence[CleanRecord], plan: Plan, tokenizer: PreTrainedTokenizerBase) -> Rows:
    blobs = MemoryBlobs()
    return read_rows(blobs, store_records(blobs, records, classes=0), plan, tokenizer)


def test_prompt_and_completion_are_the_tokens_of_each_with_the_border_between_them(
    asked: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    rows = read([pair("w1 w2", "w3\nw4"), pair("w5", "w6")], asked, tokenizer)
    tokens, places = tokenize_pairs(tokenizer, ["w1 w2", "w5"], ["w3\nw4", "w6"], asked.recipe)
    assert rows.completions is not None
    assert rows.completions.tolist() == places.tolist() == [3, 2]
    assert rows.tokens.ids.tolist() == tokens.ids.tolist()
    assert rows.labels.tolist() == [0, 0]


def test_enough_persons_with_completions_are_enough(asked: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    require_enough(read([pair("w1", "w2", person) for person in TRAINING], asked, tokenizer), asked, 0)


@pytest.mark.parametrize("emptied", [("w1", ""), ("w1", " "), ("w1", "\n"), ("", "")])
def test_a_row_whose_completion_was_emptied_is_left_out_and_counted(
    asked: Plan, tokenizer: PreTrainedTokenizerBase, emptied: tuple[str, str]
) -> None:
    rows = read([pair("w1", "w2"), pair(*emptied), pair("", "w3")], asked, tokenizer)
    assert (len(rows.labels), rows.unlearnable) == (2, 1)  # behind its mark a beginning may be empty


def test_where_nothing_marks_a_beginning_an_emptied_prompt_is_left_out_too(
    asked: Plan, directory: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    unmarked = load(directory, asked.base_model.digest, Task.COMPLETION)[1]
    unmarked.bos_token = None
    rows = read([pair("w1", "w2"), pair(" ", "w3")], asked, unmarked)
    assert (len(rows.labels), rows.unlearnable) == (1, 1)
    assert tokenizer.bos_token_id is not None


PARTS = st.sampled_from(["", " ", "w1", "w2 w3", "\n"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PARTS, PARTS), max_size=10))
def test_what_is_called_completable_is_taken_and_nothing_else_is(
    asked: Plan, tokenizer: PreTrainedTokenizerBase, pairs: list[tuple[str, str]]
) -> None:
    fits = completable(tokenizer, [one for one, _ in pairs], [other for _, other in pairs], asked.recipe).tolist()
    assert fits == [bool(completion.strip()) for _, completion in pairs]
    taken = [one for one, fit in zip(pairs, fits, strict=True) if fit]
    _, places = tokenize_pairs(tokenizer, [one for one, _ in taken], [other for _, other in taken], asked.recipe)
    assert len(places) == sum(fits)


def test_a_plan_of_the_other_task_does_not_fit_the_records(
    asked: Plan, plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    classed = CleanRecord(person=pseudonym(TRAINING[0]), label=0, text="w1\nw2")
    for records, given_ in (([classed], asked), ([pair("w1", "w2")], plan), ([pair("w1", "w2"), classed], asked)):
        with pytest.raises(PlanMismatch) as refused:
            read(records, given_, tokenizer)
        assert refused.value.code == "records_of_another_task"


@pytest.mark.parametrize("border", [0, 1, 5, 99])
def test_a_released_border_without_its_line_feed_is_corrupted(
    asked: Plan, tokenizer: PreTrainedTokenizerBase, border: int
) -> None:
    with pytest.raises(Corrupted) as refused:
        read([replace(pair("w1", "w2"), completion=border)], asked, tokenizer)
    assert refused.value.code == "completion_malformed"
