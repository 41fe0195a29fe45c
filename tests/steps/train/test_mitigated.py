"""Training that does something about unfairness keeps the same promise to each person: weights and copies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.steps.train.conftest import pseudonym, store_records
from tests.steps.train.planted import classifier
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.records import CleanRecord, held_out
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier
from tunewarden.steps.train.person_clip import Gradients, PersonClipper
from tunewarden.steps.train.rows import Rows, read_rows, require_enough
from tunewarden.steps.train.sampling import draw_update
from tunewarden.steps.train.single_pass import SinglePassClipper

CLIP, WEIGHTS = 0.3, (0.25, 1.0)
COUNTS = (1, 3, 2, 9, 1, 4)
PERSONS = 40
SWAPPED = Mitigation(swaps=(Swap.SEX,))


@pytest.fixture(scope="module")
def tokenizer(base: Path, plan: Plan) -> PreTrainedTokenizerBase:
    return load(base, plan.base_model.digest)[1]


def flat(gradients: Gradients) -> torch.Tensor:
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)]).double()


def summed(kind: Callable[..., SinglePassClipper | PersonClipper], model: TextClassifier, rows: Rows) -> torch.Tensor:
    """Of all persons together."""
    clipper = kind(model, rows, CLIP, Compute(micro_batch_rows=3, persons_at_once=2))
    try:
        return flat(clipper.clipped_sum([rows.of(person) for person in range(rows.persons)]))
    finally:
        clipper.close()


def alone(model: TextClassifier, rows: Rows) -> torch.Tensor:
    """What each person is clipped to without weights: float64[persons, numbers]."""
    clipper = SinglePassClipper(model, rows, CLIP, Compute())
    try:
        return torch.stack([flat(clipper.clipped_sum([rows.of(person)])) for person in range(rows.persons)])
    finally:
        clipper.close()


def test_a_weight_makes_what_was_clipped_shorter_by_as_much_in_both_ways_of_clipping(
    model: TextClassifier, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    rows = rows_of(COUNTS)
    weighed = replace(rows, class_weights=WEIGHTS)
    own = torch.tensor([np.take(WEIGHTS, rows.labels[rows.of(person)]).mean() for person in range(rows.persons)])
    expected = own.double() @ alone(model, rows)
    assert 0.25 <= float(own.min()) < float(own.max()) <= 1
    for kind in (SinglePassClipper, PersonClipper):
        assert float((summed(kind, model, weighed) - expected).norm() / expected.norm()) < 1e-6


def test_the_certificate_covers_weights_and_finds_one_that_lengthens_a_gradient(base: Path, plan: Plan) -> None:
    weights = (Decimal("0.5"), Decimal(1), Decimal("0.1"))
    subject = classifier(base, replace(plan, mitigation=Mitigation(weights=weights)))
    assert subject.certify()

    def longer(rows: Rows, clip: float, compute: Compute) -> SinglePassClipper:
        return SinglePassClipper(subject.model, replace(rows, class_weights=(0.5, 1.1, 0.1)), clip, compute)

    def forgetful(rows: Rows, clip: float, compute: Compute) -> SinglePassClipper:
        return SinglePassClipper(subject.model, replace(rows, class_weights=()), clip, compute)

    for fault in (longer, forgetful):
        with pytest.raises(Refused):
            subject.certify(clipper=fault)


def test_a_plan_whose_own_weights_lengthen_a_gradient_gets_no_certificate(base: Path, plan: Plan) -> None:
    forged = Mitigation(weights=(Decimal(1), Decimal(1), Decimal("0.1")))
    object.__setattr__(forged, "weights", (Decimal("1.5"), Decimal("1.5"), Decimal("0.1")))
    with pytest.raises(Refused):
        classifier(base, replace(plan, mitigation=forged)).certify()


def test_weights_for_other_classes_than_there_are_are_refused_before_anything_is_charged(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    weighed = replace(plan, mitigation=Mitigation(weights=(Decimal(1), Decimal("0.5"), Decimal("0.5"))))
    with pytest.raises(Malformed, match="3 weights for 2 classes"):
        require_enough(rows_of((1,) * 16), weighed, 2)


def records() -> list[CleanRecord]:
    """Every third text tells of no sex."""
    texts = ("the man burn hand", "smoke left", "her eye")
    return [
        CleanRecord(person=pseudonym(number % PERSONS), label=number % 2, text=texts[number % 3])
        for number in range(2 * PERSONS)
    ]


def test_a_copy_lies_with_the_rows_of_its_own_person_and_nobody_held_out_has_one(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs = MemoryBlobs()
    clean = store_records(blobs, records(), persons=PERSONS)
    plain, copied = (read_rows(blobs, clean, each, tokenizer) for each in (plan, replace(plan, mitigation=SWAPPED)))
    assert copied.persons == plain.persons
    names = [name for name in dict.fromkeys(record.person for record in records()) if not held_out(name)]
    for place, name in enumerate(names):
        own = [record for record in records() if record.person == name]
        telling = sum("smoke" not in record.text for record in own)
        assert len(plain.of(place)) == len(own)
        assert len(copied.of(place)) == len(own) + telling
        assert set(copied.labels[copied.of(place)]) == {record.label for record in own}
    assert copied.copies == len(copied.labels) - len(plain.labels) > 0
    assert (plain.copies, plain.class_weights) == (0, ())


@pytest.mark.parametrize("longest", [3, 4, 5])
def test_what_is_stated_of_the_rows_tells_nothing_of_copies(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, longest: int
) -> None:
    """How many there are is how many texts tell of a sex, which no epsilon pays for."""
    short = replace(plan, recipe=replace(plan.recipe, max_tokens=longest))
    blobs = MemoryBlobs()
    clean = store_records(blobs, records(), persons=PERSONS)
    plain, copied = (read_rows(blobs, clean, each, tokenizer) for each in (short, replace(short, mitigation=SWAPPED)))
    assert (copied.originals, copied.truncated) == (plain.originals, plain.truncated)
    assert (plain.originals, plain.truncated) == (len(plain.labels), plain.tokens.truncated)
    if longest < 5:
        assert copied.tokens.truncated > plain.truncated > 0


def test_copies_give_a_person_no_larger_part_in_an_update(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    one = replace(plan, recipe=replace(plan.recipe, rows_per_person=1), mitigation=SWAPPED)
    always = replace(one, mechanism=replace(one.mechanism, sampling_rate=Decimal(1)))
    blobs = MemoryBlobs()
    rows = read_rows(blobs, store_records(blobs, records(), persons=PERSONS), always, tokenizer)
    drawn = draw_update(always, rows)
    assert [len(own) for own in drawn] == [1] * rows.persons
