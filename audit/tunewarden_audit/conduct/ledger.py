"""What requests hold of the privacy budget, by what it is spent on, and the persons it is charged to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tunewarden_audit.accountant import NotAccountable, Spending
from tunewarden_audit.conduct.facts import Fact

TRAINING, METRICS = "training", "metrics"


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was promised to a request: sampling rate, noise multiplier, updates, and how many units a person has.

    `parts` is how many trainings on parts of the persons are among it, beside the model's own.
    """

    sampling_rate: float
    noise_multiplier: float
    updates: int
    is_accountable: bool  # by the formula for add-or-remove-one
    contributions: int = 1
    parts: int = 0


@dataclass(slots=True)
class Account:
    """What a request holds of one kind; nothing is left of a promise that was settled."""

    promised: Reservation
    charged: int = 0
    is_settled: bool = False

    @property
    def left(self) -> int:
        """Updates that are promised and not charged."""
        return 0 if self.is_settled else max(0, self.promised.updates - self.charged)


class Sides:
    """What was spent on the two sides of a dataset: those who are trained on, and those figures are about.

    Where nobody is on both (`apart`), the larger one counts; they add up otherwise.
    """

    def __init__(self, *, apart: bool) -> None:
        self._apart = apart
        self._spent = {TRAINING: Spending(), METRICS: Spending()}

    def add(self, what: str, promised: Reservation, updates: int) -> bool:
        """Add updates of a promise; False where this accountant cannot, and nothing was added."""
        return spend(self._spent.setdefault(what, Spending()), promised, updates)

    def copy(self) -> Sides:
        """The same, to be added to."""
        made = Sides(apart=self._apart)
        for what, spent in self._spent.items():
            made._spent.setdefault(what, Spending()).add_all(spent)
        return made

    def epsilon(self, delta: float) -> float:
        """Of everything spent."""
        if self._apart:
            return max(spent.epsilon(delta) for spent in self._spent.values())
        everything = Spending()
        for spent in self._spent.values():
            everything.add_all(spent)
        return everything.epsilon(delta)


@dataclass(frozen=True, slots=True)
class Admission:
    """Persons who were admitted: their limit, and the largest sets of other cohorts that one of them was in then."""

    index: int
    epsilon: float
    delta: float
    beside: tuple[frozenset[str], ...]


@dataclass(slots=True)
class Persons:
    """Every admission so far, by cohort (the id of a request, a full stop, and what is spent)."""

    admitted: dict[str, Admission] = field(default_factory=dict)

    def admit(self, fact: Fact) -> None:
        """What an entry CohortAdmitted says; combinations that cannot be read are left out here."""
        self.admitted.setdefault(
            cohort_of(fact),
            Admission(fact.index, float(fact["epsilon"]), float(fact["delta"]), tuple(combinations(fact))),
        )

    def holding(self, cohort: str) -> Iterator[frozenset[str]]:
        """The largest sets of cohorts, this one among them, that a person was ever found to be in."""
        for name, admission in self.admitted.items():
            for combination in (*admission.beside, frozenset[str]()):
                if cohort in (everything := combination | {name}):
                    yield everything


def cohort_of(fact: Fact) -> str:
    """The cohort that an entry is about."""
    return f"{fact['request']}.{fact.members.get('what', TRAINING)}"


def combinations(fact: Fact) -> Iterator[frozenset[str]]:
    """Those that an entry CohortAdmitted names, as far as it does so properly."""
    others = fact["others"]
    for places in fact["beside"]:
        if isinstance(places, list) and all(type(place) is int and 0 <= place < len(others) for place in places):
            yield frozenset(str(others[place]) for place in places)


def reservation(mechanism: Mapping[str, Any]) -> Reservation:
    """What a mechanism in an entry BudgetReserved promises."""
    return Reservation(
        sampling_rate=float(mechanism["sampling_rate"]),
        noise_multiplier=float(mechanism["noise_multiplier"]),
        updates=mechanism["updates"],
        is_accountable=mechanism["relation"] == "add-or-remove-one",
        contributions=mechanism.get("contributions", 1),  # left out where it is 1
    )


def promises(fact: Fact) -> dict[str, Reservation]:
    """Everything that an entry BudgetReserved promises, by kind."""
    found = {TRAINING: replace(reservation(fact["mechanism"]), parts=len(fact.members.get("curve", ())))}
    if fact.members.get("metrics") is not None:
        found[METRICS] = reservation(fact["metrics"])
    return found


def spend(spending: Spending, promised: Reservation, updates: int) -> bool:
    """Add updates of a reserved mechanism; False where this accountant cannot, and nothing was added."""
    if not promised.is_accountable:
        return False
    try:
        spending.add(promised.sampling_rate, promised.noise_multiplier, updates, promised.contributions)
    except NotAccountable:
        return False
    return True
