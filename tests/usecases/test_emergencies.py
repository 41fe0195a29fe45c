"""Breaking the glass: what it opens, for whom, for how long, what it never does, and that an auditor sees all of it."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, OTTO, PIA, REA, WORKER, Stage
from tests.usecases.test_jobs import advance, approved

from tunewarden.domain.break_glass import CONFIRM_WITHIN, LONGEST, Emergency, EmergencyFinding, EmergencyReason
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.errors import Conflict, IllegalTransition, NotFound, Refused
from tunewarden.domain.events import ActionRefused, AliasMoved, BudgetCharged, KeyCreated, PersonErased, StepFailed
from tunewarden.domain.names import Action, Alias, ErasureId, ModelId, PrincipalId, Role
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import (
    datasets,
    emergencies,
    jobs,
    models,
    reports,
    requests,
    rollbacks,
    suspending,
)
from tunewarden.usecases.policy_replay import asked_in
from tunewarden.usecases.ports import Attempt, Principal
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

GAIL = Principal(id=PrincipalId("prn-gail"), roles=frozenset({Role.BREAK_GLASS}))
GIL = Principal(id=PrincipalId("prn-gil"), roles=frozenset({Role.BREAK_GLASS}))
PAT = Principal(id=PrincipalId("prn-pat"), roles=frozenset({Role.PRIVACY_OFFICER}))
JUDGED = {"time", "principals", "approval", "promotion", "emergencies", "emergency deeds", "suspension"}
CAST = (ANN, BOB, DANA, PIA, PAT, REA, OTTO, ADA, GAIL, GIL)


@pytest.fixture
def told(stage: Stage) -> Stage:
    """The stage, whose log says who everybody is."""
    with stage.platform.work(PrincipalId("operator")) as work:
        for one in CAST:
            work.record(KeyCreated(principal=one.id, roles=tuple(sorted(one.roles))))
        work.commit()
    return stage


def opened(stage: Stage, by: Principal = GAIL) -> Emergency:
    return emergencies.open_(stage.platform, by, "INC-4711", EmergencyReason.HARMFUL_MODEL)[0]


def events(stage: Stage, kind: type) -> list[Any]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, kind)]


def promoted(stage: Stage, alias: Alias = Alias.PRODUCTION) -> ModelId:
    return named(stage, trained(stage), alias)


def trained(stage: Stage) -> ModelId:
    request = approved(stage, epsilon="1000")
    for _ in StepName:
        request = advance(stage, request.id)
    assert request.model is not None
    return request.model


def named(stage: Stage, model: ModelId, alias: Alias = Alias.PRODUCTION) -> ModelId:
    promotion, _, _ = models.propose(stage.platform, ANN, model, alias)
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    return model


def serving(stage: Stage) -> ModelId:
    with stage.platform.view() as view:
        (target,) = view.aliases.all()
    return target.model


def found_by_the_auditor(stage: Stage) -> list[str]:
    """What the auditor has to say of who acted, and of emergencies; what budgets cost is made up on this stage."""
    entries = ((one.index, entry_bytes(one.event, actor=one.actor, at=one.at)) for one in stage.entries())
    found = [check for check in conduct(entries).checks if check.name in JUDGED]
    assert len(found) == len(JUDGED)
    return [line for check in found if check.grade is not Grade.CONSISTENT for line in check.details]


def test_a_report_is_read_in_an_emergency_and_the_log_and_the_next_report_say_so(told: Stage) -> None:
    model = promoted(told)
    with pytest.raises(NotFound):
        reports.lineage(told.platform, GAIL, model)
    emergency = opened(told)
    assert reports.lineage(told.platform, GAIL, model).report.interventions == ()
    (used,) = events(told, EmergencyUsed)
    assert (used.emergency, used.model) == (emergency.id, model)
    lineage = reports.lineage(told.platform, OTTO, model)
    assert [type(entry.event) for entry in lineage.report.interventions] == [EmergencyOpened, EmergencyUsed]
    told.clock.advance(CONFIRM_WITHIN)
    with pytest.raises(NotFound):
        reports.lineage(told.platform, GAIL, model)
    assert found_by_the_auditor(told) == []


def test_who_may_read_a_report_anyway_reads_it_of_no_emergency(told: Stage) -> None:
    model = promoted(told)
    opened(told)
    both = replace(GAIL, roles=GAIL.roles | {Role.REQUESTER}, id=ANN.id)
    reports.lineage(told.platform, both, model)
    assert events(told, EmergencyUsed) == []


def test_nobody_acts_in_the_emergency_of_somebody_else(told: Stage) -> None:
    model = promoted(told)
    opened(told, GIL)
    with pytest.raises(NotFound):
        reports.lineage(told.platform, GAIL, model)


def test_two_reports_side_by_side_are_two_entries(told: Stage) -> None:
    one, other = promoted(told), promoted(told, Alias.STAGING)
    opened(told)
    reports.compare(told.platform, GAIL, one, other)
    assert [used.model for used in events(told, EmergencyUsed)] == [one, other]


def test_a_suspended_request_takes_no_step_until_somebody_else_resumes_it(told: Stage) -> None:
    request = approved(told)
    emergency = opened(told)
    suspended, _ = suspending.suspend(told.platform, GAIL, request.id)
    assert suspended.suspended
    assert events(told, RequestSuspended) == [RequestSuspended(request=request.id, emergency=emergency.id)]
    assert jobs.waiting(told.platform) == []
    with pytest.raises(Conflict, match="suspended"):
        advance(told, request.id)
    for who in (GAIL, ANN, DANA):
        with pytest.raises(Refused):
            suspending.resume(told.platform, who, request.id)
    suspending.resume(told.platform, BOB, request.id)
    assert events(told, RequestResumed) == [RequestResumed(request=request.id, role=Role.APPROVER)]
    assert advance(told, request.id).state is State.DEIDENTIFIED
    with told.platform.view() as view:
        reserved = view.ledgers.get(request.plan.dataset).account(request.id).reserved
    assert reserved > 0, "suspending gives nothing back"


def test_a_privacy_officer_suspends_without_an_emergency_and_nobody_else_does(told: Stage) -> None:
    request = approved(told)
    for who in (ANN, BOB, DANA, OTTO, ADA, GAIL):
        with pytest.raises(Refused):
            suspending.suspend(told.platform, who, request.id)
    suspending.suspend(told.platform, PIA, request.id)
    assert events(told, RequestSuspended)[0].emergency is None
    with pytest.raises(IllegalTransition):
        suspending.suspend(told.platform, PIA, request.id)


def test_an_officer_who_asked_for_a_training_does_not_resume_it(told: Stage) -> None:
    request = approved(told)
    suspending.suspend(told.platform, PIA, request.id)
    asker = replace(PIA, id=ANN.id)
    with pytest.raises(Refused):
        suspending.resume(told.platform, asker, request.id)


def test_a_training_that_runs_ends_at_its_next_charge_and_goes_on_where_it_was(told: Stage) -> None:
    request = advance(told, approved(told).id)
    opened(told)

    def after_two(attempt: Attempt) -> None:
        attempt.admit(iter(told.steps[StepName.TRAIN].members))
        attempt.charge(1)
        attempt.charge(1)
        suspending.suspend(told.platform, GAIL, request.id)

    told.steps[StepName.TRAIN].during = after_two
    with pytest.raises(Conflict):
        advance(told, request.id)
    with told.platform.view() as view:
        stopped = view.requests.get(request.id)
        account = view.ledgers.get(request.plan.dataset).account(request.id)
    assert (stopped.state, stopped.suspended) == (State.DEIDENTIFIED, True)
    assert sum(event.updates for event in events(told, BudgetCharged)) == account.charged == 2
    assert account.reserved > 0
    assert events(told, StepFailed)[-1].code == "request_suspended"
    told.steps[StepName.TRAIN].during = lambda _: None
    suspending.resume(told.platform, PIA, request.id)
    assert advance(told, request.id).state is State.TRAINED
    assert told.steps[StepName.TRAIN].seen[-1].charged == 2, "the next attempt knows what was charged"


@pytest.mark.parametrize("step", StepName)
def test_what_a_step_made_while_it_was_suspended_is_not_taken(told: Stage, step: StepName) -> None:
    request = approved(told)
    while request.next_step is not step:
        request = advance(told, request.id)
    told.steps[step].updates = 0
    told.steps[step].during = lambda _: suspending.suspend(told.platform, PIA, request.id) and None
    before = request.state
    with pytest.raises(Conflict):
        advance(told, request.id)
    with told.platform.view() as view:
        assert (view.requests.get(request.id).state, list(view.models.all())) == (before, [])


def test_the_last_attempt_of_all_ends_nothing_where_it_was_stopped_by_a_suspension(told: Stage) -> None:
    request = approved(told)
    told.steps[StepName.DEIDENTIFY].during = lambda _: suspending.suspend(told.platform, PIA, request.id) and None
    for _ in range(jobs.MOST_ATTEMPTS + 1):
        with pytest.raises(Conflict):
            advance(told, request.id)
        request, _ = suspending.resume(told.platform, BOB, request.id)
    assert (request.state, request.suspended) == (State.APPROVED, False)


def test_a_suspended_request_can_still_be_withdrawn_and_then_is_over(told: Stage) -> None:
    request = approved(told)
    suspending.suspend(told.platform, PIA, request.id)
    requests.cancel(told.platform, ANN, request.id)
    with pytest.raises(IllegalTransition):
        suspending.resume(told.platform, BOB, request.id)


def test_an_alias_goes_back_in_one_move_with_its_entries(told: Stage) -> None:
    first, second = promoted(told), promoted(told)
    emergency = opened(told)
    target, _ = rollbacks.roll_back(told.platform, GAIL, first, Alias.PRODUCTION)
    assert target.model == serving(told) == first
    *_, rolled, moved = [entry.event for entry in told.entries()]
    assert rolled == AliasRolledBack(
        alias=Alias.PRODUCTION, model=first, previous=second, emergency=emergency.id, promotion=None
    )
    assert isinstance(moved, AliasMoved)
    assert (moved.model, moved.previous) == (first, second)
    with told.platform.view() as view:
        assert view.promotions.get(target.promotion).model == first, "by the promotion that once made it so"
    report = reports.lineage(told.platform, PIA, second).report
    assert rolled in [entry.event for entry in report.interventions]


def test_without_an_emergency_two_go_back_by_a_promotion_and_the_log_says_back(told: Stage) -> None:
    first, second = promoted(told), promoted(told)
    for who in (*CAST, WORKER):
        with pytest.raises(Refused):
            rollbacks.roll_back(told.platform, who, first, Alias.PRODUCTION)
    named(told, first)
    (rolled,) = events(told, AliasRolledBack)
    assert (rolled.model, rolled.previous, rolled.emergency) == (first, second, None)
    assert rolled.promotion is not None
    assert found_by_the_auditor(told) == []


def _retired(stage: Stage, model: ModelId) -> None:
    with stage.platform.view() as view:
        dataset = view.requests.get(view.models.get(model).request).plan.dataset
    datasets.retire(stage.platform, DANA, dataset)


def _erased(stage: Stage, model: ModelId) -> None:
    with stage.platform.work(WORKER.id) as work:
        dataset = work.requests.get(work.models.get(model).request).plan.dataset
        asked = Erasure(
            id=ErasureId("era-1"), dataset=dataset, asked_by=PIA.id, asked_at=stage.clock(), sealed="sealed"
        )
        work.erasures.put(asked.done(1, stage.clock()))
        work.record(PersonErased(erasure=asked.id, dataset=dataset, keys=1, raw=0))
        work.commit()


def _stricter(stage: Stage, _model: ModelId) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], limit=Decimal(1)),))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_retired, "dataset_retired"),
        (_erased, "learned_from_the_erased"),
        (_stricter, "gate_not_passed"),
    ],
)
def test_an_emergency_brings_nothing_back_that_may_not_be_served_any_more(
    told: Stage, spoil: Callable[[Stage, ModelId], None], code: str
) -> None:
    first, second = promoted(told), promoted(told)
    spoil(told, first)
    opened(told)
    with pytest.raises(Refused) as caught:
        rollbacks.roll_back(told.platform, GAIL, first, Alias.PRODUCTION)
    assert caught.value.code == code
    assert serving(told) == second
    assert events(told, AliasRolledBack) == []
    assert events(told, ActionRefused)[-1].code == code


def test_an_alias_goes_back_only_to_what_it_named_itself(told: Stage) -> None:
    promoted(told)
    other, never = promoted(told, Alias.STAGING), trained(told)
    opened(told)
    for model in (other, never):
        with pytest.raises(Refused) as caught:
            rollbacks.roll_back(told.platform, GAIL, model, Alias.PRODUCTION)
        assert caught.value.code == "not_served_before"


def test_a_row_that_says_an_alias_named_a_model_is_not_believed_without_the_log(told: Stage) -> None:
    promoted(told)
    never = trained(told)
    promotion, _, _ = models.propose(told.platform, ANN, never, Alias.PRODUCTION)
    with told.platform.work(BOB.id) as work:
        work.promotions.put(promotion.approve(BOB.id, promotion.verdict))
        work.record(KeyCreated(principal=PrincipalId("prn-x"), roles=()))
        work.commit()
    opened(told)
    with pytest.raises(Refused) as caught:
        rollbacks.roll_back(told.platform, GAIL, never, Alias.PRODUCTION)
    assert caught.value.code == "not_served_before"


def test_nobody_goes_back_to_their_own_model_even_in_an_emergency(told: Stage) -> None:
    first = promoted(told)
    promoted(told)
    ann = replace(ANN, roles=ANN.roles | {Role.BREAK_GLASS})
    opened(told, ann)
    with pytest.raises(Refused) as caught:
        rollbacks.roll_back(told.platform, ann, first, Alias.PRODUCTION)
    assert caught.value.rule == "anyone/roll-back-model/own"


def test_confirmed_by_somebody_else_reviewed_by_a_third_and_only_then_there_is_a_next_one(told: Stage) -> None:
    emergency = opened(told)
    for who in (GAIL, GIL, ANN, OTTO, ADA):
        with pytest.raises(Refused):
            emergencies.confirm(told.platform, who, emergency.id)
    emergencies.confirm(told.platform, PIA, emergency.id)
    told.clock.advance(LONGEST)
    with pytest.raises(Conflict):
        opened(told)
    for who in (GAIL, PIA, BOB, OTTO, ADA):
        with pytest.raises(Refused):
            emergencies.review(told.platform, who, emergency.id, EmergencyFinding.JUSTIFIED)
    emergencies.review(told.platform, PAT, emergency.id, EmergencyFinding.JUSTIFIED)
    assert opened(told).id != emergency.id
    roles = [event.role for kind in (EmergencyConfirmed, EmergencyReviewed) for event in events(told, kind)]
    assert roles == [Role.PRIVACY_OFFICER] * 2
    assert found_by_the_auditor(told) == []


def test_who_may_see_emergencies_sees_them_all_and_who_opened_one_sees_that_one(told: Stage) -> None:
    mine, theirs = opened(told, GAIL), opened(told, GIL)
    for who in (PIA, BOB, OTTO, ADA):
        assert [one.id for one in emergencies.listed(told.platform, who)] == [mine.id, theirs.id]
    assert [one.id for one in emergencies.listed(told.platform, GAIL)] == [mine.id]
    assert emergencies.listed(told.platform, ANN) == []
    with pytest.raises(NotFound):
        emergencies.get(told.platform, GAIL, theirs.id)


def test_the_log_never_holds_the_incident(told: Stage) -> None:
    opened(told)
    for entry in told.entries():
        assert b"INC-4711" not in entry_bytes(entry.event, actor=entry.actor, at=entry.at)


def test_what_was_done_in_an_emergency_is_asked_of_another_policy_as_done_in_one(told: Stage) -> None:
    first, _ = promoted(told), promoted(told)
    request = approved(told)
    emergency = opened(told)
    suspending.suspend(told.platform, GAIL, request.id)
    reports.lineage(told.platform, GAIL, first)
    rollbacks.roll_back(told.platform, GAIL, first, Alias.PRODUCTION)
    emergencies.close(told.platform, GAIL, emergency.id)
    with told.platform.view() as view:
        asked = [one for entry in view.entries() if entry.actor == GAIL.id and (one := asked_in(view, entry))]
    assert [one.action for one in asked] == [
        Action.OPEN_EMERGENCY,
        Action.SUSPEND_REQUEST,
        Action.READ_LINEAGE,
        Action.ROLL_BACK_MODEL,
        Action.CLOSE_EMERGENCY,
    ]
    assert all(told.platform.access(GAIL, one.action, one.resource).allowed for one in asked)
