"""Who is in which cohort, in memory."""

from collections import Counter
from collections.abc import Mapping, Set

from tunewarden.domain.cohorts import CohortId, Combination

Rolls = dict[str, dict[bytes, bool]]
"""By cohort, admitted or not yet: its persons, and whether they were left out."""


def combinations(rolls: Rolls, cohort: CohortId, admitted: Set[str]) -> Mapping[Combination, int]:
    """Of the persons of a cohort who were not left out: how many are in which others of those `admitted`."""
    return Counter(
        _others(rolls, cohort, admitted, member) for member, left_out in rolls[cohort].items() if not left_out
    )


def among(rolls: Rolls, cohort: CohortId, admitted: Set[str], combinations: Set[Combination]) -> set[bytes]:
    """Those of them who are in exactly one of the `combinations`."""
    return {
        member
        for member, left_out in rolls[cohort].items()
        if not left_out and _others(rolls, cohort, admitted, member) in combinations
    }


def _others(rolls: Rolls, cohort: CohortId, admitted: Set[str], member: bytes) -> Combination:
    return frozenset(CohortId(other) for other in admitted if other != cohort and rolls[other].get(member) is False)
