"""A stage whose access policy is stored and has a life, with the cast in its principals."""

from dataclasses import replace
from pathlib import Path

from tests.conftest import ADA, ANN, BOB, DANA, NOW, OTTO, PIA, POLICIES, REA, Stage

from tunewarden.domain.access import PolicySet, Rule
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.names import Digest, PolicyId, PrincipalId, Role
from tunewarden.domain.policies import PolicyVersion
from tunewarden.drivers.access_files import PolicyFiles
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.stored_policies import StoredEngine, StoredPolicies
from tunewarden.usecases import policies
from tunewarden.usecases.binding import bound
from tunewarden.usecases.policy_report import WhatIf
from tunewarden.usecases.ports import Platform, Principal

MODEL = POLICIES / "access" / "model.conf"
PAT = Principal(id=PrincipalId("prn-pat"), roles=frozenset({Role.PRIVACY_OFFICER}))
CAST = (ANN, BOB, DANA, PIA, PAT, REA, OTTO, ADA)
MORE = Rule("reviewer", "read-request", "request", "other", "allow")
"""A rule that the shipped policy lacks."""


def govern(stage: Stage, folder: Path = POLICIES / "access") -> Platform:
    """The stage's platform after its first start; `stage` sees the same log."""
    platform = stage.platform
    with platform.work(PrincipalId("operator")) as work:
        for one in CAST:
            work.principals.put(one)
            work.record(KeyCreated(principal=one.id, roles=tuple(sorted(one.roles))))
        work.commit()
    shipped = PolicyFiles(model=MODEL, policy=folder / "policy.csv")
    policies.install(
        platform.work, platform.view, platform.clock, platform.new_id, lambda: shipped.read().compiled.policy
    )
    live = LiveAccess(
        StoredPolicies(view=platform.view, model=MODEL), clock=lambda: (platform.clock() - NOW).total_seconds()
    )
    return replace(platform, access=bound(live), engine=StoredEngine(live=live, model=MODEL))


def said(platform: Platform) -> PolicySet:
    """What the version in force says."""
    return policies.in_force(platform)[1]


def proposed(platform: Platform, *rules: Rule, by: Principal = ADA) -> tuple[PolicyVersion, WhatIf]:
    """The policy in force and these rules, proposed."""
    before = said(platform)
    version, report, _ = policies.propose(platform, by, replace(before, rules=(*before.rules, *rules)))
    return version, report


def activated(platform: Platform, *rules: Rule) -> PolicyVersion:
    """The same, and in force."""
    version, _ = proposed(platform, *rules)
    return put_in_force(platform, version)


def put_in_force(platform: Platform, version: PolicyVersion, by: Principal = PIA) -> PolicyVersion:
    return policies.activate(platform, by, PolicyId(version.id), version.digest, report_of(version))[0]


def report_of(version: PolicyVersion) -> Digest:
    assert version.report is not None
    return version.report
