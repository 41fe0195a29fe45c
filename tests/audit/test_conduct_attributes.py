"""The rule about protected attributes: each broken in each way, and nobody else blamed."""

import pytest
from tests.audit.house_log import GOOD, VERSION, Line, Log, digest, find, written
from tests.audit.test_conduct_erasures import of_another

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report

TABLE = digest("sealed attributes")
REQUEST = GOOD[find("RequestSubmitted")][2]["request"]
_DEIDENTIFY, _MEASURE = find("StepStarted", 0), find("StepStarted", 3)
_END = find("RequestEnded")


def attempt_of(place: int) -> int:
    return int(GOOD[place][2]["attempt"])


def kept(attempt: int = attempt_of(_DEIDENTIFY), version: str = VERSION, by: str = "worker") -> Line:
    return by, "AttributesKept", {"attempt": attempt, **_about(version), "table": TABLE}


def read(
    reads: int = 1, attempt: int = attempt_of(_MEASURE), table: str = TABLE, version: str = VERSION, by: str = "worker"
) -> Line:
    return by, "AttributesRead", {"attempt": attempt, **_about(version), "reads": reads, "table": table}


def destroyed() -> Line:
    return "worker", "AttributesDestroyed", {"dataset": "ds-1", "request": REQUEST}


def _about(version: str) -> dict[str, str]:
    return {"dataset": "ds-1", "request": REQUEST, "version": version}


def told(*, begun: Log | None = None, measured: Log | None = None, ended: Log | None = None) -> Log:
    """The good log, with what is said behind the begin of de-identifying, of measuring, and before the end."""
    first, second, last = (
        [kept()] if begun is None else begun,
        [read()] if measured is None else measured,
        [destroyed()] if ended is None else ended,
    )
    parts = [GOOD[: _DEIDENTIFY + 1], first, GOOD[_DEIDENTIFY + 1 : _MEASURE + 1], second]
    parts += [GOOD[_MEASURE + 1 : _END], last, GOOD[_END:]]
    return [line for part in parts for line in part]


def blamed(report: Report, grade: Grade = Grade.BROKEN) -> dict[str, tuple[str, ...]]:
    return {check.name: check.details for check in report.checks if check.grade is grade}


def test_attributes_as_they_have_to_be_are_consistent() -> None:
    report = conduct(written(told()))
    assert blamed(report) == {}
    assert blamed(report, Grade.INCOMPLETE) == blamed(conduct(written(GOOD)), Grade.INCOMPLETE)


def test_what_was_being_written_when_the_request_ended_is_destroyed_and_was_never_kept() -> None:
    assert blamed(conduct(written(told(begun=[], measured=[])))) == {}


BROKEN: dict[str, tuple[str, Log]] = {
    "read and never kept": ("never kept", told(begun=[], ended=[])),
    "kept while measured": ("no attempt", told(begun=[], measured=[kept(attempt_of(_MEASURE)), read()])),
    "kept by an attempt that is not there": ("no attempt", told(begun=[kept(7)])),
    "read before measuring": ("no attempt", told(begun=[kept(), read(attempt=attempt_of(_DEIDENTIFY))], measured=[])),
    "read by an attempt that is over": ("no attempt", told(measured=[], ended=[read(9), destroyed()])),
    "of another version": ("another dataset version", told(begun=[kept(version=digest("other"))])),
    "read of another version": ("another dataset version", told(measured=[read(version=digest("other"))])),
    "another table": ("other protected attributes", told(measured=[read(table=digest("other"))])),
    "not destroyed": ("not destroyed", told(ended=[])),
    "destroyed twice": ("once more", told(ended=[destroyed(), destroyed()])),
    "read after it": ("once more", told(measured=[destroyed(), read()], ended=[])),
    "kept after it": ("once more", told(begun=[kept(), destroyed(), kept()], measured=[])),
    "not counted": ("after 1", told(measured=[read(), read()])),
    "counted twice": ("are told of", told(measured=[read(), read(3)])),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found_and_no_other_is_blamed(what: str) -> None:
    words, log = BROKEN[what]
    found = blamed(conduct(written(log)))
    assert set(found) == {"attributes"}, found
    assert any(words in line for line in found["attributes"])


@pytest.mark.parametrize("line", [kept(by="prn-cy"), read(by="operator")], ids=str)
def test_a_worker_keeps_and_reads_them(line: Line) -> None:
    log = told(begun=[line]) if line[1] == "AttributesKept" else told(measured=[line])
    assert "principals" in blamed(conduct(written(log)))


def test_a_reading_of_a_version_whose_key_was_destroyed_is_named() -> None:
    gone: Line = ("worker", "VersionDestroyed", {"dataset": "ds-1", "version": VERSION})
    assert "destruction" in blamed(conduct(written(told(measured=[gone, read()]))))


def test_readings_for_another_request_count_on() -> None:
    other = of_another(read(2))
    found = blamed(conduct(written(told(measured=[read(), *other]))))
    assert not any("counted" in line or "told of" in line for line in found.get("attributes", ()))


def test_of_a_part_of_the_log_nothing_is_held_against_anybody_for_what_may_stand_in_the_rest() -> None:
    whole = written(told(measured=[read(4)]))
    some = [one for one in whole if b"AttributesKept" not in one[1]]
    found = conduct(some)
    assert "attributes" not in blamed(found)
    assert "attributes" in blamed(found, Grade.INCOMPLETE)
