"""Fairness: does the adapter serve every group as well as the rest, and which groups are too small to tell.

Each group is compared with everybody else, not the best group with the worst: the largest of many differences is large
even where nothing differs. Rates are Fairlearn's; intervals are Newcombe's, held together over all groups of all
attributes (Bonferroni). A group is assessable where it and the rest have enough persons. Others are listed, never
assumed to be fine: where no group is assessable there is no gap to report, and a gate says UNKNOWN. That includes an
attribute on which everybody is alike.

Counts below 10 are withheld, and one more where a withheld count could be had by subtraction. Numbers of errors inside
larger groups can be worked out from the rates; they are not protected.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
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
    person_share,
    share,
)

_RATES = {"selected": selection_rate, "true_positive": true_positive_rate, "false_positive": false_positive_rate}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRates:
    """Of one class against the others, in one group. A rate over fewer than 10 persons is None."""

    label: int
    selection_rate: Decimal
    true_positive_rate: Decimal | None
    false_positive_rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that could be assessed.

    Attributes:
        persons: None where the number would give away that of a group below 10. Noisy where the figures are.
        shortfall: how much lower its accuracy is than that of the rest; all shortfalls hold together with 95 %.
    """

    attribute: str
    group: str
    persons: int | None
    accuracy: Decimal
    shortfall: Figure
    rates: tuple[ClassRates, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What is measured, over every protected attribute of the dataset.

    Attributes:
        persons: held out.
        least_persons: what a group and its rest need to be assessable.
        accuracy_gap: the largest shortfall in accuracy of any group; None where no group is assessable.
        recall_gap: the largest shortfall in the recall of any class (for two classes: equalised odds); likewise.
        assessed_share: the share of rows in assessable groups, for the attribute where it is smallest; None where the
            dataset has no protected attribute.
        tokens: whether texts were completed: then accuracies are shares of a person's tokens, and there is no recall.
    """

    persons: int
    least_persons: int
    assessed: tuple[Group, ...]
    not_assessable: tuple[SmallGroup, ...]
    accuracy_gap: Figure | None
    recall_gap: Figure | None
    assessed_share: Figure | None
    tokens: bool = field(default=False, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons. What could not be assessed is missing."""
        found = {
            "fairness.token_accuracy_gap" if self.tokens else "fairness.accuracy_gap": self.accuracy_gap,
            "fairness.tpr_gap": self.recall_gap,
            "fairness.assessed_share": self.assessed_share,
        }
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The held-out rows; arrays are [rows]."""

    labels: Integers
    predicted: Integers
    persons: Integers

    def count(self, among: Booleans) -> int:
        return count(self.persons, among)

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
) -> Fairness:
    """Compare every group of every attribute with the rest.

    Arrays are int64[rows] over held-out rows; `attributes` has the value of every row, in the same order.
    """
    rows = _Rows(labels=labels, predicted=predicted, persons=persons)
    found = candidates(persons, attributes, least_persons)
    large = assessable(found)
    compared = [candidate for groups in large.values() for candidate in groups]
    z = critical(max(1, len(compared)))
    assessed = tuple(group for groups in large.values() if groups for group in _assessed(rows, groups, z))
    return Fairness(
        persons=len(np.unique(persons)),
        least_persons=least_persons,
        assessed=assessed,
        not_assessable=small_groups(found),
        accuracy_gap=largest([group.shortfall for group in assessed]),
        recall_gap=largest(_recall_shortfalls(rows, compared, least_persons)),
        assessed_share=assessed_share(large, len(labels)),
    )


def completion_fairness(
    *,
    right: Floats,
    persons: Integers,
    attributes: Mapping[str, Sequence[str]],
    least_persons: int = LEAST_PERSONS,
) -> Fairness:
    """As `measure_fairness`, of completions: `right` is float64[rows], the share of each row's tokens that is right.

    A group's accuracy is the mean over its persons, as over everybody.
    """
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
        assessed_share=assessed_share(large, len(persons)),
        tokens=True,
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


def _assessed(rows: _Rows, groups: Sequence[Candidate], z: float) -> Iterator[Group]:
    """The assessable groups of one attribute, at least one, with the rates that Fairlearn gives them."""
    number = np.full(len(rows.labels), -1)
    for place, group in enumerate(groups):
        number[group.members] = place
    among = number >= 0
    labels, predicted, places = rows.labels[among], rows.predicted[among], number[among]
    accuracy = _frame({"accuracy": _accuracy}, labels, predicted, places)
    classes = {int(label): _frame(_RATES, labels == label, predicted == label, places) for label in np.unique(labels)}
    for place, group in enumerate(groups):
        yield Group(
            attribute=group.attribute,
            group=group.group,
            persons=group.shown,
            accuracy=decimal(accuracy[place]["accuracy"]),
            shortfall=rows.shortfall(rows.labels == rows.predicted, group.members, ~group.members, z).figure(),
            rates=tuple(_class_rates(rows, group, label, rates[place]) for label, rates in classes.items()),
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


def _class_rates(rows: _Rows, group: Candidate, label: int, rates: Mapping[str, float]) -> ClassRates:
    # Where nobody has the class Fairlearn says 0.0 and means "unknown".
    of_class = rows.labels == label
    with_it, without_it = rows.count(group.members & of_class), rows.count(group.members & ~of_class)
    return ClassRates(
        label=label,
        selection_rate=decimal(rates["selected"]),
        true_positive_rate=decimal(rates["true_positive"]) if with_it >= LEAST_SHOWN else None,
        false_positive_rate=decimal(rates["false_positive"]) if without_it >= LEAST_SHOWN else None,
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
