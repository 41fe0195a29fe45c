"""Rules about erasures: asked for before, not under a legal hold, and nothing goes on with the person's records."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken
from tunewarden_audit.conduct.told import Told
from tunewarden_audit.recipe import Grade

_MAKING = frozenset({"StepStarted", "StepFinished", "BudgetCharged", "ModelRegistered"})


def _erasures(fact: Fact, told: Told) -> Findings:
    """Who was erased had been asked for, and is in nothing that is made afterwards."""
    match fact.kind:
        case "ErasureAsked":
            if fact["dataset"] not in told.datasets:
                yield absent(fact, told, "a person is to be erased from a dataset that was never registered")
        case "PersonErased":
            yield from _outcome(fact, told)
        case _:
            yield from _left_out(fact, told)


def _outcome(fact: Fact, told: Told) -> Findings:
    asked = told.erased.asked.get(fact["erasure"])
    if asked is None:
        yield absent(fact, told, "a person is erased whom nobody had asked to erase")
    elif asked != fact["dataset"]:
        yield broken(fact, "a person is erased from another dataset than was asked for")
    elif fact["erasure"] not in told.erased.waiting:
        yield broken(fact, "an erasure is carried out that had an outcome before")
    if not {fact["dataset"], "log"}.isdisjoint(told.erased.held.values()):
        yield absent(fact, told, "a person is erased from a dataset under a legal hold")


def _left_out(fact: Fact, told: Told) -> Findings:
    request = told.requests.get(fact["request"])
    if request is None or (fact.kind == "StepStarted" and fact["step"] == "deidentify"):
        return
    erased = told.erased.outdated_by(fact["request"], request.dataset)
    if erased is not None:
        yield absent(fact, told, f"goes on with records that were read before entry {erased} erased a person of them")
    elif fact.kind == "StepFinished" and fact["step"] == "deidentify":
        owed, left_out = told.erased.owed.get(request.version, 0), fact["counts"].get("erased", 0)
        if type(left_out) is not int or left_out < owed:
            yield broken(
                fact, f"a release leaves out fewer records than persons who were erased, of whom it has {owed}"
            )


def _waiting(told: Told) -> Findings:
    """What was asked for and has no outcome."""
    for index in told.erased.waiting.values():
        what = f"entry {index}: the erasure that it asks for has no outcome"
        yield Finding(Grade.INCOMPLETE, f"{what}: it waits for a worker, or was never written")


RULES = (
    Rule(
        "erasure",
        "who was erased had been asked for, and is in nothing that is made afterwards",
        frozenset({"ErasureAsked", "PersonErased"}) | _MAKING,
        _erasures,
        _waiting,
    ),
)
