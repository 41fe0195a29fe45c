"""Asking for a fine-tune, and approving or withdrawing it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from math import ceil

from tunewarden.domain.canonical import decode, digest_bytes, encode, from_plain, to_plain
from tunewarden.domain.datasets import Dataset, DatasetVersion, Purpose
from tunewarden.domain.deidentification import Profile, claimed_method
from tunewarden.domain.demands import demanded, require_agreement_claimed, require_purpose, require_transformed
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.events import (
    BudgetReserved,
    BudgetSettled,
    RequestApproved,
    RequestEnded,
    RequestSubmitted,
    about,
)
from tunewarden.domain.names import Action, DatasetId, Digest, FileId, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import Plan, Recipe, State, TrainingRequest
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded

DEFAULT_PROFILE = PolicyName("default")
_FEWEST_PERSONS = 20
_TRAINING_SHARE = Decimal("0.8")  # four persons in five; the others are measured on (steps/records.py)
_MOST_EPOCHS = 100
DEFAULT_EPOCHS = 6
DEFAULT_LEARNING_RATE = Recipe().learning_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a requester asks for.

    Attributes:
        training_file: a dataset id, or the id of an upload whose bytes are a version of a registered dataset.
        epsilon, delta: for one person; delta None means the dataset's.
        epochs: how often each person is expected to take part.
        expected_units: persons in an update; None lets the platform choose.
    """

    training_file: str
    base_model: PolicyName
    purpose: str
    epsilon: Decimal
    delta: Decimal | None = None
    profile: PolicyName = DEFAULT_PROFILE
    epochs: int = DEFAULT_EPOCHS
    expected_units: int | None = None
    learning_rate: Decimal = DEFAULT_LEARNING_RATE
    suffix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def submit(platform: Platform, principal: Principal, ask: Ask) -> tuple[TrainingRequest, Receipt]:
    """Queue a request: access, purpose, plan, budget; state, reservation and entries in one commit.

    Raises `Refused`, `BudgetExceeded`, `Malformed` or `NotFound`.
    """
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "file", ask.training_file):
        dataset, version = _find(platform, principal, ask.training_file)
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "dataset", dataset.id):
        permit(platform, principal, Action.SUBMIT_REQUEST, Resource(kind="request", author=principal.id))
        purpose = _purpose(ask.purpose)
        dataset.require_usable_for(purpose, platform.clock().date())
        plan = _plan(platform, ask, dataset, version, purpose)
        request = TrainingRequest(
            id=RequestId(platform.new_id("ftjob")),
            plan=plan,
            requested_by=principal.id,
            requested_at=platform.clock(),
            training_file=ask.training_file,
            suffix=ask.suffix,
            metadata=ask.metadata,
        )
        with platform.work(principal.id) as work:
            # Read again inside the unit of work: the dataset may have been retired and the budget spent meanwhile.
            work.datasets.get(dataset.id).require_usable_for(purpose, platform.clock().date())
            ledger = work.ledgers.get(dataset.id).reserve(request.id, plan.mechanism, platform.accountant)
            work.ledgers.put(ledger)
            work.requests.put(request)
            work.record(_submitted(request))
            work.record(
                BudgetReserved(
                    dataset=dataset.id,
                    request=request.id,
                    mechanism=plan.mechanism,
                    epsilon=plan.epsilon,
                    delta=plan.delta,
                )
            )
            return request, work.commit()


