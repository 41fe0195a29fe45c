"""What a gate stopped waits for those who could let it pass, for as long as they could; and for nobody after that."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import ANN, BOB, PIA, Stage, measured
from tests.usecases.test_reading_back import CY, deeds, worked_off

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Conflict, Refused
from tunewarden.domain.gates import Gate
from tunewarden.domain.names import Alias, ModelId, PrincipalId, Role
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.registry import Promotion, PromotionState
from tunewarden.domain.training import StepName
from tunewarden.usecases import deciding, models, overriding, proposals
from tunewarden.usecases.deciding import Deed
from tunewarden.usecases.ports import Principal

DEE = Principal(id=PrincipalId("prn-dee"), roles=frozenset({Role.APPROVER}))
LETS_PASS = (Deed.OVERRIDE,)


def poor_model(stage: Stage) -> ModelId:
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.1"),)
    model = worked_off(stage).model
    assert model is not None
    return model


def stopped(stage: Stage, model: ModelId, alias: Alias = Alias.STAGING) -> Promotion:
    with pytest.raises(Refused):
        models.propose(stage.platform, ANN, model, alias)
    promotion = proposals.listed(stage.platform, BOB)[-1]
    assert promotion.state is PromotionState.REFUSED
    return promotion


def let_pass(stage: Stage, who: Principal, promotion: Promotion) -> None:
    overriding.override(stage.platform, who, promotion.id, promotion.verdict, next(iter(OverrideReason)))


def other_limit(stage: Stage, limit: str) -> None:
    gate = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = Gate(
        name=gate.name, rules=(replace(gate.rules[0], limit=Decimal(limit)), *gate.rules[1:])
    )


def test_nobody_is_asked_to_let_pass_what_another_gate_stopped(stage: Stage) -> None:
    model = poor_model(stage)
    before = stopped(stage, model)
    assert deeds(stage, BOB) == {before.id: LETS_PASS}
    was = stage.policies.gates["promotion"]
    other_limit(stage, "0.05")
    assert deeds(stage, BOB) == deeds(stage, PIA) == {}
    with pytest.raises(Refused, match="another verdict"):
        let_pass(stage, BOB, before)
    stage.policies.gates["promotion"] = was
    assert deeds(stage, BOB) == {before.id: LETS_PASS}, "it is the gate that counts, and not when it changed"
    del stage.policies.gates["promotion"]
    assert deeds(stage, BOB) == {}


def test_of_what_is_proposed_again_and_again_the_newest_waits(stage: Stage) -> None:
    model = poor_model(stage)
    first, second = stopped(stage, model), stopped(stage, model)
    elsewhere = stopped(stage, model, Alias.PRODUCTION)
    assert deeds(stage, BOB) == {second.id: LETS_PASS, elsewhere.id: LETS_PASS}
    let_pass(stage, BOB, second)
    third = stopped(stage, model)
    assert set(deeds(stage, PIA)) == {second.id, elsewhere.id, third.id}, "half of it was decided"
    assert first.id not in deeds(stage, CY)


def test_what_was_proposed_again_and_not_stopped_waits_there_alone(stage: Stage) -> None:
    model = poor_model(stage)
    before = stopped(stage, model)
    let_pass(stage, BOB, before)
    was = stage.policies.gates["promotion"]
    other_limit(stage, "0.05")
    good, _, _ = models.propose(stage.platform, ANN, model, Alias.STAGING)
    stage.policies.gates["promotion"] = was
    assert (deeds(stage, PIA), deeds(stage, CY)) == ({}, {good.id: (Deed.APPROVE,)})


def test_it_waits_for_nobody_in_a_role_in_which_it_was_decided(stage: Stage) -> None:
    promotion = stopped(stage, poor_model(stage))
    assert deeds(stage, DEE) == {promotion.id: LETS_PASS}
    let_pass(stage, BOB, promotion)
    assert (deeds(stage, DEE), deeds(stage, PIA)) == ({}, {promotion.id: LETS_PASS})
    with stage.platform.work(BOB.id) as work:
        work.principals.put(DEE)
        work.record(stage.entries()[-1].event)
        work.commit()
    with pytest.raises(Conflict):
        let_pass(stage, DEE, promotion)


def test_a_broken_verdict_is_told_where_it_waits_with_no_way_to_decide(stage: Stage) -> None:
    broken = stopped(stage, poor_model(stage))
    whole = stopped(stage, poor_model(stage), Alias.PRODUCTION)
    other_verdict = replace(proposals.verdict_of(stage.platform, whole), findings=())
    stage.blobs.stored[broken.verdict] = encode(to_plain(other_verdict))
    found = {one.thing.id: one for one in deciding.pending(stage.platform, BOB)}
    assert (found[broken.id].deeds, found[broken.id].fault) == ((), "blob_corrupted")
    assert (found[whole.id].deeds, found[whole.id].fault) == (LETS_PASS, "")
    assert deciding.pending(stage.platform, ANN) == [], "who could not decide is told nothing"
