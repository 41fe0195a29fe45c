"""Facts about the privacy budget: a part of the closed set of `events.py`, under the same law."""

from dataclasses import dataclass, field
from decimal import Decimal

from tunewarden.domain.canonical import LATER
from tunewarden.domain.cohorts import CohortId, Over
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReserved:
    """A mechanism was promised to a request, and one for noisy figures about its model where it asks for such.

    `person_limit` is the digest of what one person might lose then; where it is there, nothing is charged before the
    persons were admitted. `curve` are the shares of the persons that the same mechanism is run on once more; the
    updates are those of all these trainings together.
    """

    dataset: DatasetId
    request: RequestId
    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal
    metrics: Mechanism | None = field(default=None, metadata=LATER)
    person_limit: Digest | None = field(default=None, metadata=LATER)
    curve: tuple[Decimal, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortAdmitted:
    """Persons were found to have budget left, and what is charged to the request from now on is charged to them.

    `cohort` is the Merkle root (RFC 6962) over the 32-byte budget pseudonyms of all that were handed over, ascending;
    so many of them take part (`persons`), and so many have no budget left (`left_out`). `limit` is the digest of
    {delta, epsilon, namespace, over}. `beside` are the largest sets of other cohorts that a person who takes part is
    in, as positions in `others`: with them, the epsilon of every person can be computed again.
    """

    request: RequestId
    dataset: DatasetId
    attempt: int
    what: Spend
    cohort: Digest
    persons: int
    left_out: int
    namespace: PolicyName | None
    epsilon: Decimal
    delta: Decimal
    over: Over
    limit: Digest
    others: tuple[CohortId, ...]
    beside: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCharged:
    """Updates were paid for, before their result existed. `charged` is the request's total so far, of this kind."""

    dataset: DatasetId
    request: RequestId
    attempt: int
    updates: int
    charged: int
    what: Spend = field(default=Spend.TRAINING, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettled:
    """What never ran was given back. `epsilon_spent` is the dataset's, over all trainings, at its delta."""

    dataset: DatasetId
    request: RequestId
    charged: int
    returned: int
    epsilon_spent: Decimal
    metrics_charged: int = field(default=0, metadata=LATER)
    metrics_returned: int = field(default=0, metadata=LATER)
