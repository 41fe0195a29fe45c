"""The rule about protected attributes: kept while de-identified, read while measured, counted, and gone at the end."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.kept import KINDS
from tunewarden_audit.conduct.told import Told

_STEP = {"AttributesKept": "deidentify", "AttributesRead": "measure"}
"""What has to be under way."""


def _attributes(fact: Fact, told: Told) -> Findings:
    request = fact["request"]
    if fact.kind == "RequestEnded":
        if request in told.kept.tables:
            yield broken(fact, "a request ends, and the protected attributes that were kept for it are not destroyed")
        return
    if request in told.kept.destroyed:
        yield broken(fact, "protected attributes that had been destroyed are kept, read or destroyed once more")
    elif fact.kind == "AttributesRead" and request not in told.kept.tables:
        yield absent(fact, told, "protected attributes are read that were never kept")
    if fact.kind in _STEP:
        yield from _under_way(fact, told)
    if fact.kind == "AttributesRead":
        yield from _read(fact, told)


def _under_way(fact: Fact, told: Told) -> Findings:
    request = told.requests.get(fact["request"])
    if request is not None and (request.dataset, request.version) != (fact["dataset"], fact["version"]):
        yield broken(fact, "protected attributes of another dataset version than the request is about")
    step = _STEP[fact.kind]
    intent = told.intents.get((fact["request"], fact["attempt"]))
    if intent is None or intent.what != step:
        yield absent(fact, told, f"protected attributes, and no attempt of the step '{step}' is under way")


def _read(fact: Fact, told: Told) -> Findings:
    if told.kept.tables.get(fact["request"], fact["table"]) != fact["table"]:
        yield broken(fact, "other protected attributes are read than were kept")
    before = told.kept.reads.get(fact["dataset"], 0)
    if fact["reads"] <= before:
        yield broken(fact, f"a reading of protected attributes is counted as number {fact['reads']} after {before}")
    elif fact["reads"] > before + 1:
        yield absent(
            fact, told, f"a reading of protected attributes is number {fact['reads']}, and {before} are told of"
        )


RULES = (
    Rule(
        "attributes",
        "protected attributes are kept while records are de-identified, read while a model is measured, and destroyed "
        "before the request ends; every reading is counted",
        KINDS | {"RequestEnded"},
        _attributes,
    ),
)
