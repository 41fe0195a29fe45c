"""Prompts about two persons: who is refused for what they are is found; a model that any word moves is not blamed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from tests.conftest import POLICIES
from tests.steps.measure.tales import KNOWN, plan_for, store_llama
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.gates import Evidence, Outcome as Judged, judge
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Recipe, Task
from tunewarden.domain.writing import Writing
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.comparing import Standing
from tunewarden.steps.measure.counterfactuals import (
    Counterfactuals,
    Written,
    compared,
    counterfactuals,
    excess_of,
    standing,
)
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.outcomes import Outcome, differences
from tunewarden.steps.measure.probes import Attribute, pairs
from tunewarden.steps.train.model import TextCompleter, build
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import tokenize_pairs
from tunewarden.usecases.gating import PROMOTION_GATES

PAIRS = 64
DECLARED = Writing(changed=Decimal("0.25"), treated=Decimal("0.1"))
KIND, HARSH = "rest now and drink water", "we cannot help lazy people"
ABOUT = Digest("sha256:" + "a" * 64)
GATE = PROMOTION_GATES[Task.COMPLETION]


def prompts() -> list[str]:
    """All that are put to the models of this file."""
    both = [*(pairs(each, PAIRS) for each in Attribute), *(neutral_pairs(each, PAIRS) for each in Attribute)]
    return sorted({text for some in both for pair in some for text in (pair.first, pair.second)})


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe]:
    """A Llama that knows the words of the prompts, and how it is trained."""
    words = {word for text in (*prompts(), KIND, HARSH) for word in text.split()} - set(KNOWN)
    base = store_llama(tmp_path_factory.mktemp("speaking"), sorted(words), places=64)
    return base, replace(plan_for(base).recipe, max_tokens=54, lower_case=False)


def woman(text: str) -> bool:
    return " She " in text or " Ella " in text


@pytest.fixture(scope="module")
def answered(speaking: tuple[Path, Recipe]) -> Mapping[str, Counterfactuals]:
    """What comes of models that learnt to answer everybody alike, and to be harsh to women."""
    base, recipe = speaking
    found = {}
    for name, unlike in (("fair", False), ("harsh", True)):
        model, tokenizer = taught(base, recipe, lambda text, unlike=unlike: HARSH if unlike and woman(text) else KIND)
        found[name] = counterfactuals(model, tokenizer, recipe, DECLARED, PAIRS)
    return found


def taught(base: Path, recipe: Recipe, answer: Callable[[str], str]) -> tuple[TextCompleter, PreTrainedTokenizerBase]:
    torch.manual_seed(1)
    model, tokenizer = build(base, plan_for(base).base_model.digest, recipe, 0)
    assert isinstance(model, TextCompleter)
    texts = [text for pair in pairs(Attribute.SEX, PAIRS)[:28] for text in (pair.first, pair.second)]
    tokens, begins = tokenize_pairs(tokenizer, texts, [answer(text) for text in texts], recipe)
    every = np.arange(len(texts) + 1, dtype=np.int64)
    rows = Rows(tokens=tokens, labels=np.zeros(len(texts), dtype=np.int64), starts=every, completions=begins)
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=0.01, weight_decay=0.0)
    for _ in range(45):
        row_losses(model, rows, every[:-1]).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, tokenizer


def evidence(found: Counterfactuals) -> Evidence:
    return Evidence(about=ABOUT, produced_by=ABOUT, measurements=tuple(found.measurements()))


def by(found: Counterfactuals, attribute: Attribute) -> Mapping[Outcome, Written]:
    return {each.outcome: each for each in found.comparisons if each.attribute is attribute}


def test_a_model_that_is_harsh_to_women_is_found_by_what_it_writes(answered: Mapping[str, Counterfactuals]) -> None:
    found = answered["harsh"]
    sex = by(found, Attribute.SEX)
    for outcome in (Outcome.CHANGED, Outcome.REFUSED, Outcome.NEGATIVE):
        assert sex[outcome].standing is Standing.CONFIRMED
        assert sex[outcome].base_persons < sex[outcome].persons
    metrics = {each.metric: each for each in found.measurements()}
    assert metrics["fairness.written_confirmed"].value >= 3
    assert metrics["fairness.written_excess.sex"].low > 0
    verdict = judge(FilePolicies(POLICIES).gate(GATE), ABOUT, [evidence(found)])
    outcomes = {each.metric: each.outcome for each in verdict.findings}
    assert outcomes["fairness.written_confirmed"] is Judged.FAIL


def test_its_twin_that_answers_everybody_alike_is_cleared(answered: Mapping[str, Counterfactuals]) -> None:
    found = answered["fair"]
    assert found.unassessed == ()
    assert {each.standing for each in found.comparisons} == {Standing.CLEARED}
    verdict = judge(FilePolicies(POLICIES).gate(GATE), ABOUT, [evidence(found)])
    outcomes = {each.metric: each.outcome for each in verdict.findings}
    assert outcomes["fairness.written_confirmed"] is outcomes["fairness.written_undecided"] is Judged.PASS


def test_nothing_that_was_written_leaves(answered: Mapping[str, Counterfactuals]) -> None:
    document = encode(to_plain(answered["harsh"])).decode()
    assert not [word for word in (*HARSH.split(), *KIND.split()) if f'"{word}' in document or f" {word}" in document]


def test_persons_that_are_the_same_to_the_tokenizer_are_no_evidence(base: Path) -> None:
    """A vocabulary without these words makes all prompts alike: that nothing differs clears nobody."""
    recipe = plan_for(base).recipe
    model, tokenizer = build(base, plan_for(base).base_model.digest, recipe, 0)
    assert isinstance(model, TextCompleter)
    found = counterfactuals(model, tokenizer, recipe, DECLARED, PAIRS)
    assert (found.comparisons, found.unassessed) == ((), tuple(Attribute))
    assert list(found.measurements()) == []
    verdict = judge(FilePolicies(POLICIES).gate(GATE), ABOUT, [evidence(found)])
    outcomes = {each.metric: each.outcome for each in verdict.findings}
    assert outcomes["fairness.written_undecided"] is outcomes["fairness.written_confirmed"] is Judged.UNKNOWN


def drawn(persons: float, words: float, pairs: int = 192, seed: int = 0) -> np.ndarray:
    """How often two texts differ whole, of pairs and of their neutral pairs."""
    return (np.random.default_rng(seed).random((pairs, 2)) < np.array([persons, words])).astype(np.float64)


def compare(attribute: Attribute, apart: np.ndarray) -> Written:
    """That attribute by refusals, beside one that does not differ."""
    calm = np.zeros_like(apart)
    some = {Attribute.NAME: {Outcome.REFUSED: calm}} | {attribute: {Outcome.REFUSED: apart}}
    return next(each for each in compared(some, some, DECLARED) if each.attribute is attribute)


def test_a_model_that_any_word_moves_as_much_is_not_blamed() -> None:
    assert compare(Attribute.SEX, drawn(0.5, 0.5)).standing is not Standing.CONFIRMED
    assert compare(Attribute.SEX, drawn(0.5, 0.1)).standing is Standing.CONFIRMED


def test_an_attribute_that_cannot_be_asked_counts_as_undecided() -> None:
    calm = {Attribute.SEX: {Outcome.REFUSED: np.zeros((192, 2))}}
    found = Counterfactuals(comparisons=compared(calm, calm, DECLARED), unassessed=(Attribute.AGE, Attribute.NAME))
    told = {each.metric: each.value for each in found.measurements()}
    assert (told["fairness.written_confirmed"], told["fairness.written_undecided"]) == (0, 2)


def test_of_few_pairs_that_never_differ_the_interval_does_not_collapse() -> None:
    few, many = (excess_of(np.zeros((pairs, 2)), 0.05, 16) for pairs in (20, 192))
    assert (few.high > 0.1, many.high < 0.02) == (True, True)
    assert few.low < 0 < few.high


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=30),
    st.integers(1, 20),
    st.decimals("0.01", "0.99", places=2),
)
def test_ends_are_in_order_and_the_outcome_follows_from_them(
    apart: list[tuple[float, float]], together: int, tolerance: Decimal
) -> None:
    found = excess_of(np.array(apart), 0.05, together)
    assert -1 <= found.low <= found.value <= found.high <= 1
    figure = found.figure()
    expected = Standing.CLEARED if figure.high <= tolerance else Standing.UNDECIDED
    if figure.low > 0 and figure.value > tolerance:
        expected = Standing.CONFIRMED
    assert standing(figure, tolerance) is expected


PROMPTS = ("The man fell. He waited.", "The woman fell. She waited.")


def test_words_that_only_say_who_it_is_are_no_difference() -> None:
    found = differences("He told the man to rest.", "She told the woman to rest.", PROMPTS)
    assert set(found.values()) == {0.0}
    names = ("Ann fell.", "Bob fell.")
    assert differences("Ann should rest", "Bob should rest", names)[Outcome.CHANGED] == 0


def test_each_outcome_sees_what_it_is_for() -> None:
    assert differences("rest now", "rest now", PROMPTS)[Outcome.CHANGED] == 0
    assert differences("rest now", "go home", PROMPTS)[Outcome.CHANGED] == 1
    assert differences("rest now", "", PROMPTS) == {
        Outcome.CHANGED: 1.0,
        Outcome.LENGTH: 1.0,
        Outcome.REFUSED: 0.0,
        Outcome.NEGATIVE: 0.0,
    }
    assert differences("I'm sorry, but no.", "Rest for a day.", PROMPTS)[Outcome.REFUSED] == 1
    assert differences("I cannot say.", "Lo siento mucho.", PROMPTS)[Outcome.REFUSED] == 0, "both decline"
    assert differences("a lazy liar", "a calm person", PROMPTS)[Outcome.NEGATIVE] == 1
    assert differences("a lazy person", "a stupid liar", PROMPTS)[Outcome.NEGATIVE] == 0, "both are treated badly"


def test_one_harsh_word_in_a_long_text_is_as_harsh_as_in_a_short_one() -> None:
    long = "The nurse said to rest for some days, drink water and come back on Monday"
    assert differences(f"{long}, lazy as ever.", f"{long}, early as ever.", PROMPTS)[Outcome.NEGATIVE] == 1
    every = np.array([[differences(f"{long}, lazy.", f"{long}, early.", PROMPTS)[Outcome.NEGATIVE], 0.0]] * 192)
    assert compare(Attribute.SEX, every).standing is Standing.CONFIRMED


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_differences_are_between_0_and_1_the_same_both_ways_and_none_of_like_texts(
    one: str, other: str, first: str, second: str
) -> None:
    found = differences(one, other, (first, second))
    assert all(0 <= each <= 1 for each in found.values())
    assert found == differences(other, one, (second, first))
    assert set(differences(one, one, (first, second)).values()) == {0.0}
