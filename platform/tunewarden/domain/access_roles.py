"""Who holds which roles where: the closure of the role links. However deep, and linear in the links.

A principal's own roles (of its API key or token) hold in every project; links add to them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from graphlib import TopologicalSorter

from tunewarden.domain.access import ANYONE, EVERY, STANDARD_ROLES, RoleLink
from tunewarden.domain.duties import conflicting
from tunewarden.domain.names import Role


class RoleGraph:
    """The links, by member. Never changed once it is made, so any number of threads may ask it.

    Only members that are neither a role nor a group can be found by a principal's id: a principal that were called as
    a role is called does not get what that role takes in.
    """

    def __init__(self, links: Iterable[RoleLink], groups: Iterable[str]) -> None:
        links_of: dict[str, list[RoleLink]] = defaultdict(list)
        for link in links:
            links_of[link[0]].append(link)
        self._links_of: Mapping[str, Sequence[RoleLink]] = dict(links_of)
        self.projects = frozenset({project for of in links_of.values() for _, _, project in of} - {EVERY})
        self.groups = frozenset(groups)
        self.people: Set[str] = self._links_of.keys() - self.groups - STANDARD_ROLES

    def held(self, member: str | None, roles: Collection[str], project: str) -> frozenset[str]:
        """Roles and groups of a member in a project, with its own `roles`, and `ANYONE`."""
        reached = set(roles)
        if member is not None and member in self.people:
            reached.update(self._next(member, project))
        todo = list(reached)
        while todo:
            for role in self._next(todo.pop(), project):
                if role not in reached:
                    reached.add(role)
                    todo.append(role)
        return frozenset(reached | {ANYONE})

    def conflict(self, member: str | None, roles: Collection[str]) -> frozenset[Role]:
        """Two roles that may not be held together, where links add one to those of a key, over all projects.

        Empty where links add nothing: what a key says was looked at when it was made.
        """
        reached = set(roles)
        todo = [*roles, member] if member is not None and member in self.people else [*roles]
        while todo:
            for _, role, _ in self._links_of.get(todo.pop(), ()):
                if role not in reached:
                    reached.add(role)
                    todo.append(role)
        return _conflict(reached) if len(reached) > len(roles) else frozenset()

    def conflicts(self) -> Mapping[str, frozenset[Role]]:
        """Every member that holds two roles which one may not hold together, as if each link held in every project.

        So two groups whose links are in different projects count as one way. A member too many is refused rather than
        one too few. Raises `CycleError`, whose second argument is the cycle.
        """
        roles: dict[str, frozenset[str]] = {}
        between = {name: [link.role for link in self._links_of.get(name, ())] for name in self.groups | STANDARD_ROLES}
        for name in TopologicalSorter(between).static_order():
            above = frozenset().union(*(roles[role] for role in between[name]))
            roles[name] = above | STANDARD_ROLES.intersection({name})
        found = {name: pair for name, held in roles.items() if (pair := _conflict(held))}
        # Most people have the links of many others; each way of having them is looked at once.
        known: dict[tuple[str, ...], frozenset[Role]] = {}
        for name, links in self._links_of.items():
            if name in roles:
                continue
            targets = tuple([link[1] for link in links])
            if targets not in known:
                known[targets] = _conflict(frozenset().union(*(roles[role] for role in targets)))
            if known[targets]:
                found[name] = known[targets]
        return found

    def _next(self, member: str, project: str) -> Sequence[str]:
        return [role for _, role, where in self._links_of.get(member, ()) if where in (project, EVERY)]


def _conflict(roles: Set[str]) -> frozenset[Role]:
    return conflicting(frozenset(Role(role) for role in roles & STANDARD_ROLES))
