"""What was decided, spent and measured is told as it was written down, to those who may see it and to nobody else."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import ANN, BOB, DANA, EVE, OTTO, PIA, WORKER, Stage, measured
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.errors import Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.events import (
    BudgetCharged,
    BudgetReserved,
    BudgetSettled,
    CohortAdmitted,
    RequestEnded,
    StepFinished,
)
from tunewarden.domain.gates import Gate, Outcome
from tunewarden.domain.names import Alias, DatasetId, Digest, ModelId, PolicyName, PrincipalId, RequestId, Role
from tunewarden.domain.registry import PromotionState
from tunewarden.domain.rejections import RejectionReason
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import (
    budgets,
    deciding,
    descending,
    evidence,
    jobs,
    judging,
    models,
    overriding,
    proposals,
    requests,
)
from tunewarden.usecases.deciding import Deed
from tunewarden.usecases.descending import Direction
from tunewarden.usecases.ports import Principal, View

CY = Principal(id=PrincipalId("prn-cy"), roles=frozenset({Role.APPROVER}))


def worked_off(stage: Stage, who: Principal = ANN) -> TrainingRequest:
    """A request of theirs, approved and carried out."""
    request, _ = requests.submit(stage.platform, who, ask(stage.dataset(epsilon="90")))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = jobs.advance(stage.platform, WORKER, stage.steps, GUARDED, request.id)
    return request


def deeds(stage: Stage, who: Principal) -> dict[str, tuple[Deed, ...]]:
    return {one.thing.id: one.deeds for one in deciding.pending(stage.platform, who)}


def test_a_plan_waits_for_those_who_may_agree_and_have_not(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    assert deeds(stage, BOB) == {request.id: (Deed.APPROVE, Deed.REJECT)}
    assert deeds(stage, DANA) == deeds(stage, PIA) == {request.id: (Deed.ENDORSE,)}
    assert [deeds(stage, who) for who in (ANN, OTTO, EVE)] == [{}, {}, {}]
    both = replace(ANN, roles=frozenset({Role.REQUESTER, Role.APPROVER}))
    assert deeds(stage, both) == {}, "nobody decides on what they asked for"
    (waiting,) = deciding.pending(stage.platform, BOB)
    assert (waiting.digest, waiting.missing and waiting.missing.persons) == (request.plan.digest(), 1)
    requests.endorse(stage.platform, DANA, request.id, request.plan.digest())
    assert (deeds(stage, DANA), list(deeds(stage, BOB))) == ({}, [request.id])
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    assert deeds(stage, PIA) == {}, "it waits for nobody any more"


def test_a_promotion_waits_for_somebody_else_and_one_that_was_stopped_for_two_who_may_let_it_pass(stage: Stage) -> None:
    model = _model(worked_off(stage))
    good, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    assert deeds(stage, BOB) == {}
    assert deeds(stage, CY) == {good.id: (Deed.APPROVE,)}
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.1"),)
    with pytest.raises(Refused):
        models.propose(stage.platform, ANN, _model(worked_off(stage)), Alias.STAGING)
    poor = proposals.listed(stage.platform, BOB)[-1]
    assert poor.state is PromotionState.REFUSED
    assert deeds(stage, BOB) == deeds(stage, PIA) == {poor.id: (Deed.OVERRIDE,)}
    overriding.override(stage.platform, BOB, poor.id, poor.verdict, _reason())
    assert (deeds(stage, BOB), deeds(stage, PIA)) == ({}, {poor.id: (Deed.OVERRIDE,)})
    overriding.override(stage.platform, PIA, poor.id, poor.verdict, _reason())
    assert deeds(stage, CY)[poor.id] == (Deed.APPROVE,)


def test_what_a_hard_rule_stopped_waits_for_nobody(stage: Stage) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = Gate(name=gate.name, rules=(replace(gate.rules[0], hard=True),))
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.1"),)
    with pytest.raises(Refused):
        models.propose(stage.platform, ANN, _model(worked_off(stage)), Alias.STAGING)
    assert deeds(stage, BOB) == deeds(stage, PIA) == {}


def test_whoever_rejects_says_why_and_the_log_says_it(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    ended, _ = requests.reject(stage.platform, BOB, request.id, RejectionReason.EPSILON_TOO_LARGE)
    assert ended.ended_because == "epsilon-too-large"
    events = [entry.event for entry in stage.entries() if isinstance(entry.event, RequestEnded)]
    assert [event.because for event in events] == ["epsilon-too-large"]


def test_a_statement_of_a_budget_has_every_entry_about_it_with_what_it_comes_to(stage: Stage) -> None:
    request = worked_off(stage)
    found = budgets.statement(stage.platform, DANA, request.plan.dataset)
    kinds = [type(entry.event) for entry in found.entries]
    assert kinds[:3] == [BudgetReserved, CohortAdmitted, BudgetCharged]
    assert (kinds[-1], kinds.count(BudgetCharged), found.withheld) == (BudgetSettled, 4, 0)
    told = [budgets.spent(stage.platform, entry) for entry in found.entries]
    assert (told[0].epsilon, told[0].mechanism) == (request.plan.promised_epsilon, request.plan.promised)
    charged = [one for one in told if isinstance(one.event, BudgetCharged)]
    assert [one.mechanism and one.mechanism.updates for one in charged] == [1, 2, 3, 4]
    assert (charged[-1].epsilon, charged[-1].delta) == (
        requests.progress(stage.platform, request)[1],
        request.plan.delta,
    )
    assert told[-1].epsilon == charged[-1].epsilon, "nothing else was trained on this dataset"


def test_of_a_budget_nobody_sees_what_is_about_requests_of_others_but_how_much_that_is(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    other = replace(ANN, id=PrincipalId("prn-other"))
    found = budgets.statement(stage.platform, other, request.plan.dataset)
    assert (found.entries, found.withheld) == ([], 1)
    assert len(budgets.statement(stage.platform, ANN, request.plan.dataset).entries) == 1
    with pytest.raises(NotFound):
        budgets.statement(stage.platform, EVE, request.plan.dataset)
    assert refusals(stage)[-1].action == "read-dataset"


def test_the_last_word_of_each_gate_is_told_with_the_rules_it_was_about(stage: Stage) -> None:
    others = worked_off(stage), worked_off(stage)
    request = worked_off(stage)
    waiting, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    model = _model(request)
    gate = stage.policies.gates["promotion"]
    models.propose(stage.platform, ANN, model, Alias.STAGING)
    strict = Gate(name=gate.name, rules=(replace(gate.rules[0], limit=Decimal("0.99"), because="Stricter now."),))
    stage.policies.gates["promotion"] = strict
    with pytest.raises(Refused):
        models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    found = judging.judgements(stage.platform, [waiting, request])
    assert found[request.id] == judging.judgements(stage.platform, [request])[request.id], "one by one or together"
    assert set(judging.judgements(stage.platform, [others[0], request])) == {others[0].id, request.id}
    first, last = found[request.id]
    assert (first.guards, first.outcome, first.digest) == ("training", Outcome.PASS, request.plan.training_gate)
    assert (last.guards, last.outcome, last.digest) == ("promotion", Outcome.FAIL, strict.digest())
    ((finding, rule),) = last.findings
    assert (finding.limit, rule and rule.because) == (Decimal("0.99"), "Stricter now.")
    (asked,) = found[waiting.id]
    assert (asked.guards, asked.outcome, asked.digest, asked.findings) == (
        "training",
        None,
        waiting.plan.training_gate,
        (),
    )


def test_a_verdict_is_told_where_its_gate_is_not_kept_any_more(stage: Stage) -> None:
    request = worked_off(stage)
    del stage.blobs.stored[request.plan.training_gate]
    (said,) = judging.judgements(stage.platform, [request])[request.id]
    assert (said.outcome, said.findings[0][1]) == (Outcome.PASS, None)


def test_a_verdict_is_told_while_no_document_can_be_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspending and withdrawing answer with the job: what is done then is not to be answered as if it were not."""
    request = worked_off(stage)

    def away(_: Digest) -> bytes:
        raise Unavailable("storage_unavailable", "Not there at this moment.")

    monkeypatch.setattr(stage.blobs, "read", away)
    (said,) = judging.judgements(stage.platform, [request])[request.id]
    assert (said.outcome, said.findings[0][1]) == (Outcome.PASS, None)


