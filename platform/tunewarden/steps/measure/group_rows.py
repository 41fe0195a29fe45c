"""Groups of held-out rows, one attribute at a time and two at once, and how far each is behind the rest.

Shares are over rows, and n is the effective number of persons (`intervals.effective_size`). Of completions they are
over persons.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.steps.measure.comparing import Bounds, Compared
from tunewarden.steps.measure.decided import Decided, decided, told_groups
from tunewarden.steps.measure.groups import (
    LEAST_SHOWN,
    Candidate,
    Candidates,
    SmallGroup,
    assessable,
    assessed_share,
    candidates,
    count,
    tells_classes,
)
from tunewarden.steps.measure.intervals import (
    Booleans,
    Floats,
    Integers,
    Interval,
    by_person,
    correlation,
    critical,
    difference,
    effective_size,
    mean,
    wilson,
)

_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRows:
    """What a model of classes said to the held-out rows: int64[rows] each; `persons` tells persons apart.

    `before` has what other models said, by the guard that holds the model against them; `confidence`, float64[rows],
    the probability that the model gives its own answer. Without it nothing is compared by calibration.
    """

    labels: Integers
    predicted: Integers
    persons: Integers
    before: Mapping[GroupMetric, Integers] = field(default_factory=dict)
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRows:
    """The share of each row's tokens that is right: float64[rows]; `persons` is int64[rows]; `before` likewise."""

    right: Floats
    persons: Integers
    before: Mapping[GroupMetric, Floats] = field(default_factory=dict)


def decide_classes(
    rows: ClassRows, attributes: Mapping[str, Sequence[str]], declaration: FairnessDeclaration
) -> Decided:
    """Everything that is declared, of a model of classes. `attributes` has the value of every row."""
    single = candidates(rows.persons, attributes, declaration.least)
    pairs = _intersections(rows.persons, attributes, declaration)
    telling = {name for name, groups in {**single, **pairs}.items() if tells_classes(groups, rows.labels, rows.persons)}
    wanted = [
        each
        for group in (*_assessable(single), *_assessable(pairs))
        for each in _of_classes(rows, group, declaration, tells=group.attribute in telling)
    ]
    found = [each for each in wanted if each is not None]
    result = decided(found, declaration, merged=_merged(pairs), unassessed=len(wanted) - len(found))
    return _with_share(result, single, rows.persons)


def decide_texts(rows: TextRows, attributes: Mapping[str, Sequence[str]], declaration: FairnessDeclaration) -> Decided:
    """Everything that is declared, of a model that completes texts."""
    single = candidates(rows.persons, attributes, declaration.least)
    pairs = _intersections(rows.persons, attributes, declaration)
    groups = (*_assessable(single), *_assessable(pairs))
    compared = [each for group in groups for each in _of_texts(rows, group)]
    return _with_share(decided(compared, declaration, merged=_merged(pairs)), single, rows.persons)


def declared_values(
    attributes: Mapping[str, Sequence[str]], declaration: FairnessDeclaration, rows: int
) -> dict[str, Sequence[str]]:
    """The declared attributes and no others; whoever has no value is in the group without a name."""
    return {name: attributes.get(name, [""] * rows) for name in declaration.attributes}


def calibration_gap(
    confidence: Floats, right: Booleans, persons: Integers, members: Booleans, z: float | None = None
) -> Interval:
    """How much more the model overstates its certainty about the group than about the rest; over persons.

    By person: the mean of what the model believes of its own answer minus whether it is right (calibration in the
    large, and not by level of certainty). Both sides have two persons or more. At the normal quantile `z`, or 95 %.
    """
    quantile = critical() if z is None else z
    own, rest = (
        _overstated(
            by_person(confidence[side], persons[side]),
            by_person(right[side].astype(np.float64), persons[side]),
            quantile,
        )
        for side in (members, ~members)
    )
    return difference(own, rest)


def _overstated(sure: Floats, right: Floats, z: float) -> Interval:
    """By how much the mean of `sure` is above that of `right`: float64[persons] each, in [0, 1].

    From the intervals of both: that of the difference by person would have no width to speak of where nobody of few is
    answered wrongly, and a group would be cleared because its errors were not seen yet.
    """
    return difference(mean(sure, z), wilson(float(right.mean()), len(right), z), _correlation(sure, right))


def _with_share(result: Decided, single: Candidates, persons: Integers) -> Decided:
    told = told_groups(result.comparisons)
    inside = {name: [each for each in groups if (name, each.group) in told] for name, groups in single.items()}
    return replace(result, decided_share=assessed_share(inside, persons))


def _assessable(found: Candidates) -> Iterator[Candidate]:
    for groups in assessable(found).values():
        yield from groups


def _intersections(
    persons: Integers, attributes: Mapping[str, Sequence[str]], declaration: FairnessDeclaration
) -> Candidates:
    """Of every two attributes, as if they were one; none where the declaration does not cross them."""
    if declaration.depth < 2:
        return {}
    joined = {
        _crossed(names): [_crossed(values) for values in zip(*(attributes[name] for name in names), strict=True)]
        for names in combinations(attributes, 2)
    }
    found = candidates(persons, joined, declaration.least)
    # Counts of single attributes are told, and those of intersections add up to them: one small cell, and none is told.
    small = {name for name, groups in found.items() if min(each.persons for each in groups) < LEAST_SHOWN}
    return {
        name: [replace(each, shown=None) for each in groups] if name in small else groups
        for name, groups in found.items()
    }


