"""Rules about the access policy: what is in force was proposed by somebody else, and is what was proposed."""

from __future__ import annotations

from collections.abc import Iterator

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken
from tunewarden_audit.conduct.told import Told


def _policies(fact: Fact, told: Told) -> Findings:
    """Two persons put a version in force; the first one comes with the release."""
    match fact.kind:
        case "PolicyInstalled":
            if fact.actor != "operator":
                yield broken(fact, "somebody else than the platform installs the first policy")
            if told.policies.in_force is not None:
                yield broken(fact, "a first policy is installed although there was one")
        case "PolicyProposed":
            if fact["base"] not in told.policies.said:
                yield absent(fact, told, "a policy was compared with one that was never in force")
            yield from _restored(fact, told)
        case _:
            yield from _activation(fact, told)


def _activation(fact: Fact, told: Told) -> Iterator[Finding]:
    proposal = told.policies.proposed.get(fact["policy"])
    if proposal is None:
        yield absent(fact, told, "a policy comes into force that nobody proposed")
        return
    if fact["policy"] in told.policies.said:
        yield broken(fact, "a policy comes into force a second time")
    if fact.actor == proposal.by:
        yield broken(fact, "a policy was put in force by who proposed it")
    if (fact["digest"], fact["report"]) != (proposal.digest, proposal.report):
        yield broken(fact, "another policy comes into force, or after another report, than was proposed")
    if fact["previous"] != proposal.base:
        yield broken(fact, "a policy comes into force that was compared with another one than was in force")
    if fact["previous"] != told.policies.in_force:
        yield absent(fact, told, "a policy comes into force in place of one that was not")


def _restored(fact: Fact, told: Told) -> Iterator[Finding]:
    earlier = fact["restores"]
    if earlier is not None and earlier not in told.policies.said:
        yield absent(fact, told, "an earlier policy is to be restored that was never in force")


def _grants(fact: Fact, told: Told) -> Findings:
    """A role is granted to somebody else, who is known; what is taken back was granted."""
    grant = fact["principal"], fact["role"], fact["project"]
    if fact.kind == "RoleRevoked":
        if grant not in told.policies.granted:
            yield absent(fact, told, "a role is taken back that was not granted")
        return
    if fact.actor == fact["principal"]:
        yield broken(fact, "somebody grants a role to themselves")
    if fact["principal"] not in told.principals:
        yield absent(fact, told, "a role is granted to somebody who was never given a key")
    if grant in told.policies.granted:
        yield broken(fact, f"a role is granted that entry {told.policies.granted[grant]} had granted")


RULES = (
    Rule(
        "policy",
        "an access policy comes into force as somebody else proposed it, in place of what it was compared with",
        frozenset({"PolicyInstalled", "PolicyProposed", "PolicyActivated"}),
        _policies,
    ),
    Rule(
        "grants",
        "roles are granted to others, and taken back where they were granted",
        frozenset({"RoleGranted", "RoleRevoked"}),
        _grants,
    ),
)
