"""Thresholds by group are tried on other persons than they were chosen on, and told beside the model as it is."""

from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric, Tolerance
from tunewarden.steps.measure.figures import Answered
from tunewarden.steps.measure.group_rows import ClassRows, decide_classes
from tunewarden.steps.measure.intervals import Booleans, Floats
from tunewarden.steps.measure.mitigated import Mitigated, mitigate

GAP = Decimal("0.1")


def declared(*metrics: GroupMetric) -> FairnessDeclaration:
    tolerances = tuple(Tolerance(metric=each, at_most=GAP) for each in sorted({GroupMetric.ACCURACY, *metrics}))
    policy = FairnessPolicy(tolerances=tolerances)
    return policy.declared({"sex"}, frozenset(GroupMetric), {}, depth=1)


RATES = declared(GroupMetric.TRUE_POSITIVE, GroupMetric.FALSE_POSITIVE)


def answers(persons: int, away: float, small: int = 0) -> tuple[Answered, Floats]:
    """Two groups; of the second, scores are too high by `away`, so that it is taken for class 1 too often."""
    dice = np.random.default_rng(7)
    group, labels = np.arange(persons) // 2 % 2, dice.integers(0, 2, persons)
    score = 2.0 * labels - 1 + dice.normal(size=persons) + away * group
    chances = 1 / (1 + np.exp(-score))
    names = np.where(np.arange(persons) < small, "few", np.where(group == 1, "f", "m"))
    said = Answered(
        labels=labels,
        predicted=(score > 0).astype(np.int64),
        base_predicted=np.zeros(persons, dtype=np.int64),
        persons=np.arange(persons),
        attributes={"sex": names.tolist()},
    )
    return said, np.stack([1 - chances, chances], axis=1)


def tried(
    said: Answered, chances: Floats, declaration: FairnessDeclaration = RATES, alone: Booleans | None = None
) -> Mitigated | None:
    rows = ClassRows(labels=said.labels, predicted=said.predicted, persons=said.persons)
    found = decide_classes(rows, said.attributes, declaration)
    return mitigate(said, chances, declaration, found, alone=every(said) if alone is None else alone)


def every(said: Answered) -> Booleans:
    return np.ones(len(said.labels), dtype=np.bool_)


@cache
def mended() -> Mitigated:
    found = tried(*answers(4000, 1.5))
    assert found is not None
    return found


def test_a_confirmed_gap_is_gone_with_thresholds_and_both_are_told() -> None:
    (sex,) = mended().thresholds
    assert sex.candidate.furthest is not None
    assert sex.adjusted.furthest is not None
    assert sex.candidate.confirmed > 0
    assert sex.adjusted.confirmed == 0
    assert sex.candidate.furthest.behind.value > Decimal("0.25") > 3 * sex.adjusted.furthest.behind.value
    assert sex.gain.low <= sex.adjusted.accuracy.value - sex.candidate.accuracy.value <= sex.gain.high
    assert (sex.attribute, sex.constraint, sex.left_as_is) == ("sex", "equalized_odds", 0)


def test_thresholds_are_measured_on_nobody_they_were_chosen_on() -> None:
    """Spoil the half that is measured on: what is chosen must not change, so only the figures of that half do."""
    said, chances = answers(4000, 1.5)
    odd = said.persons % 2 == 1
    spoilt = replace(said, labels=np.where(odd, 1 - said.labels, said.labels))
    found = tried(spoilt, chances)
    assert found is not None
    (sex,), (honest,) = found.thresholds, mended().thresholds
    assert abs(sex.adjusted.accuracy.value + honest.adjusted.accuracy.value - 1) < Decimal("0.001")
    assert found.persons == 2000


def test_persons_with_several_rows_are_on_one_side_only() -> None:
    said, chances = answers(4000, 1.5)
    twice = replace(said, persons=said.persons // 2)
    found = tried(twice, chances)
    assert found is not None
    assert found.persons == 1000


def test_rows_of_several_persons_who_may_be_on_both_sides_are_left_out() -> None:
    """They are spoilt here, and nothing that is told changes."""
    said, chances = answers(4000, 1.5)
    extra = 2000
    more = Answered(
        labels=np.append(said.labels, 1 - said.labels[:extra]),
        predicted=np.append(said.predicted, said.predicted[:extra]),
        base_predicted=np.zeros(4000 + extra, dtype=np.int64),
        persons=np.append(said.persons, said.persons[:extra] // 2),
        attributes={"sex": [*said.attributes["sex"], *said.attributes["sex"][:extra]]},
    )
    found = tried(more, np.vstack([chances, chances[:extra]]), alone=np.arange(4000 + extra) < 4000)
    assert found == mended()


def test_nothing_is_tried_where_every_comparison_is_cleared() -> None:
    assert tried(*answers(8000, 0.0)) is None


def test_groups_too_small_for_a_threshold_keep_their_answers_and_are_counted() -> None:
    found = tried(*answers(4000, 1.5, small=40))
    assert found is not None
    (sex,) = found.thresholds
    assert sex.left_as_is == 1


def test_where_only_the_share_of_those_selected_is_declared_that_is_made_alike() -> None:
    found = tried(*answers(4000, 1.5), declared(GroupMetric.SELECTED))
    assert found is not None
    (sex,) = found.thresholds
    assert sex.constraint == "demographic_parity"
    assert sex.adjusted.confirmed < sex.candidate.confirmed


@pytest.mark.parametrize("shape", ["three classes", "one class", "nothing declared"])
def test_what_it_is_not_made_for_is_not_tried(shape: str) -> None:
    said, chances = answers(4000, 1.5)
    rows = ClassRows(labels=said.labels, predicted=said.predicted, persons=said.persons)
    found = decide_classes(rows, said.attributes, RATES)
    if shape == "three classes":
        assert mitigate(said, np.hstack([chances, chances[:, :1]]), RATES, found, alone=every(said)) is None
    elif shape == "one class":
        alike = replace(said, labels=np.zeros_like(said.labels))
        assert mitigate(alike, chances, RATES, found, alone=every(said)) is None
    else:
        assert mitigate(said, chances, None, None, alone=every(said)) is None


def test_weights_of_classes_are_coarse_and_withheld_where_a_class_is_rare() -> None:
    said, chances = answers(4000, 1.5)
    rare = replace(said, labels=np.where(np.arange(4000) % 5 == 0, said.labels, 0))
    found, withheld = tried(rare, chances), tried(replace(said, labels=(said.persons < 9).astype(np.int64)), chances)
    assert found is not None
    assert withheld is not None
    assert found.class_weights == (Decimal("0.10"), Decimal(1))
    assert withheld.class_weights is None
