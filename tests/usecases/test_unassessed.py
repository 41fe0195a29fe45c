"""Whoever approves signs for the groups of which nobody can say anything."""

import pytest
from tests.conftest import ANN, BOB, Stage, measured
from tests.usecases.test_jobs import finished

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import ActionRefused, PromotionApproved
from tunewarden.domain.names import Alias
from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import StepName
from tunewarden.usecases import models, proposals

DETAILS = {"fairness": {"not_assessable": [{"attribute": "age", "group": "90+", "persons": None}]}}


@pytest.fixture
def proposed(stage: Stage) -> Promotion:
    """Of a model version that passes, with three groups that are too small."""
    step = stage.steps[StepName.MEASURE]
    step.measurements = (*step.measurements, measured("fairness.not_assessable", "3"))
    step.details = DETAILS
    model = finished(stage).model
    assert model is not None
    return models.propose(stage.platform, ANN, model, Alias.PRODUCTION)[0]


def test_whoever_approves_is_told_how_many_groups_and_where_it_is_written_which(
    stage: Stage, proposed: Promotion
) -> None:
    told = proposals.proposal(stage.platform, BOB, proposed.id).unassessed
    assert (told.count, told.details) == (3, {**DETAILS, "step": StepName.MEASURE})


def test_a_promotion_keeps_nothing_of_it_so_one_of_before_anybody_signed_is_signed_for_too(proposed: Promotion) -> None:
    assert "unassessed" not in encode(to_plain(proposed)).decode()


@pytest.mark.parametrize("signed", [0, 2, 4])
def test_nobody_approves_without_signing_for_all_of_them(stage: Stage, proposed: Promotion, signed: int) -> None:
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, BOB, proposed.id, proposed.verdict, signed)
    assert (refused.value.code, refused.value.param) == ("unassessed_unsigned", "unassessed")
    assert models.aliases(stage.platform, BOB) == []
    assert isinstance(stage.entries()[-1].event, ActionRefused)


def test_what_was_signed_for_is_in_the_log(stage: Stage, proposed: Promotion) -> None:
    models.approve(stage.platform, BOB, proposed.id, proposed.verdict, 3)
    said = [entry.event for entry in stage.entries() if isinstance(entry.event, PromotionApproved)]
    assert [event.unassessed for event in said] == [3]
    assert [target.model for target in models.aliases(stage.platform, BOB)] == [proposed.model]


def test_where_every_group_was_assessed_there_is_nothing_to_sign(stage: Stage) -> None:
    model = finished(stage).model
    assert model is not None
    promotion, _, _ = models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    with pytest.raises(Refused, match="signed for: 1"):
        models.approve(stage.platform, BOB, promotion.id, promotion.verdict, 1)
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)
    assert proposals.proposal(stage.platform, BOB, promotion.id).unassessed == proposals.Unassessed(
        count=0, details=None
    )
