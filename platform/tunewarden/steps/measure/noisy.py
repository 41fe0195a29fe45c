"""Utility and fairness from noisy tables. Nothing here sees a record: it is post-processing of what may leave.

A share is the noisy sum of some cells over the noisy sum of all. Persons count alike, however many rows they have, so
n is the number of persons. Two things make it uncertain: who happened to be held out (Wilson's interval, as for exact
figures), and the noise, whose standard deviation is known: to the first order sigma * sqrt(a (1-p)^2 + b p^2) / n for a
share p of a cells against b others. The two are independent, so their deviations are combined as roots of sums of
squares (MOVER: Zou and Donner 2008, Stat. Med. 27:1693). Wherever n divides, its lower end under the noise stands for
it. A share over fewer than `LEAST_PERSONS` persons, by that lower end, is not stated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from tunewarden.domain.datasets import Groups
from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.steps.measure.comparing import Compared, one_sided
from tunewarden.steps.measure.decided import Decided, decided, told_groups
from tunewarden.steps.measure.fairness import Fairness, Group
from tunewarden.steps.measure.groups import LEAST_PERSONS, SmallGroup, largest
from tunewarden.steps.measure.intervals import Figure, Floats, Interval, critical, decimal, difference, mean_of, wilson
from tunewarden.steps.measure.tables import RIGHT, WRONG, Table
from tunewarden.steps.measure.utility import Recall, Utility

OTHERS = "others"
"""What the group is called that nobody named: everybody whose value is not on the steward's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A noisy share of persons, with what made it uncertain.

    Attributes:
        sampled: for who was held out. The noise may have put it outside of [0, 1]; it is cut only where it is stated,
            or means and differences of shares near the ends would be wrong.
        noise: the half width for the noise, at the same confidence.
    """

    sampled: Interval
    noise: float

    def interval(self) -> Interval:
        """Both together."""
        return _widened(self.sampled, self.noise)


def share(hits: Floats, others: Floats, sigma: float, z: float) -> Share | None:
    """The share of the persons in noisy cells who are in `hits`, not `others`; None where they are too few."""
    cells = hits.size + others.size
    total = float(hits.sum() + others.sum())
    persons = total - z * sigma * sqrt(cells)
    if persons < LEAST_PERSONS:
        return None
    value = float(hits.sum()) / total
    possible = min(1.0, max(0.0, value))
    deviation = sigma * sqrt(hits.size * (1 - possible) ** 2 + others.size * possible**2) / persons
    return Share(sampled=_moved(wilson(possible, persons, z), value - possible), noise=z * deviation)


def noisy_utility(tables: Sequence[Table], sigma: float) -> Utility:
    """What can be said of utility from the first two tables, `OVERALL` and `CLASSES`.

    Figures over too few persons are None, and classes with too few are left out.
    """
    z, overall, classes = critical(), tables[0].cells, tables[1].cells
    accuracy = share(overall[:, RIGHT], overall[:, WRONG], sigma, z)
    base = share(overall[RIGHT], overall[WRONG], sigma, z)
    sizes = classes.sum(axis=1)
    most = int(sizes.argmax())
    majority = share(classes[most], np.delete(classes, most, axis=0).ravel(), sigma, z)
    recalls = [share(row[[RIGHT]], row[[WRONG]], sigma, z) for row in classes]
    stated = [(label, found.interval()) for label, found in enumerate(recalls) if found is not None]
    balanced = mean_of([recall for _, recall in stated]) if len(stated) == len(recalls) else None
    return Utility(
        rows=None,
        persons=persons_in(tables),
        accuracy=share_figure(accuracy),
        balanced_accuracy=None if balanced is None else _within_one(balanced).figure(),
        base_accuracy=share_figure(base),
        majority_accuracy=share_figure(majority),
        gain_over_majority=_gain_over_majority(accuracy, majority, classes, most),
        gain_over_base=gain_over_base(accuracy, base, overall, sigma),
        recalls=tuple(Recall(label=label, recall=_within_one(recall).figure()) for label, recall in stated),
    )


def noisy_fairness(
    tables: Sequence[Table],
    groups: Sequence[Groups],
    protected: Sequence[str],
    sigma: float,
    *,
    tokens: bool = False,
    declaration: FairnessDeclaration | None = None,
) -> Fairness:
    """Each named group against the rest. `groups` belong to the tables from the third on, in the same order.

    No gap and no share are stated where groups of one of the `protected` attributes were not named: then nothing is
    known about them. The recall of classes within groups is not released, so there is no gap of it. `tokens` says that
    the tables are of completions. What `declaration` says is decided on intervals that hold the noise too; it can be of
    accuracy only, because no finer table is released.
    """
    persons, tables = persons_in(tables), tables[2:]
    candidates = [
        _Candidate(attribute=each.column, group=group, members=row, rest=np.delete(table.cells, place, axis=0))
        for each, table in zip(groups, tables, strict=True)
        for place, (group, row) in enumerate(zip((*each.values, OTHERS), table.cells, strict=True))
    ]
    surest = critical() if declaration is None else max(critical(), one_sided(declaration.alpha))
    compared = [each for each in candidates if each.accuracies(sigma, surest) is not None]
    z = critical(max(1, len(compared)))
    assessed = tuple(group for each in compared for group in each.assessed(sigma, z))
    whole = {each.column for each in groups} == set(protected)
    stated = {(group.attribute, group.group) for group in assessed}
    outcome: Decided | None = None
    if declaration is not None:
        outcome = decided(
            [each.compared(sigma) for each in compared if each.size(sigma) >= declaration.least], declaration
        )
        told = set(told_groups(outcome.comparisons))
        outcome = replace(outcome, decided_share=_assessed_share(tables, groups, told, sigma) if whole else None)
    return Fairness(
        persons=persons,
        least_persons=LEAST_PERSONS,
        assessed=assessed,
        not_assessable=tuple(
            SmallGroup(attribute=each.attribute, group=each.group, persons=None)
            for each in candidates
            if (each.attribute, each.group) not in stated
        ),
        accuracy_gap=largest([group.shortfall for group in assessed]) if whole else None,
        recall_gap=None,
        assessed_share=_assessed_share(tables, groups, stated, sigma) if whole else None,
        tokens=tokens,
        decided=outcome,
    )


def persons_in(tables: Sequence[Table]) -> int:
    """About how many persons are in the tables: the first one's noisy total, and never less than none."""
    return max(0, round(float(tables[0].cells.sum())))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """One group of one attribute: its noisy cells, float64[2], and those of all others, float64[groups - 1, 2]."""

    attribute: str
    group: str
    members: Floats
    rest: Floats

    def accuracies(self, sigma: float, z: float) -> tuple[Share, Share] | None:
        """Of the group and of the rest; None where one of them has too few persons."""
        own = share(self.members[[RIGHT]], self.members[[WRONG]], sigma, z)
        other = share(self.rest[:, RIGHT], self.rest[:, WRONG], sigma, z)
        return None if own is None or other is None else (own, other)

    def size(self, sigma: float) -> float:
        """The persons on the smaller side, by the lower end under the noise."""
        return min(float(cells.sum()) - critical() * sigma * sqrt(cells.size) for cells in (self.members, self.rest))

    def compared(self, sigma: float) -> Compared:
        """As it is to be decided on, of an assessable group."""

        def behind(z: float) -> Interval | None:
            found = self.accuracies(sigma, z)
            return None if found is None else difference(found[1].interval(), found[0].interval())

        return Compared(
            attribute=self.attribute,
            group=self.group,
            metric=GroupMetric.ACCURACY,
            label=None,
            size=self.size(sigma),
            shown=max(0, round(float(self.members.sum()))),
            behind=behind,
        )

    def assessed(self, sigma: float, z: float) -> Iterator[Group]:
        """The comparison at the wider confidence, where there are enough persons for that too."""
        found = self.accuracies(sigma, z)
        if found is not None:
            own, other = found
            yield Group(
                attribute=self.attribute,
                group=self.group,
                persons=max(0, round(float(self.members.sum()))),
                accuracy=decimal(_within_one(own.sampled).value),
                shortfall=difference(other.interval(), own.interval()).figure(),
                rates=(),
            )


