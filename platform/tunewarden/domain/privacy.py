"""Differential privacy as it is accounted: mechanisms, and a ledger of what was promised and what was spent.

The ledger stores mechanisms, never epsilons: epsilon is derived from all of them together, by an accountant that is
passed in. It is exact for adaptively chosen trainings only with an accountant that is valid as a filter (Renyi
accounting: Feldman and Zrnic, arXiv 2008.11193), which is what `drivers/accounting.py` offers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import LATER
from tunewarden.domain.errors import BudgetExceeded, Malformed, NotFound
from tunewarden.domain.names import DatasetId, RequestId


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
            is the unit.
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
        if self.contributions < 1 or (self.contributions > 1 and self.unit is PrivacyUnit.PERSON):
            raise Malformed("contributions_out_of_range", "A person contributes one unit where the person is the unit.")

    def times(self, updates: int) -> "Mechanism":
        """The same mechanism with another number of updates."""
        return replace(self, updates=updates)


Accountant = Callable[[Sequence[Mechanism], Decimal], Decimal]
"""(mechanisms, delta) -> epsilon of all of them together, rounded up. No mechanism costs 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one training request holds: updates still promised, and updates charged for ever."""

    request: RequestId
    mechanism: Mechanism
    reserved: int
    charged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The privacy budget of one dataset.

    Attributes:
        limit: epsilon at `delta` that one person may lose over all trainings together.
        accounts: one for each request that ever reserved.
    """

    dataset: DatasetId
    limit: Decimal
    delta: Decimal
    accounts: tuple[Account, ...] = ()

    def spent(self, accountant: Accountant) -> Decimal:
        """Epsilon of everything charged."""
        return accountant([a.mechanism.times(a.charged) for a in self.accounts if a.charged], self.delta)

    def committed(self, accountant: Accountant) -> Decimal:
        """Epsilon of everything charged and everything still promised."""
        held = [a.mechanism.times(a.charged + a.reserved) for a in self.accounts if a.charged + a.reserved]
        return accountant(held, self.delta)

    def left(self, accountant: Accountant) -> Decimal:
        """How much of the limit is neither charged nor promised; never negative."""
        return max(Decimal(0), self.limit - self.committed(accountant))

    def account(self, request: RequestId) -> Account:
        """What `request` holds; raises `NotFound` if it never reserved."""
        for account in self.accounts:
            if account.request == request:
                return account
        raise NotFound("reservation_not_found", "This request holds no reservation in the ledger.")

    def reserve(self, request: RequestId, planned: Mechanism, accountant: Accountant) -> "Ledger":
        """Promise `planned` to `request`; raises `BudgetExceeded`. Nothing is trained on a promise not held here."""
        account = Account(request=request, mechanism=planned, reserved=planned.updates, charged=0)
        return self._within_limit((*self.accounts, account), accountant)

    def charge(self, request: RequestId, updates: int, accountant: Accountant) -> "Ledger":
        """Spend `updates`, before their result exists.

        Updates beyond the reservation (a repeated attempt replays what its checkpoint had not seen) are new spending
        and raise `BudgetExceeded` where the limit does not allow them.
        """
        account = self.account(request)
        if updates <= 0:
            raise Malformed("charge_out_of_range", "A charge covers at least one update.")
        from_reserve = min(updates, account.reserved)
        charged = replace(account, reserved=account.reserved - from_reserve, charged=account.charged + updates)
        accounts = tuple(charged if a.request == request else a for a in self.accounts)
        if from_reserve == updates:
            return replace(self, accounts=accounts)
        return self._within_limit(accounts, accountant)

    def settle(self, request: RequestId) -> "Ledger":
        """Give back what was promised to `request` and never ran; what was charged stays charged."""
        settled = replace(self.account(request), reserved=0)
        return replace(self, accounts=tuple(settled if a.request == request else a for a in self.accounts))

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
