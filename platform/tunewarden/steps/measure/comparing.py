"""Three outcomes of comparing groups with the rest: a gap is confirmed, or ruled out, or it cannot be told.

Confirmed: the group is behind, this is not chance, and as measured it is behind by more than its tolerance; that it
truly is behind by so much is not shown. Over all comparisons of a model together that the policy declares the chance of
any false alarm is at most alpha, and again at most alpha over those by metrics that who asked for the training added:
two families, or whoever adds many harmless ones would loosen the policy's. In each, Holm's step-down (1979, Scand. J.
Stat. 6:65) on the two-sided intervals, each inverted to a test. The lower ends that are stated hold together and agree
with it: those compatible with Holm (Strassburger and Bretz 2008, Stat. Med. 27:4914; Guilbaud 2008, Biom. J. 50:678),
which for a rejected hypothesis say "more than 0" as long as another is not rejected.

Cleared: an upper end, one-sided at 1 - alpha for this comparison alone, is no larger than the tolerance. No correction
is due: a model is cleared only if every comparison is, and the chance that all are although one group is behind by its
tolerance is at most alpha (intersection-union: Berger 1982, Technometrics 24:295).

Undecided: neither, though there were persons enough. Not assessable: neither, and there were not. What is neither is
never a pass; `policies/gates/promotion*.toml` say what follows.

Not covered: that groups are chosen by looking at the answers (they are declared before), and people whose attribute
nobody recorded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import NormalDist

from tunewarden.domain.fairness import GUARDS, FairnessDeclaration, GroupMetric
from tunewarden.steps.measure.intervals import Figure, Interval

Bounds = Callable[[float], Interval | None]
"""Normal quantile -> the two-sided interval of how far a group is behind; None where that much cannot be stated."""


class Standing(StrEnum):
    """What came of one comparison."""

    CONFIRMED = "gap-confirmed"
    CLEARED = "cleared"
    UNDECIDED = "undecided"
    NOT_ASSESSABLE = "not-assessable"
    NOT_SHOWN = "no-loss-shown"
    """Of a guard: no loss is confirmed. That there is none was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A group and the rest, as they are to be compared.

    Attributes:
        label: the class that a rate is of; None for the others.
        size: persons that the comparison rests on, on the smaller side.
        shown: the number of the group's persons as it may be told.
        behind: its interval at any confidence; its `value` does not depend on it.
    """

    attribute: str
    group: str
    metric: GroupMetric
    label: int | None
    size: float
    shown: int | None
    behind: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is told of one.

    Attributes:
        persons: of the group that were counted; None where that may not be told.
        behind: how far the group is behind the rest. `low` holds together with its family's (alpha / 2, one-sided);
            `high` is one-sided, for this comparison alone (alpha).
        tolerance: as declared.
        apart: whether Holm's procedure says that the group is behind at all.
    """

    attribute: str
    group: str
    metric: GroupMetric
    label: int | None
    persons: int | None
    behind: Figure
    tolerance: Decimal
    apart: bool
    standing: Standing


def compare(compared: Sequence[Compared], declaration: FairnessDeclaration) -> tuple[Comparison, ...]:
    """All comparisons of a model at once; leaves out what the declaration does not judge.

    The caller has seen to it that each rests on `declaration.least` persons on both sides, and can be stated at
    `one_sided(declaration.alpha)`. Comparisons by the policy's metrics come first, then those by added ones, each in
    the order given.
    """
    judged = [each for each in compared if declaration.tolerance(each.metric) is not None]
    of_policy = [each for each in judged if each.metric not in declaration.added]
    added = [each for each in judged if each.metric in declaration.added]
    return (*_family(of_policy, declaration), *_family(added, declaration))


def _family(family: Sequence[Compared], declaration: FairnessDeclaration) -> tuple[Comparison, ...]:
    """Those that are held together."""
    apart, z = _holm(family, float(declaration.alpha))
    return tuple(
        _comparison(each, declaration, z, apart=number in apart, all_apart=len(apart) == len(family))
        for number, each in enumerate(family)
    )


def _holm(family: Sequence[Compared], alpha: float) -> tuple[frozenset[int], float]:
    """Which groups are behind at all, and the quantile at which the lower ends are stated.

    With k hypotheses left, each is asked at alpha / k. All that fall at once would also fall one by one, because the
    level only grows; so this is Holm's procedure without p-values.
    """
    left, fallen = set(range(len(family))), set[int]()
    while left:
        z = _two_sided(alpha / len(left))
        now = {number for number in left if _is_above_zero(family[number].behind(z))}
        if not now:
            return frozenset(fallen), z
        left, fallen = left - now, fallen | now
    return frozenset(fallen), _two_sided(alpha / max(1, len(family)))


def _comparison(
    compared: Compared, declaration: FairnessDeclaration, z: float, *, apart: bool, all_apart: bool
) -> Comparison:
    tolerance = declaration.tolerance(compared.metric)
    alone = compared.behind(one_sided(declaration.alpha))
    assert tolerance is not None, "the family has none that is not judged"
    assert alone is not None, "the caller has seen to it"
    together = compared.behind(z)
    low = -1.0 if together is None else together.low
    if apart:
        low = max(0.0, low) if all_apart else 0.0
    behind = Interval(low=min(low, alone.value), value=alone.value, high=alone.high).figure()
    return Comparison(
        attribute=compared.attribute,
        group=compared.group,
        metric=compared.metric,
        label=compared.label,
        persons=compared.shown,
        behind=behind,
        tolerance=tolerance,
        apart=apart,
        standing=standing(compared.metric, behind, tolerance, apart=apart, enough=compared.size >= declaration.minimum),
    )


def one_sided(alpha: Decimal) -> float:
    """The quantile of the upper ends: each comparison has to be stated at that confidence at least."""
    return NormalDist().inv_cdf(1 - float(alpha))


def standing(metric: GroupMetric, behind: Figure, tolerance: Decimal, *, apart: bool, enough: bool) -> Standing:
    """The outcome, from nothing but what is stated; see the head of this file.

    It is judged on the figures as they are written down, so that whoever reads them comes to the same.
    """
    if apart and behind.value > tolerance:
        return Standing.CONFIRMED
    if behind.high <= tolerance:
        return Standing.CLEARED
    if metric in GUARDS:
        return Standing.NOT_SHOWN
    return Standing.UNDECIDED if enough else Standing.NOT_ASSESSABLE


def _two_sided(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2)


def _is_above_zero(interval: Interval | None) -> bool:
    return interval is not None and interval.low > 0
