"""Carrying out: one step at a time, each recorded before and after, and the ledger never shows less than what ran."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.conftest import ANN, BOB, DANA, EVE, MEMBERS, OTTO, WORKER, Stage, measured
from tests.usecases.test_requests import ask

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Corrupted, IllegalTransition, NotFound, PlanMismatch, Refused, Unavailable
from tunewarden.domain.events import (
    ActionRefused,
    AdapterTaken,
    BudgetCharged,
    BudgetSettled,
    GateJudged,
    ModelRegistered,
    PromotionProposed,
    PruneFinished,
    RequestEnded,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Bound, Gate, Outcome, Rule
from tunewarden.domain.lineage import Story, documents, fold
from tunewarden.domain.names import Alias, ModelId, PrincipalId, PruneId, RequestId, Role
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, gating, jobs, models, reports, requests
from tunewarden.usecases.ports import Attempt, Principal

CY = Principal(id=PrincipalId("prn-cy"), roles=frozenset({Role.APPROVER}))


def approved(stage: Stage, *, epsilon: str = "10") -> TrainingRequest:
    dataset = stage.dataset(epsilon=epsilon)
    request, _ = requests.submit(stage.platform, ANN, ask(dataset))
    return requests.approve(stage.platform, BOB, request.id, request.plan.digest())[0]


def advance(stage: Stage, request: RequestId) -> TrainingRequest:
    return jobs.advance(stage.platform, WORKER, stage.steps, GUARDED, request)


def finished(stage: Stage) -> TrainingRequest:
    request = approved(stage)
    for _ in StepName:
        request = advance(stage, request.id)
    return request


def events(stage: Stage, *kinds: type) -> list[object]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, kinds)]


def test_three_steps_make_a_model_version(stage: Stage) -> None:
    request = finished(stage)
    assert request.state is State.MEASURED
    assert request.model == models.listed(stage.platform, ANN)[0].id
    kinds = [type(event) for event in events(stage, StepStarted, StepFinished, GateJudged, ModelRegistered)]
    step = [StepStarted, StepFinished]
    assert kinds == [*step, GateJudged, *step, *step, ModelRegistered]


def test_what_was_not_run_is_given_back_and_what_ran_is_not(stage: Stage) -> None:
    request = finished(stage)
    planned = request.plan.mechanism.updates
    (settled,) = events(stage, BudgetSettled)
    assert isinstance(settled, BudgetSettled)
    assert (settled.charged, settled.returned) == (4, planned - 4)


def test_nothing_trains_when_the_gate_before_training_fails(stage: Stage) -> None:
    stage.steps[StepName.DEIDENTIFY].measurements = (measured("deid.planted_recall", "0.5"),)
    request = advance(stage, approved(stage).id)
    assert (request.state, request.ended_because) == (State.BLOCKED, "gate_fail")
    assert stage.steps[StepName.TRAIN].seen == []
    (verdict,) = events(stage, GateJudged)
    assert isinstance(verdict, GateJudged)
    assert verdict.outcome is Outcome.FAIL
    assert datasets.budget(stage.platform, DANA, request.plan.dataset).left == 10


def test_missing_evidence_blocks_exactly_as_bad_evidence_does(stage: Stage) -> None:
    stage.steps[StepName.DEIDENTIFY].measurements = ()
    request = advance(stage, approved(stage).id)
    assert (request.state, request.ended_because) == (State.BLOCKED, "gate_unknown")


def test_a_request_nobody_approved_has_no_next_step(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    with pytest.raises(Refused):
        advance(stage, request.id)
    assert stage.steps[StepName.DEIDENTIFY].seen == []


def test_a_stored_state_that_nobody_approved_is_not_believed(stage: Stage) -> None:
    request = approved(stage)
    with stage.platform.work(WORKER.id) as work:
        work.requests.put(replace(request, approved_by=None))
        work.record(RequestEnded(request=request.id, state=request.state, because=""))  # any entry
        work.commit()
    with pytest.raises(IllegalTransition):
        advance(stage, request.id)
    assert stage.steps[StepName.DEIDENTIFY].seen == []


@pytest.mark.parametrize("who", [ANN, BOB, DANA, OTTO])
def test_only_the_worker_advances(stage: Stage, who: object) -> None:
    request = approved(stage)
    with pytest.raises(Refused):
        jobs.advance(stage.platform, who, stage.steps, GUARDED, request.id)  # type: ignore[arg-type]


def test_updates_are_charged_before_they_run_and_stay_charged_when_the_step_fails(stage: Stage) -> None:
    request = advance(stage, approved(stage).id)
    stage.steps[StepName.TRAIN].error = Corrupted("noise_missing", "The noise was not there.")
    with pytest.raises(Corrupted):
        advance(stage, request.id)
    failed = requests.get(stage.platform, ANN, request.id)
    assert (failed.state, failed.ended_because) == (State.FAILED, "noise_missing")
    assert len(events(stage, BudgetCharged)) == 4
    assert datasets.budget(stage.platform, DANA, request.plan.dataset).spent > 0


def test_a_crashed_attempt_is_repeated_and_its_updates_cost_again(stage: Stage) -> None:
    request = advance(stage, approved(stage).id)
    stage.steps[StepName.TRAIN].error = OSError("the disk is gone")
    with pytest.raises(OSError, match="disk"):
        advance(stage, request.id)
    assert requests.get(stage.platform, ANN, request.id).state is State.DEIDENTIFIED
    stage.steps[StepName.TRAIN].error = None
    assert advance(stage, request.id).state is State.TRAINED
    charged = [event.charged for event in events(stage, BudgetCharged) if isinstance(event, BudgetCharged)]
    assert charged == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [attempt.charged for attempt in stage.steps[StepName.TRAIN].seen] == [0, 4]
    assert [event.attempt for event in events(stage, StepStarted) if isinstance(event, StepStarted)] == [1, 2, 3]


def test_a_step_that_always_crashes_ends_the_request(stage: Stage) -> None:
    request = approved(stage)
    stage.steps[StepName.DEIDENTIFY].error = OSError("again")
    for _ in range(jobs.MOST_ATTEMPTS):
        with pytest.raises(OSError, match="again"):
            advance(stage, request.id)
    assert requests.get(stage.platform, ANN, request.id).state is State.FAILED
    assert len(events(stage, StepFailed)) == jobs.MOST_ATTEMPTS


def test_what_was_only_unavailable_is_tried_again(stage: Stage) -> None:
    request = approved(stage)
    stage.steps[StepName.DEIDENTIFY].error = Unavailable("database_unavailable", "Not now.")
    with pytest.raises(Unavailable):
        advance(stage, request.id)
    stage.steps[StepName.DEIDENTIFY].error = None
    assert advance(stage, request.id).state is State.DEIDENTIFIED


def test_a_worker_that_comes_too_late_does_not_end_what_another_has_carried_on(stage: Stage) -> None:
    request = approved(stage)
    late = stage.steps[StepName.DEIDENTIFY]
    in_time = replace(late)

    def overtaken(_: Attempt) -> None:
        pipeline = {**stage.steps, StepName.DEIDENTIFY: in_time}
        jobs.advance(stage.platform, WORKER, pipeline, GUARDED, request.id)

    late.during = overtaken
    with pytest.raises(IllegalTransition):
        advance(stage, request.id)
    assert requests.get(stage.platform, ANN, request.id).state is State.DEIDENTIFIED


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda stage, request: requests.cancel(stage.platform, ANN, request), "illegal_transition"),
        (lambda stage, _: datasets.retire(stage.platform, DANA, stage.entries()[0].event.dataset), "dataset_retired"),
    ],
)
def test_a_training_stops_at_its_next_charge(
    stage: Stage, happens: Callable[[Stage, RequestId], object], code: str
) -> None:
    request = advance(stage, approved(stage).id)

    def during(attempt: Attempt) -> None:
        attempt.admit(MEMBERS)
        attempt.charge(1)
        happens(stage, request.id)

    stage.steps[StepName.TRAIN].during = during
    with pytest.raises(Refused) as refused:
        advance(stage, request.id)
    assert refused.value.code == code
    assert len(events(stage, BudgetCharged)) == 1
    assert requests.get(stage.platform, ANN, request.id).terminal


def test_a_training_never_spends_more_than_the_limit(stage: Stage) -> None:
    request = advance(stage, approved(stage, epsilon="8").id)
    stage.steps[StepName.TRAIN].updates = request.plan.mechanism.updates + 1
    with pytest.raises(Refused) as refused:
        advance(stage, request.id)
    assert refused.value.code == "privacy_budget_exhausted"
    budget = datasets.budget(stage.platform, DANA, request.plan.dataset)
    assert budget.spent <= budget.limit


def test_a_gate_that_changed_after_the_approval_is_not_judged_by_either(stage: Stage) -> None:
    request = approved(stage)
    stage.policies.gates["training"] = stricter(stage.policies.gates["training"])
    with pytest.raises(PlanMismatch):
        advance(stage, request.id)
    assert requests.get(stage.platform, ANN, request.id).state is State.FAILED


def stricter(gate: Gate) -> Gate:
    rule = Rule(
        metric="utility.accuracy", bound=Bound.AT_LEAST, limit=Decimal("0.99"), because="It is.", remedy="Improve."
    )
    return Gate(name=gate.name, rules=(rule,))


def test_a_model_is_promoted_by_two_people_and_the_alias_moves(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, verdict, _ = models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    assert verdict.outcome is Outcome.PASS
    with pytest.raises(Refused):
        models.approve(stage.platform, ANN, promotion.id, promotion.verdict)
    refused = reports.lineage(stage.platform, OTTO, model).report.refusals
    assert [entry.event.resource for entry in refused if isinstance(entry.event, ActionRefused)] == [promotion.id]
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    assert [(t.alias, t.model) for t in models.aliases(stage.platform, ANN)] == [(Alias.PRODUCTION, model)]


def test_a_bad_model_is_not_promoted_and_the_failing_verdict_is_kept(stage: Stage) -> None:
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.6"),)
    model = finished(stage).model
    assert model is not None
    with pytest.raises(Refused) as refused:
        models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    assert (refused.value.code, refused.value.rule) == ("gate_not_passed", "utility.accuracy")
    assert models.aliases(stage.platform, ANN) == []
    assert [event.outcome for event in events(stage, PromotionProposed) if isinstance(event, PromotionProposed)] == [
        Outcome.FAIL
    ]
    assert isinstance(stage.entries()[-1].event, ActionRefused)


def test_a_gate_that_became_stricter_is_asked_again_at_the_approval(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    stage.policies.gates["promotion"] = stricter(stage.policies.gates["promotion"])
    with pytest.raises(Refused, match="promotion"):
        models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    assert models.aliases(stage.platform, ANN) == []


def test_the_lineage_tells_the_whole_story_and_nothing_of_another_request(stage: Stage) -> None:
    request = finished(stage)
    assert request.model is not None
    other, _ = requests.submit(stage.platform, ANN, ask(stage.dataset(epsilon="20"), epsilon=Decimal(1)))
    lineage = reports.lineage(stage.platform, OTTO, request.model)
    told = [entry.event for entry in lineage.report.entries()]
    assert {RequestEnded, BudgetCharged, GateJudged, ModelRegistered} <= {type(event) for event in told}
    assert other.id not in repr(told)
    assert set(lineage.documents) == set(documents(lineage.report))
    story = Story(
        model=request.model,
        request=request.id,
        dataset=request.plan.dataset,
        version=request.plan.dataset_version,
    )
    assert lineage.report == fold(stage.entries(), story)


def test_a_stranger_finds_no_lineage(stage: Stage) -> None:
    request = finished(stage)
    assert request.model is not None
    with pytest.raises(Exception, match="no such model"):
        reports.lineage(stage.platform, EVE, request.model)


def test_what_is_guarded_is_the_step_that_the_gate_judges_again() -> None:
    assert {gating.GATED} == GUARDED


@pytest.mark.parametrize("done", [0, 1, 2])
@pytest.mark.parametrize("why", ["dataset_retired", "retention_ended"])
def test_no_step_begins_on_a_dataset_that_may_not_be_used_any_more(stage: Stage, done: int, why: str) -> None:
    request = approved(stage)
    for _ in range(done):
        request = advance(stage, request.id)
    if why == "dataset_retired":
        datasets.retire(stage.platform, DANA, request.plan.dataset)
    else:
        stage.clock.advance(timedelta(days=400))
    begun = len(events(stage, StepStarted))
    with pytest.raises(Refused) as refused:
        advance(stage, request.id)
    assert len(events(stage, StepStarted)) == begun
    assert [type(entry.event) for entry in stage.entries()][-3:] == [BudgetSettled, RequestEnded, ActionRefused]
    ended = requests.get(stage.platform, ANN, request.id)
    assert (ended.state, ended.ended_because) == (State.FAILED, refused.value.code)
    assert jobs.waiting(stage.platform) == []


def test_a_model_version_whose_story_was_pruned_is_not_promoted(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    [made] = [entry.index for entry in stage.entries() if isinstance(entry.event, ModelRegistered)]
    with stage.platform.work(OTTO.id) as work:
        work.drop_bodies(PruneId("prune-1"), [made])
        work.record(PruneFinished(prune=PruneId("prune-1"), entries=1, indices=promotion.verdict))
        work.commit()
    for attempt in (
        lambda: models.propose(stage.platform, BOB, model, Alias.STAGING),
        lambda: models.approve(stage.platform, CY, promotion.id, promotion.verdict),
    ):
        with pytest.raises(Refused, match="lost their bodies"):
            attempt()
    assert [event.code for event in events(stage, ActionRefused)] == ["lineage_pruned"] * 2


def promoted(stage: Stage) -> ModelId:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    return model


def test_the_weights_of_a_promoted_model_leave_with_an_entry_that_says_which(stage: Stage) -> None:
    model = promoted(stage)
    weights, found, receipt = models.take_adapter(stage.platform, ANN, model)
    with weights:
        assert digest_bytes(weights.read()) == found.adapter
    last = stage.entries()[-1]
    assert (last.index, last.actor, last.event) == (
        receipt.index,
        ANN.id,
        AdapterTaken(model=model, adapter=found.adapter, purpose=Purpose.RESEARCH),
    )
    told = reports.lineage(stage.platform, OTTO, model).report
    assert [entry.index for entry in told.taken] == [receipt.index]


def test_weights_leave_only_for_who_may_and_only_while_an_alias_names_them(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    with pytest.raises(Refused, match="No alias names"):
        models.take_adapter(stage.platform, ANN, model)
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    with pytest.raises(Refused, match="may not take adapter"):
        models.take_adapter(stage.platform, BOB, model)
    with pytest.raises(NotFound):
        models.take_adapter(stage.platform, EVE, model)
    stage.blobs.stored[models.get(stage.platform, ANN, model).adapter] = b"other bytes"
    with pytest.raises(Corrupted):
        models.take_adapter(stage.platform, ANN, model)
    assert events(stage, AdapterTaken) == []
