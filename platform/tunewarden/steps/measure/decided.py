"""What the comparisons that the plan declared come to, as gates and reports read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest
from tunewarden.steps.measure.comparing import Compared, Comparison, Standing, compare
from tunewarden.steps.measure.groups import SmallGroup
from tunewarden.steps.measure.intervals import Figure, exactly

SHOWN = frozenset(
    {GroupMetric.TRUE_POSITIVE, GroupMetric.FALSE_POSITIVE, GroupMetric.SELECTED, GroupMetric.CALIBRATION}
)
"""Of how many people these are known is in no share, as it is of accuracy (`decided_share`), so they are counted."""

TOLD = frozenset({Standing.CONFIRMED, Standing.CLEARED, Standing.UNDECIDED})
"""Of a group that was large enough to be told of, or was cleared all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The outcome of everything that was declared.

    Attributes:
        declaration: digest of the plan's `fairness`.
        comparisons: those that could be made, intersections of two attributes too.
        merged: intersections that are too small to be compared, a line for each two attributes: of these people only
            what is said of each attribute alone is known.
        unassessed: comparisons of rates that were declared and rest on too few persons with, or without, the class.
        decided_share: the share of the held-out persons in groups of which accuracy is told (`TOLD`), for the attribute
            where it is smallest, rounded down; None without protected attributes, and where it is not known.
    """

    declaration: Digest
    comparisons: tuple[Comparison, ...]
    merged: tuple[SmallGroup, ...]
    unassessed: int
    decided_share: Figure | None

    def count(self, standing: Standing) -> int:
        """How many comparisons ended so."""
        return sum(each.standing is standing for each in self.comparisons)

    def measurements(self, persons: int, too_small: int) -> Iterator[Measurement]:
        """What gates may judge. Where nothing could be compared nothing was found either, and nobody is cleared.

        `too_small` groups of one attribute could not be compared at all. A rate that was declared and is neither
        cleared nor found wanting, for whatever want of persons, is counted: it never passes for want of evidence.
        """
        small = [each for each in self.comparisons if each.standing is Standing.NOT_ASSESSABLE]
        counts = {
            "fairness.confirmed_gaps": self.count(Standing.CONFIRMED),
            "fairness.undecided": self.count(Standing.UNDECIDED),
            "fairness.not_assessable": len(small) + self.unassessed + too_small,
            "fairness.unshown_rates": sum(each.metric in SHOWN for each in small) + self.unassessed,
        }
        if self.comparisons:
            yield from (exactly(metric, Decimal(number), persons) for metric, number in counts.items())
        if self.decided_share is not None:
            yield self.decided_share.measured("fairness.decided_share", persons)


def decided(
    compared: Sequence[Compared],
    declaration: FairnessDeclaration,
    *,
    merged: Sequence[SmallGroup] = (),
    unassessed: int = 0,
) -> Decided:
    """The outcome; its `decided_share` is left for who knows how many persons are in which group."""
    return Decided(
        declaration=declaration.digest(),
        comparisons=compare(compared, declaration),
        merged=tuple(merged),
        unassessed=unassessed,
        decided_share=None,
    )


def told_groups(comparisons: Sequence[Comparison]) -> frozenset[tuple[str, str]]:
    """(attribute, group) of those whose accuracy is told."""
    return frozenset(
        (each.attribute, each.group)
        for each in comparisons
        if each.metric is GroupMetric.ACCURACY and each.standing in TOLD
    )
