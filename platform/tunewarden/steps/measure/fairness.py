"""Fairness: does the adapter serve every group as well as the rest, and which groups are too small to tell.

Each group is compared with everybody else, not the best group with the worst: the largest of many differences is large
even where nothing differs. Rates are Fairlearn's; intervals are Newcombe's, held together over all groups of all
attributes (Bonferroni). A group is assessable where it and the rest have enough persons. Others are listed, never
assumed to be fine: where no group is assessable there is no gap to report, and a gate says UNKNOWN. That includes an
attribute on which everybody is alike.

What is decided by the plan's declaration (confirmed, cleared, undecided, not assessable) is in `comparing.py`; the gaps
here describe.

Counts below 10 are withheld, and others by which a withheld count could be had by subtraction; `groups.py` says which,
and what is not covered. Numbers of errors inside larger groups can be worked out from the rates.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from tunewarden.domain.canonical import LATER
from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.cells import confusion, rate_figures
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.group_rows import (
    ClassRows,
    TextRows,
    calibration_gap,
    decide_classes,
    decide_texts,
    declared_values,
)
from tunewarden.steps.measure.groups import (
    LEAST_PERSONS,
    LEAST_SHOWN,
    Candidate,
    SmallGroup,
    assessable,
    assessed_share,
    candidates,
    count,
    largest,
    small_groups,
    tells_classes,
)
from tunewarden.steps.measure.intervals import (
    Booleans,
    Figure,
    Floats,
    Integers,
    Interval,
    critical,
    decimal,
    difference,
    effective_size,
    person_share,
    share,
)

_NOBODY: Mapping[GroupMetric, Any] = MappingProxyType({})
_RATES = {"selected": selection_rate, "true_positive": true_positive_rate, "false_positive": false_positive_rate}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRates:
    """Of one class against the others, in one group. A rate over fewer than 10 persons is None, and so is the
    false-positive rate of every class where a group of the attribute has fewer than 10 of some class.

    The figures are 95 % intervals of each group alone (`cells.py`).
    """

    label: int
    selection_rate: Decimal
    true_positive_rate: Decimal | None
    false_positive_rate: Decimal | None
    selected: Figure | None = field(default=None, metadata=LATER)
    true_positive: Figure | None = field(default=None, metadata=LATER)
    false_positive: Figure | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that could be assessed.

    Attributes:
        persons: None where the number would give away that of a group below 10. Noisy where the figures are.
        shortfall: how much lower its accuracy is than that of the rest; all shortfalls hold together with 95 %.
        calibration: how much more often the model is wrong about it than it says, compared with the rest, 95 %; None
            where the model says no probabilities.
    """

    attribute: str
    group: str
    persons: int | None
    accuracy: Decimal
    shortfall: Figure
    rates: tuple[ClassRates, ...]
    calibration: Figure | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What is measured, over every protected attribute of the dataset.

    Attributes:
        persons: held out.
        least_persons: what a group and its rest need to be assessable.
        accuracy_gap: the largest shortfall in accuracy of any group; None where no group is assessable.
        recall_gap: the largest shortfall in the recall of any class (for two classes: equalised odds); likewise.
        assessed_share: the share of persons in assessable groups, for the attribute where it is smallest; None where
            the dataset has no protected attribute. Rounded down (`groups.py`).
        tokens: whether texts were completed: then accuracies are shares of a person's tokens, and there is no recall.
        decided: what the plan declared; None of a plan of before.
    """

    persons: int
    least_persons: int
    assessed: tuple[Group, ...]
    not_assessable: tuple[SmallGroup, ...]
    accuracy_gap: Figure | None
    recall_gap: Figure | None
    assessed_share: Figure | None
    tokens: bool = field(default=False, metadata=LATER)
    decided: Decided | None = field(default=None, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons. What could not be assessed is missing."""
        outcome = () if self.decided is None else self.decided.measurements(self.persons, len(self.not_assessable))
        found = {
            "fairness.token_accuracy_gap" if self.tokens else "fairness.accuracy_gap": self.accuracy_gap,
            "fairness.tpr_gap": self.recall_gap,
            "fairness.assessed_share": self.assessed_share,
        }
        gaps = (figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)
        return (*gaps, *outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The held-out rows; arrays are [rows]."""

    labels: Integers
    predicted: Integers
    persons: Integers
    confidence: Floats | None = None

    def count(self, among: Booleans) -> int:
        return count(self.persons, among)

    def worth(self, groups: Sequence[Candidate], among: Booleans) -> Floats:
        """How many independent rows each group has of some: float64[groups], 0 for none."""
        own = (self.persons[group.members & among] for group in groups)
        return np.array([effective_size(persons) if len(persons) else 0.0 for persons in own])

    def shortfall(self, hits: Booleans, group: Booleans, rest: Booleans, z: float) -> Interval:
        """How much smaller the share of `hits` is in `group` than in `rest`."""
        return difference(share(hits[rest], self.persons[rest], z), share(hits[group], self.persons[group], z))


def measure_fairness(
    *,
    labels: Integers,
    predicted: Integers,
    persons: Integers,
    attributes: Mapping[str, Sequence[str]],
    least_persons: int = LEAST_PERSONS,
    before: Mapping[GroupMetric, Integers] = _NOBODY,
    confidence: Floats | None = None,
    declaration: FairnessDeclaration | None = None,
) -> Fairness:
    """Compare every group of every attribute with the rest; with a declaration, of just the attributes it names.

    Arrays are int64[rows] over held-out rows; `attributes` has the value of every row, in the same order.
    `before` is what other models said, by the guard that holds the model against them; `confidence` is float64[rows],
    the probability that the model gives its own answer.
    """
    decided: Decided | None = None
    if declaration is not None:
        attributes, least_persons = declared_values(attributes, declaration, len(labels)), declaration.least
        said = ClassRows(labels=labels, predicted=predicted, persons=persons, before=before, confidence=confidence)
        decided = decide_classes(said, attributes, declaration)
    rows = _Rows(labels=labels, predicted=predicted, persons=persons, confidence=confidence)
    found = candidates(persons, attributes, least_persons)
    large = assessable(found)
    compared = [candidate for groups in large.values() for candidate in groups]
    z = critical(max(1, len(compared)))
    assessed = tuple(
        group
        for attribute, groups in large.items()
        if groups
        for group in _assessed(rows, groups, z, tells=tells_classes(found[attribute], labels, persons))
    )
    return Fairness(
        persons=len(np.unique(persons)),
        least_persons=least_persons,
        assessed=assessed,
        not_assessable=small_groups(found),
        accuracy_gap=largest([group.shortfall for group in assessed]),
        recall_gap=largest(_recall_shortfalls(rows, compared, least_persons)),
        assessed_share=assessed_share(large, persons),
        decided=decided,
    )


def completion_fairness(
    *,
    right: Floats,
    persons: Integers,
    attributes: Mapping[str, Sequence[str]],
    least_persons: int = LEAST_PERSONS,
    before: Mapping[GroupMetric, Floats] = _NOBODY,
    declaration: FairnessDeclaration | None = None,
) -> Fairness:
    """As `measure_fairness`, of completions: `right` is float64[rows], the share of each row's tokens that is right.

    A group's accuracy is the mean over its persons, as over everybody. `before` has the shares of other models.
    """
    decided: Decided | None = None
    if declaration is not None:
        attributes, least_persons = declared_values(attributes, declaration, len(persons)), declaration.least
        said = TextRows(right=right, persons=persons, before=before)
        decided = decide_texts(said, attributes, declaration)
    found = candidates(persons, attributes, least_persons)
    large = assessable(found)
    compared = [candidate for groups in large.values() for candidate in groups]
    z = critical(max(1, len(compared)))
    assessed = tuple(_of_tokens(right, persons, each, z) for each in compared)
    return Fairness(
        persons=len(np.unique(persons)),
        least_persons=least_persons,
        assessed=assessed,
        not_assessable=small_groups(found),
        accuracy_gap=largest([group.shortfall for group in assessed]),
        recall_gap=None,
        assessed_share=assessed_share(large, persons),
        tokens=True,
        decided=decided,
    )


def _of_tokens(right: Floats, persons: Integers, group: Candidate, z: float) -> Group:
    own, rest = (person_share(right[rows], persons[rows], z) for rows in (group.members, ~group.members))
    return Group(
        attribute=group.attribute,
        group=group.group,
        persons=group.shown,
        accuracy=decimal(own.value),
        shortfall=difference(rest, own).figure(),
        rates=(),
    )


def _assessed(rows: _Rows, groups: Sequence[Candidate], z: float, *, tells: bool) -> Iterator[Group]:
    """The assessable groups of one attribute, at least one, with the rates that Fairlearn gives them.

    `tells` is whether how many have a class may be worked out.
    """
    number = np.full(len(rows.labels), -1)
    for place, group in enumerate(groups):
        number[group.members] = place
    among = number >= 0
    labels, predicted, places = rows.labels[among], rows.predicted[among], number[among]
    accuracy = _frame({"accuracy": _accuracy}, labels, predicted, places)
    classes = {int(label): _frame(_RATES, labels == label, predicted == label, places) for label in np.unique(labels)}
    everybody = rows.worth(groups, np.ones(len(rows.labels), dtype=np.bool_))
    figures = {
        label: rate_figures(
            confusion(labels == label, predicted == label, places, len(groups)),
            {
                "selected": everybody,
                "true_positive": rows.worth(groups, rows.labels == label),
                "false_positive": rows.worth(groups, rows.labels != label),
            },
        )
        for label in classes
    }
    for place, group in enumerate(groups):
        yield Group(
            attribute=group.attribute,
            group=group.group,
            persons=group.shown,
            accuracy=decimal(accuracy[place]["accuracy"]),
            shortfall=rows.shortfall(rows.labels == rows.predicted, group.members, ~group.members, z).figure(),
            rates=tuple(
                _class_rates(
                    rows,
                    group,
                    label,
                    rates[place],
                    {name: of[place] for name, of in figures[label].items()},
                    tells=tells,
                )
                for label, rates in classes.items()
            ),
            calibration=_calibration(rows, group),
        )


def _frame(
    metrics: Mapping[str, Callable[..., float]],
    truth: Integers | Booleans,
    answer: Integers | Booleans,
    places: Integers,
) -> dict[int, dict[str, float]]:
    """Group -> metric -> value."""
    frame = MetricFrame(
        metrics=dict(metrics), y_true=truth.astype(int), y_pred=answer.astype(int), sensitive_features=places
    )
    by_group: dict[int, dict[str, float]] = frame.by_group.to_dict(orient="index")
    return by_group


def _calibration(rows: _Rows, group: Candidate) -> Figure | None:
    if rows.confidence is None:
        return None
    gap = calibration_gap(rows.confidence, rows.labels == rows.predicted, rows.persons, group.members)
    return gap.figure()


def _class_rates(
    rows: _Rows,
    group: Candidate,
    label: int,
    rates: Mapping[str, float],
    figures: Mapping[str, Figure | None],
    *,
    tells: bool,
) -> ClassRates:
    # Where nobody has the class Fairlearn says 0.0 and means "unknown".
    of_class = rows.labels == label
    has_it = rows.count(group.members & of_class) >= LEAST_SHOWN
    lacks_it = tells and rows.count(group.members & ~of_class) >= LEAST_SHOWN
    return ClassRates(
        label=label,
        selection_rate=decimal(rates["selected"]),
        true_positive_rate=decimal(rates["true_positive"]) if has_it else None,
        false_positive_rate=decimal(rates["false_positive"]) if lacks_it else None,
        selected=figures["selected"],
        true_positive=figures["true_positive"] if has_it else None,
        false_positive=figures["false_positive"] if lacks_it else None,
    )


def _recall_shortfalls(rows: _Rows, assessable: Sequence[Candidate], least_persons: int) -> list[Figure]:
    """For each group and class of which both the group and the rest have enough persons."""
    recalls = [
        (rows.predicted == label, of_class & candidate.members, of_class & ~candidate.members)
        for label in np.unique(rows.labels)
        for of_class in [rows.labels == label]
        for candidate in assessable
    ]
    enough = [each for each in recalls if min(rows.count(each[1]), rows.count(each[2])) >= least_persons]
    z = critical(max(1, len(enough)))
    return [rows.shortfall(hits, group, rest, z).figure() for hits, group, rest in enough]


def _accuracy(y_true: Integers, y_pred: Integers) -> float:
    return float(np.mean(y_true == y_pred))
