"""What a gate stopped waits for those who could let it pass, for as long as they could; and for nobody after that."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import ADA, ANN, BOB, NOW, PIA, Stage, measured
from tests.usecases.test_reading_back import CY, deeds, worked_off

from tunewarden.domain.attestations import Attestation
from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Conflict, Corrupted, NotFound, Refused
from tunewarden.domain.gates import Gate
from tunewarden.domain.names import Alias, AttestationId, ModelId, PrincipalId, ProjectId, Role
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.registry import Promotion, PromotionState
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.usecases import archiving, deciding, models, overriding, projects, proposals
from tunewarden.usecases.deciding import Deed
from tunewarden.usecases.ports import Principal

DEE = Principal(id=PrincipalId("prn-dee"), roles=frozenset({Role.APPROVER}))
LETS_PASS = (Deed.OVERRIDE,)


def model_of(request: TrainingRequest) -> ModelId:
    assert request.model is not None
    return request.model


def poor_model(stage: Stage) -> ModelId:
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.1"),)
    return model_of(worked_off(stage))


def waiting(stage: Stage) -> list[str]:
    """What a page of all that waits for anybody shows to somebody who could decide nothing."""
    return [one.id for one in deciding.waiting(stage.platform, ANN)]


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
    other_verdict = replace(models.verdict_of(stage.platform, whole), findings=())
    stage.blobs.stored[broken.verdict] = encode(to_plain(other_verdict))
    found = {one.thing.id: one for one in deciding.pending(stage.platform, BOB)}
    assert (found[broken.id].deeds, found[broken.id].fault) == ((), "blob_corrupted")
    assert (found[whole.id].deeds, found[whole.id].fault) == (LETS_PASS, "")
    assert deciding.pending(stage.platform, ANN) == [], "who could not decide is told nothing"
    with pytest.raises(Corrupted):
        let_pass(stage, BOB, broken)


def test_what_awaits_approval_on_a_verdict_that_nobody_can_have_read_is_told_and_moves_no_alias(stage: Stage) -> None:
    promotion, _, _ = models.propose(stage.platform, ANN, model_of(worked_off(stage)), Alias.STAGING)
    whole = stage.blobs.stored.pop(promotion.verdict)
    for broken, code, kind in ((None, "blob_not_found", NotFound), (b"other bytes", "blob_corrupted", Corrupted)):
        if broken is not None:
            stage.blobs.stored[promotion.verdict] = broken
        (one,) = deciding.pending(stage.platform, BOB)
        assert (one.thing.id, one.deeds, one.fault) == (promotion.id, (), code)
        with pytest.raises(kind):
            models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    assert models.aliases(stage.platform, ANN) == []
    stage.blobs.stored[promotion.verdict] = whole
    assert deeds(stage, BOB) == {promotion.id: (Deed.APPROVE,)}
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)


def within_a_project(stage: Stage, *of: ModelId) -> ProjectId:
    project, _ = projects.create(stage.platform, ADA, "north")
    with stage.platform.work(ADA.id) as work:
        for model in of:
            work.models.put(replace(work.models.get(model), project=project.id))
        work.record(stage.entries()[-1].event)
        work.commit()
    return project.id


def test_in_an_archived_project_nothing_waits_for_anybody(stage: Stage) -> None:
    awaits, _, _ = models.propose(stage.platform, ANN, model_of(worked_off(stage)), Alias.STAGING)
    refused = stopped(stage, poor_model(stage))
    project = within_a_project(stage, awaits.model, refused.model)
    assert deeds(stage, BOB) == {awaits.id: (Deed.APPROVE,), refused.id: LETS_PASS}
    assert waiting(stage) == [awaits.id, refused.id]
    archiving.archive(stage.platform, ADA, project)
    assert (deeds(stage, BOB), waiting(stage)) == ({}, [])
    with pytest.raises(Refused, match="archived"):
        let_pass(stage, BOB, refused)
    with pytest.raises(Refused, match="archived"):
        models.approve(stage.platform, BOB, awaits.id, awaits.verdict)


def sign(stage: Stage, request: TrainingRequest, *, withdrawn: bool) -> None:
    about = request.outputs[StepName.DEIDENTIFY]
    given = Attestation(
        id=AttestationId(stage.platform.new_id("att")),
        about=about,
        report=about,
        method=Method.PSEUDONYMISED,
        knowledge=None,
        expires=None,
        by=PIA.id,
        at=NOW,
        withdrawn=NOW if withdrawn else None,
    )
    with stage.platform.work(PIA.id) as work:
        work.attestations.put(given)
        work.record(stage.entries()[-1].event)
        work.commit()


def test_under_a_withdrawn_signature_nothing_waits_until_somebody_signs_anew(stage: Stage) -> None:
    request = worked_off(stage)
    promotion, _, _ = models.propose(stage.platform, ANN, model_of(request), Alias.STAGING)
    sign(stage, request, withdrawn=True)
    assert (deeds(stage, BOB), waiting(stage)) == ({}, [])
    with pytest.raises(Refused, match="withdrawn"):
        models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    sign(stage, request, withdrawn=False)
    assert (deeds(stage, BOB), waiting(stage)) == ({promotion.id: (Deed.APPROVE,)}, [promotion.id])


def test_whoever_sees_a_model_version_sees_what_waits_for_others_and_nothing_that_waits_for_nobody(
    stage: Stage,
) -> None:
    model = poor_model(stage)
    stopped(stage, model)
    newest = stopped(stage, model)
    assert waiting(stage) == [newest.id], "the same was proposed again"
    other_limit(stage, "0.05")
    assert waiting(stage) == [], "another gate stopped it"
