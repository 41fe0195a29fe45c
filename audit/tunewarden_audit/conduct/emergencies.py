"""Rules about emergencies: confirmed in time by another, over in time, reviewed by a third, and used for little."""

from __future__ import annotations

from datetime import timedelta

from tunewarden_audit.conduct.emergency import CONFIRM_WITHIN, KINDS, LONGEST, Emergency, instant
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken, unmatched, without_role
from tunewarden_audit.conduct.promotion import is_foreign, passes_since
from tunewarden_audit.conduct.told import Told
from tunewarden_audit.recipe import Grade

LATE = timedelta(seconds=60)
"""An entry is dated when it is written, a moment after it was decided: a busy log may take this long."""
REVIEW_WITHIN = timedelta(days=7)
READ = "read-lineage"
_DEEDS = frozenset({"EmergencyUsed", "RequestSuspended", "AliasRolledBack"})


def _emergencies(fact: Fact, told: Told) -> Findings:
    if fact.kind == "EmergencyOpened":
        yield from _opened(fact, told)
        return
    emergency = told.emergencies.known.get(fact["emergency"])
    if emergency is None:
        yield absent(fact, told, "an emergency goes on that was never opened")
        return
    yield from _in_role(fact, told, emergency.by)
    match fact.kind:
        case "EmergencyConfirmed":
            yield from _confirmed(fact, emergency)
        case "EmergencyReviewed":
            yield from _reviewed(fact, told, emergency)
        case _:
            if not emergency.is_in_force(fact.at - LATE):
                yield absent(fact, told, "an emergency is closed that was over")


def _opened(fact: Fact, told: Told) -> Findings:
    ends, emergencies = instant(fact["ends_at"]), told.emergencies
    if ends is None or ends - fact.at > LONGEST:
        yield broken(fact, "an emergency is to last for more than four hours")
    if fact["emergency"] in emergencies.known:
        yield broken(fact, "an emergency is opened a second time")
    before = emergencies.last.get(fact.actor)
    if before is not None and not emergencies.known[before].is_reviewed:
        yield absent(
            fact, told, f"opened by somebody whose last one (entry {emergencies.known[before].index}) was not reviewed"
        )


def _confirmed(fact: Fact, emergency: Emergency) -> Findings:
    if fact.actor == emergency.by:
        yield broken(fact, "an emergency was confirmed by who opened it")
    if emergency.confirmed_by is not None:
        yield broken(fact, "an emergency is confirmed a second time")
    if fact.at - emergency.opened >= CONFIRM_WITHIN + LATE or emergency.over is not None:
        yield broken(fact, "an emergency was confirmed after it had lapsed or was closed")


def _reviewed(fact: Fact, told: Told, emergency: Emergency) -> Findings:
    if fact.actor in {emergency.by, emergency.confirmed_by}:
        yield broken(fact, "an emergency was reviewed by who had opened or confirmed it")
    if emergency.is_reviewed:
        yield broken(fact, "an emergency is reviewed a second time")
    if emergency.is_in_force(fact.at + LATE):
        yield absent(fact, told, "an emergency was reviewed while it was in force")


def _in_role(fact: Fact, told: Told, whose: str) -> Findings:
    """In a role that was not taken back, nor given just before by whose work it is; of before, no entry says one."""
    role = fact.members.get("role")
    if role is None:
        return
    project = told.placed.of.get(str(fact.members.get("request")))  # an emergency itself is in none
    yield from without_role(fact, told, role, project, "was done")
    if told.agreed.is_fresh(fact.actor, role, whose, fact.at, project):
        yield absent(fact, told, "was done in a role that whose work it is had given less than a day before")


def _reviews(told: Told) -> Findings:
    """What is over waits for its review: a week is named, and more is held against the house."""
    for emergency in told.emergencies.known.values():
        if emergency.is_reviewed or told.newest is None or emergency.is_in_force(told.newest):
            continue
        over = emergency.over or emergency.ends or emergency.opened
        waits = f"entry {emergency.index}: the emergency that it opens has not been reviewed"
        if told.newest - over > REVIEW_WITHIN:
            yield unmatched(told, f"{waits}, {(told.newest - over).days} days after it was over")
        else:
            yield Finding(Grade.CONSISTENT, waits)


