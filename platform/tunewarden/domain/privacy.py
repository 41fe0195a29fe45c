"""Differential privacy as it is accounted: mechanisms, and a ledger of what was promised and what was spent.

The ledger stores mechanisms, never epsilons: epsilon is derived from all of them together, by an accountant that is
passed in. It is exact for adaptively chosen trainings only with an accountant that is valid as a filter (Renyi
accounting: Feldman and Zrnic, arXiv 2008.11193), which is what `drivers/accounting.py` offers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import LATER
from tunewarden.domain.errors import BudgetExceeded, Malformed, NotFound
from tunewarden.domain.names import DatasetId, RequestId

MOST_CONTRIBUTIONS = 64
"""Units of one person. Beyond so many, noise that protects the person drowns everything; let the person be the unit."""


class PrivacyUnit(StrEnum):
    """What "one" is: everything of one person, or one row."""

    PERSON = "person"
    RECORD = "record"


class Relation(StrEnum):
    """The neighbouring relation: data sets that differ by adding or removing one unit."""

    ADD_OR_REMOVE_ONE = "add-or-remove-one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """A Poisson-sampled Gaussian mechanism, repeated; what is accounted is exactly this and what is run is too.

    Attributes:
        unit: what is sampled and clipped.
        relation: the neighbouring relation the noise is calibrated for.
        sampling_rate: probability that a unit takes part in one update, in (0, 1].
        noise_multiplier: standard deviation of the noise over the clipping norm, above 0.
        updates: how often, 0 or more.
        contributions: how many units one person has at most, each sampled and clipped for itself; 1 where the person
            is the unit. Epsilon of this mechanism is a person's, whatever the unit.
    """

    unit: PrivacyUnit
    relation: Relation
    sampling_rate: Decimal
    noise_multiplier: Decimal
    updates: int
    contributions: int = field(default=1, metadata=LATER)

    def __post_init__(self) -> None:
        if not (self.sampling_rate.is_finite() and 0 < self.sampling_rate <= 1):
            raise Malformed("sampling_rate_out_of_range", "The sampling rate must lie in (0, 1].")
        if not (self.noise_multiplier.is_finite() and self.noise_multiplier > 0):
            raise Malformed("noise_out_of_range", "The noise multiplier must be a positive number.")
        if self.updates < 0:
            raise Malformed("updates_out_of_range", "The number of updates cannot be negative.")
        if not 1 <= self.contributions <= (1 if self.unit is PrivacyUnit.PERSON else MOST_CONTRIBUTIONS):
            raise Malformed(
                "contributions_out_of_range",
                f"A person has one unit where the person is the unit, and 1 to {MOST_CONTRIBUTIONS} where a record is.",
            )

    def times(self, updates: int) -> "Mechanism":
        """The same mechanism with another number of updates."""
        return replace(self, updates=updates)

    def for_one_unit(self) -> "Mechanism":
        """What it is to one unit alone: weaker to claim than what it is to a person who has several of them."""
        return replace(self, contributions=1)


Accountant = Callable[[Sequence[Mechanism], Decimal], Decimal]
"""(mechanisms, delta) -> epsilon of all of them together, rounded up. No mechanism costs 0."""


class Spend(StrEnum):
    """What budget is spent on: the updates of a training, or noisy figures about it that leave the house."""

    TRAINING = "training"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one training request holds of one kind: updates still promised, and updates charged for ever."""

    request: RequestId
    mechanism: Mechanism
    reserved: int
    charged: int
    what: Spend = field(default=Spend.TRAINING, metadata=LATER)

    def committed(self) -> Mechanism:
        """What was charged and what is still promised, as one mechanism."""
        return self.mechanism.times(self.charged + self.reserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The privacy budget of one dataset.

    Attributes:
        limit: epsilon at `delta` that one person may lose over all trainings together.
        accounts: for each request that ever reserved, one for each kind of spending.
        apart: whether no person is ever on both sides, trained on and measured on. Then the two kinds compose in
            parallel and the larger one counts; they add up otherwise.
    """

    dataset: DatasetId
    limit: Decimal
    delta: Decimal
    accounts: tuple[Account, ...] = ()
    apart: bool = field(default=False, metadata=LATER)

    def spent(self, accountant: Accountant) -> Decimal:
        """Epsilon of everything charged."""
        return self._epsilon({account: account.charged for account in self.accounts}, accountant)

    def committed(self, accountant: Accountant) -> Decimal:
        """Epsilon of everything charged and everything still promised."""
        return self._epsilon({account: account.charged + account.reserved for account in self.accounts}, accountant)

    def left(self, accountant: Accountant) -> Decimal:
        """How much of the limit is neither charged nor promised; never negative."""
        return max(Decimal(0), self.limit - self.committed(accountant))

    def account(self, request: RequestId, what: Spend = Spend.TRAINING) -> Account:
        """What `request` holds of this kind; raises `NotFound` if it never reserved any."""
        for account in self.accounts:
            if (account.request, account.what) == (request, what):
                return account
        raise NotFound("reservation_not_found", "This request holds no reservation in the ledger.")

    def of(self, request: RequestId) -> tuple[Account, ...]:
        """Everything that `request` holds."""
        return tuple(account for account in self.accounts if account.request == request)

    def reserve(
        self, request: RequestId, planned: Mechanism, accountant: Accountant, metrics: Mechanism | None = None
    ) -> "Ledger":
        """Promise `planned`, and `metrics` for the noisy figures, to `request`: both or neither.

        Raises `BudgetExceeded`. Nothing is trained, and nothing measured leaves, on a promise not held here.
        """
        account = Account(request=request, mechanism=planned, reserved=planned.updates, charged=0)
        accounts = (*self.accounts, account)
        if metrics is not None:
            figures = replace(account, mechanism=metrics, reserved=metrics.updates, what=Spend.METRICS)
            accounts = (*accounts, figures)
        return self._within_limit(accounts, accountant)

    def charge(
        self, request: RequestId, updates: int, accountant: Accountant, what: Spend = Spend.TRAINING
    ) -> "Ledger":
        """Spend `updates`, before their result exists.

        Updates beyond the reservation (a repeated attempt replays what its checkpoint had not seen) are new spending
        and raise `BudgetExceeded` where the limit does not allow them.
        """
        account = self.account(request, what)
        if updates <= 0:
            raise Malformed("charge_out_of_range", "A charge covers at least one update.")
        from_reserve = min(updates, account.reserved)
        charged = replace(account, reserved=account.reserved - from_reserve, charged=account.charged + updates)
        accounts = tuple(charged if a is account else a for a in self.accounts)
        if from_reserve == updates:
            return replace(self, accounts=accounts)
        return self._within_limit(accounts, accountant)

    def settle(self, request: RequestId) -> "Ledger":
        """Give back what was promised to `request` and never ran; what was charged stays charged."""
        self.account(request)
        return replace(
            self, accounts=tuple(replace(a, reserved=0) if a.request == request else a for a in self.accounts)
        )

    def _epsilon(self, updates: Mapping[Account, int], accountant: Accountant) -> Decimal:
        sides = [{what} for what in Spend] if self.apart else [set(Spend)]
        return max(
            accountant([a.mechanism.times(ran) for a, ran in updates.items() if ran and a.what in side], self.delta)
            for side in sides
        )

    def _within_limit(self, accounts: tuple[Account, ...], accountant: Accountant) -> "Ledger":
        ledger = replace(self, accounts=accounts)
        wanted = ledger.committed(accountant)
        if wanted > self.limit:
            raise BudgetExceeded(
                "privacy_budget_exhausted",
                f"Together with what is already spent and promised this would make epsilon {wanted:.2f}; "
                f"the limit is {self.limit:.2f} at delta {self.delta} ({self.left(accountant):.2f} is left).",
                remedy="Ask for a smaller epsilon, or have the dataset's budget raised.",
                who="privacy-officer",
                param="governance.privacy.epsilon",
            )
        return ledger
