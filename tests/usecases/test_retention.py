"""Holds and pruning: export, verify, propose, approve by somebody else, drop; nothing held or needed is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, ANN, BOB, EVE, NOW, OTTO, POLICIES, Stage, digest

from tunewarden.domain.errors import Conflict, Corrupted, Malformed, NotFound, Refused
from tunewarden.domain.events import (
    ActionRefused,
    DatasetRetired,
    Event,
    HoldPlaced,
    PruneFinished,
    PruneProposed,
    PruneStarted,
    StepFailed,
)
from tunewarden.domain.names import DatasetId, HoldId, PrincipalId, PruneId, RequestId, Role
from tunewarden.domain.retention import Retention
from tunewarden.domain.training import StepName
from tunewarden.drivers.memory import MemorySealedLog
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases import retention
from tunewarden.usecases.ports import Principal, SignedTreeHead

PAT = Principal(id=PrincipalId("prn-pat"), roles=frozenset({Role.PRIVACY_OFFICER}))
RETENTION = FilePolicies(POLICIES).retention()
IDS = [f"ds-{number:032x}" for number in range(4)]
YEARS = timedelta(days=3654)


@pytest.fixture
def old(stage: Stage) -> Stage:
    """Four retired datasets, ten years ago."""
    record(stage, *(DatasetRetired(dataset=DatasetId(dataset)) for dataset in IDS))
    stage.clock.advance(YEARS)
    sign(stage)
    return stage


def stopping(stage: Stage, prune: PruneId, checkpoint: str, units: int) -> None:
    """An approval that is cut off after so many units of work."""
    begin, left = stage.platform.work, [None] * units

    def crashing(actor: PrincipalId):  # type: ignore[no-untyped-def]
        if not left:
            raise SystemExit
        left.pop()
        return begin(actor)

    with pytest.raises(SystemExit):
        retention.approve(replace(stage.platform, work=crashing), ADA, RETENTION, prune, checkpoint)


def record(stage: Stage, *events: Event, actor: Principal = ANN) -> None:
    with stage.platform.work(actor.id) as work:
        for event in events:
            work.record(event)
        work.commit()


def sign(stage: Stage) -> str:
    """A head over everything; returns its note."""
    log = stage.platform.log
    assert isinstance(log, MemorySealedLog)
    size = stage.entries()[-1].index + 1
    log.signed = SignedTreeHead(size=size, note=f"log.example\n{size}\nroot of {size}\n\n\u2014 log.example sig\n")
    return log.signed.note


def indices(stage: Stage) -> list[int]:
    return [entry.index for entry in stage.entries()]


def kinds(stage: Stage) -> list[str]:
    return [type(entry.event).__name__ for entry in stage.entries()]


def propose(stage: Stage, classes: Retention = RETENTION) -> PruneId:
    return retention.propose(stage.platform, PAT, classes)[0]


def approve(stage: Stage, prune: PruneId, checkpoint: str, who: Principal = ADA) -> int:
    return retention.approve(stage.platform, who, RETENTION, prune, checkpoint)[0]


def test_bodies_are_dropped_between_an_intent_and_an_outcome_and_the_proofs_stay(old: Stage) -> None:
    checkpoint = sign(old)
    before = old.platform.log.inclusion_proofs(range(4), 4)
    assert approve(old, propose(old), checkpoint) == 4
    assert kinds(old) == ["PruneProposed", "PruneStarted", "PruneFinished"]
    proposed, started, finished = (entry.event for entry in old.entries())
    assert isinstance(proposed, PruneProposed)
    assert isinstance(started, PruneStarted)
    assert isinstance(finished, PruneFinished)
    assert (proposed.entries, finished.entries, started.verified_size) == (4, 4, 4)
    assert proposed.indices == started.indices == finished.indices
    assert old.platform.log.inclusion_proofs(range(4), 4) == before
    with pytest.raises(NotFound, match=r"its leaf hash is [0-9a-f]{64}"):
        old.platform.log.entry(2)


def test_a_held_entry_stays_readable_in_the_midst_of_dropped_ones_until_the_hold_is_released(old: Stage) -> None:
    hold, _ = retention.place_hold(old.platform, PAT, IDS[1], digest("court order"))
    assert [held.resource for held in retention.holds_in_force(old.platform, OTTO)] == [IDS[1]]
    checkpoint = sign(old)
    assert approve(old, propose(old), checkpoint) == 3
    assert indices(old)[:2] == [1, 4]
    assert IDS[1].encode() in old.platform.log.entry(1)
    assert old.platform.log.inclusion_proofs([1], 4)
    with pytest.raises(Refused, match="No entry"):
        propose(old)
    retention.release_hold(old.platform, PAT, hold)
    assert retention.holds_in_force(old.platform, OTTO) == []
    checkpoint = sign(old)
    assert approve(old, propose(old), checkpoint) == 1


@pytest.mark.parametrize("who", [ANN, BOB, OTTO, EVE])
def test_only_privacy_officers_and_administrators_prune_or_hold(old: Stage, who: Principal) -> None:
    checkpoint, prune = sign(old), propose(old)
    for attempt in (
        lambda: retention.propose(old.platform, who, RETENTION),
        lambda: retention.approve(old.platform, who, RETENTION, prune, checkpoint),
        lambda: retention.place_hold(old.platform, who, "log", None),
    ):
        with pytest.raises(Refused, match="You may not"):
            attempt()
    assert indices(old)[:4] == [0, 1, 2, 3]
    refused = [entry.event.action for entry in old.entries() if isinstance(entry.event, ActionRefused)]
    assert refused == ["propose-prune", "approve-prune", "place-hold"]


def test_nobody_approves_their_own_proposal(old: Stage) -> None:
    checkpoint = sign(old)
    with pytest.raises(Refused) as caught:
        approve(old, propose(old), checkpoint, who=PAT)
    assert caught.value.rule == "anyone/approve-prune/own"
    assert indices(old)[:4] == [0, 1, 2, 3]


def test_without_a_proposal_there_is_nothing_to_approve(old: Stage) -> None:
    with pytest.raises(NotFound, match="no such proposal"):
        approve(old, PruneId(f"prune-{9:032x}"), sign(old))


def test_an_administrator_may_place_a_hold_but_not_release_one(old: Stage) -> None:
    hold, _ = retention.place_hold(old.platform, ADA, "log", None)
    with pytest.raises(Refused):
        retention.release_hold(old.platform, ADA, hold)
    retention.release_hold(old.platform, PAT, hold)
    with pytest.raises(NotFound):
        retention.release_hold(old.platform, PAT, hold)


@pytest.mark.parametrize("resource", ["", "Miss Smith", "ds-1", "LOG", "ds-" + "0" * 31])
def test_a_hold_is_on_an_id_or_on_the_log_and_never_on_typed_text(old: Stage, resource: str) -> None:
    with pytest.raises(Malformed):
        retention.place_hold(old.platform, PAT, resource, None)
    assert not any(isinstance(entry.event, HoldPlaced) for entry in old.entries())


@pytest.mark.parametrize(
    "alter",
    [
        lambda note: note.replace("root of", "another root of"),
        lambda note: note.replace("\n4\n", "\n5\n"),
        lambda note: note.replace("log.example\n", "other.example\n", 1),
        lambda note: note.replace("\n4\n", "\n04\n"),
        lambda _: "",
        lambda _: "log.example\nmany\nroot\n\n",
    ],
)
def test_a_checkpoint_that_the_log_did_not_sign_shows_nothing(old: Stage, alter: Callable[[str], str]) -> None:
    checkpoint, prune = sign(old), propose(old)
    with pytest.raises(Refused, match="not one that this log signed"):
        approve(old, prune, alter(checkpoint))
    assert indices(old)[:4] == [0, 1, 2, 3]


def test_cosignatures_on_the_verified_checkpoint_do_not_matter(old: Stage) -> None:
    checkpoint = sign(old) + "\u2014 witness.example sig\n"
    assert approve(old, propose(old), checkpoint) == 4


def test_a_verified_copy_that_is_too_small_is_refused(stage: Stage) -> None:
    record(stage, *(DatasetRetired(dataset=DatasetId(dataset)) for dataset in IDS))
    log = stage.platform.log
    assert isinstance(log, MemorySealedLog)
    small = SignedTreeHead(size=3, note="log.example\n3\nroot of 3\n\n\u2014 log.example sig\n")
    stage.clock.advance(YEARS)
    sign(stage)
    prune = propose(stage)
    log.signed = small
    with pytest.raises(Refused, match="holds 3 entries, and entry 3"):
        approve(stage, prune, small.note)
    assert indices(stage)[:4] == [0, 1, 2, 3]


def test_what_no_head_covers_is_not_proposed(stage: Stage) -> None:
    record(stage, DatasetRetired(dataset=DatasetId(IDS[0])))
    sign(stage)
    record(stage, DatasetRetired(dataset=DatasetId(IDS[1])))
    stage.clock.advance(YEARS)
    _, found = retention.propose(stage.platform, PAT, RETENTION)
    assert found.indices == (0,)


def test_a_hold_after_the_proposal_stops_it(old: Stage) -> None:
    checkpoint, prune = sign(old), propose(old)
    retention.place_hold(old.platform, PAT, IDS[0], None)
    with pytest.raises(Conflict, match="a hold"):
        approve(old, prune, checkpoint)
    assert indices(old)[:4] == [0, 1, 2, 3]


def test_a_hold_in_the_very_last_moment_stops_it_and_the_outcome_says_so(old: Stage) -> None:
    checkpoint, prune = sign(old), propose(old)
    begin = old.platform.work
    started: list[bool] = []

    def meanwhile(actor: PrincipalId):  # type: ignore[no-untyped-def]
        if kinds(old)[-1] == "PruneStarted" and not started:
            started.append(True)
            record(old, HoldPlaced(hold=retention.HoldId("hold-1"), resource="log", order=None), actor=PAT)
        return begin(actor)

    with pytest.raises(Conflict, match="nothing was dropped"):
        retention.approve(replace(old.platform, work=meanwhile), ADA, RETENTION, prune, checkpoint)
    assert indices(old)[:4] == [0, 1, 2, 3]
    last = old.entries()[-1].event
    assert isinstance(last, PruneFinished)
    assert last.entries == 0


def test_a_pruning_that_was_cut_off_goes_on_and_a_finished_one_does_not(old: Stage) -> None:
    checkpoint, prune = sign(old), propose(old)
    stopping(old, prune, checkpoint, 1)
    assert kinds(old)[-1] == "PruneStarted"
    assert approve(old, prune, checkpoint) == 4
    assert kinds(old).count("PruneStarted") == 1
    with pytest.raises(Conflict, match="over"):
        approve(old, prune, checkpoint)


@pytest.mark.parametrize("stopper", ["hold", "classes"])
def test_a_pruning_that_was_cut_off_and_may_not_go_on_ends_with_nothing_dropped(old: Stage, stopper: str) -> None:
    """Otherwise its intent would stay without an outcome for ever, and every audit would say so."""
    checkpoint, prune = sign(old), propose(old)
    stopping(old, prune, checkpoint, 1)
    classes = RETENTION
    if stopper == "hold":
        retention.place_hold(old.platform, PAT, IDS[0], None)
    else:
        classes = replace(RETENTION, events={**RETENTION.events, "StepFailed": "hipaa-6y"})
    with pytest.raises(Conflict, match=r"hold|classes"):
        retention.approve(old.platform, ADA, classes, prune, checkpoint)
    assert indices(old)[:4] == [0, 1, 2, 3]
    last = old.entries()[-1].event
    assert isinstance(last, PruneFinished)
    assert (last.prune, last.entries) == (prune, 0)
    with pytest.raises(Conflict, match="over"):
        retention.approve(old.platform, ADA, classes, prune, checkpoint)
    assert kinds(old).count("PruneFinished") == 1


@pytest.mark.parametrize("first", [1, 2])
def test_of_two_who_approve_at_once_one_prunes_and_nothing_is_begun_after_the_end(old: Stage, first: int) -> None:
    """The other one comes in before this one's first or second unit of work."""
    checkpoint, prune = sign(old), propose(old)
    begin, count = old.platform.work, [0]

    def meanwhile(actor: PrincipalId):  # type: ignore[no-untyped-def]
        count[0] += 1
        if count[0] == first:
            assert approve(old, prune, checkpoint) == 4
        return begin(actor)

    with pytest.raises(Conflict, match="over"):
        retention.approve(replace(old.platform, work=meanwhile), ADA, RETENTION, prune, checkpoint)
    told = kinds(old)
    assert told[-1] == "PruneFinished"
    assert told.count("PruneFinished") == 1
    with old.platform.view() as view:
        retention.require_explained(view.entries(), view.dropped_bodies())


