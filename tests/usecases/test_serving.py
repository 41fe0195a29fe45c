"""What served on a day: from the log of a house in which aliases move, come off and go back; and who may ask."""

from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import pytest
from tests.conftest import ANN, BOB, EVE, NOW, OTTO, PIA, Stage
from tests.usecases.test_jobs import CY, finished
from tests.usecases.test_voting import stored

from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.names import Alias, ModelId
from tunewarden.domain.removals import RemovalReason
from tunewarden.usecases import models, serving
from tunewarden.usecases.removals import clear

HOUR = timedelta(hours=1)


def promote(stage: Stage, model: ModelId, alias: Alias) -> None:
    promotion, _, _ = models.propose(stage.platform, ANN, model, alias)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)


@pytest.fixture
def model(stage: Stage) -> ModelId:
    for one in (ANN, BOB, CY, PIA):
        stored(stage, one)
    made = finished(stage).model
    assert made is not None
    return made


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_done_the_log_says_of_now_what_the_table_does_and_of_then_what_it_did(
    stage: Stage, model: ModelId, seed: int
) -> None:
    dice, seen = Random(seed), list[tuple[datetime, dict[Alias, ModelId | None]]]()
    aliases = [Alias.STAGING, Alias.CANDIDATE]
    for _ in range(8):
        stage.clock.advance(HOUR)
        alias = dice.choice(aliases)
        with stage.platform.view() as view:
            named = {target.alias for target in view.aliases.all() if target.model is not None}
        if alias in named and dice.random() < 0.5:
            clear(stage.platform, BOB, model, alias, RemovalReason.REPLACED)
        else:
            promote(stage, model, alias)
        with stage.platform.view() as view:
            table = {target.alias: target.model for target in view.aliases.all()}
        seen.append((stage.platform.clock(), table))
    for at, table in seen:
        for alias in aliases:
            assert told(stage, alias, at) == table.get(alias)
    for alias in aliases:
        with suppress(NotFound):
            at_last = serving.served(stage.platform, OTTO, alias, stage.platform.clock())
            assert serving.now(stage.platform, OTTO, alias) == (at_last, None)
        assert told(stage, alias, None) == seen[-1][1].get(alias)


def told(stage: Stage, alias: Alias, at: datetime | None) -> ModelId | None:
    try:
        if at is None:
            return serving.now(stage.platform, OTTO, alias)[0].model
        return serving.served(stage.platform, OTTO, alias, at).model
    except NotFound:
        return None


def test_each_stretch_says_who_and_when_and_by_which_entry(stage: Stage, model: ModelId) -> None:
    promote(stage, model, Alias.STAGING)
    stage.clock.advance(HOUR)
    clear(stage.platform, BOB, model, Alias.STAGING, RemovalReason.REPLACED)
    (stretch,) = serving.history(stage.platform, OTTO, Alias.STAGING)
    assert stretch.until is not None
    assert (stretch.since.actor, stretch.until.actor, stretch.until.at - stretch.since.at) == (CY.id, BOB.id, HOUR)
    assert serving.served(stage.platform, OTTO, Alias.STAGING, stretch.since.at) == stretch
    with pytest.raises(NotFound):
        serving.now(stage.platform, OTTO, Alias.STAGING)
    with pytest.raises(NotFound):
        serving.served(stage.platform, OTTO, Alias.STAGING, NOW - HOUR)


def test_who_may_not_see_the_model_version_learns_nothing_of_its_alias(stage: Stage, model: ModelId) -> None:
    promote(stage, model, Alias.STAGING)
    assert serving.history(stage.platform, EVE, Alias.STAGING) == []
    with pytest.raises(NotFound):
        serving.now(stage.platform, EVE, Alias.STAGING)
    with pytest.raises(NotFound):
        serving.served(stage.platform, EVE, Alias.STAGING, stage.platform.clock())


def test_nobody_is_told_of_a_time_to_come(stage: Stage, model: ModelId) -> None:
    promote(stage, model, Alias.STAGING)
    with pytest.raises(Malformed) as caught:
        serving.served(stage.platform, OTTO, Alias.STAGING, stage.platform.clock() + HOUR)
    assert (caught.value.code, caught.value.param) == ("at_in_the_future", "at")


def test_who_wants_it_taken_off_is_shown_as_long_as_that_counts(stage: Stage, model: ModelId) -> None:
    promote(stage, model, Alias.PRODUCTION)
    clear(stage.platform, BOB, model, Alias.PRODUCTION, RemovalReason.HARMFUL)
    asked = serving.now(stage.platform, OTTO, Alias.PRODUCTION)[1]
    assert asked is not None
    assert asked.by == BOB.id
    stage.clock.advance(24 * HOUR)
    assert serving.now(stage.platform, OTTO, Alias.PRODUCTION)[1] is None


def test_who_may_see_no_model_version_here_has_nobody_read_the_log(
    stage: Stage, model: ModelId, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(stage, model, Alias.STAGING)
    monkeypatch.setattr(serving, "stretches", lambda _: pytest.fail("the log was read"))
    assert serving.history(stage.platform, EVE, Alias.STAGING) == []
    for ask in (
        lambda: serving.now(stage.platform, EVE, Alias.STAGING),
        lambda: serving.served(stage.platform, EVE, Alias.STAGING, stage.platform.clock()),
    ):
        with pytest.raises(NotFound):
            ask()