def gain_over_base(accuracy: Share | None, base: Share | None, overall: Floats, sigma: float) -> Figure | None:
    """Both shares are of one table, so that answers on which the two agree cancel, and the noise of their cells too."""
    if accuracy is None or base is None:
        return None
    sampled = _sampled_gain(accuracy.sampled, base.sampled, overall[RIGHT, RIGHT] / max(1.0, overall.sum()))
    persons = max(1.0, float(overall.sum()) - 2 * critical() * sigma)
    noise = critical() * sigma * sqrt(2 + 4 * sampled.value**2) / persons
    return _widened(sampled, noise).figure()


def _gain_over_majority(accuracy: Share | None, majority: Share | None, classes: Floats, most: int) -> Figure | None:
    """The two shares are of different tables, so that their noise is independent. `most` is the majority class."""
    if accuracy is None or majority is None:
        return None
    sampled = _sampled_gain(accuracy.sampled, majority.sampled, classes[most, RIGHT] / max(1.0, classes.sum()))
    return _widened(sampled, sqrt(accuracy.noise**2 + majority.noise**2)).figure()


def _sampled_gain(first: Interval, second: Interval, together: float) -> Interval:
    """How much larger `first` is than `second`, of the same persons; `together` is the share for whom both hold.

    A correlation between the two that makes the interval narrower is not believed, since it is known through noise; one
    that makes it wider is.
    """
    p, q = _within_one(first).value, _within_one(second).value
    scale = sqrt(p * (1 - p) * q * (1 - q))
    correlation = max(-1.0, min(0.0, (float(together) - p * q) / scale)) if scale > 0 else 0.0
    return difference(first, second, correlation)


