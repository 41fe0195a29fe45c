"""What a gate stopped and two let pass, asked of the log alone."""

import hashlib
from typing import Any

import pytest
from tests.audit.house_log import (
    ADAPTER,
    GOOD,
    PROMOTION,
    Fact,
    Line,
    Log,
    digest,
    entry,
    find,
    key,
    revoked,
    verdict,
    verdict_digest,
    written,
)

from tunewarden_audit.canonical import encode
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

POOR = verdict("promotion", PROMOTION, ADAPTER, low="0.1")
FINDING: Fact = POOR["findings"][0]


def judged(said: Fact = POOR, by: str = "prn-bob") -> Line:
    return by, "GateJudged", said


def proposed(said: Fact = POOR, by: str = "prn-bob") -> Line:
    fact = {"alias": "production", "model": "mdl-1", "outcome": said["outcome"], "promotion": "prom-1"}
    return by, "PromotionProposed", {**fact, "verdict": verdict_digest(said)}


def half(by: str, role: str, said: Fact = POOR, **changes: Any) -> Line:
    fact = {"model": "mdl-1", "promotion": "prom-1", "reason": "too-few-persons", "role": role}
    return by, "GateOverridden", {**fact, "verdict": verdict_digest(said), **changes}


def approved(said: Fact = POOR, by: str = "prn-cy") -> Line:
    return by, "PromotionApproved", {"model": "mdl-1", "promotion": "prom-1", "verdict": verdict_digest(said)}


MOVED = GOOD[find("AliasMoved")]
CY, PIA = half("prn-cy", "approver"), half("prn-pia", "privacy-officer")
PEOPLE = [key("prn-pia", "privacy-officer"), key("prn-eve", "requester"), key("prn-ann", "requester")]


def log(*lines: Line) -> Log:
    """The good log as far as the model version, and this instead of its promotion."""
    return [*PEOPLE, *GOOD[: find("RequestEnded") + 1], *lines]


def changed(**finding: Any) -> Fact:
    """The poor verdict with another finding."""
    return {**POOR, "findings": [{**FINDING, **finding}]}


def blamed(told: Log) -> dict[str, Grade]:
    checks = conduct(written(told)).checks
    return {check.name: check.grade for check in checks if check.grade is not Grade.CONSISTENT}


def whole(said: Fact = POOR, today: Fact | None = None, *between: Line) -> Log:
    halves = [half("prn-cy", "approver", said), half("prn-pia", "privacy-officer", said)]
    today = said if today is None else today
    return log(judged(said), proposed(said), *halves, *between, judged(today, "prn-cy"), approved(said), MOVED)


def test_what_two_let_pass_as_it_has_to_be_is_consistent_whether_it_failed_or_was_undecided() -> None:
    undecided = {**changed(outcome="unknown", otherwise="unknown"), "outcome": "unknown"}
    for said in (POOR, undecided):
        assert blamed(whole(said)) == {}


@pytest.mark.parametrize("between", [[], [revoked("prn-pia")]])
def test_where_the_gate_passes_by_then_it_is_approved_whatever_became_of_the_two(between: Log) -> None:
    assert blamed(whole(POOR, PASSED, *between)) == {}


PASSED = verdict("promotion", PROMOTION, ADAPTER)
HARD, MISSING = changed(hard=True), {**changed(measured=None, outcome="unknown"), "outcome": "unknown"}
BROKEN: dict[str, tuple[str, Log]] = {
    "never proposed": ("overrides", log(judged(), CY)),
    "by who proposed it": ("overrides", log(judged(), proposed(by="prn-cy"), CY)),
    "by who asked for the training": (
        "overrides",
        log(judged(), proposed(), half("prn-ann", "privacy-officer")),
    ),
    "in another role": ("overrides", log(judged(), proposed(), half("prn-pia", "auditor"))),
    "twice by one": ("overrides", log(judged(), proposed(), CY, half("prn-cy", "privacy-officer"))),
    "twice in one role": ("overrides", log(judged(), proposed(), CY, half("prn-pia", "approver"))),
    "on another verdict": (
        "overrides",
        log(judged(), proposed(), half("prn-cy", "approver", verdict=digest("other"))),
    ),
    "of another model": ("overrides", log(judged(), proposed(), half("prn-cy", "approver", model="mdl-2"))),
    "on a verdict that is not the newest": ("overrides", log(judged(), proposed(), judged(changed(limit="0.9")), CY)),
    "of a hard rule": ("overrides", log(judged(HARD), proposed(HARD), half("prn-cy", "approver", HARD))),
    "of what was not measured": (
        "overrides",
        log(judged(MISSING), proposed(MISSING), half("prn-cy", "approver", MISSING)),
    ),
    "of what had passed": ("overrides", log(judged(PASSED), proposed(PASSED), half("prn-cy", "approver", PASSED))),
    "after it was approved": ("overrides", [*whole(), half("prn-cy", "approver")]),
    "by somebody who is revoked": ("overrides", log(judged(), proposed(), revoked("prn-cy"), CY)),
    "in a role from who proposed it": (
        "overrides",
        log(
            key("prn-bob", "administrator"),
            ("prn-bob", "RoleGranted", {"decides": "x", "principal": "prn-eve", "project": "*", "role": "approver"}),
            judged(),
            proposed(),
            half("prn-eve", "approver"),
        ),
    ),
    "by the platform": ("principals", log(judged(), proposed(), half("worker", "approver"))),
    "in a role of another project": (
        "overrides",
        log(
            ("prn-ada", "RoleGranted", {"decides": "x", "principal": "prn-eve", "project": "p", "role": "approver"}),
            judged(),
            proposed(),
            half("prn-eve", "approver"),
        ),
    ),
    "approved after one": ("promotion", log(judged(), proposed(), CY, judged(by="prn-cy"), approved(), MOVED)),
    "approved after one, when the gate passed": (
        "promotion",
        log(judged(), proposed(), CY, judged(PASSED, "prn-cy"), approved(), MOVED),
    ),
    "approved after one and who proposed, when the gate passed": (
        "promotion",
        log(judged(), proposed(by="prn-pia"), CY, PIA, judged(PASSED, "prn-cy"), approved(), MOVED),
    ),
    "approved after none": ("promotion", log(judged(), proposed(), judged(by="prn-cy"), approved(), MOVED)),
    "approved without being judged again": ("promotion", log(judged(), proposed(), CY, PIA, approved(), MOVED)[:-1]),
    "approved on a verdict that is another today": ("promotion", whole(POOR, changed(limit="0.9"))),
    "approved on a rule that is hard today": ("promotion", whole(POOR, HARD)),
    "approved of a hard rule": ("promotion", whole(HARD)),
    "approved after one of them was revoked": ("promotion", whole(POOR, None, revoked("prn-pia"))),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found(what: str) -> None:
    name, told = BROKEN[what]
    assert blamed(told).get(name) is Grade.BROKEN, blamed(told)


@pytest.mark.parametrize("gone", ["PromotionProposed", "GateJudged", "ModelRegistered", "KeyCreated"])
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(gone: str) -> None:
    kept = [(index, entry(index, line)) for index, line in enumerate(whole()) if line[1] != gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}


def test_the_digest_of_a_verdict_covers_what_is_hard() -> None:
    plain, hard = ({name: said[name] for name in ("about", "findings", "gate", "gate_digest")} for said in (POOR, HARD))
    assert hashlib.sha256(encode(plain)).digest() != hashlib.sha256(encode(hard)).digest()
