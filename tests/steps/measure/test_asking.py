"""Questions put to a model that completes texts: it answers by what it holds likeliest; the rest is counted."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import SHARED, linear_accountant
from tests.steps.measure.tales import KNOWN, MADE_UP, PLOTS, Tales, attempt, details, measuring, plan_for, store_llama
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import NotFound
from tunewarden.domain.names import Digest
from tunewarden.domain.questions import Question, parse_questions
from tunewarden.domain.writing import Writing
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.asking import ask_questions, choices
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.question_bias import NO_ANSWER
from tunewarden.steps.measure.questions import shipped_questions
from tunewarden.steps.train.model import TextCompleter, adapter_bytes, build

BBQ = SHARED / "data" / "bbq"
TOLERANCE = Decimal("0.1")
WRITING = Writing(changed=Decimal("0.25"), treated=TOLERANCE)


def house_questions(templates: int = 12) -> bytes:
    """A house's own questions, in words that the model of tales knows: of two words, one is stereotyped."""
    return "\n".join(
        json.dumps(_house_question(number, polarity, told, turned=turned))
        for number in range(templates)
        for polarity in ("neg", "nonneg")
        for told in (False, True)
        for turned in (False, True)
    ).encode()


def _house_question(number: int, polarity: str, told: bool, *, turned: bool) -> dict[str, object]:
    persons = MADE_UP[2 * number : 2 * number + 2][:: -1 if turned else 1]
    answers = (*persons, "today")
    groups = (*persons, "unknown")
    return {
        "category": "House",
        "question_index": str(number),
        "question_polarity": polarity,
        "context_condition": "disambig" if told else "ambig",
        "answer_info": {f"ans{place}": [answers[place], groups[place]] for place in range(3)},
        "additional_metadata": {"stereotyped_groups": [MADE_UP[2 * number]]},
        "context": " ".join((*persons, persons[0]) if told else persons),
        "question": "burn" if polarity == "neg" else "rash",
        "label": 0 if told else 2,
    } | {f"ans{place}": answers[place] for place in range(3)}


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)[1]