def _widened(interval: Interval, noise: float) -> Interval:
    below = sqrt((interval.value - interval.low) ** 2 + noise**2)
    above = sqrt((interval.high - interval.value) ** 2 + noise**2)
    return Interval(low=interval.value - below, value=interval.value, high=interval.value + above)


def _assessed_share(
    tables: Sequence[Table], groups: Sequence[Groups], stated: set[tuple[str, str]], sigma: float
) -> Figure | None:
    """The share of persons in assessed groups, for the attribute where it is smallest; None where it is not known."""
    least: Share | None = None
    for each, table in zip(groups, tables, strict=True):
        inside = np.array([(each.column, group) in stated for group in (*each.values, OTHERS)])
        found = share(table.cells[inside].ravel(), table.cells[~inside].ravel(), sigma, critical(max(1, len(tables))))
        if found is None:
            return None
        least = found if least is None or found.sampled.value < least.sampled.value else least
    if least is None:
        return None
    # Counted on these very persons, so that only the noise makes it uncertain.
    counted = Interval(low=least.sampled.value, value=least.sampled.value, high=least.sampled.value)
    return _within_one(_widened(counted, least.noise)).figure()


def share_figure(found: Share | None) -> Figure | None:
    """As it is stated: both uncertainties together, cut to what a share can be."""
    return None if found is None else _within_one(found.interval()).figure()


def _within_one(interval: Interval) -> Interval:
    """Cut to what a share can be."""
    low, value, high = (min(1.0, max(0.0, end)) for end in (interval.low, interval.value, interval.high))
    return Interval(low=low, value=value, high=high)


def _moved(interval: Interval, by: float) -> Interval:
    return Interval(low=interval.low + by, value=interval.value + by, high=interval.high + by)
