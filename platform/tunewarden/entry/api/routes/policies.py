"""/v1/policies: versions of the access policy, what another one would change, and what is put in force."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from tunewarden.domain.access import EVERY, PolicySet, RoleLink, Rule
from tunewarden.domain.canonical import instant_text, to_plain
from tunewarden.domain.names import Digest, PolicyId
from tunewarden.domain.policies import PolicyVersion
from tunewarden.entry.api.caller import Administering, Asking, Called
from tunewarden.entry.api.schemas import DigestText, Json, Strict, page, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import policies
from tunewarden.usecases.policy_report import WhatIf

router = Routes(prefix="/v1/policies", tags=["policies"])

Cell = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class RuleIn(Strict):
    """A line of `policies/access/policy.csv`, whose README says what each column may hold."""

    role: Cell
    action: Cell
    kind: Cell
    condition: Cell
    effect: Cell
    project: Cell = EVERY


class LinkIn(Strict):
    """A member, which is a principal, a group or a role, holds a role or is in a group."""

    member: Cell
    role: Cell
    project: Cell = EVERY


class PolicyIn(Strict):
    rules: list[RuleIn] = Field(min_length=1, max_length=10_000)
    links: list[LinkIn] = Field(default=[], max_length=10_000)
    groups: list[Cell] = Field(default=[], max_length=1_000)

    def said(self) -> PolicySet:
        return PolicySet(
            rules=tuple(Rule(**rule.model_dump()) for rule in self.rules),
            links=tuple(RoleLink(**link.model_dump()) for link in self.links),
            groups=tuple(self.groups),
        )


class ActivationIn(Strict):
    """What was read: the digest of the version, and of the report about it."""

    digest: DigestText
    report: DigestText


@router.post("/simulate", summary="What another policy would change")
def simulate(called: Asking, body: PolicyIn) -> Json:
    """Who gains and who loses what, and what it would have said in the last 90 days. Nothing is kept.

    A policy with a fault is refused with every fault; so is one by which somebody may what no policy may allow.
    """
    return {"object": "policy.report", **_report(policies.simulate(called.platform, called.principal, body.said()))}


@router.post("", summary="Propose a policy")
def propose(called: Administering, body: PolicyIn) -> Json:
    """Compared with the one in force first. It comes into force once a second person says so of its digest."""
    version, report, receipt = policies.propose(called.platform, called.principal, body.said())
    return {**_version(version), "what_if": _report(report), "receipt": receipt_out(receipt)}


@router.get("", summary="List policies")
def listed(called: Asking) -> Json:
    """Every version, oldest first."""
    return page([_version(one) for one in policies.listed(called.platform, called.principal)])


@router.get("/{policy_id}", summary="A policy")
def retrieve(called: Asking, policy_id: str) -> Json:
    """What it says, and the report about it as it was made when it was proposed."""
    version, said, report = policies.get(called.platform, called.principal, PolicyId(policy_id))
    return {
        **_version(version),
        "rules": [rule._asdict() for rule in said.rules],
        "links": [link._asdict() for link in said.links],
        "groups": list(said.groups),
        "what_if": report,
    }


@router.post("/{policy_id}/activate", summary="Put a policy in force")
def activate(called: Called, policy_id: str, body: ActivationIn) -> Json:
    """By somebody else than who proposed it. Every process decides by it within two seconds."""
    version, receipt = policies.activate(
        called.platform, called.principal, PolicyId(policy_id), Digest(body.digest), Digest(body.report)
    )
    return {**_version(version), "receipt": receipt_out(receipt)}


@router.post("/{policy_id}/rollback", summary="Propose an earlier policy again")
def rollback(called: Administering, policy_id: str) -> Json:
    """It takes a second person too. Roles that were granted since stay granted."""
    version, report, receipt = policies.rollback(called.platform, called.principal, PolicyId(policy_id))
    return {**_version(version), "what_if": _report(report), "receipt": receipt_out(receipt)}


def _version(version: PolicyVersion) -> Json:
    return {
        "id": version.id,
        "object": "policy",
        "digest": version.digest,
        "state": version.state,
        "base": version.base,
        "restores": version.restores,
        "proposed_by": version.proposed_by,
        "proposed_at": instant_text(version.proposed_at),
        "report": version.report,
        "activated_by": version.activated_by,
        "activated_at": None if version.activated_at is None else instant_text(version.activated_at),
    }


def _report(report: WhatIf) -> Any:
    return to_plain(report)
