"""Who is in which cohort, in memory."""

import itertools
from collections import Counter
from collections.abc import Mapping, Set

from tunewarden.domain.cohorts import CohortId, Combination, under_way

_numbers = itertools.count(1)


class PutDown(dict[bytes, bool]):
    """Persons that are put down once for a cohort, and whether each was left out."""

    def __init__(self) -> None:
        super().__init__()
        self.number = next(_numbers)


Rolls = dict[str, PutDown]
"""By cohort, admitted or not yet."""


def combinations(rolls: Rolls, cohort: CohortId, roll: int | None, admitted: Set[str]) -> Mapping[Combination, int]:
    """As `UnitOfWork.combinations`, among those `admitted`."""
    found = rolls.get(cohort)
    if found is None or roll not in (None, found.number):
        raise under_way()
    return Counter(_others(rolls, cohort, admitted, member) for member, left_out in found.items() if not left_out)


def among(rolls: Rolls, cohort: CohortId, admitted: Set[str], combinations: Set[Combination]) -> set[bytes]:
    """Those of them who are in exactly one of the `combinations`."""
    return {
        member
        for member, left_out in rolls[cohort].items()
        if not left_out and _others(rolls, cohort, admitted, member) in combinations
    }


def _others(rolls: Rolls, cohort: CohortId, admitted: Set[str], member: bytes) -> Combination:
    return frozenset(CohortId(other) for other in admitted if other != cohort and rolls[other].get(member) is False)
