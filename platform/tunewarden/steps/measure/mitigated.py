"""What could be done about a gap between groups, tried and told; nothing of it is applied.

Thresholds by group (Hardt, Price and Srebro 2016, arXiv 1610.02413, by Fairlearn's `ThresholdOptimizer`) are chosen on
one half of the held-out persons and measured on the other, beside the model as it is on that same half: thresholds look
best where they were chosen. Rows of several persons take no part, because these may be on both halves. Thresholds need
the protected attribute of whoever is answered, each time, and give some people their answer by the toss of a coin;
where treating people by that attribute is unlawful, so are they.

The two ways that need another training (`domain/mitigations.py`) cannot be tried here; what such a plan would say is
offered. Weights of classes are stated from how often held-out persons have a class, never from who was trained on.

Only where exact figures may leave, of two classes, and only where some declared comparison is not cleared: each look at
the same persons is one more figure about them. Comparisons by calibration take no part: answers by thresholds have no
certainty of their own. Of groups, no number of persons is told here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator

from tunewarden.domain.fairness import GUARDS, FairnessDeclaration, GroupMetric
from tunewarden.steps.measure.comparing import Comparison, Standing
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.figures import Answered
from tunewarden.steps.measure.group_rows import ClassRows, decide_classes, declared_values
from tunewarden.steps.measure.groups import LEAST_SHOWN, count
from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, Integers, Strings, critical, paired_gain, share

_STEP, _LEAST_WEIGHT = Decimal("0.05"), Decimal("0.05")
_OPEN = frozenset({Standing.CONFIRMED, Standing.UNDECIDED, Standing.NOT_ASSESSABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Furthest:
    """The comparison by which a group is behind furthest, of all of one attribute but those with other models."""

    group: str
    metric: GroupMetric
    label: int | None
    behind: Figure
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """One way of answering, on the half that is measured on.

    Attributes:
        furthest: None where no two groups of the attribute had persons enough.
        confirmed, open: how many of all declared comparisons, of every attribute, end in a gap, and undecided or
            without persons enough.
    """

    accuracy: Figure
    furthest: Furthest | None
    confirmed: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What thresholds by the groups of one attribute do.

    Attributes:
        constraint: what they were chosen to make alike, in Fairlearn's word.
        candidate, adjusted: the model as it is, and with the thresholds.
        gain: in accuracy, paired.
        left_as_is: groups that were too small to choose a threshold for; they are answered as before.
    """

    attribute: str
    constraint: str
    candidate: Answering
    adjusted: Answering
    gain: Figure
    left_as_is: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigated:
    """What was tried, and what a further plan might declare.

    Attributes:
        persons: on whom thresholds were measured; about as many others chose them.
        class_weights: by class, the rarest 1; None where fewer than ten persons have one of them.
    """

    persons: int
    thresholds: tuple[Thresholds, ...]
    class_weights: tuple[Decimal, ...] | None


def mitigate(
    answered: Answered,
    chances: Floats,
    declaration: FairnessDeclaration | None,
    found: Decided | None,
    *,
    alone: Booleans,
) -> Mitigated | None:
    """Try it; None where nothing was declared or there is nothing to mend, or not two classes.

    chances: of each class for each row, float64[rows, classes]. `found` is what the declared comparisons came to.
    Rows that are not of one person `alone`, bool[rows], are left out: their persons may be on both sides.
    """
    if declaration is None or found is None or not any(_can_be_mended(each) for each in found.comparisons):
        return None
    answered, chances = _some(answered, alone), chances[alone]
    if chances.shape[1] != 2 or set(answered.labels.tolist()) != {0, 1}:
        return None
    answered = replace(answered, attributes=declared_values(answered.attributes, declaration, len(answered.labels)))
    persons = np.unique(answered.persons, return_inverse=True)[1]
    measured = np.asarray(persons % 2 == 1)  # pseudonyms are keyed hashes, so that these are any persons
    tried = [
        each
        for attribute in declaration.attributes
        if (each := _thresholds(answered, chances[:, 1], declaration, attribute, measured)) is not None
    ]
    return Mitigated(
        persons=count(persons, measured),
        thresholds=tuple(tried),
        class_weights=_class_weights(answered.labels, persons),
    )


def _can_be_mended(comparison: Comparison) -> bool:
    return comparison.standing in _OPEN and comparison.metric is not GroupMetric.CALIBRATION


