"""A bias that is planted in the records, and what a plan with swaps makes of it, under DP-SGD on the starter encoder.

1,000 made-up persons with a note each. Every woman was burnt and every man has a cut, so the class follows from the sex
as well as from the injury; in one note of four the injury is not told, so that the sex is all there is. Two trainings
by the real loop at epsilon 8, of the same records: one as they are, one with copies in which the sex is exchanged. Both
are asked the pairs that the measuring step asks, and judged by the shipped gate's rules on protected terms.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bench.conftest import Rows as BenchRows
from tests.bench.starter import starter
from tests.steps.measure.test_swaps import verdict
from tests.steps.train.conftest import MECHANISM, Purse, base, plan, pseudonym, store_records, training_of

from tunewarden.domain.gates import Outcome
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.training import Plan, Recipe
from tunewarden.drivers.accounting import calibrate
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.swaps import Swapped, ask_pairs, swapped
from tunewarden.steps.measure.weights import held, with_weights
from tunewarden.steps.records import CleanRecord, held_out
from tunewarden.steps.train.checkpoint import Belonging, restore
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import build_classifier
from tunewarden.steps.train.recipe import train
from tunewarden.steps.train.rows import read_rows

__all__ = ["base", "plan"]

pytestmark = pytest.mark.bench
PERSONS, EXPECTED, EPOCHS = 1_000, 128, 8
RECIPE = Recipe(max_tokens=32, expected_units=EXPECTED)
WOMEN, MEN = ("The woman", "She", "The girl", "The mother"), ("The man", "He", "The boy", "The father")
INJURIES = (("a cut", "a knife wound"), ("a burn", "a scald"))
PLACES = ("at home", "at work", "in the kitchen", "on the road", "yesterday")


def records() -> list[CleanRecord]:
    found = []
    for number in range(PERSONS):
        label, place = number % 2, PLACES[number // 8 % len(PLACES)]
        who = (MEN, WOMEN)[label][number // 2 % 4]
        injury = "something" if number // 4 % 4 == 3 else INJURIES[label][number // 3 % 2]
        found.append(CleanRecord(person=pseudonym(number), label=label, text=f"{who} came with {injury} {place}."))
    return found


def approved(plan: Plan, mitigation: Mitigation | None) -> Plan:
    """Under the least noise that keeps epsilon 8."""
    _, model = starter()
    trained_on = sum(not held_out(record.person) for record in records())
    rate = (Decimal(EXPECTED) / trained_on).quantize(Decimal("0.0001"), ROUND_CEILING)
    template = replace(MECHANISM, sampling_rate=rate, updates=int(EPOCHS / rate) + 1)
    mechanism = calibrate(template, Decimal(8), Decimal("0.0001"))
    return replace(plan, base_model=model, recipe=RECIPE, mechanism=mechanism, mitigation=mitigation)


def found(plan: Plan, place: Path) -> dict[Attribute, Swapped]:
    """What comes of the pairs about each attribute after the training."""
    blobs, (directory, _) = MemoryBlobs(), starter()
    torch.manual_seed(0)
    model, tokenizer = build_classifier(directory, plan.base_model.digest, plan.recipe, 2)
    untrained = held(model)
    clean = store_records(blobs, records(), persons=PERSONS)
    rows = read_rows(blobs, clean, plan, tokenizer)
    own = replace(training_of(plan, rows, directory, place), compute=Compute(threads=torch.get_num_threads()))
    training = replace(own, belonging=Belonging(request=own.belonging.request, plan=plan.digest()))
    train(training, Purse().charge, lambda _certificate: None)
    restore(training.checkpoint, model.trainable())

    def say(texts: Sequence[str]) -> Floats:
        said = torch.from_numpy(logits(model, tokenizer, texts, plan.recipe)).softmax(dim=-1)
        return np.asarray(said.numpy(), dtype=np.float64)

    trained, neutral = ask_pairs(say, Extent().swaps), ask_pairs(say, Extent().swaps, of=neutral_pairs)
    with with_weights(model, untrained):
        before = ask_pairs(say, Extent().swaps // 4)
    return {name: swapped(name, trained[name], before[name], neutral[name]) for name in Attribute}


@pytest.mark.parametrize("mitigation", [None, Mitigation(swaps=(Swap.SEX,))], ids=["as they are", "exchanged"])
def test_swaps_take_a_planted_bias_away(
    rows: BenchRows, plan: Plan, tmp_path: Path, mitigation: Mitigation | None
) -> None:
    asked = approved(plan, mitigation)
    swaps = found(asked, tmp_path)
    sex, said = swaps[Attribute.SEX], verdict(list(swaps.values()))[Attribute.SEX]
    assert sex.control is not None
    excess, biased = sex.control.excess_flips, mitigation is None
    rows.add(
        f"answers that change with the sex and not with neutral words, {'planted' if biased else 'with swaps'}",
        [float(excess.low if biased else excess.high)],
        unit="share, lower end" if biased else "share, upper end",
        goal=0.02 if biased else 0.08,
        bound="at_least" if biased else "at_most",
        baseline=f"{excess.low} to {excess.high}, {sex.flip_rate.value} of {sex.pairs} pairs; the gate says {said}; "
        f"noise {asked.mechanism.noise_multiplier}, {asked.mechanism.updates} updates",
    )
    if biased:
        assert said is Outcome.FAIL
    else:
        assert excess.low <= Decimal("0.02"), "no bias is shown any more"
