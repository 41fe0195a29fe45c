"""The fault matrix, classes 14 and 15: every hash is right, and what the log says cannot be. See test_matrix_edits.py.

No tampering here: whoever does this has the platform itself write a false date, or leaves an event out. Verification
passes, as it must, and `tunewarden-audit conduct` finds it, where something else needs what is missing.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.audit.house_log import GOOD, NEEDED_BY_NOTHING
from tests.faults.house import House, house, verified

from tunewarden.domain.canonical import encode
from tunewarden.domain.entries import read_entry
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report
from tunewarden_audit.static_log import read_entries

__all__ = ["house"]
DANA = PrincipalId("prn-dana")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def judged(house: House, directory: Path, *, now: datetime | None = None) -> Report:
    """What an auditor finds in a log whose every hash is right."""
    house.seal()
    assert verified(house, house.export(directory)).verdict is Grade.CONSISTENT
    return conduct(read_entries(directory, len(house.leaves())), now=now)


def blamed(report: Report) -> dict[str, Grade]:
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def tell(house: House, skipped: int | None = None) -> None:
    """The good story through the platform's own unit of work, a second apart, without one of its entries."""
    for position, (actor, kind, fact) in enumerate(GOOD):
        if position != skipped:
            body = {"actor": actor, "at": "2026-11-21T12:00:00.000Z", "fact": fact, "type": kind, "v": 1}
            entry = read_entry(position, encode(body))
            house.record(entry.event, at=NOON + timedelta(seconds=position), actor=entry.actor)


def test_the_story_without_a_fault_is_blamed_for_nothing(house: House, tmp_path: Path) -> None:
    tell(house)
    assert blamed(judged(house, tmp_path / "tiles", now=NOON + timedelta(days=1))) == {}


@pytest.mark.parametrize(("hours", "is_blamed"), [(-2, True), (0, False)])
def test_class_14_a_clock_that_was_turned_back_is_found_between_two_entries(
    house: House, tmp_path: Path, hours: int, is_blamed: bool
) -> None:
    tell(house)
    late = NOON + timedelta(minutes=5, hours=hours)
    house.record(DatasetRetired(dataset=DatasetId("ds-1")), at=late, actor=DANA)
    assert (blamed(judged(house, tmp_path / "tiles")).get("time") is Grade.BROKEN) is is_blamed


def test_class_14_a_clock_that_runs_ahead_is_found_by_the_auditors_own(house: House, tmp_path: Path) -> None:
    tell(house)
    house.record(DatasetRetired(dataset=DatasetId("ds-1")), at=NOON + timedelta(days=30), actor=DANA)
    report = judged(house, tmp_path / "tiles", now=NOON + timedelta(days=1))
    assert blamed(report) == {"time": Grade.BROKEN}


NEEDED = [position for position, line in enumerate(GOOD) if line[1] not in NEEDED_BY_NOTHING]


@pytest.mark.parametrize("position", NEEDED, ids=lambda position: f"{position} {GOOD[position][1]}")
def test_class_15_an_event_that_was_never_written_is_missed_by_what_needs_it(
    house: House, tmp_path: Path, position: int
) -> None:
    tell(house, skipped=position)
    assert judged(house, tmp_path / "tiles").verdict in {Grade.BROKEN, Grade.INCOMPLETE}