def _thresholds(
    answered: Answered, chances: Floats, declaration: FairnessDeclaration, attribute: str, measured: Booleans
) -> Thresholds | None:
    groups = np.asarray(answered.attributes[attribute], dtype=np.str_)
    large = _large_enough(groups, answered, ~measured, declaration.least)
    if len(large) < 2:
        return None
    chosen, constraint = np.isin(groups, sorted(large)), _constraint(declaration)
    optimizer = _fitted(chances, answered.labels, groups, chosen & ~measured, constraint)
    predicted = answered.predicted.copy()
    told = chosen & measured
    # Fixed, so that the figure can be had again: who falls on which side of a coin does not matter here.
    predicted[told] = optimizer.predict(chances[told, None], sensitive_features=groups[told], random_state=0)
    right, mended = (said[measured] == answered.labels[measured] for said in (answered.predicted, predicted))
    return Thresholds(
        attribute=attribute,
        constraint=constraint,
        candidate=_answering(answered, answered.predicted, declaration, attribute, measured),
        adjusted=_answering(answered, predicted, declaration, attribute, measured),
        gain=paired_gain(mended, right, answered.persons[measured]).figure(),
        left_as_is=len(set(groups[measured].tolist()) - large),
    )


def _large_enough(groups: Strings, answered: Answered, among: Booleans, least: int) -> set[str]:
    """The groups of which so many persons have either class: fewer, and a threshold is chance."""
    persons, labels = answered.persons, answered.labels
    return {
        str(group)
        for group in np.unique(groups)
        if min(count(persons, among & (groups == group) & (labels == label)) for label in np.unique(labels)) >= least
    }


def _constraint(declaration: FairnessDeclaration) -> str:
    """Where only the share of those selected is declared it is made alike, else errors of both kinds are."""
    rates = {GroupMetric.TRUE_POSITIVE, GroupMetric.FALSE_POSITIVE}
    errors = any(declaration.tolerance(metric) is not None for metric in rates)
    selected = declaration.tolerance(GroupMetric.SELECTED) is not None
    return "demographic_parity" if selected and not errors else "equalized_odds"


class _Chances(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What Fairlearn takes for an estimator: its prediction is the column that it is given."""

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, _given: object, _labels: object) -> "_Chances":
        return self

    def predict(self, given: Any) -> Floats:
        return np.asarray(given, dtype=np.float64)[:, 0]


def _fitted(chances: Floats, labels: Integers, groups: Strings, among: Booleans, constraint: str) -> Any:
    # Its labels are 0 and 1, as ours are: two classes, numbered from 0.
    optimizer = ThresholdOptimizer(
        estimator=_Chances(),
        constraints=constraint,
        objective="accuracy_score",
        predict_method="predict",
        prefit=True,
    )
    return optimizer.fit(chances[among, None], labels[among], sensitive_features=groups[among])


def _answering(
    answered: Answered, predicted: Integers, declaration: FairnessDeclaration, attribute: str, measured: Booleans
) -> Answering:
    rows = ClassRows(
        labels=answered.labels[measured],
        predicted=predicted[measured],
        persons=np.unique(answered.persons[measured], return_inverse=True)[1],
        before={guard: said[measured] for guard, said in answered.before().items()},
    )
    found = decide_classes(rows, _only(answered.attributes, measured), declaration)
    own = [each for each in found.comparisons if each.attribute == attribute and each.metric not in GUARDS]
    return Answering(
        accuracy=share(rows.labels == rows.predicted, rows.persons, critical()).figure(),
        furthest=_furthest(own),
        confirmed=found.count(Standing.CONFIRMED),
        open=found.count(Standing.UNDECIDED) + found.count(Standing.NOT_ASSESSABLE),
    )


def _some(answered: Answered, kept: Booleans) -> Answered:
    return Answered(
        labels=answered.labels[kept],
        predicted=answered.predicted[kept],
        base_predicted=answered.base_predicted[kept],
        persons=answered.persons[kept],
        attributes=_only(answered.attributes, kept),
        promoted=None if answered.promoted is None else answered.promoted[kept],
    )


def _only(attributes: Mapping[str, Sequence[str]], measured: Booleans) -> dict[str, list[str]]:
    return {
        name: [value for value, own in zip(values, measured, strict=True) if own] for name, values in attributes.items()
    }


def _furthest(comparisons: Sequence[Comparison]) -> Furthest | None:
    if not comparisons:
        return None
    worst = max(comparisons, key=lambda each: (each.behind.value, each.behind.high))
    return Furthest(
        group=worst.group, metric=worst.metric, label=worst.label, behind=worst.behind, standing=worst.standing
    )


def _class_weights(labels: Integers, persons: Integers) -> tuple[Decimal, ...] | None:
    """Inverse to how many persons have a class, in coarse steps."""
    having = [count(persons, labels == label) for label in np.unique(labels)]
    if min(having) < LEAST_SHOWN:
        return None
    exact = (Decimal(min(having)) / each for each in having)
    return tuple(max(_LEAST_WEIGHT, (one / _STEP).to_integral_value(ROUND_HALF_UP) * _STEP) for one in exact)
