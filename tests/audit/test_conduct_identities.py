"""Who is let in: what the api says of it counts, and nobody else says it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, after, digest, key, saying, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def identified(principal: str, role: str) -> dict[str, Any]:
    return {"issuer": digest("https://id.example"), "principal": principal, "roles": [role], "service": False}


def blamed(log: Log) -> dict[str, Grade]:
    report = conduct(written(log), now=NOW)
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def test_who_a_provider_vouches_for_acts_like_somebody_with_a_key() -> None:
    bob: Line = ("api", "PrincipalIdentified", identified("prn-bob", "approver"))
    log = [bob if line == key("prn-bob", "approver") else line for line in GOOD]
    assert bob in log
    more: list[Line] = [
        ("api", "LoginsRefused", {"count": 3, "failure": "key-unknown"}),
        ("operator", "KeyAdded", {"principal": "prn-ann", **KEY, "kind": "project", "scope": [], **NEITHER}),
        ("operator", "KeyWithdrawn", {"principal": "prn-ann", **KEY, "until": "2026-11-21T02:03:04.567Z"}),
    ]
    assert blamed([*log[:4], *more, *log[4:]]) == {}


KEY = {"key": "key-1"}
NEITHER = {"request": None, "expires": None}
BROKEN: dict[str, Log] = {
    "a person says whom a provider vouches for": after(
        "AliasMoved", ("prn-ann", "PrincipalIdentified", identified("oidc-1", "auditor"))
    ),
    "a person says who was not let in": after(
        "AliasMoved", ("prn-ann", "LoginsRefused", {"count": 3, "failure": "key-unknown"})
    ),
    "the operator says whom a provider vouches for": after(
        "AliasMoved", ("operator", "PrincipalIdentified", identified("oidc-1", "auditor"))
    ),
    "the api approves": saying("RequestApproved", by="api"),
    "the api takes the weights": saying("AdapterTaken", by="api"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_nobody_else_says_who_was_let_in_and_the_api_does_nothing_else(what: str) -> None:
    assert blamed(BROKEN[what])["principals"] is Grade.BROKEN


@pytest.mark.parametrize("kind", ["KeyAdded", "KeyWithdrawn", "PrincipalIdentified", "LoginsRefused"])
def test_an_entry_without_its_members_is_not_of_this_form(kind: str) -> None:
    assert blamed([*GOOD, ("api", kind, {})])["vocabulary"] is Grade.BROKEN
