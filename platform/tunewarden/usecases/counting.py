"""Which votes count when one more is given: by the rule in force, of who may still say it, in the role they had.

A vote is looked at again whenever another one is given, so the last one finds out who was revoked, lost the role or may
not agree any more since. Not looked at again: that a role was not fresh; that was asked when the vote was given.
"""

from dataclasses import dataclass

from tunewarden.domain.access import PolicySet
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import Conflict
from tunewarden.domain.names import Action, Digest, PrincipalId, Role
from tunewarden.domain.policies import with_grants
from tunewarden.domain.quorum import Quorum, Vote
from tunewarden.domain.training import TrainingRequest
from tunewarden.domain.vote_events import QuorumInForce
from tunewarden.usecases.policies import INSTALLER
from tunewarden.usecases.ports import Platform, Principal, Resource, UnitOfWork, View, Views, Work

_STRANGER = PrincipalId("prn-none")


def role_of(rule: str) -> Role:
    """Whose rule allowed it: only roles are allowed anything."""
    return Role(rule.partition("/")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRule:
    """The rule that the first `size` entries of the log told of last; None where they told of none."""

    rule: Digest | None
    size: int


def told_rule(view: View) -> ToldRule:
    """What the log tells now. Looks through all of it, so outside any unit of work: nobody else writes during one."""
    size, newest = view.size(), None
    for entry in view.entries_naming(QuorumInForce.__name__):
        if isinstance(entry.event, QuorumInForce):
            newest = entry.event.quorum
    return ToldRule(rule=newest, size=size)


def put_in_force(work: Work, view: Views, quorum: Quorum) -> None:
    """The log says which rule votes count by, where the newest that it told of is another one.

    For a process that starts. One whose file is changed later takes no votes any more until it is started again: else
    one that was left with an old file would put that in force again.
    """
    digest = quorum.digest()
    with view() as seen:
        told = told_rule(seen)
    if told.rule == digest:
        return
    with work(INSTALLER) as unit:
        if _newest(unit, told) != digest:
            unit.record(QuorumInForce(quorum=digest, needed=quorum.needed))
            unit.commit()


def require_in_force(work: UnitOfWork, quorum: Quorum, told: ToldRule) -> None:
    """Raise `Conflict` where the log told of another rule last, in `told` or since."""
    if _newest(work, told) != quorum.digest():
        raise Conflict(
            "quorum_changed",
            "This process counts votes by another rule than the one in force.",
            remedy="Give every process the same policies/access/quorum.toml, and start it again.",
            who=Role.ADMINISTRATOR,
        )


def lapsed(platform: Platform, seen: View | UnitOfWork, request: TrainingRequest, about: Resource) -> set[PrincipalId]:
    """Who agreed to the plan of `request` and could not do it now any more, in the role that the vote names."""
    if not request.counted:
        return set()
    graph = _graph(seen)
    return {vote.by for vote in request.counted if not _stands(platform, seen, vote, about, graph)}


def _stands(platform: Platform, seen: View | UnitOfWork, vote: Vote, about: Resource, graph: RoleGraph) -> bool:
    action = Action.ENDORSE_REQUEST if vote.endorses else Action.APPROVE_REQUEST
    return _still_may(platform, seen, vote.by, vote.role, action, about, graph)


def still_may(
    platform: Platform, seen: View | UnitOfWork, member: PrincipalId, role: Role, action: Action, about: Resource
) -> bool:
    """Whether who did this in that role could do it now."""
    return _still_may(platform, seen, member, role, action, about, _graph(seen))


def _still_may(
    platform: Platform,
    seen: View | UnitOfWork,
    member: PrincipalId,
    role: Role,
    action: Action,
    about: Resource,
    graph: RoleGraph,
) -> bool:
    voter = seen.principals.find(member)
    if voter is None or voter.revoked or role not in graph.held(voter.id, voter.roles, about.project):
        return False
    by_role = Principal(id=_STRANGER, roles=frozenset({role}))
    return all(platform.access(who, action, about).allowed for who in (voter, by_role))


def _graph(seen: View | UnitOfWork) -> RoleGraph:
    """Who holds which roles by the policy in force and the grants beside it."""
    head = seen.policies.head()
    said = PolicySet(rules=()) if head is None else seen.policies.said(head.policy)
    whole = with_grants(said, seen.policies.given())
    return RoleGraph(whole.links, whole.groups)


def _newest(work: UnitOfWork, told: ToldRule) -> Digest | None:
    """The rule that the log told of last, where only what was written since has to be read."""
    newest = told.rule
    for entry in work.entries(told.size):
        if isinstance(entry.event, QuorumInForce):
            newest = entry.event.quorum
    return newest
