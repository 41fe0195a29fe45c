"""Asking for a fine-tune, and rejecting or withdrawing it; `voting.py` is about agreeing to it."""

from dataclasses import replace
from decimal import Decimal

from tunewarden.domain.cohorts import require_possible
from tunewarden.domain.datasets import Dataset, DatasetVersion, Purpose
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.events import (
    BudgetReserved,
    BudgetSettled,
    RequestEnded,
    RequestSubmitted,
)
from tunewarden.domain.names import Action, DatasetId, FileId, RequestId
from tunewarden.domain.privacy import Account, Ledger, PrivacyUnit, Spend
from tunewarden.domain.rejections import RejectionReason
from tunewarden.domain.training import UNTRAINED, Plan, State, TrainingRequest
from tunewarden.usecases import attributes
from tunewarden.usecases.files import there
from tunewarden.usecases.limits import person_limit
from tunewarden.usecases.plans import (
    DEFAULT_EPOCHS as DEFAULT_EPOCHS,
    DEFAULT_LEARNING_RATE as DEFAULT_LEARNING_RATE,
    Ask as Ask,
    plan_for,
    purpose_of,
)
from tunewarden.usecases.ports import Platform, Principal, Receipt, UnitOfWork
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded, require_there
from tunewarden.usecases.things import new, of_dataset, of_file, of_request
from tunewarden.usecases.voting import approve as approve, endorse as endorse


def submit(platform: Platform, principal: Principal, ask: Ask) -> tuple[TrainingRequest, Receipt]:
    """Queue a request: access, purpose, plan, budget; state, reservation and entries in one commit.

    Raises `Refused`, `BudgetExceeded`, `Malformed` or `NotFound`.
    """
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "file", ask.training_file):
        dataset, version = find(platform, principal, ask.training_file)
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "dataset", dataset.id):
        permit(platform, principal, Action.SUBMIT_REQUEST, new("request", principal, dataset.project))
        require_meant(ask, dataset)
        purpose = purpose_of(ask.purpose)
        dataset.require_usable_for(purpose, platform.clock().date())
        permit_purpose(platform, principal, dataset, purpose)
        plan = plan_for(platform, ask, dataset, version, purpose)
        limit = person_limit(platform, dataset)
        request = TrainingRequest(
            id=RequestId(platform.new_id("ftjob")),
            plan=plan,
            requested_by=principal.id,
            requested_at=platform.clock(),
            training_file=ask.training_file,
            suffix=ask.suffix,
            metadata=ask.metadata,
            by_person=True,
            project=dataset.project,
        )
        with platform.work(principal.id) as work:
            require_active(work, dataset.project)
            # Read again inside the unit of work: the dataset may have been retired and the budget spent meanwhile.
            work.datasets.get(dataset.id).require_usable_for(purpose, platform.clock().date())
            ledger = work.ledgers.get(dataset.id)
            work.ledgers.put(ledger.reserve(request.id, plan.promised, platform.accountant, plan.metrics))
            require_possible(limit, platform.accountant, plan.promised)
            work.requests.put(request)
            work.record(_submitted(request))
            work.record(
                BudgetReserved(
                    dataset=dataset.id,
                    request=request.id,
                    mechanism=plan.promised,
                    epsilon=plan.promised_epsilon,
                    delta=plan.delta,
                    metrics=plan.metrics,
                    person_limit=limit.digest(),
                    curve=plan.parts,
                )
            )
            return request, work.commit()


def require_meant(ask: Ask, dataset: Dataset) -> None:
    """Raise `Malformed` where who asks says which dataset it is, and it is another one; that one is not looked for."""
    if ask.dataset not in {"", dataset.id}:
        raise Malformed(
            "dataset_differs",
            "The training file is of another dataset than the one that is named beside it.",
            remedy="Name the dataset alone, or a file of it.",
            param="dataset",
        )


def permit_purpose(platform: Platform, principal: Principal, dataset: Dataset, purpose: Purpose) -> None:
    """What was asked before the purpose was known, once more with it."""
    resource = new("request", principal, dataset.project)
    permit(platform, principal, Action.SUBMIT_REQUEST, replace(resource, purpose=purpose, purposes=dataset.purposes))


def reject(
    platform: Platform, principal: Principal, identifier: RequestId, reason: RejectionReason | None = None
) -> tuple[TrainingRequest, Receipt]:
    """Somebody who could approve says no, and why, if they say; the reservation is given back."""
    return _end(platform, principal, identifier, Action.APPROVE_REQUEST, State.REJECTED, reason or "")


def cancel(platform: Platform, principal: Principal, identifier: RequestId) -> tuple[TrainingRequest, Receipt]:
    """The requester withdraws; a running step notices at its next charge. What was charged stays charged."""
    return _end(platform, principal, identifier, Action.CANCEL_REQUEST, State.CANCELLED)


