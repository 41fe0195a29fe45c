"""Rules about taking something back: aliases taken off, protected ones by two, and model versions retired for good."""

from __future__ import annotations

from datetime import timedelta

from tunewarden_audit.conduct.emergencies import LATE
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken, without_role
from tunewarden_audit.conduct.told import Told

COUNTS_FOR = timedelta(hours=24)
"""For so long somebody else may do what one person asked for."""


def _removals(fact: Fact, told: Told) -> Findings:
    match fact.kind:
        case "AliasClearingAsked":
            yield from _named(fact, told)
        case "AliasCleared":
            yield from _named(fact, told)
            if fact["protected"]:
                yield from _by_two(fact, told)
        case "ModelRetired":
            yield from _retired(fact, told)
        case _:
            if fact["model"] in told.placed.retired:
                yield broken(fact, "a model version that was retired is proposed, approved or named")


def _named(fact: Fact, told: Told) -> Findings:
    """It is taken off what it names, in a role that was not taken back."""
    if told.placed.aliases.get((fact["alias"], fact["project"])) != fact["model"]:
        yield absent(fact, told, "an alias is taken off a model version that it did not name")
    yield from without_role(fact, told, fact["role"], fact["project"], "an alias is taken off")


def _by_two(fact: Fact, told: Told) -> Findings:
    asked = told.placed.clearing.get((fact["alias"], fact["project"]))
    if asked is None or told.agreed.was_taken(asked.by, asked.role, fact["project"]):
        yield absent(fact, told, "a protected alias is taken off and nobody had asked for it who still might")
    elif fact.at - asked.at >= COUNTS_FOR + LATE:
        yield absent(fact, told, "a protected alias was taken off more than a day after somebody had asked for it")
    elif asked.by == fact.actor:
        yield broken(fact, "a protected alias was taken off by who asked for it")
    elif told.agreed.is_fresh(fact.actor, fact["role"], asked.by, fact.at, fact["project"]):
        yield absent(fact, told, "a protected alias was taken off in a role that who asked had given just before")


def _retired(fact: Fact, told: Told) -> Findings:
    if (role := fact.members.get("role")) is not None:
        yield from without_role(fact, told, role, told.placed.of.get(fact["model"]), "a model version is retired")
    if fact["model"] not in told.models:
        yield absent(fact, told, "a model version is retired that was never registered")
    if fact["model"] in told.placed.retired:
        yield broken(fact, "a model version is retired a second time")
    if fact["model"] in told.placed.aliases.values():
        yield broken(fact, "a model version is retired that an alias names")


RULES = (
    Rule(
        "removals",
        "aliases are taken off what they name, protected ones by two, and what was retired is named no more",
        frozenset(
            {
                "AliasClearingAsked",
                "AliasCleared",
                "ModelRetired",
                "PromotionProposed",
                "PromotionApproved",
                "AliasMoved",
                "AliasRolledBack",
            }
        ),
        _removals,
    ),
)
