"""Taking aliases off, retiring model versions, and names that nobody reviewed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import ANN, BOB, OTTO, PIA, POLICIES, WORKER, Stage
from tests.usecases.test_jobs import CY, events, finished
from tests.usecases.test_voting import stored

from tunewarden.domain.canonical import decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import AliasMoved, KeyRevoked
from tunewarden.domain.names import Alias, ModelId, PrincipalId, Role
from tunewarden.domain.registry import AliasTarget
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.removals import COUNTS_FOR, AliasRules, RemovalReason
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases import models, reports
from tunewarden.usecases.ports import Principal
from tunewarden.usecases.removals import clear, retire

HARM, UNUSED = RemovalReason.HARMFUL, RemovalReason.NOT_NEEDED
STAGING, PRODUCTION = Alias.STAGING, Alias.PRODUCTION


@pytest.fixture
def model(stage: Stage) -> ModelId:
    """A model version that staging and production name."""
    for one in (ANN, BOB, CY, PIA):
        stored(stage, one)
    made = finished(stage).model
    assert made is not None
    for alias in (STAGING, PRODUCTION):
        promote(stage, made, alias)
    return made


def promote(stage: Stage, model: ModelId, alias: Alias) -> None:
    promotion, _, _ = models.propose(stage.platform, ANN, model, alias)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)


def named(stage: Stage) -> set[Alias]:
    return {target.alias for target in models.aliases(stage.platform, ANN)}


def test_an_alias_on_which_nobody_relies_is_taken_off_by_one_and_comes_back_by_a_promotion(
    stage: Stage, model: ModelId
) -> None:
    target, _ = clear(stage.platform, BOB, model, STAGING, HARM)
    assert (target.model, named(stage)) == (None, {PRODUCTION})
    (cleared,) = events(stage, AliasCleared)
    assert isinstance(cleared, AliasCleared)
    assert (cleared.alias, cleared.model, cleared.reason, cleared.protected) == (STAGING, model, HARM, False)
    rules = from_plain(AliasRules, decode(stage.blobs.read(cleared.registry)))
    assert rules == stage.policies.registry()
    with pytest.raises(IllegalTransition):
        clear(stage.platform, BOB, model, STAGING, HARM)
    promote(stage, model, STAGING)
    moved = events(stage, AliasMoved)[-1]
    assert isinstance(moved, AliasMoved)
    assert (moved.previous, named(stage)) == (None, {STAGING, PRODUCTION})


def test_a_protected_one_is_taken_off_by_two_and_not_by_one_who_says_it_twice(stage: Stage, model: ModelId) -> None:
    asked, _ = clear(stage.platform, BOB, model, PRODUCTION, HARM)
    assert (asked.model, named(stage)) == (model, {STAGING, PRODUCTION})
    with pytest.raises(Conflict) as refused:
        clear(stage.platform, BOB, model, PRODUCTION, HARM)
    assert refused.value.code == "asked_before"
    clear(stage.platform, PIA, model, PRODUCTION, HARM)
    assert named(stage) == {STAGING}
    assert len(events(stage, AliasClearingAsked)) == len(events(stage, AliasCleared)) == 1


def test_what_was_asked_for_is_gone_when_the_alias_moves_or_who_asked_is_revoked(stage: Stage, model: ModelId) -> None:
    clear(stage.platform, BOB, model, PRODUCTION, HARM)
    promote(stage, model, PRODUCTION)
    clear(stage.platform, PIA, model, PRODUCTION, HARM)
    assert PRODUCTION in named(stage), "she is the first again"
    with stage.platform.work(PrincipalId("operator")) as work:
        work.principals.put(replace(PIA, revoked=True))
        work.record(KeyRevoked(principal=PIA.id))
        work.commit()
    clear(stage.platform, CY, model, PRODUCTION, HARM)
    assert PRODUCTION in named(stage), "and so is he"
    clear(stage.platform, BOB, model, PRODUCTION, HARM)
    assert PRODUCTION not in named(stage)


def test_what_one_asked_for_is_gone_after_a_day(stage: Stage, model: ModelId) -> None:
    clear(stage.platform, BOB, model, PRODUCTION, HARM)
    stage.clock.advance(COUNTS_FOR)
    clear(stage.platform, PIA, model, PRODUCTION, HARM)
    assert PRODUCTION in named(stage), "she is the first again"
    stage.clock.advance(COUNTS_FOR - timedelta(seconds=1))
    clear(stage.platform, BOB, model, PRODUCTION, HARM)
    assert PRODUCTION not in named(stage)


def test_one_that_was_taken_out_of_the_file_is_still_protected_and_moved_no_more(stage: Stage, model: ModelId) -> None:
    del stage.policies.aliases[STAGING]
    promotion = models.propose(stage.platform, ANN, model, PRODUCTION)[0]
    with pytest.raises(Refused) as refused:
        models.propose(stage.platform, ANN, model, STAGING)
    assert refused.value.code == "alias_unknown"
    assert clear(stage.platform, BOB, model, STAGING, UNUSED)[0].model == model
    del stage.policies.aliases[PRODUCTION]
    with pytest.raises(Refused) as refused:
        models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    assert refused.value.code == "alias_unknown"


def test_a_name_that_was_reviewed_is_an_alias_like_any_other_and_one_that_was_not_reaches_no_entry(
    stage: Stage, model: ModelId
) -> None:
    shadow = Alias("eu-shadow-2")
    with pytest.raises(Refused):
        models.propose(stage.platform, ANN, model, shadow)
    assert "eu-shadow-2" not in repr(stage.entries())
    stage.policies.aliases[shadow] = False
    promote(stage, model, shadow)
    assert shadow in named(stage)


@pytest.mark.parametrize("text", ["", "A", "1a", "a" * 33, "a b", "a@b", "-a"])
def test_what_no_alias_looks_like_is_none(text: str) -> None:
    with pytest.raises(Malformed):
        Alias(text)


def test_a_retired_model_version_is_neither_proposed_nor_approved_nor_taken(stage: Stage, model: ModelId) -> None:
    with pytest.raises(IllegalTransition) as illegal:
        retire(stage.platform, BOB, model, UNUSED)
    assert illegal.value.code == "alias_names_it"
    waits = models.propose(stage.platform, ANN, model, STAGING)[0]
    clear(stage.platform, BOB, model, STAGING, UNUSED)
    for who in (BOB, PIA):
        clear(stage.platform, who, model, PRODUCTION, UNUSED)
    retired, _ = retire(stage.platform, PIA, model, UNUSED)
    assert retired.retired is UNUSED
    assert events(stage, ModelRetired) == [ModelRetired(model=model, reason=UNUSED, role=Role.PRIVACY_OFFICER)]
    tries: list[Callable[[], object]] = [
        lambda: models.propose(stage.platform, ANN, model, STAGING),
        lambda: models.approve(stage.platform, CY, waits.id, waits.verdict),
        lambda: models.take_adapter(stage.platform, OTTO, model),
    ]
    codes = []
    for attempt in tries:
        with pytest.raises(Refused) as refused:
            attempt()
        codes.append(refused.value.code)
    assert codes == ["model_retired", "model_retired", "not_promoted"]
    with pytest.raises(IllegalTransition):
        retire(stage.platform, PIA, model, UNUSED)
    told = [entry.event for entry in reports.lineage(stage.platform, OTTO, model).report.aliases]
    assert [type(event) for event in told][-2:] == [AliasCleared, ModelRetired]


@pytest.mark.parametrize("who", [ANN, OTTO, WORKER])
def test_nobody_else_takes_anything_back(stage: Stage, model: ModelId, who: Principal) -> None:
    with pytest.raises((Refused, NotFound)):
        clear(stage.platform, who, model, STAGING, HARM)
    with pytest.raises((Refused, NotFound)):
        retire(stage.platform, who, model, HARM)


def test_the_shipped_file_protects_production_and_one_with_a_fault_is_no_registry(
    tmp_path: Path,
) -> None:
    assert FilePolicies(POLICIES).registry().protected == {Alias.CANDIDATE: False, STAGING: False, PRODUCTION: True}
    for text in (
        "",
        'because = "so"\n[aliases]\n',
        'because = "so"\n[aliases.Production]\nprotected = true\n',
        'because = "so"\n[aliases.production]\nprotected = "yes"\n',
        'because = "so"\n[aliases.production]\nprotected = true\nwho = "bob"\n',
    ):
        (tmp_path / "registry.toml").write_text(text)
        with pytest.raises(Malformed):
            FilePolicies(tmp_path).registry()


def test_what_was_stored_before_has_the_digest_it_had() -> None:
    bare = AliasTarget(alias=STAGING, model=ModelId("m"), promotion="p")  # type: ignore[arg-type]
    assert to_plain(bare) == {"alias": "staging", "model": "m", "promotion": "p"}
    assert from_plain(AliasTarget, decode(encode(to_plain(bare)))) == bare
    assert digest_of(STAGING) == digest_of("staging")
