"""What use cases state to the access policy, so that its hard denies are about what they do and not only about who."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.conftest import ANN, BOB, DANA, PIA, Stage
from tests.usecases.test_jobs import CY, advance, approved, events, finished
from tests.usecases.test_requests import ask, refusals
from tests.usecases.test_retention import ADA, PAT, RETENTION, old as old, propose, sign, stopping

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Conflict, Refused
from tunewarden.domain.events import (
    AliasMoved,
    DatasetRetired,
    GateJudged,
    PromotionApproved,
    PruneFinished,
    StepStarted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Action, Alias
from tunewarden.domain.training import StepName
from tunewarden.usecases import datasets, models, requests, retention
from tunewarden.usecases.ports import Access, Decision, Principal, Resource

RESEARCH = frozenset({Purpose.RESEARCH})


@dataclass(slots=True)
class Asked:
    """The real policy, which keeps what it was asked and says no where a test wants that."""

    access: Access
    questions: list[tuple[Action, Resource]] = field(default_factory=list)
    no_to: Any = lambda _action, _thing: False

    def __call__(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        self.questions.append((action, resource))
        if self.no_to(action, resource):
            return Decision(allowed=False, because="anyone/no")
        return self.access(principal, action, resource)

    def about(self, action: Action) -> list[Resource]:
        return [thing for asked, thing in self.questions if asked == action]


@pytest.fixture
def asked(stage: Stage) -> Asked:
    asked = Asked(stage.platform.access)
    stage.platform = replace(stage.platform, access=asked)
    return asked


def purpose_known(_action: Action, thing: Resource) -> bool:
    return thing.purpose is not None


def test_who_asks_for_a_training_is_asked_about_with_its_purpose_and_those_of_the_dataset(
    stage: Stage, asked: Asked
) -> None:
    requests.submit(stage.platform, ANN, ask(stage.dataset()))
    assert [(one.author, one.purpose, one.purposes) for one in asked.about(Action.SUBMIT_REQUEST)] == [
        (ANN.id, None, None),
        (ANN.id, Purpose.RESEARCH, RESEARCH),
    ]
    asked.no_to = purpose_known
    with pytest.raises(Refused):
        requests.submit(stage.platform, ANN, ask(stage.dataset()))
    assert len(requests.listed(stage.platform, ANN)) == 1


def test_a_step_is_asked_about_with_its_purpose_and_a_no_does_not_end_the_request(stage: Stage, asked: Asked) -> None:
    request = approved(stage)
    asked.no_to = purpose_known
    with pytest.raises(Refused):
        advance(stage, request.id)
    assert asked.about(Action.ADVANCE_JOB)[-1] == Resource(
        kind="request", id=request.id, author=ANN.id, purpose=Purpose.RESEARCH, purposes=RESEARCH
    )
    assert events(stage, StepStarted) == []
    asked.no_to = lambda _action, _thing: False
    assert advance(stage, request.id).outputs.keys() == {StepName.DEIDENTIFY}


def test_a_promotion_is_asked_about_with_what_its_gate_says_that_day_pass_or_not(stage: Stage, asked: Asked) -> None:
    model = finished(stage).model
    assert model is not None
    first, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    second, _, _ = models.propose(stage.platform, BOB, model, Alias.CANDIDATE)
    models.approve(stage.platform, CY, first.id, first.verdict)
    gate = stage.policies.gates["promotion"]
    stricter = replace(gate.rules[0], limit=gate.rules[0].limit + 1)
    stage.policies.gates["promotion"] = replace(gate, rules=(stricter,))
    with pytest.raises(Refused) as red:
        models.approve(stage.platform, CY, second.id, second.verdict)
    assert red.value.code == "gate_not_passed"
    stated = [one.gate_green for one in asked.about(Action.APPROVE_PROMOTION)]
    assert [fact for fact in stated if fact is not None] == [True, False]
    assert [judged.outcome for judged in events(stage, GateJudged)][-1] is Outcome.FAIL  # type: ignore[attr-defined]


def test_where_the_access_policy_says_no_to_a_promotion_its_verdict_is_kept_and_no_alias_moves(
    stage: Stage, asked: Asked
) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    judged = len(events(stage, GateJudged))
    asked.no_to = lambda _action, thing: thing.gate_green is not None
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    assert refused.value.rule == "anyone/no"
    assert len(events(stage, GateJudged)) == judged + 1
    assert events(stage, PromotionApproved, AliasMoved) == []


def test_on_a_red_gate_nothing_is_promoted_whatever_the_access_policy_says(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, model, Alias.STAGING)
    gate = stage.policies.gates["promotion"]
    stricter = replace(gate.rules[0], limit=gate.rules[0].limit + 1)
    stage.policies.gates["promotion"] = replace(gate, rules=(stricter,))
    stage.platform = replace(stage.platform, access=lambda *_: Decision(allowed=True, because="approver/all/always"))
    with pytest.raises(Refused):
        models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    assert events(stage, PromotionApproved, AliasMoved) == []


def test_a_dataset_that_a_hold_covers_is_not_retired_and_the_entry_names_the_rule(stage: Stage) -> None:
    dataset = stage.dataset()
    hold, _ = retention.place_hold(stage.platform, PIA, dataset.id, None)
    with pytest.raises(Refused) as refused:
        datasets.retire(stage.platform, DANA, dataset.id)
    assert refused.value.code == "legal_hold"
    assert refusals(stage)[-1].rule == "anyone/retire-dataset/legal-hold"
    assert events(stage, DatasetRetired) == []
    retention.release_hold(stage.platform, PIA, hold)
    datasets.retire(stage.platform, DANA, dataset.id)


def test_under_a_hold_on_the_whole_log_no_dropping_is_approved(old: Stage) -> None:
    prune, checkpoint = propose(old), sign(old)
    retention.place_hold(old.platform, PAT, "log", None)
    with pytest.raises(Refused):
        retention.approve(old.platform, ADA, RETENTION, prune, checkpoint)
    assert refusals(old)[-1].rule == "anyone/approve-prune/legal-hold"
    with old.platform.view() as view:
        assert view.dropped_bodies() == {}


def test_a_dropping_that_had_begun_before_the_hold_gets_its_outcome(old: Stage) -> None:
    prune, checkpoint = propose(old), sign(old)
    stopping(old, prune, checkpoint, 1)
    retention.place_hold(old.platform, PAT, "log", None)
    with pytest.raises(Conflict):
        retention.approve(old.platform, ADA, RETENTION, prune, checkpoint)
    assert [event.entries for event in events(old, PruneFinished)] == [0]  # type: ignore[attr-defined]


def test_a_denial_says_what_is_missing_and_which_role_can_mend_it(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    with pytest.raises(Refused) as refused:
        requests.approve(stage.platform, DANA, request.id, request.plan.digest())
    assert refused.value.remedy == "Missing: role. Can be mended by: approver."


def test_a_denial_without_any_rule_about_it_says_to_ask_somebody_who_may(stage: Stage, asked: Asked) -> None:
    asked.no_to = lambda action, _thing: action is Action.UPLOAD_FILE
    with pytest.raises(Refused) as refused:
        stage.dataset()
    assert refused.value.remedy == "Ask somebody who may."
