"""Paying for what a step is about to do with persons' records, and what a receipt for that is worth later."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.cohorts import cohort_id, require_within
from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.errors import IllegalTransition, Refused
from tunewarden.domain.events import BudgetCharged
from tunewarden.domain.names import RequestId
from tunewarden.domain.privacy import Account, Spend
from tunewarden.domain.training import STEP_FROM, StepName, TrainingRequest
from tunewarden.usecases.limits import held_by, limit_of
from tunewarden.usecases.ports import Platform, Principal, Receipt, UnitOfWork
from tunewarden.usecases.signing import require_not_withdrawn

SPENDS: Mapping[StepName, Spend] = MappingProxyType({StepName.TRAIN: Spend.TRAINING, StepName.MEASURE: Spend.METRICS})
"""The steps that may be charged, and for what. The others learn nothing that leaves."""


def charge(platform: Platform, worker: Principal, request: TrainingRequest, step: StepName, updates: int) -> Receipt:
    """Pay for updates before they run.

    Not for a request that has ended or lost its signature meanwhile, nor on a dataset that was retired. Raises
    `Refused` where the persons were not admitted, and `BudgetExceeded` where more is wanted than was promised and the
    dataset, or one of the persons, does not have it.
    """
    attempt = request.attempt
    with platform.work(worker.id) as work:
        request = underway(platform, work, request.id, step)
        what, dataset = SPENDS[step], request.plan.dataset
        before = work.ledgers.get(dataset)
        ledger = before.charge(request.id, updates, platform.accountant, what)
        account = ledger.account(request.id, what)
        _require_admitted(platform, work, request, account, before.account(request.id, what))
        work.ledgers.put(ledger)
        work.record(
            BudgetCharged(
                dataset=dataset,
                request=request.id,
                attempt=attempt,
                updates=updates,
                charged=account.charged,
                what=what,
            )
        )
        return work.commit()  # point of no return: these updates are spent, whether or not they ever run


def charged_so_far(work: UnitOfWork, request: TrainingRequest, step: StepName) -> int:
    """Updates that were charged to the request for what `step` does; 0 for a step that is not charged."""
    accounts = work.ledgers.get(request.plan.dataset).of(request.id)
    return sum(account.charged for account in accounts if account.what is SPENDS.get(step))


def charged_at(platform: Platform, request: RequestId, step: StepName, receipt: Receipt) -> int | None:
    """How many updates had been charged at the entry that a receipt of `charge` is of.

    None unless the log has exactly that entry, at that index, about this request and what this step is charged for:
    a copy of the log from before, another log and a receipt that was made up all lack it.
    """
    with platform.view() as view:
        entry = next(iter(view.entries(receipt.index)), None)
    if entry is None or entry.index != receipt.index or not isinstance(entry.event, BudgetCharged):
        return None
    leaf = hashlib.sha256(b"\x00" + entry_bytes(entry.event, actor=entry.actor, at=entry.at)).hexdigest()
    if (leaf, entry.event.request, entry.event.what) != (receipt.leaf_hash, request, SPENDS.get(step)):
        return None
    return entry.event.charged


def underway(platform: Platform, work: UnitOfWork, identifier: RequestId, step: StepName) -> TrainingRequest:
    """The request as it is now. Raises `IllegalTransition` or `Refused` where `step` may not be charged any more.

    `Conflict` where it is suspended, and may be later.
    """
    request = work.requests.get(identifier)
    request.require_going()
    if STEP_FROM.get(request.state) is not step or step not in SPENDS:
        raise IllegalTransition("illegal_transition", f"A request that is {request.state} cannot be charged for now.")
    work.datasets.get(request.plan.dataset).require_usable_for(request.plan.purpose, platform.clock().date())
    require_not_withdrawn(platform, work, request)
    return request


def _require_admitted(
    platform: Platform, work: UnitOfWork, request: TrainingRequest, after: Account, before: Account
) -> None:
    """The persons are admitted; and where more is charged than was promised, they are asked again."""
    cohort = work.cohorts.find(cohort_id(request.id, after.what))
    if cohort is None:
        if request.by_person:
            raise Refused(
                "cohort_not_admitted",
                "Nothing is charged before it is settled whose budget it is charged to.",
                remedy="The step has to hand over the persons first.",
                who="administrator",
            )
        return
    if after.charged + after.reserved > before.charged + before.reserved:
        persons = work.combinations(cohort.id)
        require_within(
            limit_of(platform, work, request), platform.accountant, after.committed(), persons, held_by(work)
        )
