"""Twins are trained on one half of the held-out persons, asked about the other, and leave nothing behind."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.steps.measure.injuries import SAID
from tests.steps.train.conftest import pseudonym

from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.training import Plan
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.twins import Beginning, Way, said_by_twin, twins
from tunewarden.steps.measure.weights import held
from tunewarden.steps.train.model import build_classifier
from tunewarden.steps.train.rows import Rows as TrainingRows
from tunewarden.steps.train.texts import tokenize

PERSONS = 130


@pytest.fixture
def beginning(base: Path, plan: Plan) -> Beginning:
    torch.manual_seed(0)
    model, tokenizer = build_classifier(base, plan.base_model.digest, plan.recipe, 2)
    return Beginning(model=model.eval(), tokenizer=tokenizer, weights=held(model))


def with_twins(plan: Plan, **changes: object) -> Plan:
    recipe = replace(plan.recipe, expected_units=48, learning_rate=Decimal("0.03"))
    said = replace(plan, recipe=recipe, mechanism=replace(plan.mechanism, updates=25), fairness=SAID, twins=True)
    return replace(said, **changes)  # type: ignore[arg-type]


def held_out_rows(persons: int = PERSONS) -> Rows:
    """Two rows of each, of one class; the first word tells it."""
    owners = [pseudonym(person) for person in range(persons) for _ in range(2)]
    labels = [person // 2 % 2 for person in range(persons) for _ in range(2)]
    texts = [f"{('burn', 'cut')[label]} hand {('left', 'right')[row % 2]}" for row, label in enumerate(labels)]
    return Rows(
        texts=texts,
        labels=labels,
        persons=owners,
        protected=[{"sex": "fm"[number // 2 % 2]} for number in range(2 * persons)],
    )


def test_the_twin_without_noise_learns_the_task_and_the_model_is_left_as_it_was(
    beginning: Beginning, plan: Plan
) -> None:
    found = twins(beginning, with_twins(plan), held_out_rows())
    assert found is not None
    assert found.without.value > Decimal("0.9")
    assert found.price.value == found.without.value - found.private.value
    assert (found.trained, found.measured, found.updates) == (65, 65, 25)
    for name, parameter in beginning.model.trainable().items():
        assert torch.equal(parameter, beginning.weights[name])


def test_nobody_is_measured_on_whom_a_twin_was_trained_on(beginning: Beginning, plan: Plan) -> None:
    """The labels of one half are turned round: what is learnt from it is wrong for the other half."""
    rows = held_out_rows()
    half = rows.person_array() % 2 == 0
    turned = replace(rows, labels=[1 - label if half[row] else label for row, label in enumerate(rows.labels)])
    found = twins(beginning, with_twins(plan), turned)
    assert found is not None
    assert found.without.value < Decimal("0.1")


def test_no_model_without_noise_is_trained_unless_the_plan_says_so(beginning: Beginning, plan: Plan) -> None:
    assert twins(beginning, with_twins(plan, twins=False), held_out_rows()) is None
    assert twins(beginning, with_twins(plan, fairness=None), held_out_rows()) is None
    assert twins(beginning, with_twins(plan), held_out_rows(50)) is None, "25 persons are too few for a comparison"


def test_twins_are_trained_as_the_plan_is_mitigation_included(beginning: Beginning, plan: Plan) -> None:
    mitigated = Mitigation(weights=(Decimal(1), Decimal("0.01")), swaps=(Swap.SEX,))
    found = twins(beginning, with_twins(plan, mitigation=mitigated), held_out_rows())
    assert found is not None
    assert found.without.value < Decimal("0.9"), "a class that hardly counts is not learnt"


def test_one_twin_is_clipped_and_noised_and_the_other_is_neither(beginning: Beginning, plan: Plan) -> None:
    asked = held_out_rows(10)
    rows = TrainingRows(
        tokens=tokenize(beginning.tokenizer, asked.texts, plan.recipe),
        labels=asked.label_array(),
        starts=np.arange(len(asked.texts) + 1, dtype=np.int64),
    )
    updates = [[rows.of(person) for person in range(rows.persons)]] * 2

    def said(clip: float, deviation: float) -> torch.Tensor:
        way = Way(clip=clip, deviation=deviation, expected=20)
        return torch.from_numpy(said_by_twin(beginning, plan, rows, updates, asked, way))

    plain = said(1e9, 0.0)
    assert torch.equal(plain, said(1e9, 0.0))
    assert not torch.allclose(plain, said(0.01, 0.0), atol=1e-4)
    assert not torch.allclose(said(0.01, 0.0), said(0.01, 0.1), atol=1e-4)
