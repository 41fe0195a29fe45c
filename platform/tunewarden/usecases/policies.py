"""The life of the access policy: proposed by one person, compared with what is in force, put in force by another.

Nothing here can switch the engine off: a version is rules, links and groups; the access model is a file of the release.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from tunewarden.domain.access import EVERY, PolicySet, Rule
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.canonical import Plain, decode, encode
from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.names import Action, Digest, PolicyId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import PolicyState, PolicyVersion, decided, with_hard_denies
from tunewarden.domain.policy_events import PolicyActivated, PolicyInstalled, PolicyProposed
from tunewarden.usecases.policy_doors import Head, PolicyShelf
from tunewarden.usecases.policy_report import WhatIf, what_if
from tunewarden.usecases.ports import Clock, Engine, Platform, Principal, Receipt, Resource, View, Views, Work
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import thing

_GROUP = re.compile(r"[a-z][a-z-]{0,62}")
INSTALLER = PrincipalId("operator")
"""Who records that the shipped policy is in force: whoever started the platform."""


def install(
    work: Work, view: Views, clock: Clock, new_id: Callable[[str], str], shipped: Callable[[], PolicySet]
) -> None:
    """The shipped policy becomes the first version, where there is none. Raises `Malformed` for one with a fault."""
    with view() as seen:
        if seen.policies.head() is not None:
            return
    first = compiled(shipped())
    with work(INSTALLER) as unit:
        if unit.policies.head() is not None:
            return
        now = clock()
        version = PolicyVersion(
            id=PolicyId(new_id("pol")),
            digest=first.version,
            base=None,
            proposed_by=INSTALLER,
            proposed_at=now,
            report=None,
            state=PolicyState.ACTIVE,
            activated_by=INSTALLER,
            activated_at=now,
        )
        decides = decided(first.policy, unit.policies.given())
        unit.policies.add(version, first.policy)
        unit.policies.decide_by(version.id, decides)
        unit.record(
            PolicyInstalled(policy=version.id, digest=version.digest, decides=decides, rules=len(first.policy.rules))
        )
        unit.commit()


def simulate(platform: Platform, principal: Principal, said: PolicySet) -> WhatIf:
    """What this policy would change. Nothing is kept. Raises as `policy_report.what_if` does."""
    with refusals_recorded(platform, principal, Action.READ_POLICY, "policy"):
        permit(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
        return _compared(platform, said)


def propose(
    platform: Platform, principal: Principal, said: PolicySet, *, restores: PolicyId | None = None
) -> tuple[PolicyVersion, WhatIf, Receipt]:
    """Somebody wants this in force. Compiled, asked and compared first: what is refused is not kept.

    Raises as `policy_report.what_if` does, and `Refused` where it says what is in force already.
    """
    with refusals_recorded(platform, principal, Action.PROPOSE_POLICY, "policy"):
        permit(platform, principal, Action.PROPOSE_POLICY, Resource(kind="policy", author=principal.id))
        report = _compared(platform, said)
        document = platform.blobs.put_bytes(encode(report))
        with platform.work(principal.id) as work:
            active = work.policies.get(_head(work.policies).policy)
            if active.digest == report.digest:
                raise IllegalTransition("policy_in_force", "This is what the version in force says.")
            version = PolicyVersion(
                id=PolicyId(platform.new_id("pol")),
                digest=report.digest,
                base=report.base,
                restores=restores,
                proposed_by=principal.id,
                proposed_at=platform.clock(),
                report=document,
                state=PolicyState.PROPOSED if active.id == report.base else PolicyState.LAPSED,
            )
            work.policies.add(version, said)
            work.record(
                PolicyProposed(
                    policy=version.id,
                    digest=version.digest,
                    base=report.base,
                    report=document,
                    restores=restores,
                    rules=report.rules,
                    gains=report.count(gains=True),
                    losses=report.count(gains=False),
                )
            )
            return version, report, work.commit()


def rollback(platform: Platform, principal: Principal, identifier: PolicyId) -> tuple[PolicyVersion, WhatIf, Receipt]:
    """Propose what an earlier version said. It too takes a second person, and roles granted since then stay.

    Raises `NotFound`, `IllegalTransition` for a version that was never in force, and as `propose` does: what was in
    force once may have become unsound.
    """
    with refusals_recorded(platform, principal, Action.PROPOSE_POLICY, "policy", identifier):
        permit(platform, principal, Action.PROPOSE_POLICY, Resource(kind="policy", id=identifier, author=principal.id))
        with platform.view() as view:
            earlier, said = view.policies.get(identifier), view.policies.said(identifier)
        if earlier.activated_at is None:
            raise IllegalTransition("policy_never_in_force", "The version was never in force.")
    return propose(platform, principal, with_hard_denies(said), restores=identifier)


def activate(
    platform: Platform, principal: Principal, identifier: PolicyId, digest: Digest, report: Digest
) -> tuple[PolicyVersion, Receipt]:
    """Somebody else puts exactly this version in force, having read this report. In this process from now on.

    Raises as `PolicyVersion.activate` does, and `Malformed` where, with the roles granted meanwhile, it has a fault.
    """
    with refusals_recorded(platform, principal, Action.ACTIVATE_POLICY, "policy", identifier):
        with platform.work(principal.id) as work:
            version = work.policies.get(identifier)
            permit(platform, principal, Action.ACTIVATE_POLICY, _resource(version))
            head = _head(work.policies)
            said, now = work.policies.said(identifier), platform.clock()
            activated = version.activate(principal.id, digest, report, now, head.policy)
            decides = decided(said, work.policies.given())
            for one in work.policies.versions():
                if one.id == head.policy:
                    work.policies.put(replace(one, state=PolicyState.SUPERSEDED))
                elif one.state is PolicyState.PROPOSED and one.id != identifier:
                    work.policies.put(replace(one, state=PolicyState.LAPSED))
            work.policies.put(activated)
            work.policies.decide_by(identifier, decides)
            work.record(
                PolicyActivated(policy=identifier, digest=digest, previous=head.policy, report=report, decides=decides)
            )
            receipt = work.commit()
        engine(platform).refresh()
        return activated, receipt


def listed(platform: Platform, principal: Principal) -> Sequence[PolicyVersion]:
    """Every version, oldest first."""
    permit_to_see(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
    with platform.view() as view:
        return view.policies.versions()


def get(platform: Platform, principal: Principal, identifier: PolicyId) -> tuple[PolicyVersion, PolicySet, Plain]:
    """A version, what it says, and its report as it was read; None for the first. Raises `NotFound`."""
    with platform.view() as view:
        version, said = view.policies.get(identifier), view.policies.said(identifier)
    permit_to_see(platform, principal, Action.READ_POLICY, _resource(version))
    return version, said, None if version.report is None else decode(platform.blobs.read(version.report))


def in_force(platform: Platform) -> tuple[PolicyVersion, PolicySet]:
    """The version in force, and what it says without grants. For the platform itself; nobody is asked."""
    with platform.view() as view:
        head = _head(view.policies)
        return view.policies.get(head.policy), view.policies.said(head.policy)


def engine(platform: Platform) -> Engine:
    """Raises `Unavailable` where the policy is in files."""
    if platform.engine is None:
        raise Unavailable(
            "policy_in_files",
            "The access policy of this process is in files, which nobody changes through the platform.",
            who=Role.ADMINISTRATOR,
        )
    return platform.engine


def _compared(platform: Platform, said: PolicySet) -> WhatIf:
    behind = engine(platform)
    with platform.view() as view:
        base = _head(view.policies).policy
        _require_ours(view, said)
        before, now = with_hard_denies(view.policies.said(base)), platform.clock()
        decided(said, view.policies.given())
        return what_if(behind, view, base, before, said, now)


def _require_ours(view: View, said: PolicySet) -> None:
    """Names in a policy are names of ours, because rules stand in the log where they refuse.

    Groups are the one word that people choose: letters and hyphens. Projects are those that there are, archived or not.
    """
    members = {*Role, *said.groups}
    wrong = [f"rule {n}" for n, rule in enumerate(said.rules, 1) if not _is_there(view, rule)]
    wrong += [
        f"link {n}"
        for n, link in enumerate(said.links, 1)
        if not _is_project(view, link.project)
        or (link.member not in members and view.principals.find(PrincipalId(link.member)) is None)
    ]
    wrong += [f"group {n}" for n, group in enumerate(said.groups, 1) if not _GROUP.fullmatch(group)]
    if wrong:
        raise Malformed(
            "policy_names_unknown",
            f"What is named is not known here, or no name for a group, in {', '.join(wrong[:20])}.",
            remedy="Name things, projects and principals that are there, and groups of a-z and '-'.",
            who=Role.ADMINISTRATOR,
        )


def _is_there(view: View, rule: Rule) -> bool:
    kind, slash, identifier = rule.kind.partition("/")
    try:
        about = thing(view, kind, identifier)
    except NotFound:
        return False
    if slash and (about.author is None or rule.project not in (EVERY, about.project)):
        return False
    return _is_project(view, rule.project)


def _is_project(view: View, project: str) -> bool:
    return project == EVERY or view.projects.find(ProjectId(project)) is not None


def _head(shelf: PolicyShelf) -> Head:
    head = shelf.head()
    if head is None:
        raise Refused("policy_missing", "There is no version of the access policy yet.", who=Role.ADMINISTRATOR)
    return head


def _resource(version: PolicyVersion) -> Resource:
    return Resource(kind="policy", id=version.id, author=version.proposed_by)
