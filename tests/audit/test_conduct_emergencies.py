"""Emergencies as the auditor sees them: every way in which one could have been kept open, confirmed or used wrongly."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.audit.house_log import ADAPTER, GOOD, PROMOTION, Fact, Line, digest, entry, key, verdict, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Check, Grade

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
Timed = tuple[int, Line]
"""Minutes after the opening, and the line."""
Play = list[Timed]
RULES = ("emergencies", "emergency deeds", "suspension")
PEOPLE: list[Line] = [
    *GOOD,
    key("prn-gail", "break-glass"),
    key("prn-gil", "break-glass"),
    key("prn-pia", "privacy-officer"),
    key("prn-pat", "privacy-officer"),
    ("prn-cy", "AliasMoved", {"alias": "production", "model": "mdl-2", "previous": "mdl-1"}),
]
"""The alias names another model version since; how it came to be is not told, and is not these rules' business."""


def stamp(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def said(minute: int, actor: str, kind: str, **fact: Any) -> Timed:
    return minute, (actor, kind, {"emergency": "bgl-1", **fact})


def opened(minute: int = 0, by: str = "prn-gail", lasts: int = 240, **fact: Any) -> Timed:
    told = {"reason": "drill", "incident": digest("INC-1"), "ends_at": stamp(minute + lasts)}
    return said(minute, by, "EmergencyOpened", **{**told, **fact})


def confirmed(minute: int = 14, by: str = "prn-bob", **role: str) -> Timed:
    return said(minute, by, "EmergencyConfirmed", **role)


def closed(minute: int, by: str = "prn-gail", **role: str) -> Timed:
    return said(minute, by, "EmergencyClosed", **role)


def reviewed(minute: int = 300, by: str = "prn-pia", **role: str) -> Timed:
    return said(minute, by, "EmergencyReviewed", finding="justified", **role)


def read(minute: int, by: str = "prn-gail", action: str = "read-lineage") -> Timed:
    return said(minute, by, "EmergencyUsed", action=action, model="mdl-1")


def suspended(minute: int, by: str = "prn-gail", emergency: str | None = "bgl-1") -> Timed:
    return said(minute, by, "RequestSuspended", request="ftjob-1", emergency=emergency)


def resumed(minute: int, by: str = "prn-bob", **role: str) -> Timed:
    return minute, (by, "RequestResumed", {"request": "ftjob-1", **role})


def granted(minute: int, by: str, role: str = "privacy-officer", to: str = "prn-new") -> Play:
    """To somebody new."""
    fact = {"decides": "x", "principal": to, "project": "*", "role": role}
    return [(minute, key(to, "auditor")), (minute, (by, "RoleGranted", fact))]


def taken(minute: int, role: str, who: str) -> Timed:
    return minute, ("prn-cy", "RoleRevoked", {"decides": "x", "principal": who, "project": "*", "role": role})


def cleared(minute: int, by: str = "prn-pia") -> Timed:
    fact = {"alias": "production", "model": "mdl-1", "project": "*", "reason": "harmful", "protected": False}
    return minute, (by, "AliasCleared", {**fact, "role": "privacy-officer", "registry": digest("registry")})


def judged(minute: int, low: str = "0.9") -> Timed:
    return minute, ("prn-gail", "GateJudged", verdict("promotion", PROMOTION, ADAPTER, low=low))


def back(minute: int, by: str = "prn-gail", **changes: Any) -> Play:
    """To mdl-1, and the move that follows."""
    fact: Fact = {"alias": "production", "model": "mdl-1", "previous": "mdl-2", "emergency": "bgl-1", "promotion": None}
    moved = {"alias": "production", "model": "mdl-1", "previous": "mdl-2"}
    return [(minute, (by, "AliasRolledBack", {**fact, **changes})), (minute, (by, "AliasMoved", moved))]


OFFICER = {"role": "privacy-officer"}
GOOD_PLAY: Play = [
    opened(),
    read(1),
    confirmed(role="approver"),
    suspended(20),
    judged(30),
    *back(30),
    resumed(31, role="approver"),
    reviewed(**OFFICER),
    opened(400, emergency="bgl-2"),
    said(401, "prn-gail", "EmergencyClosed", emergency="bgl-2"),
    said(402, "prn-pat", "EmergencyReviewed", emergency="bgl-2", finding="not-needed"),
]


def judge(play: Play) -> dict[str, Check]:
    """Of these rules, in a log that begins as a good one does."""
    people = written(PEOPLE)
    told = [(len(people) + n, entry(0, line, at=stamp(minute))) for n, (minute, line) in enumerate(play)]
    return {check.name: check for check in conduct([*people, *told]).checks if check.name in RULES}


def test_an_emergency_that_went_as_it_has_to_is_consistent() -> None:
    checks = judge(GOOD_PLAY)
    assert {name: check.details for name, check in checks.items()} == dict.fromkeys(RULES, ())


BROKEN: dict[str, tuple[str, Play, str]] = {
    "longer than four hours": ("emergencies", [opened(lasts=241)], "more than four hours"),
    "an end that is no time": ("emergencies", [opened(ends_at="never")], "more than four hours"),
    "opened twice": ("emergencies", [opened(), closed(1), reviewed(2), opened(3)], "a second time"),
    "the next before the review": ("emergencies", [opened(), closed(1), opened(2, emergency="bgl-2")], "not reviewed"),
    "never opened": ("emergencies", [confirmed()], "never opened"),
    "confirmed by who opened it": ("emergencies", [opened(), confirmed(by="prn-gail")], "by who opened it"),
    "confirmed twice": ("emergencies", [opened(), confirmed(), confirmed(14, "prn-pia")], "confirmed a second time"),
    "confirmed too late": ("emergencies", [opened(), confirmed(16)], "after it had lapsed"),
    "confirmed after it was closed": ("emergencies", [opened(), closed(1), confirmed(2)], "lapsed or was closed"),
    "closed when it had lapsed": ("emergencies", [opened(), closed(17)], "was over"),
    "closed after its end": ("emergencies", [opened(), confirmed(), closed(242)], "was over"),
    "reviewed by who opened it": ("emergencies", [opened(), reviewed(by="prn-gail")], "opened or confirmed"),
    "reviewed by who confirmed it": ("emergencies", [opened(), confirmed(), reviewed(by="prn-bob")], "confirmed it"),
    "reviewed twice": ("emergencies", [opened(), reviewed(), reviewed(301)], "reviewed a second time"),
    "reviewed while in force": ("emergencies", [opened(), confirmed(), reviewed(200)], "while it was in force"),
    "not reviewed for a week": (
        "emergencies",
        [opened(), (240 + 8 * 1440, key("prn-new", "auditor"))],
        "8 days after it was over",
    ),
    "confirmed in a role from who opened it": (
        "emergencies",
        [*granted(-5, "prn-gail"), opened(), confirmed(1, "prn-new", **OFFICER)],
        "less than a day before",
    ),
    "reviewed in a role from who opened it": (
        "emergencies",
        [*granted(-5, "prn-gail"), opened(), reviewed(by="prn-new", **OFFICER)],
        "less than a day before",
    ),
    "closed in a role that was taken back": (
        "emergencies",
        [*granted(-5, "prn-cy"), opened(), taken(1, "privacy-officer", "prn-new"), closed(2, "prn-new", **OFFICER)],
        "had been taken back",
    ),
    "resumed in a role from who asked": (
        "suspension",
        [*granted(-5, "prn-ann"), opened(), suspended(1), resumed(2, "prn-new", **OFFICER)],
        "less than a day before",
    ),
    "resumed in a role that was taken back": (
        "suspension",
        [
            *granted(-5, "prn-cy"),
            opened(),
            suspended(1),
            taken(1, "privacy-officer", "prn-new"),
            resumed(2, "prn-new", **OFFICER),
        ],
        "had been taken back",
    ),
    "back to what it was taken off": (
        "emergency deeds",
        [
            (-9, ("prn-cy", "AliasMoved", {"alias": "production", "model": "mdl-1", "previous": "mdl-2"})),
            cleared(-8),
            (-7, ("prn-cy", "AliasMoved", {"alias": "production", "model": "mdl-2", "previous": None})),
            opened(),
            judged(1),
            *back(1),
        ],
        "that it was taken off",
    ),
    "read after fifteen minutes": ("emergency deeds", [opened(), read(17)], "was over"),
    "read after four hours": ("emergency deeds", [opened(), confirmed(), read(242)], "was over"),
    "read after it was closed": ("emergency deeds", [opened(), closed(1), read(3)], "was over"),
    "read by somebody else": ("emergency deeds", [opened(), read(1, "prn-gil")], "of somebody else"),
    "read in no emergency": ("emergency deeds", [read(1)], "never opened"),
    "data read": ("emergency deeds", [opened(), read(1, action="read-dataset")], "that none is for"),
    "suspended by somebody else": ("emergency deeds", [opened(), suspended(1, "prn-gil")], "of somebody else"),
    "back by both ways": ("emergency deeds", [opened(), judged(1), *back(1, promotion="prom-1")], "or by both"),
    "back by no way": ("emergency deeds", [opened(), judged(1), *back(1, emergency=None)], "neither because"),
    "back by a promotion that was not": (
        "emergency deeds",
        [opened(), judged(1), *back(1, emergency=None, promotion="prom-9")],
        "without an approved promotion",
    ),
    "back to what it never named": (
        "emergency deeds",
        [opened(), judged(1), *back(1, alias="staging")],
        "that it never named",
    ),
    "back without a verdict": ("emergency deeds", [opened(), *back(1)], "not asked once more"),
    "back on a red gate": ("emergency deeds", [opened(), judged(1, "0.1"), *back(1)], "did not pass"),
    "back to what was disproved": (
        "emergency deeds",
        [
            opened(),
            (
                1,
                (
                    "worker",
                    "PromiseDisproved",
                    {"model": "mdl-1", "request": "ftjob-1", "claimed": "1", "shown": "2", "delta": "0.1"},
                ),
            ),
            judged(1),
            *back(1),
        ],
        "shown to leak",
    ),
    "back and never moved": ("emergency deeds", [opened(), judged(1), back(1)[0]], "never moved"),
    "suspended twice": ("suspension", [opened(), suspended(1), suspended(2)], "suspended that was"),
    "resumed though it went on": ("suspension", [resumed(1)], "was not suspended"),
    "resumed by who asked": ("suspension", [opened(), suspended(1), resumed(2, "prn-ann")], "who asked for it"),
    "a step while suspended": (
        "suspension",
        [
            opened(),
            suspended(1),
            (2, ("worker", "StepStarted", {"request": "ftjob-1", "attempt": 9, "step": "measure", "given": ADAPTER})),
        ],
        "goes on",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_emergency_that_went_otherwise_is_found(what: str) -> None:
    rule, play, because = BROKEN[what]
    check = judge(play)[rule]
    assert check.grade is Grade.BROKEN
    assert any(because in line for line in check.details), check.details


def test_a_moment_more_than_fifteen_minutes_is_the_log_being_busy_and_a_minute_more_is_not() -> None:
    assert judge([opened(), read(15)])["emergency deeds"].grade is Grade.CONSISTENT
    assert judge([opened(), confirmed(15)])["emergencies"].grade is Grade.CONSISTENT


def test_a_review_that_is_due_is_named_and_held_against_nobody_for_a_week() -> None:
    waits = judge([opened(), closed(1), (5, key("prn-new", "auditor"))])["emergencies"]
    assert waits.grade is Grade.CONSISTENT
    assert waits.details == (f"entry {len(PEOPLE)}: the emergency that it opens has not been reviewed",)


def test_a_bundle_of_what_an_alias_went_back_from_is_not_blamed_for_what_it_does_not_tell_of_the_other() -> None:
    foreign = [(n, line) for n, line in enumerate(PEOPLE) if line[1] not in {"ModelRegistered", "AliasMoved"}]
    told = [(n, entry(n, line)) for n, line in foreign]
    play = [(len(PEOPLE) + n, entry(0, line, at=stamp(minute))) for n, (minute, line) in enumerate(GOOD_PLAY)]
    checks = {check.name: check for check in conduct([*told, *play]).checks}
    assert checks["emergency deeds"].grade is Grade.CONSISTENT


@pytest.mark.parametrize("gone", range(len(GOOD_PLAY)))
def test_what_stands_in_an_entry_that_is_not_at_hand_is_held_against_nobody(gone: int) -> None:
    people = written(PEOPLE)
    told = [(len(people) + n, entry(0, line, at=stamp(minute))) for n, (minute, line) in enumerate(GOOD_PLAY)]
    checks = [check for check in conduct([*people, *told[:gone], *told[gone + 1 :]]).checks if check.name in RULES]
    assert {check.grade for check in checks} <= {Grade.CONSISTENT, Grade.INCOMPLETE}
