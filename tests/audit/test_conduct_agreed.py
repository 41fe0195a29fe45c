"""Who has to agree to a plan, and what data and models are for: asked of the log alone."""

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import GOOD, PLAN, Fact, Line, Log, digest, entry, find, key, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

RULE: Fact = {"persons": 2, "quorum": digest("quorum"), "roles": 2}
APPROVED = GOOD[find("RequestApproved")]


def voted(kind: str, who: str, role: str, **changes: object) -> Line:
    return who, kind, {"plan": PLAN, "request": "ftjob-1", "role": role, **RULE, **changes}


BY_BOB = voted("RequestApproved", "prn-bob", "approver")
BY_PIA = voted("RequestEndorsed", "prn-pia", "privacy-officer")


PIA = key("prn-pia", "privacy-officer")


def agreed(*votes: Line, pia: Line = PIA) -> Log:
    """The good log with these votes in place of its one approval."""
    at = find("RequestApproved")
    return [pia, *GOOD[:at], *votes, *GOOD[at + 1 :]]


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
    "one who says in which role": agreed(voted("RequestApproved", "prn-bob", "approver", persons=1, roles=1)),
    "a third who approves what is not complete": agreed(BY_BOB, voted("RequestApproved", "prn-cy", "approver"), BY_PIA),
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
    "two in one role": ("approval", agreed(BY_BOB, voted("RequestApproved", "prn-cy", "approver"))),
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
    "the same rule asks for less": (
        "approval",
        agreed(BY_PIA, voted("RequestApproved", "prn-bob", "approver", persons=1, roles=1)),
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


def test_a_role_that_the_requester_gave_counts_again_after_a_day() -> None:
    """Entries of the log are a second apart, so a role that was given a day before is not among them."""
    granted = "prn-ann", "RoleGranted", {"principal": "prn-pia", "role": "privacy-officer", "project": "*"}
    lines = agreed(BY_BOB, BY_PIA, pia=key("prn-pia", "reviewer"))
    at = next(index for index, line in enumerate(lines) if line[1] == "RequestSubmitted")
    log = [*lines[:at], (*granted[:2], {**granted[2], "decides": digest("x")}), *lines[at:]]
    assert "approval" in blamed(log)
    taken_back = (granted[0], "RoleRevoked", log[at][2])
    assert "approval" not in blamed([*log[: at + 1], taken_back, *log[at + 1 :]])


@given(st.sampled_from(sorted(GOOD_ONES)), st.data())
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(what: str, data: st.DataObject) -> None:
    log = GOOD_ONES[what]
    gone = data.draw(st.sets(st.integers(0, len(log) - 1)))
    kept = [(index, entry(index, line)) for index, line in enumerate(log) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}
