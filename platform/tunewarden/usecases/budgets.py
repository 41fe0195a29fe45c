"""What became of a dataset's privacy budget, as the log has it: promised, charged, given back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import BudgetCharged, BudgetReserved, BudgetSettled, CohortAdmitted
from tunewarden.domain.names import Action, DatasetId
from tunewarden.domain.privacy import Mechanism, Spend
from tunewarden.usecases.datasets import get
from tunewarden.usecases.ports import Platform, Principal, View
from tunewarden.usecases.things import of_request

Spending = BudgetReserved | CohortAdmitted | BudgetCharged | BudgetSettled
"""What entries about a budget say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """An entry about a budget.

    Attributes:
        mechanism: what was promised to the training, or everything that was charged to the request so far, of this
            kind; None where the entry is about neither.
        metrics: what was promised for noisy figures; None where the entry is no reservation, or has none.
        epsilon: of the mechanism alone at `delta`, for one person; of a settlement, what all trainings on the dataset
            had cost together then, at the dataset's delta.
        metrics_epsilon: of `metrics` alone at `delta`, for one person.
    """

    entry: Entry
    event: Spending
    mechanism: Mechanism | None
    epsilon: Decimal | None
    delta: Decimal | None
    metrics: Mechanism | None = None
    metrics_epsilon: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The entries about one dataset's budget that a reader may see, oldest first; `withheld` are the others."""

    entries: Sequence[Entry]
    withheld: int


def statement(platform: Platform, principal: Principal, identifier: DatasetId) -> Statement:
    """Those of requests that this principal may see. Raises `NotFound` for a dataset that they may not see."""
    get(platform, principal, identifier)
    with platform.view() as view:
        found = list(_about(view, identifier))
        asked = {event.request for _, event in found}
        about = {one: of_request(view.requests.get(one)) for one in asked}
    seen = {one for one, what in about.items() if platform.access(principal, Action.READ_REQUEST, what).allowed}
    shown = [entry for entry, event in found if event.request in seen]
    return Statement(entries=shown, withheld=len(found) - len(shown))


def spent(platform: Platform, entry: Entry) -> Spent:
    """An entry of a statement with what it comes to. Nothing is measured anew: mechanisms have one epsilon."""
    event = entry.event
    match event:
        case BudgetReserved():
            figures = event.metrics
            return Spent(
                entry=entry,
                event=event,
                mechanism=event.mechanism,
                epsilon=event.epsilon,
                delta=event.delta,
                metrics=figures,
                metrics_epsilon=None if figures is None else platform.accountant([figures], event.delta),
            )
        case BudgetCharged():
            with platform.view() as view:
                account = view.ledgers.get(event.dataset).account(event.request, event.what)
                delta = view.requests.get(event.request).plan.delta
            mechanism = account.mechanism.times(event.charged)
            return Spent(
                entry=entry,
                event=event,
                mechanism=mechanism,
                epsilon=platform.accountant([mechanism], delta),
                delta=delta,
            )
        case BudgetSettled():
            with platform.view() as view:
                delta = view.ledgers.get(event.dataset).delta
            return Spent(entry=entry, event=event, mechanism=None, epsilon=event.epsilon_spent, delta=delta)
        case CohortAdmitted():
            return Spent(entry=entry, event=event, mechanism=None, epsilon=None, delta=None)
        case _:
            raise TypeError(type(event).__name__)


def what_of(event: Spending) -> Spend | None:
    """Which kind of spending it is about; None where about both."""
    return event.what if isinstance(event, BudgetCharged | CohortAdmitted) else None


def _about(view: View, identifier: DatasetId) -> Iterator[tuple[Entry, Spending]]:
    for entry in view.entries_naming(identifier):
        event = entry.event
        if isinstance(event, Spending) and event.dataset == identifier:
            yield entry, event
