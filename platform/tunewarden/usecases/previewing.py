"""What would come of a request, without asking for it: its plan, what it means, who would have to agree, what is in the
way.

Nothing is stored, reserved or promised. Only what the access policy refuses is recorded, as for anybody who asks for
what they may not have; everything else that would be refused is told, all that can be told at once. What holds now may
not hold when it is asked for: then `Ask.expected` says that another plan is not wanted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.cohorts import require_possible
from tunewarden.domain.datasets import Dataset, DatasetVersion, Purpose
from tunewarden.domain.errors import Conflict, NotFound, Refused, TunewardenError
from tunewarden.domain.gates import Gate
from tunewarden.domain.names import Action, RequestId, Role
from tunewarden.domain.quorum import Needed
from tunewarden.domain.training import Plan
from tunewarden.usecases.gating import promotion_gate
from tunewarden.usecases.judging import may_read_gates
from tunewarden.usecases.limits import person_limit
from tunewarden.usecases.plans import Ask, drafted, purpose_of, require_expected, units_to_train_on
from tunewarden.usecases.ports import Platform, Principal
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.requests import epsilon_of_one_record, find, permit_purpose, require_meant
from tunewarden.usecases.things import new
from tunewarden.usecases.voting import deciding

_NOBODY = RequestId("")  # holds what would be promised, in a ledger that is thrown away


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a plan would take from the dataset's budget, as epsilon for one person at `delta`, which is the dataset's.

    Attributes:
        left, left_after: neither charged nor promised, now and if this were asked for; `left_after` is None where
            there is no plan, or the budget does not allow it.
        of_one_record: of the plan alone, for a record that is looked at by itself; None where there is no plan, and
            where the unit is the person.
    """

    limit: Decimal
    delta: Decimal
    left: Decimal
    left_after: Decimal | None
    of_one_record: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a request would become.

    Attributes:
        plan: None where none can be made; `refused` says why.
        units: about how many privacy units there are to train on; None where there is no plan.
        training_gate, promotion_gate: the gates of today; None for who may not read gates. The plan pins the first;
            the second is asked when somebody proposes a promotion, as it is then, and is None where there is no plan,
            or no such gate.
        needed: how many persons in how many roles have to agree, the requester not among them.
        approving, endorsing: the roles that may approve it, one of which has to, and those that may endorse it.
        refused: what is in the way, in the order in which a request would meet it; of a plan that cannot be made the
            first reason alone.
    """

    dataset: Dataset
    version: DatasetVersion
    plan: Plan | None
    units: int | None
    training_gate: Gate | None
    promotion_gate: Gate | None
    cost: Cost
    needed: Needed
    approving: tuple[Role, ...]
    endorsing: tuple[Role, ...]
    refused: tuple[TunewardenError, ...]


def preview(platform: Platform, principal: Principal, ask: Ask) -> Preview:
    """What `requests.submit` would make of this now.

    Raises `NotFound`, and `Refused` for lack of access and where there are no records that a plan could be about.
    """
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "file", ask.training_file):
        dataset, version = find(platform, principal, ask.training_file)
    refused: list[TunewardenError] = []
    with refusals_recorded(platform, principal, Action.SUBMIT_REQUEST, "dataset", dataset.id):
        permit(platform, principal, Action.SUBMIT_REQUEST, new("request", principal, dataset.project))
        with _told(refused):
            require_meant(ask, dataset)
        purpose = _purpose(platform, principal, ask, dataset, refused)
    plan = None
    if purpose is not None:
        with _told(refused):
            plan = drafted(platform, ask, dataset, version, purpose).plan
            require_expected(ask, plan)
    cost = _cost(platform, dataset, plan, refused)
    approving, endorsing = deciding(platform, new("request", principal, dataset.project))
    shows_gates = may_read_gates(platform, principal, dataset.project)
    return Preview(
        dataset=dataset,
        version=version,
        plan=plan,
        units=None if plan is None else units_to_train_on(ask, version),
        training_gate=platform.policies.gate(platform.training_gate) if shows_gates else None,
        promotion_gate=_promotion_gate(platform, plan) if shows_gates and plan is not None else None,
        cost=cost,
        needed=platform.policies.quorum().needed[dataset.sensitivity],
        approving=approving,
        endorsing=endorsing,
        refused=tuple(refused),
    )


@contextmanager
def _told(refused: list[TunewardenError]) -> Iterator[None]:
    """Whatever a rule says no to is told with the rest, instead of raised."""
    try:
        yield
    except (Refused, NotFound, Conflict) as no:
        refused.append(no)


def _purpose(
    platform: Platform, principal: Principal, ask: Ask, dataset: Dataset, refused: list[TunewardenError]
) -> Purpose | None:
    """None for a word that names none. Whether the access policy allows it is asked as for a request."""
    purpose = None
    before = len(refused)
    with _told(refused):
        purpose = purpose_of(ask.purpose)
        dataset.require_usable_for(purpose, platform.clock().date())
    if purpose is not None and len(refused) == before:
        permit_purpose(platform, principal, dataset, purpose)
    return purpose


def _promotion_gate(platform: Platform, plan: Plan) -> Gate | None:
    try:
        return promotion_gate(platform, plan)
    except NotFound:
        return None


def _cost(platform: Platform, dataset: Dataset, plan: Plan | None, refused: list[TunewardenError]) -> Cost:
    """What is there, and what would be left of it, told with everything that the budgets and the project say no to."""
    limit = None
    with _told(refused):
        limit = person_limit(platform, dataset)
    with platform.view() as view:
        with _told(refused):
            require_active(view, dataset.project)
        ledger = view.ledgers.get(dataset.id)
    after = None
    if plan is not None:
        with _told(refused):
            after = ledger.reserve(_NOBODY, plan.promised, platform.accountant, plan.metrics)
        with _told(refused):
            if limit is not None:
                require_possible(limit, platform.accountant, plan.promised)
    return Cost(
        limit=ledger.limit,
        delta=ledger.delta,
        left=ledger.left(platform.accountant),
        left_after=None if after is None else after.left(platform.accountant),
        of_one_record=None if plan is None else epsilon_of_one_record(platform, plan),
    )