def test_gates_are_for_those_whose_work_they_judge_and_not_for_who_reads_samples(stage: Stage) -> None:
    """How many of the texts that somebody reads were made up to measure them is a rule of the gate."""
    found = judging.guards(stage.platform, ANN)
    assert [(one.guards, one.gate.name) for one in found] == [("training", "training"), ("promotion", "promotion")]
    assert judging.guard(stage.platform, OTTO, PolicyName("promotion")).gate == stage.policies.gates["promotion"]
    with pytest.raises(NotFound):
        judging.guard(stage.platform, OTTO, PolicyName("nothing"))
    for who in (EVE, replace(EVE, roles=frozenset({Role.REVIEWER}))):
        with pytest.raises(NotFound):
            judging.guards(stage.platform, who)
        assert refusals(stage)[-1].action == "read-gate"


def test_a_document_of_the_evidence_is_for_who_may_read_the_lineage_it_is_a_part_of(stage: Stage) -> None:
    request = worked_off(stage)
    digest = request.evidence[StepName.MEASURE]
    found = evidence.document(stage.platform, ANN, digest)
    assert (found.model, found.is_evidence) == (request.model, True)
    assert isinstance(found.content, dict)
    tables = evidence.document(stage.platform, OTTO, found.content["details"])  # type: ignore[arg-type]
    assert (tables.is_evidence, tables.content) == (False, {"step": "measure"})
    for who in (EVE, BOB, replace(ANN, id=PrincipalId("prn-other"))):
        before = len(refusals(stage))
        with pytest.raises(NotFound) as refused:
            evidence.document(stage.platform, who, digest)
        assert (refused.value.code, len(refusals(stage))) == ("evidence_not_found", before + 1)
    for nothing in (request.plan.digest(), request.outputs[StepName.TRAIN]):
        with pytest.raises(NotFound):
            evidence.document(stage.platform, OTTO, nothing)


