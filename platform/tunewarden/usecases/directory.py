"""Who there is and who holds which role from where: what an administrator, a privacy officer and an auditor may read.

Roles are those of the access policy that is in force; they are changed by a proposal that a second person puts in
force, never one by one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NoReturn

from tunewarden.domain.access import EVERY, STANDARD_ROLES, Effect, PolicySet
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import NotFound, Refused
from tunewarden.domain.groups import Group, Membership, missing_group
from tunewarden.domain.holding import Way, ways
from tunewarden.domain.names import Action, GroupId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import Given, Grant
from tunewarden.usecases.ports import KeyRecord, Platform, Principal, Resource, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded

_LONG_AGO = datetime.fromtimestamp(0, UTC)


class Holder(StrEnum):
    """What a role comes from."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The principal or the group by which somebody holds a role. A principal holds it by a key, a token or a grant."""

    holder: Holder
    id: str


Assigned = Mapping[Role, Sequence[Source]]
"""Roles in one project, or in `EVERY`, each with where it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One moment of who there is. Principals who were revoked, and groups that were deleted, are not in it.

    Attributes:
        standing: by principal or group: grants and memberships that nobody took back, oldest first.
        inside: who is in each group, in the order in which they came.
        said: the version of the access policy that is in force, without grants.
        graph: of that version's links.
        since: when each principal was first known.
    """

    principals: Mapping[PrincipalId, Principal]
    groups: Mapping[GroupId, Group]
    standing: Mapping[str, Sequence[Given]]
    inside: Mapping[GroupId, Sequence[PrincipalId]]
    said: PolicySet
    graph: RoleGraph
    since: Mapping[PrincipalId, datetime]

    def principal(self, identifier: PrincipalId) -> Principal:
        """Raises `NotFound`."""
        if identifier not in self.principals:
            raise NotFound("user_not_found", "There is no such user for you.")
        return self.principals[identifier]

    def group(self, identifier: GroupId) -> Group:
        """Raises `NotFound`."""
        if identifier not in self.groups:
            raise missing_group()
        return self.groups[identifier]

    def members(self, identifier: GroupId) -> Sequence[PrincipalId]:
        """Who is in a group, in the order in which they came."""
        return [one for one in self.inside.get(identifier, ()) if one in self.principals]

    def roles_of(self, member: PrincipalId, project: ProjectId) -> Assigned:
        """Roles of a principal in exactly this project: granted, in groups, and in `EVERY` those of keys and tokens."""
        found: dict[Role, list[Source]] = {}
        own = Source(holder=Holder.USER, id=member)
        if project == EVERY:
            found |= {role: [own] for role in sorted(self.principals[member].roles)}
        for way in self._ways(member, project):
            through = way.membership
            source = own if through is None else Source(holder=Holder.GROUP, id=through.group)
            found.setdefault(way.role, []).append(source)
        for role, source in self._by_policy(member, project):
            found.setdefault(role, []).append(source)
        return {role: list(dict.fromkeys(sources)) for role, sources in sorted(found.items())}

    def roles_of_group(self, identifier: GroupId, project: ProjectId) -> Assigned:
        """Roles of a group in exactly this project."""
        own = Source(holder=Holder.GROUP, id=identifier)
        return {grant.role: [own] for grant in sorted(self.granted(identifier, project), key=lambda one: one.role)}

    def granted(self, member: str, project: ProjectId) -> Sequence[Grant]:
        """What a principal or a group was itself granted in exactly this project."""
        grants = [one for one in self.standing.get(member, ()) if isinstance(one, Grant)]
        return [one for one in grants if one.project == project]

    def members_of_project(self, project: ProjectId) -> Mapping[PrincipalId, datetime]:
        """Who holds a role in exactly this project, granted or in a group, since when; the longest first."""
        members = {PrincipalId(member) for member in self.standing if self.granted(member, project)}
        inside = {one for group in self.groups_of_project(project) for one in self.members(group)}
        found = {
            one: min(way.since for way in self._ways(one, project))
            for one in (members | inside) & self.principals.keys()
        }
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    def groups_of_project(self, project: ProjectId) -> Mapping[GroupId, datetime]:
        """Which groups hold a role in exactly this project, since when; the longest first."""
        found = {
            key: min(one.granted_at for one in grants) for key in self.groups if (grants := self.granted(key, project))
        }
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    def permissions(self, role: Role, project: ProjectId) -> Sequence[str]:
        """What the policy allows a role in a project, with what it takes in: of each rule, its id without the role."""
        held = self.graph.held(None, (role,), project)
        allowing = [rule for rule in self.said.rules if rule.role in held and rule.effect == Effect.ALLOW]
        return sorted({rule.id.partition("/")[2] for rule in allowing if rule.project in (EVERY, project)})

    def _ways(self, member: PrincipalId, project: ProjectId) -> Sequence[Way]:
        own = self.standing.get(member, ())
        groups = [one.group for one in own if isinstance(one, Membership)]
        given = [*own, *(one for group in groups for one in self.standing.get(group, ()))]
        return [way for way in ways(member, given) if way.project == project]

    def _by_policy(self, member: PrincipalId, project: ProjectId) -> Sequence[tuple[Role, Source]]:
        """What the version in force links a principal to, itself or by groups that it names."""
        found: list[tuple[Role, Source]] = []
        for link in self.said.links:
            if (link.member, link.project) != (member, project):
                continue
            if link.role in STANDARD_ROLES:
                found.append((Role(link.role), Source(holder=Holder.USER, id=member)))
                continue
            held = self.graph.held(None, (link.role,), project) & STANDARD_ROLES
            found += [(Role(role), Source(holder=Holder.GROUP, id=link.role)) for role in sorted(held)]
        return found


