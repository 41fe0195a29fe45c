"""Who has to agree to a plan, and what data and models are for: asked of the log alone."""

import hashlib

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import GOOD, PLAN, Fact, Line, Log, digest, entry, find, key, revoked, written

from tunewarden_audit.canonical import encode
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NEEDED: Fact = {"personal": {"persons": 1, "roles": 1}, "special-category": {"persons": 2, "roles": 2}}


def in_force(needed: Fact = NEEDED, **changes: object) -> Line:
    return "operator", "QuorumInForce", {"needed": needed, "quorum": quorum(needed), **changes}


def quorum(needed: Fact = NEEDED) -> str:
    """The digest of a rule, from FORMAT.md."""
    return "sha256:" + hashlib.sha256(encode({"needed": needed})).hexdigest()


RULE: Fact = {"persons": 2, "quorum": quorum(), "roles": 2}
ONE: Fact = {"special-category": {"persons": 1, "roles": 1}}
LESS: Fact = {"persons": 1, "quorum": quorum(ONE), "roles": 1}
APPROVED = GOOD[find("RequestApproved")]


def voted(kind: str, who: str, role: str, **changes: object) -> Line:
    return who, kind, {"plan": PLAN, "request": "ftjob-1", "role": role, **RULE, **changes}


BY_BOB = voted("RequestApproved", "prn-bob", "approver")
BY_PIA = voted("RequestEndorsed", "prn-pia", "privacy-officer")


PIA = key("prn-pia", "privacy-officer")


def agreed(*votes: Line, pia: Line = PIA, rule: Line | None = None) -> Log:
    """The good log with these votes in place of its one approval, by this rule or one that asks for two."""
    at = find("RequestApproved")
    return [rule or in_force(), pia, *GOOD[:at], *votes, *GOOD[at + 1 :]]


LAPSED = "prn-pia", "VoteLapsed", {"plan": PLAN, "principal": "prn-bob", "request": "ftjob-1"}
BY_CY = voted("RequestApproved", "prn-cy", "approver")
BY_BEA = voted("RequestApproved", "prn-bea", "approver")
BEA_LAPSED = "prn-pia", "VoteLapsed", {"plan": PLAN, "principal": "prn-bea", "request": "ftjob-1"}
OTHER_KEY: Line = ("api", "PrincipalIdentified", {"issuer": "i", "principal": "prn-bob", "roles": [], "service": False})


LINKED: Line = (
    "prn-cy",
    "PolicyActivated",
    {"decides": digest("d"), "digest": digest("p"), "policy": "pol-2", "previous": "pol-1", "report": digest("r")},
)


def identified(who: str, *roles: str) -> Line:
    fact = {"issuer": "i", "principal": who, "roles": list(roles), "service": False}
    return "api", "PrincipalIdentified", fact


def granted(kind: str, who: str, role: str, by: str = "prn-dana", project: str = "*") -> Line:
    return by, kind, {"decides": digest("x"), "principal": who, "project": project, "role": role}


def before(kind: str, *lines: Line, log: Log = GOOD) -> Log:
    at = find(kind)
    return [*log[:at], *lines, *log[at:]]


def purposes(*words: str) -> Line:
    return "prn-dana", "PurposesChanged", {"dataset": "ds-1", "purposes": list(words)}


def taken(**changes: object) -> Log:
    at = find("AdapterTaken")
    actor, kind, fact = GOOD[at]
    return [*GOOD[:at], (actor, kind, {**fact, **changes}), *GOOD[at + 1 :]]


def blamed(log: Log) -> set[str]:
    return {check.name for check in conduct(written(log)).checks if check.grade is not Grade.CONSISTENT}


GOOD_ONES: dict[str, Log] = {
    "an approval, then an endorsement": agreed(BY_BOB, BY_PIA),
    "the other way round": agreed(BY_PIA, BY_BOB),
    "one who says in which role": agreed(voted("RequestApproved", "prn-bob", "approver", **LESS), rule=in_force(ONE)),
    "another rule comes in force between votes": agreed(
        voted("RequestEndorsed", "prn-pia", "privacy-officer", **LESS), in_force(), BY_BOB, rule=in_force(ONE)
    ),
    "a vote lapses and another takes its place": agreed(
        key("prn-bea", "approver"), BY_BEA, revoked("prn-bea"), BEA_LAPSED, BY_CY, BY_PIA
    ),
    "who agreed is revoked once enough had": agreed(key("prn-bea", "approver"), BY_PIA, BY_BEA, revoked("prn-bea")),
    "a vote lapses for a reason that the log does not tell": agreed(BY_BOB, LAPSED, BY_CY, BY_PIA),
    "the role is had twice, and one of both goes": agreed(
        granted("RoleGranted", "prn-bob", "approver"), BY_BOB, OTHER_KEY, BY_PIA
    ),
    "a third who approves what is not complete": agreed(BY_BOB, BY_CY, BY_PIA),
    "a purpose is added": before("RequestSubmitted", purposes("care", "research")),
    "weights are taken for what they were trained for": taken(purpose="research"),
    "a purpose goes when nothing uses it any more": [*GOOD, purposes("care")],
    "a purpose goes and comes back": [*GOOD[:7], purposes("care"), purposes("research"), *GOOD[7:]],
}