def _crossed(values: Sequence[str]) -> str:
    """In one; a sign that a value has itself is doubled, so that no two pairs of values come to the same."""
    return f" {_TIMES} ".join(value.replace(_TIMES, 2 * _TIMES) for value in values)


def _merged(found: Candidates) -> list[SmallGroup]:
    """A line for each two attributes that have groups too small to be compared."""
    together = {name: sum(each.persons for each in groups if not each.assessable) for name, groups in found.items()}
    return [
        SmallGroup(attribute=name, group=None, persons=persons if persons >= LEAST_SHOWN else None)
        for name, persons in together.items()
        if persons
    ]


def _of_classes(
    rows: ClassRows, group: Candidate, declaration: FairnessDeclaration, *, tells: bool
) -> Iterator[Compared | None]:
    """Each declared comparison of one group; None where it would rest on too few persons.

    `tells` is whether it may be told how many persons of a group have a class.
    """
    right = rows.labels == rows.predicted
    everybody = np.ones(len(right), dtype=np.bool_)
    yield _unpaired(rows.persons, group, GroupMetric.ACCURACY, None, right, everybody, declaration.least, group.shown)
    for label in (int(each) for each in np.unique(np.concatenate((rows.labels, rows.predicted)))):
        of_class, taken = rows.labels == label, rows.predicted == label
        for metric, hits, among in (
            (GroupMetric.TRUE_POSITIVE, taken, of_class),
            (GroupMetric.FALSE_POSITIVE, ~taken, ~of_class),  # behind is who is spared less often
        ):
            if declaration.tolerance(metric) is not None:
                shown = count(rows.persons, group.members & among) if tells else None
                yield _unpaired(rows.persons, group, metric, label, hits, among, declaration.least, shown)
        if declaration.tolerance(GroupMetric.SELECTED) is not None:
            yield _unpaired(
                rows.persons, group, GroupMetric.SELECTED, label, taken, everybody, declaration.least, group.shown
            )
    if rows.confidence is not None:
        yield _calibrated(rows.confidence, right, rows.persons, group)
    members = group.members
    for guard, said in rows.before.items():
        base = rows.labels == said
        yield _guarded(group, guard, _paired_rows(base[members], right[members], rows.persons[members]))


def _of_texts(rows: TextRows, group: Candidate) -> Iterator[Compared]:
    own, rest = (by_person(rows.right[members], rows.persons[members]) for members in (group.members, ~group.members))
    yield _compared(group, GroupMetric.ACCURACY, None, min(len(own), len(rest)), group.shown, _means(rest, own))
    for guard, before in rows.before.items():
        base = by_person(before[group.members], rows.persons[group.members])
        yield _guarded(group, guard, _means(base, own, _correlation(base, own)))


def _unpaired(
    persons: Integers,
    group: Candidate,
    metric: GroupMetric,
    label: int | None,
    hits: Booleans,
    among: Booleans,
    least: int,
    shown: int | None,
) -> Compared | None:
    """How much smaller the share of `hits` among some rows is in the group than in the rest."""
    own, rest = group.members & among, ~group.members & among
    fewest = min(count(persons, own), count(persons, rest))
    if fewest < least:
        return None
    shares = [(float(hits[side].mean()), effective_size(persons[side])) for side in (rest, own)]

    def behind(z: float) -> Interval:
        first, second = (wilson(value, worth, z) for value, worth in shares)
        return difference(first, second)

    return _compared(group, metric, label, fewest, shown, behind)


def _calibrated(confidence: Floats, right: Booleans, persons: Integers, group: Candidate) -> Compared:
    fewest = min(group.persons, count(persons, ~group.members))

    def behind(z: float) -> Interval:
        return calibration_gap(confidence, right, persons, group.members, z)

    return _compared(group, GroupMetric.CALIBRATION, None, fewest, group.shown, behind)


def _paired_rows(base: Booleans, own: Booleans, persons: Integers) -> Bounds:
    """How much less often `own` is right than `base` on the same rows."""
    worth, together = effective_size(persons), correlation(base, own, persons)
    before, after = float(base.mean()), float(own.mean())
    return lambda z: difference(wilson(before, worth, z), wilson(after, worth, z), together)


def _means(first: Floats, second: Floats, together: float = 0.0) -> Bounds:
    """How much smaller the mean over persons is in `second`; shares of tokens vary no more than Wilson says."""
    before, after = (min(1.0, max(0.0, float(each.mean()))) for each in (first, second))
    return lambda z: difference(wilson(before, len(first), z), wilson(after, len(second), z), together)


def _correlation(first: Floats, second: Floats) -> float:
    scale = float(first.std() * second.std())
    return float(np.mean((first - first.mean()) * (second - second.mean()))) / scale if scale > 0 else 0.0


def _guarded(group: Candidate, guard: GroupMetric, behind: Bounds) -> Compared:
    return _compared(group, guard, None, group.persons, group.shown, behind)


def _compared(
    group: Candidate, metric: GroupMetric, label: int | None, size: float, shown: int | None, behind: Bounds
) -> Compared:
    return Compared(
        attribute=group.attribute,
        group=group.group,
        metric=metric,
        label=label,
        size=size,
        shown=shown,
        behind=behind,
    )
