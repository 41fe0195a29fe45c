"""The access policy as the auditor sees it: every version in force was proposed by somebody else, as it is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, digest, key, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ONE, TWO, REPORT, ALL = digest("one"), digest("two"), digest("report"), digest("all")


def line(actor: str, kind: str, **fact: Any) -> Line:
    return actor, kind, fact


def installed(actor: str = "operator", policy: str = "pol-1") -> Line:
    return line(actor, "PolicyInstalled", policy=policy, digest=ONE, decides=ALL, rules=9)


def proposed(policy: str = "pol-2", base: str = "pol-1", said: str = TWO, restores: str | None = None) -> Line:
    more = {"base": base, "report": REPORT, "restores": restores, "rules": 9, "gains": 1, "losses": 0}
    return line("prn-ada", "PolicyProposed", policy=policy, digest=said, **more)


def activated(actor: str = "prn-pia", policy: str = "pol-2", **changes: str) -> Line:
    fact = {"policy": policy, "digest": TWO, "previous": "pol-1", "report": REPORT, "decides": ALL, **changes}
    return line(actor, "PolicyActivated", **fact)


def granted(kind: str = "RoleGranted", actor: str = "prn-ada", member: str = "prn-ann") -> Line:
    return line(actor, kind, principal=member, role="steward", project="*", decides=ALL)


PEOPLE: Log = [key("prn-ada", "administrator"), key("prn-pia", "privacy-officer"), *GOOD]
LIFE: Log = [
    *PEOPLE,
    installed(),
    proposed(),
    activated(),
    granted(),
    granted("RoleRevoked"),
    granted(),
    proposed("pol-3", base="pol-2", said=ONE, restores="pol-1"),
    activated(policy="pol-3", previous="pol-2", digest=ONE),
]


def blamed(log: Log) -> dict[str, Grade]:
    report = conduct(written(log), now=NOW)
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def test_a_policy_that_two_persons_put_in_force_and_back_is_consistent() -> None:
    assert blamed(LIFE) == {}


BROKEN: dict[str, tuple[str, Log]] = {
    "by who proposed it": ("policy", [*PEOPLE, installed(), proposed(), activated("prn-ada")]),
    "that nobody proposed": ("policy", [*PEOPLE, installed(), activated()]),
    "another than was proposed": ("policy", [*PEOPLE, installed(), proposed(), activated(digest=ONE)]),
    "after another report": ("policy", [*PEOPLE, installed(), proposed(), activated(report=TWO)]),
    "in place of another": ("policy", [*PEOPLE, installed(), proposed(), activated(previous="pol-9")]),
    "that lapsed": (
        "policy",
        [
            *PEOPLE,
            installed(),
            proposed(),
            proposed("pol-3"),
            activated(),
            activated(policy="pol-3"),
        ],
    ),
    "that lapsed, in place of the right one": (
        "policy",
        [*PEOPLE, installed(), proposed(), proposed("pol-3"), activated(), activated(policy="pol-3", previous="pol-2")],
    ),
    "a second time": ("policy", [*PEOPLE, installed(), proposed(), activated(), activated()]),
    "compared with nothing": ("policy", [*PEOPLE, installed(), proposed(base="pol-9")]),
    "restored from nothing": ("policy", [*PEOPLE, installed(), proposed(restores="pol-9")]),
    "installed by a person": ("policy", [*PEOPLE, installed("prn-ada")]),
    "installed twice": ("policy", [*PEOPLE, installed(), installed(policy="pol-2")]),
    "proposed by the platform": (
        "principals",
        [*PEOPLE, installed(), ("operator", *proposed()[1:])],
    ),
    "a role for oneself": ("grants", [*PEOPLE, granted(member="prn-ada")]),
    "a role for nobody": ("grants", [*PEOPLE, granted(member="prn-nobody")]),
    "a role twice": ("grants", [*PEOPLE, granted(), granted()]),
    "a role back that was not given": ("grants", [*PEOPLE, granted("RoleRevoked")]),
    "a role from the platform": ("principals", [*PEOPLE, granted(actor="operator")]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_policy_in_force_otherwise_is_found(what: str) -> None:
    rule, log = BROKEN[what]
    assert blamed(log) == {rule: Grade.BROKEN}


def test_where_earlier_entries_are_not_at_hand_nothing_is_held_against_a_version() -> None:
    report = conduct(written(LIFE)[len(PEOPLE) + 2 :], now=NOW)
    grades = {check.name: check.grade for check in report.checks}
    assert grades["policy"] is Grade.INCOMPLETE


@pytest.mark.parametrize("kind", ["PolicyInstalled", "PolicyProposed", "PolicyActivated", "RoleGranted", "RoleRevoked"])
def test_an_entry_without_its_members_is_not_of_this_form(kind: str) -> None:
    assert blamed([*PEOPLE, ("operator", kind, {})])["vocabulary"] is Grade.BROKEN