def test_of_two_overlapping_proposals_one_drops_and_the_other_drops_nothing(old: Stage) -> None:
    checkpoint, one, other = sign(old), propose(old), propose(old)
    begin, count = old.platform.work, [0]

    def meanwhile(actor: PrincipalId):  # type: ignore[no-untyped-def]
        count[0] += 1
        if count[0] == 2:
            assert approve(old, other, checkpoint) == 4
        return begin(actor)

    with pytest.raises(Conflict, match="nothing was dropped"):
        retention.approve(replace(old.platform, work=meanwhile), ADA, RETENTION, one, checkpoint)
    with old.platform.view() as view:
        retention.require_explained(view.entries(), view.dropped_bodies())


def test_a_hold_on_what_no_entry_is_about_is_refused_and_the_id_is_not_written(old: Stage) -> None:
    """A typing error would look like a hold; and thirty-two digits can be the digest of a name."""
    for unknown in (f"ds-{99:032x}", f"mrn-{99:032x}"):
        with pytest.raises(NotFound, match="would hold nothing") as caught:
            retention.place_hold(old.platform, PAT, unknown, None)
        assert unknown not in str(caught.value)
    assert kinds(old) == ["DatasetRetired"] * 4
    checkpoint = sign(old)
    approve(old, propose(old), checkpoint)
    with pytest.raises(NotFound, match="would hold nothing"):
        retention.place_hold(old.platform, PAT, IDS[0], None)


