"""/v1/privacy/budgets: what persons may lose, have lost and are going to, by dataset."""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.events import BudgetCharged, BudgetReserved, BudgetSettled, CohortAdmitted
from tunewarden.domain.names import DatasetId
from tunewarden.domain.privacy import Mechanism
from tunewarden.entry.api.caller import Called, Caller
from tunewarden.entry.api.organization_pages import After, Limit, index_in, paged
from tunewarden.entry.api.schemas import Json, budget_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import budgets, datasets
from tunewarden.usecases.budgets import Spending, Spent

router = Routes(prefix="/v1/privacy/budgets", tags=["privacy"])

_KINDS: Mapping[type[Spending], str] = MappingProxyType(
    {
        BudgetReserved: "reservation",
        CohortAdmitted: "admission",
        BudgetCharged: "charge",
        BudgetSettled: "settlement",
    }
)


@router.get("", summary="List privacy budgets")
def listed(called: Called, after: After = None, limit: Limit = 20) -> Json:
    """Of the datasets that you may see, oldest first."""
    found = datasets.listed(called.platform, called.principal)
    return paged(found, lambda one: _budget_out(called, one), lambda one: one.id, after, limit)


@router.get("/{dataset_id}", summary="The privacy budget of a dataset")
def get(called: Called, dataset_id: str) -> Json:
    """Epsilon of one person at `delta`, over all trainings on it together; `left` is neither charged nor promised."""
    return _budget_out(called, datasets.get(called.platform, called.principal, DatasetId(dataset_id)))


@router.get("/{dataset_id}/entries", summary="What became of a privacy budget")
def entries(called: Called, dataset_id: str, after: After = None, limit: Limit = 20) -> Json:
    """Promised, charged and given back, newest first, as the log has it; of requests that you may see.

    `mechanism` is what was promised to a training, or all that was charged to the request so far, of the kind that
    `what` says, and `epsilon` what it alone costs one person at `delta`; `metrics` and `metrics_epsilon` are what was
    promised for noisy figures. Of a settlement `epsilon` is what all trainings on the dataset had cost by then. The
    last charges of each request and kind, accounted together, are the budget's `spent`. What is `withheld` is of
    requests that you may not see.
    """
    found = budgets.statement(called.platform, called.principal, DatasetId(dataset_id))
    below = None if after is None else index_in(after, "budget")
    page = paged(
        [one for one in found.entries if below is None or one.index < below],
        lambda one: _entry_out(budgets.spent(called.platform, one)),
        lambda one: f"budget-{one.index}",
        None,
        limit,
        "desc",
    )
    return {**page, "withheld": found.withheld}


def _budget_out(called: Caller, dataset: Dataset) -> Json:
    return {"id": dataset.id, **budget_out(datasets.budget_of(called.platform, dataset.id)), "dataset": dataset.id}


def _entry_out(one: Spent) -> Json:
    event = one.event
    return {
        "id": f"budget-{one.entry.index}",
        "object": "privacy_budget.entry",
        "kind": _KINDS[type(event)],
        "index": one.entry.index,
        "at": instant_text(one.entry.at),
        "dataset": event.dataset,
        "request": event.request,
        "what": budgets.what_of(event),
        "updates": _updates(event),
        "returned": event.returned if isinstance(event, BudgetSettled) else None,
        "persons": event.persons if isinstance(event, CohortAdmitted) else None,
        "left_out": event.left_out if isinstance(event, CohortAdmitted) else None,
        "metrics_charged": event.metrics_charged if isinstance(event, BudgetSettled) else None,
        "metrics_returned": event.metrics_returned if isinstance(event, BudgetSettled) else None,
        "mechanism": _mechanism_out(one.mechanism),
        "metrics": _mechanism_out(one.metrics),
        "epsilon": None if one.epsilon is None else str(one.epsilon),
        "metrics_epsilon": None if one.metrics_epsilon is None else str(one.metrics_epsilon),
        "delta": None if one.delta is None else str(one.delta),
    }


def _updates(event: Spending) -> int | None:
    match event:
        case BudgetReserved():
            return event.mechanism.updates
        case BudgetCharged():
            return event.updates
        case BudgetSettled():
            return event.charged
        case _:
            return None


def _mechanism_out(mechanism: Mechanism | None) -> Json | None:
    if mechanism is None:
        return None
    return {
        "unit": mechanism.unit,
        "relation": mechanism.relation,
        "sampling_rate": str(mechanism.sampling_rate),
        "noise_multiplier": str(mechanism.noise_multiplier),
        "updates": mechanism.updates,
        "contributions": mechanism.contributions,
    }