def approve(
    platform: Platform, principal: Principal, identifier: RequestId, plan: Digest
) -> tuple[TrainingRequest, Receipt]:
    """Somebody else approves exactly this plan; from then on a worker may take it."""
    with (
        refusals_recorded(platform, principal, Action.APPROVE_REQUEST, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        permit(platform, principal, Action.APPROVE_REQUEST, _resource(request))
        approved = request.approve(principal.id, plan)
        work.datasets.get(request.plan.dataset).require_usable_for(request.plan.purpose, platform.clock().date())
        work.requests.put(approved)
        work.record(RequestApproved(request=identifier, plan=plan))
        return approved, work.commit()


def reject(platform: Platform, principal: Principal, identifier: RequestId) -> tuple[TrainingRequest, Receipt]:
    """Somebody who could approve says no; the reservation is given back."""
    return _end(platform, principal, identifier, Action.APPROVE_REQUEST, State.REJECTED)


def cancel(platform: Platform, principal: Principal, identifier: RequestId) -> tuple[TrainingRequest, Receipt]:
    """The requester withdraws; a running step notices at its next charge. What was charged stays charged."""
    return _end(platform, principal, identifier, Action.CANCEL_REQUEST, State.CANCELLED)


def get(platform: Platform, principal: Principal, identifier: RequestId) -> TrainingRequest:
    """Raises `NotFound`."""
    with platform.view() as view:
        request = view.requests.get(identifier)
    permit_to_see(platform, principal, Action.READ_REQUEST, _resource(request))
    return request


def listed(platform: Platform, principal: Principal) -> list[TrainingRequest]:
    """Every request that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.requests.all()
    return [one for one in found if platform.access(principal, Action.READ_REQUEST, _resource(one)).allowed]


def events(platform: Platform, principal: Principal, identifier: RequestId) -> list[Entry]:
    """Every entry of the log that is about this request, oldest first."""
    get(platform, principal, identifier)
    with platform.view() as view:
        return [entry for entry in view.entries_naming(identifier) if about(entry.event) == identifier]


def progress(platform: Platform, request: TrainingRequest) -> tuple[int, Decimal]:
    """Updates charged so far for this request, and the epsilon they cost at the plan's delta."""
    with platform.view() as view:
        charged = view.ledgers.get(request.plan.dataset).account(request.id).charged
    spent = platform.accountant([request.plan.mechanism.times(charged)] if charged else [], request.plan.delta)
    return charged, spent


def settle(platform: Platform, work: UnitOfWork, request: TrainingRequest) -> None:
    """Give back what never ran, inside the unit of work that ends `request`."""
    dataset = request.plan.dataset
    ledger = work.ledgers.get(dataset)
    account = ledger.account(request.id)
    settled = ledger.settle(request.id)
    work.ledgers.put(settled)
    work.record(
        BudgetSettled(
            dataset=dataset,
            request=request.id,
            charged=account.charged,
            returned=account.reserved,
            epsilon_spent=settled.spent(platform.accountant),
        )
    )


def _end(
    platform: Platform, principal: Principal, identifier: RequestId, action: Action, state: State
) -> tuple[TrainingRequest, Receipt]:
    with (
        refusals_recorded(platform, principal, action, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        permit(platform, principal, action, _resource(request))
        ended = request.ended(state, platform.clock())
        work.requests.put(ended)
        settle(platform, work, ended)
        work.record(RequestEnded(request=identifier, state=state, because=""))
        return ended, work.commit()


def _find(platform: Platform, principal: Principal, training_file: str) -> tuple[Dataset, DatasetVersion]:
    """The dataset version that `training_file` means; by content, so it does not matter who uploaded the bytes."""
    with platform.view() as view:
        dataset = view.datasets.find(DatasetId(training_file))
        if dataset is not None:
            found = (dataset, dataset.latest())
        else:
            source = view.files.get(FileId(training_file)).digest
            versions = ((each, version) for each in view.datasets.all() for version in each.versions)
            match = next((pair for pair in versions if pair[1].source == source), None)
            if match is None:
                raise Refused(
                    "file_not_in_a_dataset",
                    "The bytes of this file are not a version of any registered dataset.",
                    remedy="Have them registered with purpose, lawful basis and columns.",
                    who="steward",
                    param="training_file",
                )
            found = match
    permit_to_see(
        platform,
        principal,
        Action.READ_DATASET,
        Resource(kind="dataset", id=found[0].id, author=found[0].registered_by),
    )
    return found


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        known = ", ".join(sorted(Purpose))
        raise Malformed("purpose_unknown", f"A purpose is one of: {known}.", param="governance.purpose") from None


def _plan(platform: Platform, ask: Ask, dataset: Dataset, version: DatasetVersion, purpose: Purpose) -> Plan:
    """Everything that changes the model or its guarantee, fixed before anybody is asked to approve it."""
    delta = _delta(ask.delta, dataset, version)
    if not (ask.epsilon.is_finite() and ask.epsilon > 0):
        raise Malformed(
            "epsilon_out_of_range", "Epsilon must be a positive number.", param="governance.privacy.epsilon"
        )
    if not 1 <= ask.epochs <= _MOST_EPOCHS:
        raise Malformed("epochs_out_of_range", f"Epochs must be 1 to {_MOST_EPOCHS}.", param="hyperparameters.n_epochs")
    base_model = platform.policies.base_model(ask.base_model)
    persons = int(version.persons * _TRAINING_SHARE)
    units = _expected_units(ask.expected_units, version.persons, persons)
    rate = min(Decimal(1), (Decimal(units) / persons).quantize(Decimal("0.0001"), ROUND_CEILING))
    template = Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=rate,
        noise_multiplier=Decimal(1),
        updates=ceil(ask.epochs / rate),
    )
    gate, profile = platform.policies.gate(platform.training_gate), platform.policies.profile(ask.profile)
    require_purpose(claimed_method(decode(profile)), purpose)
    if demanded(gate):
        parsed = from_plain(Profile, decode(profile))
        require_agreement_claimed(parsed, gate)
        require_transformed(parsed, gate)
    plan = Plan(
        base_model=base_model,
        dataset=dataset.id,
        dataset_version=version.digest,
        profile=digest_bytes(profile),
        training_gate=gate.digest(),
        purpose=purpose,
        recipe=Recipe(expected_units=units, learning_rate=ask.learning_rate),
        mechanism=platform.calibrate(template, ask.epsilon, delta),
        epsilon=ask.epsilon,
        delta=delta,
    )
    for document in (profile, encode(to_plain(gate)), encode(to_plain(plan))):
        platform.blobs.put_bytes(document)
    return plan


def _delta(asked: Decimal | None, dataset: Dataset, version: DatasetVersion) -> Decimal:
    delta = dataset.budget.delta if asked is None else asked
    if not (delta.is_finite() and 0 < delta <= dataset.budget.delta):
        raise Malformed(
            "delta_out_of_range",
            f"Delta must be above 0 and at most the dataset's, {dataset.budget.delta}.",
            param="governance.privacy.delta",
        )
    if delta * version.persons >= 1:
        raise Refused(
            "delta_too_large",
            f"With {version.persons} persons, delta must be below 1/{version.persons}: "
            "otherwise publishing one person's records whole would count as private.",
            remedy="Ask for a smaller delta.",
            param="governance.privacy.delta",
        )
    return delta


def _expected_units(asked: int | None, persons: int, training: int) -> int:
    if persons < _FEWEST_PERSONS:
        raise Refused(
            "dataset_too_small",
            f"The dataset has {persons} persons; a private training needs at least {_FEWEST_PERSONS}.",
            remedy="Add records of more persons.",
            who="steward",
        )
    units = min(256, training // 6) if asked is None else asked
    if not 1 <= units <= training:
        raise Refused(
            "dataset_too_small",
            f"The plan expects {units} persons in an update; {training} persons are there to train on.",
            remedy="Ask for a smaller batch size, or add records of more persons.",
            param="hyperparameters.batch_size",
        )
    return units


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
    )


def _resource(request: TrainingRequest) -> Resource:
    return Resource(kind="request", id=request.id, author=request.requested_by)
