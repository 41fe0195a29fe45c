"""Aliases that were taken off and model versions that were retired, asked of the log alone."""

from typing import Any

import pytest
from tests.audit.house_log import GOOD, Fact, Line, Log, digest, entry, find, key, revoked, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

PIA = key("prn-pia", "privacy-officer")
TAKEN = GOOD[find("AdapterTaken")]


def asked(by: str = "prn-cy", role: str = "approver", **changes: Any) -> Line:
    fact: Fact = {"alias": "production", "model": "mdl-1", "project": "*", "role": role, "reason": "harmful"}
    return by, "AliasClearingAsked", {**fact, **changes}


def cleared(by: str = "prn-pia", role: str = "privacy-officer", **changes: Any) -> Line:
    _, _, fact = asked()
    more = {"role": role, "protected": True, "registry": digest("registry")}
    return by, "AliasCleared", {**fact, **more, **changes}


def retired(by: str = "prn-cy", **changes: Any) -> Line:
    return by, "ModelRetired", {"model": "mdl-1", "reason": "harmful", **changes}


def log(*lines: Line) -> Log:
    """The good log with somebody more, and these entries at its end."""
    return [PIA, *GOOD, *lines]


def again() -> Log:
    """The same model version proposed, approved and named once more."""
    at, to = find("RequestEnded") + 1, find("AliasMoved") + 1
    before = [
        (actor, kind, {**fact, "promotion": "prom-2"} if "promotion" in fact else fact)
        for actor, kind, fact in GOOD[at : to - 1]
    ]
    return [*before, GOOD[to - 1]]


def blamed(told: Log) -> dict[str, Grade]:
    checks = conduct(written(told)).checks
    return {check.name: check.grade for check in checks if check.grade is not Grade.CONSISTENT}


@pytest.mark.parametrize(
    "lines",
    [
        [asked(), cleared()],
        [cleared(protected=False)],
        [asked(), cleared(), retired()],
        [cleared(protected=False), *again()],
        [cleared(protected=False), retired(role="approver")],
    ],
)
def test_what_was_taken_back_as_it_has_to_be_is_consistent(lines: Log) -> None:
    assert blamed(log(*lines)) == {}


BROKEN: dict[str, tuple[str, Log]] = {
    "taken off by one": ("removals", log(cleared())),
    "taken off by who asked": ("removals", log(asked(), cleared("prn-cy", "approver"))),
    "asked before it moved": ("removals", log(asked(), *again(), cleared())),
    "asked by somebody who was revoked since": ("removals", log(asked(), revoked("prn-cy"), cleared())),
    "taken off by somebody who was revoked": ("removals", log(asked(), revoked("prn-pia"), cleared())),
    "in a role from who asked": (
        "removals",
        log(
            key("prn-fay", "requester"),
            ("prn-cy", "RoleGranted", {"decides": "x", "principal": "prn-fay", "project": "*", "role": "approver"}),
            asked(),
            cleared("prn-fay", "approver"),
        ),
    ),
    "retired in a role that was taken back": (
        "removals",
        log(cleared(protected=False), key("prn-cy", "auditor"), retired(role="approver")),
    ),
    "off what it does not name": ("removals", log(cleared(protected=False, model="mdl-2"))),
    "off in another project": ("removals", log(cleared(protected=False, project="proj-1"))),
    "off twice": ("removals", log(cleared(protected=False), cleared(protected=False))),
    "asked of what it does not name": ("removals", log(asked(model="mdl-2"))),
    "retired while it is named": ("removals", log(retired())),
    "retired twice": ("removals", log(cleared(protected=False), retired(), retired())),
    "retired and never registered": ("removals", log(retired(model="mdl-2"))),
    "named after it was retired": ("removals", log(cleared(protected=False), retired(), *again())),
    "in a role of another project": (
        "removals",
        log(
            key("prn-fay", "requester"),
            ("prn-bob", "RoleGranted", {"decides": "x", "principal": "prn-fay", "project": "p", "role": "approver"}),
            asked(),
            cleared("prn-fay", "approver"),
        ),
    ),
    "asked by the platform": ("principals", log(asked("worker"))),
    "taken off by the platform": ("principals", log(cleared("operator", protected=False))),
    "retired by the platform": ("principals", log(cleared(protected=False), retired("api"))),
    "taken when no alias named it": ("promotion", log(cleared(protected=False), TAKEN)),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found(what: str) -> None:
    name, told = BROKEN[what]
    assert blamed(told).get(name) is Grade.BROKEN, blamed(told)


@pytest.mark.parametrize(("at", "grade"), [("03:59", Grade.CONSISTENT), ("04:02", Grade.BROKEN)])
def test_what_was_asked_for_counts_for_a_day(at: str, grade: Grade) -> None:
    told = log(asked())
    entries = [*written(told[:-1]), (len(told) - 1, entry(0, told[-1], at="2026-11-21T04:00:00.000Z"))]
    after = (len(told), entry(0, cleared(), at=f"2026-11-22T{at}:00.000Z"))
    checks = {check.name: check.grade for check in conduct([*entries, after]).checks}
    assert checks["removals"] is grade