def test_other_retention_classes_than_the_proposed_ones_need_a_new_proposal(old: Stage) -> None:
    checkpoint = sign(old)
    prune = propose(old, replace(RETENTION, events={**RETENTION.events, "StepFailed": "hipaa-6y"}))
    with pytest.raises(Conflict, match="classes changed"):
        approve(old, prune, checkpoint)


def test_a_body_that_went_without_a_word_stops_every_further_pruning(old: Stage) -> None:
    log = old.platform.log
    assert isinstance(log, MemorySealedLog)
    state = log._state
    state.dropped[1] = (PruneId("prune-1"), b"\0" * 32)
    state.entries[1] = b""
    with pytest.raises(Corrupted, match="the log does not say why"):
        propose(old)


def test_logs_that_must_be_kept_six_months_stay_six_months(stage: Stage) -> None:
    request = RequestId(f"ftjob-{1:032x}")
    record(stage, StepFailed(request=request, attempt=1, step=StepName.TRAIN, code="step_failed"))
    sign(stage)
    stage.clock.advance(timedelta(days=184))
    with pytest.raises(Refused, match="No entry"):
        propose(stage)
    stage.clock.advance(timedelta(days=1))
    assert stage.clock.now == NOW + timedelta(days=185)
    assert propose(stage)


def test_what_somebody_typed_as_the_id_of_a_hold_does_not_reach_the_log(stage: Stage) -> None:
    """Thirty-two hex digits may be the hash of a name; only an id that stands in the log already is written again."""
    typed = "hold-" + "ab" * 16
    for attempt in (
        lambda: retention.place_hold(stage.platform, EVE, typed, None),
        lambda: retention.release_hold(stage.platform, EVE, HoldId(typed)),
    ):
        with pytest.raises(Refused):
            attempt()
    known = stage.dataset().id
    with pytest.raises(Refused):
        retention.place_hold(stage.platform, EVE, known, None)
    told = [entry.event.resource for entry in stage.entries() if isinstance(entry.event, ActionRefused)]
    assert told == ["log", "log", known]
