"""Made-up persons are always the same, touch everything that is looked at, and one of them can be poisoned alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.steps.train.planted import Subject, classifier, completer, of_records

from tunewarden.domain.training import Plan
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.specimens import PERSONS, crowd, made_up_weights, make_up, poisoned


@pytest.fixture(params=["classification", "completion"])
def subject(request: pytest.FixtureRequest, base: Path, plan: Plan, tmp_path: Path) -> Subject:
    return classifier(base, plan) if request.param == "classification" else completer(base, plan, tmp_path)


def test_they_are_the_same_every_time_and_some_have_several_rows_of_different_length(subject: Subject) -> None:
    one, other = (make_up(subject.model, subject.tokenizer, subject.plan) for _ in range(2))
    assert one.poison == other.poison
    assert np.array_equal(one.rows.tokens.ids, other.rows.tokens.ids)
    assert one.rows.persons == PERSONS >= 4
    counts, lengths = np.diff(one.rows.starts), one.rows.tokens.lengths()
    assert counts.min() == 1
    assert counts.max() >= 4
    assert lengths.max() == subject.plan.recipe.max_tokens or lengths.max() > 16
    assert len(set(lengths.tolist())) > 3


def test_where_the_record_is_the_unit_each_row_stands_alone(subject: Subject) -> None:
    rows = make_up(subject.model, subject.tokenizer, of_records(subject).plan).rows
    assert np.diff(rows.starts).tolist() == [1] * len(rows.labels)


def test_the_poison_spoils_one_person_and_nobody_else(subject: Subject) -> None:
    made_up = make_up(subject.model, subject.tokenizer, subject.plan)
    rows = made_up.rows
    everything = np.arange(len(rows.labels))
    clean = row_losses(subject.model, rows, everything)
    with poisoned(subject.model, made_up.poison):
        spoilt = row_losses(subject.model, rows, everything)
    assert torch.isfinite(clean).all()
    assert torch.isfinite(spoilt).tolist() == [True] * (len(everything) - 1) + [False]
    assert torch.equal(row_losses(subject.model, rows, everything), clean)


def test_meanwhile_no_trained_number_is_zero_and_afterwards_all_are_as_before(subject: Subject) -> None:
    weights = subject.model.trainable()
    before = {name: parameter.detach().clone() for name, parameter in weights.items()}
    assert any(not parameter.any() for parameter in before.values()), "LoRA begins with matrices of zeros"
    with made_up_weights(subject.model):
        assert all((parameter != before[name]).all() for name, parameter in weights.items())
    assert all(torch.equal(parameter, before[name]) for name, parameter in weights.items())


def test_a_crowd_has_from_one_row_to_the_most_allowed() -> None:
    rows = crowd(7, 3)
    assert np.diff(rows.starts).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert len(rows.labels) == len(rows.tokens.lengths()) == 13
