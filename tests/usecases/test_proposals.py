"""Promotions, as those see them who may decide, and those who may only read."""

from dataclasses import replace

import pytest
from tests.conftest import ANN, BOB, EVE, PIA, Stage, measured
from tests.usecases.test_jobs import CY
from tests.usecases.test_overriding import let_pass, proposed, stopped
from tests.usecases.test_voting import stored

from tunewarden.domain.errors import NotFound
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PromotionId
from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import StepName
from tunewarden.usecases import models
from tunewarden.usecases.deciding import waiting
from tunewarden.usecases.proposals import proposal

__all__ = ["stopped"]


def test_what_is_not_approved_waits_and_only_who_may_see_the_model_version_is_told(
    stage: Stage, stopped: Promotion
) -> None:
    assert [one.id for one in waiting(stage.platform, PIA)] == [stopped.id]
    assert waiting(stage.platform, EVE) == []
    let_pass(stage, stopped, PIA, BOB)
    assert [one.id for one in waiting(stage.platform, PIA)] == [stopped.id]
    models.approve(stage.platform, CY, stopped.id, stopped.verdict)
    assert waiting(stage.platform, PIA) == []


def test_it_comes_with_the_verdict_and_the_rules_it_was_judged_by_whatever_the_gate_is_today(
    stage: Stage, stopped: Promotion
) -> None:
    before = stage.policies.gates["promotion"]
    stage.policies.gates["promotion"] = replace(before, rules=before.rules[:1])
    found = proposal(stage.platform, PIA, stopped.id)
    assert (found.promotion, found.gate) == (stopped, before)
    assert found.verdict.gate_digest == before.digest()
    assert found.verdict.outcome is Outcome.FAIL


def test_whose_work_it_is_is_told_so(stage: Stage) -> None:
    stage.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.6"),)
    for one in (ANN, BOB, CY, PIA):
        stored(stage, one)
    promotion = proposed(stage, by=BOB)
    own = {one.id: proposal(stage.platform, one, promotion.id).is_own for one in (ANN, BOB, CY, PIA)}
    assert own == {ANN.id: True, BOB.id: True, CY.id: False, PIA.id: False}


def test_who_may_not_see_it_is_told_that_there_is_none(stage: Stage, stopped: Promotion) -> None:
    for who, identifier in ((EVE, stopped.id), (PIA, PromotionId("prom-" + "f" * 32))):
        with pytest.raises(NotFound):
            proposal(stage.platform, who, identifier)
