"""Admitting the persons whose records a step is about to use: whose budget is charged, across datasets."""

from collections.abc import Iterable

from tunewarden.domain import cohorts
from tunewarden.domain.cohorts import Admission, Cohort, CohortId, PersonLimit, cohort_id, under_way
from tunewarden.domain.errors import PlanMismatch
from tunewarden.domain.events import CohortAdmitted
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.usecases.charging import SPENDS, underway
from tunewarden.usecases.limits import held_by, limit_of
from tunewarden.usecases.ports import Enrolments, Platform, Principal, Roll


def admit(
    platform: Platform, worker: Principal, request: TrainingRequest, step: StepName, members: Iterable[bytes]
) -> frozenset[bytes]:
    """Settle for good whose budget the step is charged to; return those who have to be left out.

    1. Where an attempt before this one was here, the persons must be the same, and so is the answer.
    2. Put the persons down, without a unit of work, because they may be a million. They count for nobody yet.
    3. Decide and admit in one commit: what was promised to the request is from then on promised to each of them.

    Raises `BudgetExceeded` where somebody has too little left and the limit refuses then, `PlanMismatch` for other
    persons than before, `Conflict` while another attempt is at the same. No pseudonym is told or logged.
    """
    assert platform.enrolments is not None, "only the worker admits, and it has them"
    enrolments, cohort = platform.enrolments, cohort_id(request.id, SPENDS[step])
    with platform.view() as view:
        known = view.cohorts.find(cohort)
    if known is not None:  # 1
        _require_same(enrolments, known, CohortId(platform.new_id("roll")), members)
        return enrolments.left_out(cohort)
    roll = enrolments.put_down(cohort, members)  # 2
    _decide(platform, worker, request, step, roll)  # 3
    return enrolments.left_out(cohort)


def _decide(platform: Platform, worker: Principal, request: TrainingRequest, step: StepName, roll: Roll) -> None:
    with platform.work(worker.id) as work:
        attempt, request = request.attempt, underway(platform, work, request.id, step)
        account = work.ledgers.get(request.plan.dataset).account(request.id, SPENDS[step])
        cohort = cohort_id(request.id, account.what)
        persons = work.combinations(cohort, roll.number)
        if work.cohorts.find(cohort) is not None or sum(persons.values()) != roll.persons:
            raise under_way()
        limit = limit_of(platform, work, request)
        admission = cohorts.admit(limit, platform.accountant, account.committed(), persons, held_by(work))
        left_out = work.leave_out(cohort, admission.left_out) if admission.left_out else 0
        admitted = Cohort(
            request=request.id,
            what=account.what,
            dataset=request.plan.dataset,
            root=roll.root,
            persons=roll.persons - left_out,
            left_out=left_out,
        )
        work.cohorts.put(admitted)
        work.record(_admitted(admitted, admission, limit, attempt))
        work.commit()  # from here on these persons' budget is held


def _require_same(enrolments: Enrolments, known: Cohort, again: CohortId, members: Iterable[bytes]) -> None:
    """Put the persons down once more, under a name of its own, for as long as it takes to compare the two."""
    try:
        roll = enrolments.put_down(again, members)
    finally:
        enrolments.strike(again)
    if (roll.root, roll.persons) != (known.root, known.persons + known.left_out):
        raise PlanMismatch(
            "cohort_changed",
            "The persons are not those who were admitted when an earlier attempt of this step began.",
            remedy="Ask again; the persons are then admitted anew.",
            who="requester",
        )


def _admitted(cohort: Cohort, admission: Admission, limit: PersonLimit, attempt: int) -> CohortAdmitted:
    others = sorted(frozenset().union(*admission.beside))
    return CohortAdmitted(
        request=cohort.request,
        dataset=cohort.dataset,
        attempt=attempt,
        what=cohort.what,
        cohort=cohort.root,
        persons=cohort.persons,
        left_out=cohort.left_out,
        namespace=limit.namespace,
        epsilon=limit.epsilon,
        delta=limit.delta,
        over=limit.over,
        limit=limit.digest(),
        others=tuple(others),
        beside=tuple(tuple(sorted(map(others.index, combination))) for combination in admission.beside),
    )
