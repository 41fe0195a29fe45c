"""Rules about who acts and when: principals that are known and not revoked, dates that go forward, intents that end."""

from __future__ import annotations

from datetime import datetime, timedelta

from tunewarden_audit.conduct.facts import KINDS, Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken
from tunewarden_audit.conduct.grouped import KINDS as GROUP_KINDS
from tunewarden_audit.conduct.placed import KINDS as PROJECT_KINDS
from tunewarden_audit.conduct.told import Told
from tunewarden_audit.recipe import Grade

HOUSE = frozenset({"api", "notifier", "operator", "sealer", "worker"})
"""The platform itself: who has its machine makes the first keys, its worker takes steps, its sealer signs.

Its api says whom an identity provider vouches for, and how many it did not let in.
"""

_BY_WORKER = frozenset(
    {
        "StepStarted",
        "StepFinished",
        "StepFailed",
        "BudgetCharged",
        "ModelRegistered",
        "ReviewOpened",
        "PersonErased",
        "PromiseDisproved",
        "CohortAdmitted",
        "VersionDestroyed",
        "FileExpired",
        "AttributesKept",
        "AttributesRead",
    }
)
_BY_PERSON = frozenset(
    {
        "RequestSubmitted",
        "RequestApproved",
        "RequestEndorsed",
        "PurposesChanged",
        "PromotionProposed",
        "PromotionApproved",
        "AliasMoved",
        "AdapterTaken",
        "FileTaken",
        "FileDeleted",
        "UploadBegun",
        "PartAdded",
        "PersonTraced",
        "ReviewAnswered",
        "ReviewClosed",
        "ReportAttested",
        "SignatureWithdrawn",
        "ErasureAsked",
        "PolicyProposed",
        "PolicyActivated",
        "RoleGranted",
        "RoleRevoked",
        "EmergencyOpened",
        "EmergencyConfirmed",
        "EmergencyClosed",
        "EmergencyReviewed",
        "EmergencyUsed",
        "RequestSuspended",
        "RequestResumed",
        "AliasRolledBack",
        "AliasClearingAsked",
        "AliasCleared",
        "ModelRetired",
        "GateOverridden",
        "VoteLapsed",
        "WebhookCreated",
        "WebhookChanged",
        "WebhookSecretRotated",
        "WebhookDeleted",
        *GROUP_KINDS,
        *PROJECT_KINDS,
    }
)
_BY_NOTIFIER = frozenset({"WebhookDisabled", "WebhookGivenUp"})
_BY_API = frozenset({"PrincipalIdentified", "LoginsRefused"})
_HARMLESS = frozenset({"ActionRefused"})
"""A refusal that was on its way when the key was revoked changes nothing."""


def _principals(fact: Fact, told: Told) -> Findings:
    """Everybody who acts was given a key before, and none that was taken away."""
    if fact.kind in _BY_WORKER and "worker" not in {fact.actor, *told.principals.get(fact.actor, ())}:
        yield absent(fact, told, "somebody else than a worker takes a step")
    if fact.kind == "SigningKeyRotated" and fact.actor != "sealer":
        yield broken(fact, "somebody else than the sealer rotates the log's key")
    if fact.kind in _BY_NOTIFIER and fact.actor != "notifier":
        yield broken(fact, "somebody else than the notifier says what became of a webhook")
    if fact.kind in _BY_API and fact.actor != "api":
        yield broken(fact, "somebody else than the api says who was let in")
    if fact.actor in HOUSE:
        if fact.kind in _BY_PERSON:
            yield broken(fact, "the platform itself does what only a person may do")
        return
    if fact.actor in told.revoked and fact.kind not in _HARMLESS:
        yield broken(fact, f"acts although entry {told.revoked[fact.actor]} revoked the principal")
    if fact.actor not in told.principals:
        yield absent(fact, told, "acts without ever having been given a key")


def _prunings(fact: Fact, told: Told) -> Findings:
    """Bodies are dropped only as somebody else proposed."""
    if fact.kind == "HoldReleased":
        if fact["hold"] not in told.holds:
            yield absent(fact, told, "a legal hold is released that was not in force")
        return
    pruning = told.prunings.get(fact["prune"])
    if pruning is None:
        yield absent(fact, told, "a pruning that nobody proposed")
        return
    if fact.kind == "PruneStarted":
        if fact.actor == pruning.proposed_by:
            yield broken(fact, "a pruning was approved by who proposed it")
        if fact["indices"] != pruning.indices:
            yield broken(fact, "other entries are to lose their bodies than was proposed")
    elif not pruning.is_started:
        yield absent(fact, told, "a pruning ends that was not begun")
    elif fact["entries"] and fact["indices"] != pruning.indices:
        yield broken(fact, "other entries lost their bodies than was proposed")


def _nothing(_: Fact, __: Told) -> Findings:
    return iter(())


def _intents(told: Told) -> Findings:
    """What was begun and has no outcome: named where something followed, missing where nothing did."""
    for (subject, attempt), intent in told.intents.items():
        request = told.requests.get(subject)
        what = f"entry {intent.index}: the {intent.what} that it begins"
        if request is not None and (request.attempt > attempt or request.ended is not None):
            yield Finding(Grade.CONSISTENT, f"{what} has no outcome; what followed went on without it")
        else:
            yield Finding(Grade.INCOMPLETE, f"{what} has no outcome: it is under way, or was never written")


def time_rule(skew: timedelta, now: datetime | None) -> Rule:
    """Dates go forward, but for the difference between two clocks of the house, and none lies in the time to come.

    `now` is the auditor's own clock, None to leave it out.
    """

    def judge(fact: Fact, told: Told) -> Findings:
        if told.newest is not None and fact.at < told.newest - skew:
            behind = int((told.newest - fact.at).total_seconds())
            yield broken(fact, f"is dated {behind} s before an entry ahead of it: a clock was turned back")
        if now is not None and fact.at > now + skew:
            ahead = int((fact.at - now).total_seconds())
            yield broken(fact, f"is dated {ahead} s after your clock: one of the two is wrong")

    return Rule("time", "dates go forward, and none lies in the time to come", frozenset(KINDS), judge)


RULES = (
    Rule(
        "principals",
        "everybody who acts was given a key before, and none that was taken away",
        frozenset(KINDS),
        _principals,
    ),
    Rule(
        "pruning",
        "bodies are dropped as one proposed and another approved",
        frozenset({"HoldReleased", "PruneStarted", "PruneFinished"}),
        _prunings,
    ),
    Rule(
        "intents",
        "what was begun has an outcome",
        frozenset({"StepStarted", "PruneStarted"}),
        _nothing,
        _intents,
    ),
)