def test_the_same_document_about_two_model_versions_is_shown_to_whom_either_is(stage: Stage) -> None:
    """Steps that are repeated leave the same, as the log then says twice."""
    other = replace(ANN, id=PrincipalId("prn-other"))
    mine, theirs = worked_off(stage), worked_off(stage, who=other)
    digest = mine.evidence[StepName.DEIDENTIFY]
    with pytest.raises(NotFound):
        evidence.document(stage.platform, other, digest)
    finished = [entry.event for entry in stage.entries() if isinstance(entry.event, StepFinished)]
    again = next(replace(event, request=theirs.id) for event in finished if event.evidence == digest)
    with stage.platform.work(WORKER.id) as work:
        work.record(again)
        work.commit()
    assert evidence.document(stage.platform, ANN, digest).model == mine.model
    assert evidence.document(stage.platform, other, digest).model == theirs.model


def told(found: descending.Surroundings) -> list[tuple[str, int]]:
    return [(one.thing.id, one.distance) for one in found.nodes]


def test_around_a_thing_is_what_it_was_made_from_and_what_was_made_from_it(stage: Stage) -> None:
    request = worked_off(stage)
    model, dataset = _model(request), request.plan.dataset
    second, _ = requests.submit(stage.platform, ANN, ask_again(stage, dataset))
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    whole = descending.surroundings(stage.platform, OTTO, dataset, Direction.BOTH, 3)
    assert told(whole) == [(dataset, 0), *sorted([(request.id, 1), (second.id, 1)]), (model, 2), (promotion.id, 3)]
    assert {(one.source, one.target) for one in whole.edges} == {
        (dataset, request.id),
        (dataset, second.id),
        (request.id, model),
        (model, promotion.id),
    }
    up = descending.surroundings(stage.platform, OTTO, promotion.id, Direction.UPSTREAM, 3)
    assert told(up) == [(promotion.id, 0), (model, 1), (request.id, 2), (dataset, 3)], "no other request on the dataset"
    assert set(up.edges) < set(whole.edges)
    near = descending.surroundings(stage.platform, OTTO, model, Direction.BOTH, 1)
    assert told(near) == [(model, 0), *sorted([(request.id, 1), (promotion.id, 1)])]
    assert told(descending.surroundings(stage.platform, OTTO, dataset, Direction.UPSTREAM, 3)) == [(dataset, 0)]
    for depth in (0, 4):
        with pytest.raises(Malformed):
            descending.surroundings(stage.platform, OTTO, dataset, Direction.BOTH, depth)


def test_promotions_are_read_once_however_many_model_versions_they_may_be_of(stage: Stage) -> None:
    request = worked_off(stage)
    models.propose(stage.platform, BOB, _model(request), Alias.STAGING)
    with stage.platform.work(WORKER.id) as work:
        for number in range(3):
            model = ModelId(f"model-{number:032x}")
            other = RequestId(f"ftjob-{number + 100:032x}")
            work.requests.put(replace(work.requests.get(request.id), id=other, model=model))
            work.models.put(replace(work.models.get(_model(request)), id=model, request=other))
        work.record(stage.entries()[-1].event)
        work.commit()
    read: list[int] = []
    counted = replace(stage.platform, view=lambda: _Counted(stage.platform.view(), read))
    found = descending.surroundings(counted, OTTO, request.plan.dataset, Direction.DOWNSTREAM, 3)
    assert sorted(one.kind for one in found.nodes) == ["dataset", *["model"] * 4, "promotion", *["request"] * 4]
    assert len(read) == 1


class _Counted:
    """A view that counts how often all promotions are read."""

    def __init__(self, view: View, read: list[int]) -> None:
        self._view, self._read = view, read

    def __getattr__(self, name: str) -> Any:
        if name == "promotions":
            self._read.append(1)
        return getattr(self._view, name)

    def __enter__(self) -> Any:
        self._view.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._view.__exit__(*ended)


def test_what_may_not_be_seen_is_counted_and_hides_what_lies_beyond_it(stage: Stage) -> None:
    request = worked_off(stage)
    other = replace(ANN, id=PrincipalId("prn-other"))
    found = descending.surroundings(stage.platform, other, request.plan.dataset, Direction.DOWNSTREAM, 3)
    assert (told(found), found.edges, found.withheld) == ([(request.plan.dataset, 0)], [], 1)
    with pytest.raises(NotFound):
        descending.surroundings(stage.platform, other, request.id, Direction.BOTH, 1)
    assert refusals(stage)[-1].action == "read-request"


def ask_again(stage: Stage, dataset: str) -> requests.Ask:
    with stage.platform.view() as view:
        return ask(view.datasets.get(DatasetId(dataset)), epsilon=Decimal(1))


def _model(request: TrainingRequest) -> ModelId:
    assert request.model is not None
    return request.model


def _reason() -> overriding.OverrideReason:
    return next(iter(overriding.OverrideReason))