def directory(platform: Platform, principal: Principal) -> Directory:
    """Everybody, for who may read the access policy. Raises `NotFound` for who may not, which is recorded."""
    permit_to_see(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
    with platform.view() as view:
        everybody = {one.id: one for one in view.principals.all() if not one.revoked}
        head = view.policies.head()
        said = PolicySet(rules=()) if head is None else view.policies.said(head.policy)
        standing: dict[str, list[Given]] = defaultdict(list)
        inside: dict[GroupId, list[PrincipalId]] = defaultdict(list)
        for one in view.policies.given():
            if one.revoked_at is None:
                standing[one.member].append(one)
                if isinstance(one, Membership):
                    inside[one.group].append(one.member)
        return Directory(
            principals=everybody,
            groups={one.id: one for one in view.policies.groups() if one.deleted_at is None},
            standing=standing,
            inside=inside,
            said=said,
            graph=RoleGraph(said.links, said.groups),
            since=_since(view, everybody),
        )


def names_are_shown(platform: Platform, principal: Principal) -> bool:
    """Whether who asks may know what principals are called: who makes their keys, and auditors."""
    return Role.AUDITOR in principal.roles or platform.access(principal, Action.LIST_KEYS, Resource(kind="key")).allowed


def refuse_other_roles(platform: Platform, principal: Principal) -> NoReturn:
    """Nobody makes, changes or deletes a role by itself. Always raises `Refused`, which is recorded."""
    with refusals_recorded(platform, principal, Action.PROPOSE_POLICY, "policy"):
        permit(platform, principal, Action.PROPOSE_POLICY, Resource(kind="policy", author=principal.id))
        raise Refused(
            "roles_by_policy",
            "The roles are those of the access policy, and what each may do is written there.",
            remedy="Propose another policy (POST /v1/policies), which a second person puts in force.",
            who=Role.PRIVACY_OFFICER,
            rule="two-persons",
        )


def _since(view: View, everybody: Mapping[PrincipalId, Principal]) -> Mapping[PrincipalId, datetime]:
    """By the first key or the newest token of each; long ago where neither says it."""
    keys: Sequence[KeyRecord] = view.keys.all()
    found = {one.id: one.as_of for one in everybody.values() if one.as_of is not None}
    for key in keys:
        if key.created is not None and key.principal in everybody:
            found[key.principal] = min(key.created, found.get(key.principal, key.created))
    return {one: found.get(one, _LONG_AGO) for one in everybody}