def _deeds(fact: Fact, told: Told) -> Findings:
    """Done because of an emergency: by who opened it, while it was in force, and nothing but what it is for."""
    if fact.kind == "AliasRolledBack":
        yield from _rolled_back(fact, told)
    if fact.kind == "EmergencyUsed" and fact["action"] != READ:
        yield broken(fact, "something was allowed because of an emergency that none is for")
    if fact["emergency"] is None:
        return
    emergency = told.emergencies.known.get(fact["emergency"])
    if emergency is None:
        yield absent(fact, told, "something was done because of an emergency that was never opened")
        return
    if fact.actor != emergency.by:
        yield broken(fact, "something was done because of the emergency of somebody else")
    if not emergency.is_in_force(fact.at - LATE):
        yield absent(fact, told, "something was done because of an emergency that was over")


def _rolled_back(fact: Fact, told: Told) -> Findings:
    """To what the alias named before, by one in an emergency or by two as a promotion says, and on a passing gate."""
    if (fact["emergency"] is None) == (fact["promotion"] is None):
        yield broken(fact, "an alias goes back neither because of an emergency nor by a promotion, or by both")
    if is_foreign(fact, told):
        return
    if (fact["alias"], fact["model"]) not in told.emergencies.named:
        yield absent(fact, told, "an alias goes back to a model version that it never named")
    if fact["model"] in told.disproved:
        yield broken(fact, "an alias goes back to a model that was shown to leak more than is claimed")
    if fact["emergency"] is not None and (fact["alias"], fact["model"]) in told.emergencies.taken_off:
        yield absent(fact, told, "an alias goes back alone to a model version that it was taken off")
    if emergency := told.emergencies.known.get(str(fact["emergency"])):
        yield from passes_since(fact, told, emergency.index, "an alias goes back")
    elif fact["emergency"] is None and (fact["alias"], fact["model"]) not in told.granted:
        yield absent(fact, told, "an alias goes back without an approved promotion")


def _returns(told: Told) -> Findings:
    for index in told.emergencies.going_back.values():
        yield unmatched(told, f"entry {index}: an alias was to go back and never moved")


def _suspensions(fact: Fact, told: Told) -> Findings:
    """Nothing of a suspended request begins, is charged or comes out before it is resumed by somebody else."""
    request = fact["request"]
    match fact.kind:
        case "RequestSuspended":
            if request in told.emergencies.suspended:
                yield broken(fact, "a request is suspended that was")
        case "RequestResumed":
            yield from _resumed(fact, told)
        case _:
            if request in told.emergencies.suspended:
                yield absent(fact, told, "a suspended request goes on")


def _resumed(fact: Fact, told: Told) -> Findings:
    asked = told.requests.get(fact["request"])
    if fact["request"] not in told.emergencies.suspended:
        yield absent(fact, told, "a request is resumed that was not suspended")
    if asked is not None:
        yield from _in_role(fact, told, asked.asked_by)
        if asked.asked_by == fact.actor:
            yield broken(fact, "a request was resumed by who asked for it")


RULES = (
    Rule(
        "emergencies",
        "an emergency is confirmed in time by another, over after four hours, and reviewed by a third before the next",
        KINDS,
        _emergencies,
        _reviews,
    ),
    Rule(
        "emergency deeds",
        "because of an emergency its opener reads reports, suspends and puts aliases back while it is in force",
        _DEEDS,
        _deeds,
        _returns,
    ),
    Rule(
        "suspension",
        "a suspended request stands still until somebody else resumes it",
        frozenset({"RequestSuspended", "RequestResumed", "StepStarted", "StepFinished", "BudgetCharged"}),
        _suspensions,
    ),
)