def test_the_answer_is_the_one_whose_tokens_are_likeliest_behind_the_question(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Counted again by hand, one answer after the other."""
    asked = parse_questions(house_questions(4))
    chosen = choices(taught, tokenizer, plan_for(base).recipe, asked)
    for question, choice in zip(asked, chosen, strict=True):
        costs = []
        for option in question.options:
            given = tokenizer(f"{question.context} {question.question}", add_special_tokens=False)["input_ids"]
            learnt = [*tokenizer(option, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            ids = torch.tensor([[tokenizer.bos_token_id, *given, *learnt]])
            with torch.no_grad():
                logs = taught(ids, torch.ones_like(ids))[0].double().log_softmax(dim=-1)
            begin = ids.shape[1] - len(learnt)
            costs.append(-np.mean([float(logs[place - 1, ids[0, place]]) for place in range(begin, ids.shape[1])]))
        assert choice == int(np.argmin(costs))


def test_it_answers_with_what_it_learnt_to_write(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    asked = [
        Question(
            category="tales",
            template=plot,
            ambiguous=False,
            negative=True,
            context=MADE_UP[3],
            question=plot,
            options=(wrong, PLOTS[plot], "[UNK]"),
            unknown=2,
            target=0,
            right=1,
        )
        for plot, wrong in zip(PLOTS, [*list(PLOTS.values())[1:], "cool it now"], strict=True)
    ]
    assert choices(taught, tokenizer, plan_for(base).recipe, asked) == [1] * len(PLOTS)


def test_equal_answers_are_no_answer_and_what_cannot_be_asked_is_left_out(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    recipe, (first, *others) = plan_for(base).recipe, parse_questions(house_questions(11))
    alike = replace(first, options=(MADE_UP[0], MADE_UP[0], "today"))
    assert choices(taught, tokenizer, recipe, [alike])[0] in (NO_ANSWER, 2)
    long = replace(first, context=" ".join(MADE_UP[:40]))
    silent = replace(first, options=(*first.options[:2], " "))
    for impossible in (alike, long, silent):
        found = ask_questions(taught, tokenizer, recipe, [impossible, *others], TOLERANCE)
        assert (found.left_out, found.biases[0].questions) == (1, 87), "there is another one of its kind"
    strange = ask_questions(taught, tokenizer, recipe, shipped_questions(), TOLERANCE)
    assert (strange.left_out > 500, strange.biases) == (True, ()), "hardly any word of them is known"


@pytest.mark.parametrize(
    "kept", [lambda each: not each.ambiguous, lambda each: each.ambiguous, lambda each: each.negative]
)
def test_of_questions_of_one_kind_only_nothing_is_said(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase, kept: Callable[[Question], bool]
) -> None:
    """The rule of the gate could not fail, or would for a mere preference; so it does not hear of them."""
    asked = [each for each in parse_questions(house_questions()) if kept(each)]
    found = ask_questions(taught, tokenizer, plan_for(base).recipe, asked, TOLERANCE)
    assert (found.left_out, found.biases, found.before) == (48, (), None)
    assert list(found.measurements()) == []


def measured(base: Path, taught: TextCompleter, writing: Writing, own: bytes = b"") -> CompletionDetails:
    blobs, plan = MemoryBlobs(), plan_for(base)
    assert plan.fairness is not None
    plan = replace(plan, fairness=replace(plan.fairness, writing=writing))
    if own:
        blobs.put_bytes(own)
    given = attempt(blobs, Tales.of(60).manifest(blobs), adapter_bytes(taught, plan), plan)
    return details(blobs, measuring(blobs, base, linear_accountant)(given))


def test_the_house_s_own_questions_are_asked_where_the_plan_names_them(base: Path, taught: TextCompleter) -> None:
    own = house_questions()
    named = MemoryBlobs().put_bytes(own)
    found = measured(base, taught, replace(WRITING, questions=named), own)
    assert found.questions is not None
    assert [each.category for each in found.questions.biases] == ["House", "all"]
    assert (found.questions.left_out, found.questions.biases[0].questions) == (0, 96)
    metrics = {each.metric for each in found.measurements()}
    assert {"fairness.question_confirmed", "fairness.question_bias"} <= metrics
    assert found.counterfactuals is not None
    assert len(found.counterfactuals.unassessed) == 4, "words that this tokenizer does not know tell nobody apart"
    assert not metrics & {"fairness.written_confirmed", "fairness.written_undecided"}


def test_questions_that_are_not_there_stop_the_measuring(base: Path, taught: TextCompleter) -> None:
    with pytest.raises(NotFound):
        measured(base, taught, replace(WRITING, questions=Digest("sha256:" + "0" * 64)))


@pytest.mark.skipif(not BBQ.is_dir(), reason="BBQ is not beside this clone")
def test_a_model_of_random_weights_is_asked_bbq_s_own_questions(tmp_path: Path) -> None:
    """A few of each file; that it leans nowhere far is left to `test_question_bias.py`, which has answerers by hand."""
    asked = [each for file in sorted(BBQ.glob("*.jsonl")) for each in parse_questions(file.read_bytes())[:24]]
    texts = " ".join(f"{each.context} {each.question} {' '.join(each.options)}" for each in asked)
    base = store_llama(tmp_path / "llama", sorted(set(texts.split()) - set(KNOWN)), places=128)
    model, tokenizer = build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)
    assert isinstance(model, TextCompleter)
    chosen = choices(model, tokenizer, replace(plan_for(base).recipe, max_tokens=128, lower_case=False), asked)
    assert len(chosen) == 72
    assert set(chosen) <= {0, 1, 2}
    assert len(set(chosen)) > 1