@pytest.mark.parametrize("what", sorted(GOOD_ONES))
def test_whoever_agrees_as_they_have_to_is_blamed_for_nothing(what: str) -> None:
    assert blamed(GOOD_ONES[what]) == set()


BROKEN: dict[str, tuple[str, Log]] = {
    "one of two": ("approval", agreed(BY_BOB)),
    "two in one role": ("approval", agreed(BY_BOB, BY_CY)),
    "endorsements only": (
        "approval",
        agreed(BY_PIA, voted("RequestEndorsed", "prn-dana", "steward")),
    ),
    "one person in two roles": ("approval", agreed(BY_BOB, voted("RequestEndorsed", "prn-bob", "steward"))),
    "one of two, in whatever roles": ("approval", agreed(voted("RequestApproved", "prn-bob", "approver", roles=1))),
    "somebody agrees again before all have": ("approval", agreed(BY_BOB, BY_BOB, BY_PIA)),
    "who asked endorses": ("approval", agreed(BY_BOB, voted("RequestEndorsed", "prn-ann", "steward"))),
    "another plan endorsed": ("approval", agreed(BY_BOB, voted("RequestEndorsed", "prn-pia", "x", plan=digest("y")))),
    "endorsed after it was enough": (
        "approval",
        agreed(BY_BOB, BY_PIA, voted("RequestEndorsed", "prn-dana", "steward")),
    ),
    "nobody has to agree": ("approval", agreed(voted("RequestApproved", "prn-bob", "approver", persons=0, roles=0))),
    "the rule asks for more than a vote says": (
        "approval",
        agreed(BY_PIA, voted("RequestApproved", "prn-bob", "approver", persons=1, roles=1)),
    ),
    "a vote makes up a rule of its own": ("approval", agreed(BY_PIA, voted("RequestApproved", "prn-bob", "x", **LESS))),
    "a vote by a rule that is in force no more": (
        "approval",
        agreed(in_force(), voted("RequestApproved", "prn-bob", "approver", **LESS), rule=in_force(ONE)),
    ),
    "a vote that names no rule where one is in force": ("approval", [in_force(), *GOOD]),
    "a vote makes up a rule that asks for as many": (
        "approval",
        agreed(BY_PIA, voted("RequestApproved", "prn-bob", "approver", quorum=digest("another"))),
    ),
    "a vote that names no rule where one for one person is in force": ("approval", [in_force(ONE), *GOOD]),
    "a rule and its votes are not what their digest says": (
        "approval",
        agreed(
            voted("RequestApproved", "prn-bob", "approver", quorum=digest("x")),
            voted("RequestEndorsed", "prn-pia", "privacy-officer", quorum=digest("x")),
            rule=in_force(quorum=digest("x")),
        ),
    ),
    "who may not any more is replaced by nobody": ("approval", agreed(BY_BEA, BEA_LAPSED, BY_PIA, key("prn-x", "a"))),
    "a rule is not what its digest says": ("approval", agreed(BY_BOB, BY_PIA, rule=in_force(quorum=digest("x")))),
    "a rule that asks for nobody": (
        "approval",
        [in_force({"special-category": {"persons": 0, "roles": 0}}), *GOOD],
    ),
    "somebody makes a rule of their own": ("approval", agreed(BY_BOB, BY_PIA, rule=("prn-bob", *in_force()[1:]))),
    "who was revoked before the last vote counts": ("approval", agreed(BY_BOB, revoked("prn-bob"), BY_PIA)),
    "whose role was taken back before the last vote counts": (
        "approval",
        agreed(
            granted("RoleGranted", "prn-pia", "privacy-officer"),
            BY_PIA,
            granted("RoleRevoked", "prn-pia", "privacy-officer"),
            BY_BOB,
            pia=key("prn-pia", "reviewer"),
        ),
    ),
    "who is known with other roles before the last vote counts": ("approval", agreed(BY_BOB, OTHER_KEY, BY_PIA)),
    "agreed in a role that was taken back": ("approval", agreed(OTHER_KEY, BY_BOB, BY_PIA)),
    "the platform lets a vote lapse": (
        "principals",
        agreed(key("prn-bea", "approver"), BY_BEA, revoked("prn-bea"), ("worker", *BEA_LAPSED[1:]), BY_CY, BY_PIA),
    ),
    "a vote lapses that nobody gave": ("approval", agreed(LAPSED, BY_BOB, BY_PIA)),
    "a promotion in a role that who proposed had given": (
        "promotion",
        [("prn-bob", *line[1:]) if line == key("prn-cy", "approver") else line for line in GOOD],
    ),
    "a promotion in a role that was taken back": (
        "promotion",
        before(
            "PromotionApproved",
            ("api", "PrincipalIdentified", {**OTHER_KEY[2], "principal": "prn-cy"}),
        ),
    ),
    "the requester made the endorser": (
        "approval",
        agreed(BY_BOB, BY_PIA, pia=("prn-ann", "KeyCreated", {"principal": "prn-pia", "roles": ["privacy-officer"]})),
    ),
    "for a purpose that was taken back before the approval": ("purpose", before("RequestApproved", purposes("care"))),
    "for a purpose that was taken back before a step": ("purpose", before("StepStarted", purposes("care"))),
    "asked for a purpose that was taken back": ("purpose", before("RequestSubmitted", purposes("care"))),
    "purposes of nothing": (
        "purpose",
        before("RequestSubmitted", ("prn-dana", "PurposesChanged", {"dataset": "ds-9", "purposes": ["care"]})),
    ),
    "weights taken for another purpose": ("promotion", taken(purpose="marketing")),
    "weights taken for what is no purpose any more": ("promotion", before("AdapterTaken", purposes("care"))),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_whoever_does_not_is_found_out(what: str) -> None:
    rule, log = BROKEN[what]
    checks = {check.name: check.grade for check in conduct(written(log)).checks}
    assert checks[rule] is Grade.BROKEN


@pytest.mark.parametrize(
    "useless",
    [
        voted("RequestEndorsed", "prn-ann", "steward"),
        voted("RequestEndorsed", "prn-pia", "privacy-officer", plan=digest("another")),
        voted("RequestEndorsed", "prn-bob", "steward"),
    ],
)
def test_a_vote_that_does_not_count_is_not_counted_when_a_step_begins(useless: Line) -> None:
    (check,) = (one for one in conduct(written(agreed(BY_BOB, useless))).checks if one.name == "approval")
    assert any("too few had agreed to" in detail for detail in check.details)


def given_by_the_requester(*more: Line) -> Log:
    """An endorsement in a role that the requester gave, and whatever else happened before."""
    lines = agreed(BY_BOB, BY_PIA, pia=key("prn-pia", "reviewer"))
    at = next(index for index, line in enumerate(lines) if line[1] == "RequestSubmitted")
    return [*lines[:at], granted("RoleGranted", "prn-pia", "privacy-officer", by="prn-ann"), *more, *lines[at:]]


def test_a_role_that_the_requester_gave_counts_once_somebody_else_gave_it_too() -> None:
    assert "approval" in blamed(given_by_the_requester())
    elsewhere = granted("RoleGranted", "prn-pia", "privacy-officer", by="prn-dana", project="proj-1")
    assert "approval" in blamed(given_by_the_requester(elsewhere))
    too = identified("prn-pia", "privacy-officer")
    assert "approval" not in blamed(given_by_the_requester(too))


def in_project(log: Log) -> Log:
    """The same with its request in a project."""
    return [
        (who, kind, {**fact, "project": "proj-1"} if kind == "RequestSubmitted" else fact) for who, kind, fact in log
    ]


@pytest.mark.parametrize(("project", "is_blamed"), [("proj-1", False), ("*", False), ("proj-2", True)])
def test_a_role_counts_where_it_was_given(project: str, is_blamed: bool) -> None:
    role = granted("RoleGranted", "prn-pia", "privacy-officer", project=project)
    log = in_project([*agreed(role, BY_BOB, BY_PIA, pia=key("prn-pia", "reviewer"))])
    assert ("approval" in blamed(log)) == is_blamed


def test_a_role_of_one_project_does_not_count_in_none() -> None:
    role = granted("RoleGranted", "prn-pia", "privacy-officer", project="proj-2")
    assert "approval" in blamed(agreed(role, BY_BOB, BY_PIA, pia=key("prn-pia", "reviewer")))


def test_a_role_that_a_version_of_the_policy_may_give_is_held_against_nobody_and_the_vote_counts() -> None:
    log = agreed(LINKED, OTHER_KEY, BY_BOB, BY_PIA)
    (check,) = (one for one in conduct(written(log)).checks if one.name == "approval")
    assert check.grade is Grade.INCOMPLETE
    assert not any("too few" in detail for detail in check.details)


def test_who_was_revoked_has_no_role_by_the_policy_either() -> None:
    (check,) = (
        one
        for one in conduct(written(agreed(LINKED, BY_BOB, revoked("prn-bob"), BY_PIA))).checks
        if one.name == "approval"
    )
    assert check.grade is Grade.BROKEN


@pytest.mark.parametrize(("time", "is_fresh"), [("02:00:01", True), ("02:00:59", False)])
def test_and_after_a_day(time: str, is_fresh: bool) -> None:
    log = given_by_the_requester()
    first = next(index for index, line in enumerate(log) if line[1] == "RequestSubmitted")
    later = [entry(n, line, at=f"2026-11-22T{time}.000Z") for n, line in enumerate(log[first:], first)]
    checks = conduct([*written(log[:first]), *enumerate(later, first)]).checks
    (check,) = (one for one in checks if one.name == "approval")
    assert (check.grade is Grade.BROKEN) == is_fresh


@given(st.sampled_from(sorted(GOOD_ONES)), st.data())
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(what: str, data: st.DataObject) -> None:
    log = GOOD_ONES[what]
    gone = data.draw(st.sets(st.integers(0, len(log) - 1)))
    kept = [(index, entry(index, line)) for index, line in enumerate(log) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}
