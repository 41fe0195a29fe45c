"""Projects as the auditor sees them: what was made of data is where the data is, and an archived one stays as it is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, find, key, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NORTH, SOUTH = "proj-1", "proj-2"
MADE_IN = (
    "FileUploaded",
    "DatasetRegistered",
    "RequestSubmitted",
    "ModelRegistered",
    "PromotionProposed",
    "AliasMoved",
)
ADA = key("prn-ada", "administrator")


def project(kind: str = "ProjectCreated", which: str = NORTH, actor: str = "prn-ada") -> Line:
    return actor, kind, {"project": which}


def placed(where: str = NORTH, **elsewhere: str) -> Log:
    """The good log in a project, but for the types of entries that say another one."""
    log = [
        (actor, kind, {**fact, "project": elsewhere.get(kind, where)} if kind in MADE_IN else fact)
        for actor, kind, fact in GOOD
    ]
    return [ADA, project(), project(which=SOUTH), *log]


def before(kind: str, *lines: Line, log: Log | None = None) -> Log:
    """The log with these lines before the first of a type."""
    log = log or placed()
    at = next(position for position, line in enumerate(log) if line[1] == kind)
    return [*log[:at], *lines, *log[at:]]


ARCHIVED = project("ProjectArchived")
KEY: Line = ("prn-ada", "KeyCreated", {"principal": "prn-x", "roles": ["steward"], "project": NORTH})


def judged(log: Log) -> Any:
    return conduct(written(log), now=NOW)


def blamed(log: Log) -> dict[str, Grade]:
    return {check.name: check.grade for check in judged(log).checks if check.grade is not Grade.CONSISTENT}


FINE: dict[str, Log] = {
    "in one project": placed(),
    "renamed": [*placed(), project("ProjectRenamed")],
    "archived at the end": [*placed(), ARCHIVED],
    "archived while training goes on": before("ModelRegistered", log=placed()),
    "another one archived": before("RequestSubmitted", project("ProjectArchived", SOUTH)),
    "a key of it": [
        *placed(),
        KEY,
    ],
    "in none": GOOD,
}


@pytest.mark.parametrize("what", FINE)
def test_a_log_that_kept_to_its_projects_is_consistent(what: str) -> None:
    assert blamed(FINE[what]) == {}


def test_training_that_runs_when_its_project_is_archived_ends_without_fault() -> None:
    log = before("StepFinished", ARCHIVED)
    at = next(position for position, line in enumerate(log) if line[1] == "PromotionProposed")
    cut = [line for line in log[:at] if line[1] not in {"PromotionApproved", "AliasMoved", "AdapterTaken"}]
    assert blamed(cut) == {}


BEGUN = ("FileUploaded", "DatasetRegistered", "DatasetVersionAdded", "RequestSubmitted", "RequestApproved")
BROKEN: dict[str, Log] = {
    **{f"{kind} elsewhere": placed(**{kind: SOUTH}) for kind in MADE_IN if kind not in {"FileUploaded"}},
    "records of a file elsewhere": placed(FileUploaded=SOUTH),
    "a request in no project": placed(RequestSubmitted="*"),
    **{f"{kind} in an archived one": before(kind, ARCHIVED) for kind in (*BEGUN, "PromotionProposed")},
    "a promotion approved in an archived one": before("PromotionApproved", ARCHIVED),
    "a key of an archived one": [
        *placed(),
        ARCHIVED,
        ("prn-ada", "KeyCreated", {"principal": "prn-x", "roles": ["steward"], "project": NORTH}),
    ],
    "a project that was never made": [ADA, *placed()[3:]],
    "made twice": [*placed(), project()],
    "everywhere as one": [*placed(), project(which="*")],
    "archived twice": [*placed(), ARCHIVED, ARCHIVED],
    "renamed after the end": [*placed(), ARCHIVED, project("ProjectRenamed")],
    "archived before it was made": [*placed(), project("ProjectArchived", "proj-9")],
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_left_its_project_is_found(what: str) -> None:
    assert blamed(BROKEN[what]).get("projects") is Grade.BROKEN


def test_projects_are_made_by_somebody_with_a_key() -> None:
    assert blamed([*placed(), project(which="proj-3", actor="prn-nobody")]) == {"principals": Grade.BROKEN}


def test_an_alias_moves_from_what_it_named_in_its_own_project() -> None:
    """Two projects have an alias of the same name each; the second is not moved from the model of the first."""
    log = placed()
    moved = log[find("AliasMoved") + 3]
    assert blamed([*log, (moved[0], "AliasMoved", {**moved[2], "project": SOUTH, "previous": moved[2]["model"]})])[
        "promotion"
    ]


def test_where_earlier_entries_are_not_at_hand_nothing_is_held_against_a_project() -> None:
    report = conduct(written(placed())[5:], now=NOW)
    assert {check.name: check.grade for check in report.checks}["projects"] is Grade.CONSISTENT
    report = conduct(written([*placed(), ARCHIVED])[-1:], now=NOW)
    assert {check.name: check.grade for check in report.checks}["projects"] is Grade.INCOMPLETE


@pytest.mark.parametrize("kind", ["ProjectCreated", "ProjectRenamed", "ProjectArchived"])
def test_an_entry_without_its_members_is_not_of_this_form(kind: str) -> None:
    assert blamed([ADA, *GOOD, ("prn-ada", kind, {})])["vocabulary"] is Grade.BROKEN
