"""Letting pass what the gate stopped: from the refused proposal to the alias, and all the ways that lead nowhere."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.conftest import ANN, BOB, EVE, OTTO, PIA, POLICIES, WORKER, Stage, measured
from tests.usecases.test_jobs import CY, events, finished, stricter
from tests.usecases.test_requests import refusals
from tests.usecases.test_voting import stored

from tunewarden.domain.errors import Conflict, IllegalTransition, NotFound, Refused
from tunewarden.domain.events import AliasMoved, GateJudged, KeyRevoked, PromotionApproved
from tunewarden.domain.gates import Outcome
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, Alias, ModelId, PolicyName, PrincipalId, Role
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.overrides import DECIDING, OverrideReason
from tunewarden.domain.registry import Promotion, PromotionState
from tunewarden.domain.training import StepName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases import models, reports
from tunewarden.usecases.binding import bound
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden.usecases.overriding import override
from tunewarden.usecases.ports import Principal

FEW, WATCHED = OverrideReason.TOO_FEW_PERSONS, OverrideReason.WATCHED


@pytest.fixture
def stopped(stage: Stage) -> Promotion:
    """A promotion of bob's, of ann's model, that the gate refused because of its accuracy."""
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.6"),)
    for one in (ANN, BOB, CY, PIA):
        stored(stage, one)
    return proposed(stage)


def proposed(stage: Stage, by: Principal = ANN) -> Promotion:
    model = finished(stage).model
    assert model is not None
    return again(stage, model, by)


def again(stage: Stage, model: ModelId, by: Principal = ANN) -> Promotion:
    """Proposed, and refused by the gate of now."""
    with pytest.raises(Refused):
        models.propose(stage.platform, by, model, Alias.PRODUCTION)
    with stage.platform.view() as view:
        return view.promotions.all()[-1]


def let_pass(stage: Stage, promotion: Promotion, *who: Principal) -> Promotion:
    for one in who:
        promotion, _ = override(stage.platform, one, promotion.id, promotion.verdict, FEW)
    return promotion


def test_an_approver_and_a_privacy_officer_let_pass_what_is_then_approved_and_served(
    stage: Stage, stopped: Promotion
) -> None:
    one, _ = override(stage.platform, PIA, stopped.id, stopped.verdict, WATCHED)
    assert one.state is PromotionState.REFUSED
    with pytest.raises(IllegalTransition):
        models.approve(stage.platform, CY, stopped.id, stopped.verdict)
    both, _ = override(stage.platform, CY, stopped.id, stopped.verdict, FEW)
    assert both.state is PromotionState.AWAITING_APPROVAL
    approved, _ = models.approve(stage.platform, CY, stopped.id, stopped.verdict)
    assert approved.state is PromotionState.APPROVED
    assert [one.model for one in models.aliases(stage.platform, ANN)] == [stopped.model]
    assert events(stage, GateOverridden) == [
        GateOverridden(promotion=stopped.id, model=stopped.model, verdict=stopped.verdict, role=role, reason=reason)
        for role, reason in ((Role.PRIVACY_OFFICER, WATCHED), (Role.APPROVER, FEW))
    ]
    told = reports.lineage(stage.platform, OTTO, stopped.model).report
    assert sum(1 for entry in told.promotions if isinstance(entry.event, GateOverridden)) == 2


def test_what_the_gate_says_today_is_told_again_with_each_decision(stage: Stage, stopped: Promotion) -> None:
    """The gate was another one meanwhile, and is the same again: no other verdict is newer than the one decided on."""
    gate = stage.policies.gates["promotion"]
    further(stage)
    other = again(stage, stopped.model)
    stage.policies.gates["promotion"] = gate
    assert other.verdict != stopped.verdict
    let_pass(stage, stopped, PIA, CY)
    judged = events(stage, GateJudged, GateOverridden)[-4:]
    assert [type(event) for event in judged] == [GateJudged, GateOverridden] * 2
    assert isinstance(judged[0], GateJudged)
    assert judged[0].gate_digest == gate.digest()


def test_a_rule_that_says_undecided_is_let_pass_in_the_same_form(stage: Stage, stopped: Promotion) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], otherwise=Outcome.UNKNOWN),))
    promotion = again(stage, stopped.model)
    let_pass(stage, promotion, PIA, BOB)
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    assert [one.model for one in models.aliases(stage.platform, ANN)] == [promotion.model]


def test_neither_who_proposed_nor_who_asked_for_the_training_is_one_of_the_two(stage: Stage) -> None:
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.6"),)
    both = Principal(id=ANN.id, roles=frozenset({Role.REQUESTER, Role.PRIVACY_OFFICER}))
    for one in (both, BOB, CY):
        stored(stage, one)
    promotion = proposed(stage, by=BOB)
    for who in (both, BOB):
        with pytest.raises(Refused) as refused:
            let_pass(stage, promotion, who)
        assert refused.value.rule == "anyone/override-gate/own"
    assert [refusal.action for refusal in refusals(stage)][-2:] == [Action.OVERRIDE_GATE] * 2
    assert let_pass(stage, promotion, CY).overrides != ()


@pytest.mark.parametrize("who", [EVE, OTTO, WORKER])
def test_nobody_else_lets_it_pass(stage: Stage, stopped: Promotion, who: Principal) -> None:
    with pytest.raises((Refused, NotFound)):
        let_pass(stage, stopped, who)
    assert events(stage, GateOverridden) == []


def test_two_of_one_role_are_one(stage: Stage, stopped: Promotion) -> None:
    with pytest.raises(Conflict) as refused:
        let_pass(stage, stopped, BOB, CY)
    assert refused.value.code == "overridden_before"


def test_a_program_lets_nothing_pass(stage: Stage, stopped: Promotion) -> None:
    stage.platform = replace(stage.platform, access=bound(stage.platform.access))
    with pytest.raises(Refused) as refused:
        let_pass(stage, stopped, replace(PIA, kind=PrincipalKind.SERVICE))
    assert refused.value.rule == "needs-a-person"


def harder(stage: Stage) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], hard=True),))


def further(stage: Stage) -> None:
    stage.policies.gates["promotion"] = stricter(stage.policies.gates["promotion"])


def unmeasured(stage: Stage) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], metric="utility.other"),))


@pytest.mark.parametrize(("change", "metric"), [(harder, "utility.accuracy"), (unmeasured, "utility.other")])
def test_what_is_hard_or_was_not_measured_nobody_lets_pass(
    stage: Stage, stopped: Promotion, change: Callable[[Stage], None], metric: str
) -> None:
    change(stage)
    promotion = again(stage, stopped.model)
    for who in (PIA, CY):
        with pytest.raises(Refused) as refused:
            let_pass(stage, promotion, who)
        assert (refused.value.code, refused.value.rule) == ("not_overridable", metric)


@pytest.mark.parametrize("change", [harder, further])
def test_on_a_verdict_that_the_gate_would_not_give_any_more_nobody_decides_and_nothing_moves(
    stage: Stage, stopped: Promotion, change: Callable[[Stage], None]
) -> None:
    half = let_pass(stage, stopped, PIA)
    waits = let_pass(stage, again(stage, stopped.model), PIA, CY)
    change(stage)
    with pytest.raises(Refused) as refused:
        let_pass(stage, half, CY)
    assert refused.value.code == "verdict_changed"
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, CY, waits.id, waits.verdict)
    assert refused.value.code == "gate_not_passed"
    assert models.aliases(stage.platform, ANN) == []
    assert events(stage, AliasMoved, PromotionApproved) == []


def test_the_policy_goes_on_saying_never_on_a_red_gate(stage: Stage, stopped: Promotion) -> None:
    """By a promotion that stands in the table as if two had let it pass what nobody lets pass."""
    waits = let_pass(stage, stopped, PIA, CY)
    with stage.platform.work(PrincipalId("operator")) as work:
        work.promotions.put(replace(waits, overrides=waits.overrides[:1]))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, CY, waits.id, waits.verdict)
    assert refused.value.code == "gate_not_passed"


def test_who_was_revoked_since_does_not_count_when_it_is_approved(stage: Stage, stopped: Promotion) -> None:
    waits = let_pass(stage, stopped, PIA, CY)
    with stage.platform.work(PrincipalId("operator")) as work:
        work.principals.put(replace(PIA, revoked=True))
        work.record(KeyRevoked(principal=PIA.id))
        work.commit()
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, BOB, waits.id, waits.verdict)
    assert refused.value.code == "gate_not_passed"


HARD = {
    "explanation.leaks",
    "fairness.confirmed_gaps",
    "privacy.audit_reach",
    "privacy.delta",
    "privacy.epsilon",
    "privacy.epsilon_excess",
    "privacy.secret_exposure",
    "privacy.secret_extraction",
    "train.moved_share",
    "train.reload_difference",
}
"""What nobody lets pass: promises to persons that are not kept, confirmed harm, and a file that is not what it says."""


@pytest.mark.parametrize("name", PROMOTION_GATES.values())
def test_the_shipped_gates_say_what_is_hard(name: PolicyName) -> None:
    rules = FilePolicies(POLICIES).gate(name).rules
    assert {rule.metric for rule in rules if rule.hard} == HARD & {rule.metric for rule in rules}
    assert {"fairness.undecided", "fairness.decided_share"} <= {rule.metric for rule in rules if not rule.hard}
    assert {Role.APPROVER, Role.PRIVACY_OFFICER} == DECIDING
