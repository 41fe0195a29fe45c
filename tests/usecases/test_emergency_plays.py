"""Whatever is tried around an emergency, by whom and when: an auditor with rules of its own finds nothing."""

from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.conftest import ANN, BOB, PIA, Stage
from tests.usecases.test_emergencies import GAIL, GIL, PAT, found_by_the_auditor, opened, promoted, told
from tests.usecases.test_jobs import approved

from tunewarden.domain.break_glass import EmergencyFinding
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyOpened,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.errors import Conflict, NotFound, Refused
from tunewarden.domain.names import Alias, ModelId
from tunewarden.usecases import emergencies, reports, rollbacks, suspending
from tunewarden.usecases.ports import Principal

__all__ = ["told"]

LIKELY = [
    *3 * [("open", GAIL), ("review", PAT), ("back", GAIL), ("forth", GAIL)],
    *2 * [("confirm", PIA), ("read", GAIL), ("suspend", GAIL), ("resume", BOB), ("suspend", PIA)],
    *[("open", GIL), ("confirm", BOB), ("confirm", GAIL), ("close", GAIL), ("close", BOB), ("review", PIA)],
    *[("review", GAIL), ("read", GIL), ("read", BOB), ("resume", GAIL), ("resume", ANN), ("back", BOB), ("forth", GIL)],
]
MINUTES = [*12 * [0, 1, 2, 3], 14, 15, 16, 200, 240]
DEEDS = {EmergencyOpened, EmergencyUsed, AliasRolledBack, RequestSuspended, RequestResumed}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_tried_and_when_nothing_is_done_that_the_auditor_could_find(told: Stage, seed: int) -> None:
    """300 acts at random times by whoever: what was done outside an emergency would be found by rules of its own."""
    chance = Random(seed)
    versions = [promoted(told), promoted(told)]
    waiting = approved(told).id
    for _ in range(300):
        told.clock.advance(timedelta(minutes=chance.choice(MINUTES)))
        with told.platform.view() as view:
            known = view.emergencies.all()
        act, who = chance.choice(LIKELY)
        with suppress(Refused, NotFound, Conflict):
            _act(told, act, who, chance.choice(known).id if known else None, versions, waiting)
    assert {type(entry.event) for entry in told.entries()} >= DEEDS, "there was something to find"
    assert [line for line in found_by_the_auditor(told) if "has not been reviewed" not in line] == []


def _act(stage: Stage, act: str, who: Principal, last: Any, versions: list[ModelId], waiting: Any) -> None:
    platform = stage.platform
    match act:
        case "open":
            opened(stage, who)
        case "confirm" if last:
            emergencies.confirm(platform, who, last)
        case "close" if last:
            emergencies.close(platform, who, last)
        case "review" if last:
            emergencies.review(platform, who, last, EmergencyFinding.JUSTIFIED)
        case "read":
            reports.lineage(platform, who, versions[0])
        case "suspend":
            suspending.suspend(platform, who, waiting)
        case "resume":
            suspending.resume(platform, who, waiting)
        case "back":
            rollbacks.roll_back(platform, who, versions[0], Alias.PRODUCTION)
        case "forth":
            rollbacks.roll_back(platform, who, versions[1], Alias.PRODUCTION)
