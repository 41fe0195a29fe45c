"""An erasure ends once, and then nothing tells any more who was meant."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tunewarden.domain.entries import Entry
from tunewarden.domain.erasures import Erasure, ErasureState
from tunewarden.domain.errors import IllegalTransition
from tunewarden.domain.events import DatasetRetired, FileUploaded, HoldPlaced, HoldReleased
from tunewarden.domain.names import DatasetId, Digest, ErasureId, FileId, HoldId, PrincipalId
from tunewarden.domain.retention import Hold, covered, holds

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ASKED = Erasure(
    id=ErasureId("erasure-1"),
    dataset=DatasetId("ds-1"),
    asked_by=PrincipalId("prn-pia"),
    asked_at=NOON,
    sealed="SEALED",
)


def test_the_envelope_is_gone_once_it_ended_and_never_shown() -> None:
    assert "SEALED" not in repr(ASKED)
    done, refused = ASKED.done(1, NOON), ASKED.refused("legal_hold", NOON)
    assert (done.sealed, refused.sealed) == (None, None)
    assert (done.state, done.keys, done.because) == (ErasureState.DONE, 1, "")
    assert (refused.state, refused.keys, refused.because) == (ErasureState.REFUSED, 0, "legal_hold")


@pytest.mark.parametrize("ended", [ASKED.done(0, NOON), ASKED.refused("legal_hold", NOON)])
def test_what_ended_does_not_end_again(ended: Erasure) -> None:
    assert not ended.is_waiting
    with pytest.raises(IllegalTransition):
        ended.done(1, NOON)
    with pytest.raises(IllegalTransition):
        ended.refused("legal_hold", NOON)


LOG = [
    Entry(index=0, at=NOON, actor=PrincipalId("prn-dana"), event=DatasetRetired(dataset=DatasetId("ds-1"))),
    Entry(
        index=1,
        at=NOON,
        actor=PrincipalId("prn-ann"),
        event=FileUploaded(file=FileId("file-1"), digest=Digest("sha256:" + "a" * 64), size=1),
    ),
]


def hold(resource: str) -> list[Hold]:
    event = HoldPlaced(hold=HoldId("hold-1"), resource=resource, order=None)
    return holds([replace(LOG[0], index=2, event=event)])


@pytest.mark.parametrize(
    ("resource", "is_held"), [("ds-1", True), ("log", True), ("prn-dana", True), ("ds-2", False), ("prn-ann", False)]
)
def test_a_hold_keeps_a_dataset_where_it_would_keep_the_entries_about_it(resource: str, is_held: bool) -> None:
    assert ("ds-1" in covered(hold(resource), LOG, ["ds-1", "file-9"])) is is_held


def test_a_released_hold_keeps_nothing() -> None:
    event = HoldReleased(hold=HoldId("hold-1"))
    placed = HoldPlaced(hold=HoldId("hold-1"), resource="ds-1", order=None)
    log = [replace(LOG[0], index=2, event=placed), replace(LOG[0], index=3, event=event)]
    assert covered(holds(log), LOG, ["ds-1"]) == set()
