"""The rule about dataset versions whose key was destroyed: once, not under a hold, and nobody reads them afterwards."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.told import Told

_READING = frozenset(
    {"StepStarted", "StepFinished", "BudgetCharged", "ReviewOpened", "AttributesKept", "AttributesRead"}
)
"""What reads records of a version, or what was made of them and sealed under the same key."""


def _destruction(fact: Fact, told: Told) -> Findings:
    if fact.kind == "VersionDestroyed":
        yield from _destroyed(fact, told)
        return
    request = told.requests.get(fact["request"])
    if request is not None and (request.dataset, request.version) in told.erased.destroyed:
        yield broken(fact, "reads a dataset version whose key had been destroyed")


def _destroyed(fact: Fact, told: Told) -> Findings:
    dataset = told.datasets.get(fact["dataset"])
    if dataset is None or fact["version"] not in dataset.versions:
        yield absent(fact, told, "the key of a dataset version is destroyed that was never added")
    if (fact["dataset"], fact["version"]) in told.erased.destroyed:
        yield broken(fact, "the key of a dataset version is destroyed a second time")
    if not {fact["dataset"], "log"}.isdisjoint(told.erased.held.values()):
        yield absent(fact, told, "the key of a dataset version is destroyed under a legal hold")


RULES = (
    Rule(
        "destruction",
        "dataset versions whose key was destroyed were under no hold, and nobody reads them afterwards",
        _READING | {"VersionDestroyed"},
        _destruction,
    ),
)
