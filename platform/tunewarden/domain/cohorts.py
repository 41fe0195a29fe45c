"""Persons across datasets: who takes part in what, and what one person may lose over all of it together.

A cohort is everybody on whom one request spends budget of one kind. Persons are known by their budget pseudonym
(`domain.pseudonyms`): the same in every dataset whose steward declared the same namespace of identifiers. What a person
has lost is never stored; it is the accountant's answer about the mechanisms of all cohorts that hold the person. With
an accountant that is valid as a filter, each request may be chosen with everything before it in view (Feldman and
Zrnic, arXiv 2008.11193: individual privacy accounting).

Decided is by distinct combinations of cohorts, not by persons: there are few of the former.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import BudgetExceeded, Conflict, Malformed
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Accountant, Mechanism, Spend

CohortId = NewType("CohortId", str)
"""The id of a request, a full stop, and what is spent."""

Combination = frozenset[CohortId]
"""Cohorts that hold the same person."""

MOST_NAMED = 256
"""Combinations that an entry of the log names; where there are more, it names their union, which bounds them all."""


class Over(StrEnum):
    """What becomes of persons whose budget does not allow it: the request is refused, or goes on without them."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLimit:
    """What one person may lose over all datasets of a namespace together.

    Attributes:
        namespace: which identifier persons are known by (a table of policies/budgets.toml); None means that of one
            dataset alone, whose limit this then is.
        epsilon, delta: over everything charged and promised.
        over: what becomes of persons for whom it would be more.
    """

    namespace: PolicyName | None
    epsilon: Decimal
    delta: Decimal
    over: Over = Over.REFUSE

    def __post_init__(self) -> None:
        if not (self.epsilon.is_finite() and self.epsilon > 0 and self.delta.is_finite() and 0 < self.delta < 1):
            raise Malformed("person_limit_out_of_range", "Epsilon must be positive and delta between 0 and 1.")

    def digest(self) -> Digest:
        """What the log pins."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Persons who were admitted, for good: what is charged to the request is charged to each of them.

    Attributes:
        root: Merkle root (RFC 6962) over the budget pseudonyms (32 bytes) that were handed over, ascending, each once;
            those of the persons who were left out are among them.
        persons, left_out: how many take part and how many do not.
    """

    request: RequestId
    what: Spend
    dataset: DatasetId
    root: Digest
    persons: int
    left_out: int

    @property
    def id(self) -> CohortId:
        """Its id."""
        return cohort_id(self.request, self.what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What was decided.

    Attributes:
        left_out: combinations whose persons may not take part.
        beside: the largest combinations of other cohorts that persons who do take part are in.
    """

    left_out: frozenset[Combination]
    beside: tuple[Combination, ...]


Held = Callable[[CohortId], Mechanism]
"""What a cohort's account holds, charged and promised together."""


def cohort_id(request: RequestId, what: Spend) -> CohortId:
    """The id of the cohort of `request`."""
    return CohortId(f"{request}.{what}")


def admit(
    limit: PersonLimit, accountant: Accountant, asked: Mechanism, persons: Mapping[Combination, int], held: Held
) -> Admission:
    """Who may take part in a mechanism that is `asked` for.

    `persons` counts those who were handed over by the other cohorts they are in, everybody once. Depends on who took
    part in what before, and on nothing that anybody's records say. Raises `BudgetExceeded` where somebody may not and
    the limit refuses then, where nobody may, and where there are so many combinations that the log names only their
    union and that does not fit.
    """
    fits, over = _sorted_out(limit, accountant, asked, persons, held)
    if over and (limit.over is Over.REFUSE or not fits):
        raise _exceeded(limit, sum(persons[combination] for combination in over), max(over.values()))
    beside = tuple(filter(None, fits))
    if len(beside) > MOST_NAMED:
        beside = (frozenset().union(*beside),)
        if by := _excess(limit, accountant, asked, beside[0], held):
            raise _exceeded(limit, sum(persons.values()), by)
    return Admission(left_out=frozenset(over), beside=beside)


def require_within(
    limit: PersonLimit, accountant: Accountant, wanted: Mechanism, persons: Mapping[Combination, int], held: Held
) -> None:
    """Raise `BudgetExceeded` unless everybody in `persons` may lose `wanted` to this request, instead of less."""
    _, over = _sorted_out(limit, accountant, wanted, persons, held)
    if over:
        raise _exceeded(limit, sum(persons[combination] for combination in over), max(over.values()))


def require_possible(limit: PersonLimit, accountant: Accountant, planned: Mechanism) -> None:
    """Raise `BudgetExceeded` where a mechanism alone is more than one person may lose: nobody could take part."""
    alone = accountant([planned], limit.delta)
    if alone > limit.epsilon:
        raise BudgetExceeded(
            "person_limit_too_low",
            f"This alone would make epsilon {alone:.2f}, and one person may lose {limit.epsilon:.2f} at delta "
            f"{limit.delta} over all trainings together.",
            remedy="Ask for a smaller epsilon, or have the limit raised (policies/budgets.toml).",
            who="privacy-officer",
            param="governance.privacy.epsilon",
        )


def _sorted_out(
    limit: PersonLimit, accountant: Accountant, asked: Mechanism, persons: Mapping[Combination, int], held: Held
) -> tuple[list[Combination], dict[Combination, Decimal]]:
    """The largest combinations that fit, and by how much epsilon is above the limit in those that do not.

    Whatever lies within one that fits does too, because no mechanism makes epsilon smaller.
    """
    fits: list[Combination] = []
    over: dict[Combination, Decimal] = {}
    for combination in sorted(persons, key=lambda one: (-len(one), sorted(one))):
        if not any(combination <= larger for larger in fits):
            if by := _excess(limit, accountant, asked, combination, held):
                over[combination] = by
            else:
                fits.append(combination)
    return fits, over


def _excess(
    limit: PersonLimit, accountant: Accountant, asked: Mechanism, combination: Combination, held: Held
) -> Decimal:
    """By how much epsilon would be above the limit; 0 where it would not."""
    others: Sequence[Mechanism] = [held(cohort) for cohort in sorted(combination)]
    epsilon = accountant([mechanism for mechanism in (*others, asked) if mechanism.updates], limit.delta)
    return max(Decimal(0), epsilon - limit.epsilon)


def under_way() -> Conflict:
    """What is raised where two attempts put down the persons of one cohort."""
    return Conflict(
        "cohort_under_way", "Nobody is put down for this, or another attempt does it; this one has to wait."
    )


def _exceeded(limit: PersonLimit, persons: int, by: Decimal) -> BudgetExceeded:
    return BudgetExceeded(
        "person_budget_exhausted",
        f"{persons} persons would lose more than one person may over all trainings together, by as much as "
        f"{by:.2f}; the limit is epsilon {limit.epsilon:.2f} at delta {limit.delta}.",
        remedy="Ask for a smaller epsilon, leave these persons out (policies/budgets.toml), or have the limit raised.",
        who="privacy-officer",
        param="governance.privacy.epsilon",
    )
