"""A log in which everybody keeps the rules, written from FORMAT.md and not by the platform; and ways to spoil it."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from tunewarden_audit.canonical import encode

Fact = dict[str, Any]
Line = tuple[str, str, Fact]  # actor, type, fact
Log = list[Line]


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


PLAN, VERSION, CLEAN, ADAPTER, FIGURES = (digest(word) for word in ("plan", "version", "clean", "adapter", "figures"))
TRAINING, PROMOTION = digest("training gate"), digest("promotion gate")
MECHANISM: Fact = {
    "noise_multiplier": "1.1",
    "relation": "add-or-remove-one",
    "sampling_rate": "0.05",
    "unit": "person",
    "updates": 40,
}
EPSILON, SPENT = "2.5", "2.1"  # of 40 such updates at delta 0.0001: 1.96 (test_accountant.py)


def verdict(gate: str, gate_digest: str, about: str, *, low: str = "0.9") -> Fact:
    measured = {"high": "0.95", "low": low, "metric": "accuracy", "n": 300, "value": "0.93"}
    outcome = "pass" if float(low) >= 0.8 else "fail"
    finding = {"bound": "at-least", "limit": "0.8", "measured": measured, "metric": "accuracy", "outcome": outcome}
    return {
        "about": about,
        "findings": [finding],
        "gate": gate,
        "gate_digest": gate_digest,
        "outcome": outcome,
        "request": "ftjob-1",
    }


def verdict_digest(judged: Fact) -> str:
    """As the platform stores it: the verdict without what the entry adds."""
    document = {name: judged[name] for name in ("about", "findings", "gate", "gate_digest")}
    return "sha256:" + hashlib.sha256(encode(document)).hexdigest()


def step(kind: str, attempt: int, name: str, **more: Any) -> Line:
    return "worker", kind, {"attempt": attempt, "request": "ftjob-1", "step": name, **more}


def started(attempt: int, name: str, given: str) -> Line:
    return step("StepStarted", attempt, name, given=given)


def finished(attempt: int, name: str, output: str, **counts: int) -> Line:
    return step("StepFinished", attempt, name, output=output, evidence=digest(name), details=None, counts=counts)


def charged(attempt: int, updates: int, total: int) -> Line:
    fact = {"attempt": attempt, "charged": total, "dataset": "ds-1", "request": "ftjob-1", "updates": updates}
    return "worker", "BudgetCharged", fact


def revoked(principal: str) -> Line:
    return "operator", "KeyRevoked", {"principal": principal}


def key(principal: str, role: str) -> Line:
    return "operator", "KeyCreated", {"principal": principal, "roles": [role]}


_PASSED = verdict("promotion", PROMOTION, ADAPTER)

GOOD: Log = [
    key("prn-dana", "steward"),
    key("prn-ann", "requester"),
    key("prn-bob", "approver"),
    key("prn-cy", "approver"),
    ("prn-dana", "FileUploaded", {"digest": digest("bytes"), "file": "file-1", "size": 5}),
    (
        "prn-dana",
        "DatasetRegistered",
        {
            "columns": digest("columns"),
            "dataset": "ds-1",
            "delta": "0.0001",
            "epsilon_limit": "8",
            "lawful_basis": "consent",
            "purposes": ["research"],
            "retain_until": "2030-01-01",
            "row_is_person": False,
            "sensitivity": "special-category",
        },
    ),
    (
        "prn-dana",
        "DatasetVersionAdded",
        {
            "dataset": "ds-1",
            "file": "file-1",
            "persons": 800,
            "rows": 900,
            "source": digest("bytes"),
            "version": VERSION,
        },
    ),
    (
        "prn-ann",
        "RequestSubmitted",
        {
            "base_digest": digest("base"),
            "base_model": "starter",
            "dataset": "ds-1",
            "dataset_version": VERSION,
            "plan": PLAN,
            "profile": digest("profile"),
            "purpose": "research",
            "request": "ftjob-1",
            "training_gate": TRAINING,
        },
    ),
    (
        "prn-ann",
        "BudgetReserved",
        {"dataset": "ds-1", "delta": "0.0001", "epsilon": EPSILON, "mechanism": MECHANISM, "request": "ftjob-1"},
    ),
    ("prn-ann", "ActionRefused", {"action": "approve-request", "code": "own", "resource": "ftjob-1", "rule": "own"}),
    ("prn-bob", "RequestApproved", {"plan": PLAN, "request": "ftjob-1"}),
    started(1, "deidentify", VERSION),
    finished(1, "deidentify", CLEAN, records=900),
    ("worker", "GateJudged", verdict("training", TRAINING, CLEAN)),
    started(2, "train", CLEAN),
    charged(2, 20, 20),
    step("StepFailed", 2, "train", code="unavailable"),
    started(3, "train", CLEAN),
    charged(3, 16, 36),
    finished(3, "train", ADAPTER, updates=36),
    started(4, "measure", ADAPTER),
    finished(4, "measure", FIGURES),
    ("worker", "ModelRegistered", {"adapter": ADAPTER, "model": "mdl-1", "plan": PLAN, "request": "ftjob-1"}),
    (
        "worker",
        "BudgetSettled",
        {"charged": 36, "dataset": "ds-1", "epsilon_spent": SPENT, "request": "ftjob-1", "returned": 4},
    ),
    ("worker", "RequestEnded", {"because": "", "request": "ftjob-1", "state": "measured"}),
    ("prn-bob", "GateJudged", _PASSED),
    (
        "prn-bob",
        "PromotionProposed",
        {
            "alias": "production",
            "model": "mdl-1",
            "outcome": "pass",
            "promotion": "prom-1",
            "verdict": verdict_digest(_PASSED),
        },
    ),
    ("prn-cy", "GateJudged", _PASSED),
    ("prn-cy", "PromotionApproved", {"model": "mdl-1", "promotion": "prom-1", "verdict": verdict_digest(_PASSED)}),
    ("prn-cy", "AliasMoved", {"alias": "production", "model": "mdl-1", "previous": None}),
    ("prn-ann", "AdapterTaken", {"adapter": ADAPTER, "model": "mdl-1"}),
    ("prn-dana", "HoldPlaced", {"hold": "hold-1", "order": None, "resource": "ds-1"}),
    ("prn-dana", "HoldReleased", {"hold": "hold-1"}),
    (
        "prn-dana",
        "PruneProposed",
        {
            "as_of": "2026-11-21",
            "entries": 2,
            "indices": digest("2"),
            "policy": digest("p"),
            "prune": "prune-1",
            "size": 9,
        },
    ),
    (
        "prn-cy",
        "PruneStarted",
        {"indices": digest("2"), "prune": "prune-1", "verified_head": digest("head"), "verified_size": 9},
    ),
    ("prn-cy", "PruneFinished", {"entries": 2, "indices": digest("2"), "prune": "prune-1"}),
]

NEEDED_BY_NOTHING = {"ActionRefused", "AdapterTaken", "StepFailed", "HoldReleased"}
"""Types that could be left out and no rule would notice: only whoever holds a receipt for one."""


def entry(position: int, line: Line, *, at: str | None = None) -> bytes:
    actor, kind, fact = line
    instant = at or f"2026-11-21T02:{position // 60:02d}:{position % 60:02d}.000Z"
    return encode({"actor": actor, "at": instant, "fact": fact, "type": kind, "v": 1})


def written(log: Sequence[Line]) -> list[tuple[int, bytes]]:
    return [(index, entry(index, line)) for index, line in enumerate(log)]


def find(kind: str, which: int = 0) -> int:
    """The position of an entry of that type in the good log."""
    return [position for position, line in enumerate(GOOD) if line[1] == kind][which]


Spoil = Callable[[], Log]


def without(kind: str, which: int = 0) -> Log:
    position = find(kind, which)
    return [*GOOD[:position], *GOOD[position + 1 :]]


def saying(kind: str, which: int = 0, *, by: str | None = None, **members: Any) -> Log:
    """The good log in which one entry says something else, or somebody else says it."""
    position = find(kind, which)
    actor, _, fact = GOOD[position]
    return [*GOOD[:position], (by or actor, kind, {**fact, **members}), *GOOD[position + 1 :]]


def after(kind: str, *lines: Line, which: int = 0) -> Log:
    position = find(kind, which) + 1
    return [*GOOD[:position], *lines, *GOOD[position:]]