def get(platform: Platform, principal: Principal, identifier: RequestId) -> TrainingRequest:
    """Raises `NotFound`."""
    with platform.view() as view:
        request = view.requests.get(identifier)
    permit_to_see(platform, principal, Action.READ_REQUEST, of_request(request))
    return request


def listed(platform: Platform, principal: Principal) -> list[TrainingRequest]:
    """Every request that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.requests.all()
    return [one for one in found if platform.access(principal, Action.READ_REQUEST, of_request(one)).allowed]


def events(platform: Platform, principal: Principal, identifier: RequestId) -> list[Entry]:
    """Every entry of the log that is about this request, oldest first."""
    get(platform, principal, identifier)
    with platform.view() as view:
        return list(view.entries_about([identifier]))


def progress(platform: Platform, request: TrainingRequest) -> tuple[int, Decimal]:
    """Updates charged so far for this request, and the epsilon they cost at the plan's delta."""
    charged = 0
    if request.state not in UNTRAINED:  # a ledger has an account for every request that its dataset ever had
        with platform.view() as view:
            charged = view.ledgers.get(request.plan.dataset).account(request.id).charged
    spent = platform.accountant([request.plan.mechanism.times(charged)] if charged else [], request.plan.delta)
    return charged, spent


def epsilon_of_one_record(platform: Platform, plan: Plan) -> Decimal | None:
    """What the whole plan costs a record that is looked at alone; None where the unit is the person.

    It is smaller than what it costs a person with several records, and promises nobody anything.
    """
    if plan.promised.unit is PrivacyUnit.PERSON:
        return None
    return platform.accountant([plan.promised.for_one_unit()], plan.delta)


def settle(platform: Platform, work: UnitOfWork, request: TrainingRequest) -> None:
    """Give back what never ran, inside the unit of work that ends `request`; its protected attributes end too."""
    attributes.destroy(work, request)
    dataset = request.plan.dataset
    ledger = work.ledgers.get(dataset)
    account, figures = ledger.account(request.id), _figures(ledger, request.id)
    settled = ledger.settle(request.id)
    work.ledgers.put(settled)
    work.record(
        BudgetSettled(
            dataset=dataset,
            request=request.id,
            charged=account.charged,
            returned=account.reserved,
            epsilon_spent=settled.spent(platform.accountant),
            metrics_charged=sum(one.charged for one in figures),
            metrics_returned=sum(one.reserved for one in figures),
        )
    )


def _figures(ledger: Ledger, request: RequestId) -> list[Account]:
    """What the request holds for noisy figures; one account, or none."""
    return [account for account in ledger.of(request) if account.what is Spend.METRICS]


def _end(
    platform: Platform, principal: Principal, identifier: RequestId, action: Action, state: State, because: str = ""
) -> tuple[TrainingRequest, Receipt]:
    with (
        refusals_recorded(platform, principal, action, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        permit(platform, principal, action, of_request(request))
        ended = request.ended(state, platform.clock(), because)
        work.requests.put(ended)
        settle(platform, work, ended)
        work.record(RequestEnded(request=identifier, state=state, because=because))
        return ended, work.commit()


def find(platform: Platform, principal: Principal, training_file: str) -> tuple[Dataset, DatasetVersion]:
    """The dataset version that `training_file` means; by content, so it does not matter who uploaded the bytes.

    Content of the file's own project: a dataset of another one is not found by having the same bytes.
    """
    with platform.view() as view:
        dataset = view.datasets.find(DatasetId(training_file))
        if dataset is not None:
            _permit_data(platform, principal, dataset)
            return dataset, dataset.latest()
        stored = there(platform, view.files, FileId(training_file))
        require_there(platform, principal, Action.SUBMIT_REQUEST, of_file(stored))
        here = [each for each in view.datasets.all(stored.digest) if each.project == stored.project]
        versions = ((each, version) for each in here for version in each.versions)
        match = next((pair for pair in versions if pair[1].source == stored.digest), None)
    if match is None:
        raise Refused(
            "file_not_in_a_dataset",
            "The bytes of this file are not a version of any registered dataset.",
            remedy="Have them registered with purpose, lawful basis and columns.",
            who="steward",
            param="training_file",
        )
    _permit_data(platform, principal, match[0])
    return match


def _permit_data(platform: Platform, principal: Principal, dataset: Dataset) -> None:
    """What is not theirs is as an unknown `training_file` is, which could be either."""
    permit_to_see(platform, principal, Action.READ_DATASET, of_dataset(dataset), noun="file")


def _submitted(request: TrainingRequest) -> RequestSubmitted:
    plan = request.plan
    return RequestSubmitted(
        request=request.id,
        plan=plan.digest(),
        dataset=plan.dataset,
        dataset_version=plan.dataset_version,
        purpose=plan.purpose,
        base_model=plan.base_model.name,
        base_digest=plan.base_model.digest,
        profile=plan.profile,
        training_gate=plan.training_gate,
        task=plan.recipe.task,
        project=request.project,
    )
