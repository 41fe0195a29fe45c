"""Separation of duties: which roles one principal may not hold together.

Static separation (ANSI INCITS 359-2004, section 6.3): it is refused when a key is created, and of role links over all
projects before a policy is decided by. Dynamic separation, that nobody approves their own work, is a deny line of
`policies/access/policy.csv`. Not checked: one person who was given two principals; nothing here can see that.
"""

from collections.abc import Set
from itertools import combinations

from tunewarden.domain.names import Role

_ALONE = frozenset({Role.AUDITOR, Role.WORKER})
"""An auditor judges what all the others did; a worker is a machine and never counts as a person."""

_CONFLICTS = frozenset(
    {
        frozenset({Role.REQUESTER, Role.APPROVER}),
        frozenset({Role.ADMINISTRATOR, Role.APPROVER}),
        frozenset({Role.ADMINISTRATOR, Role.PRIVACY_OFFICER}),
        frozenset({Role.APPROVER, Role.PRIVACY_OFFICER}),
        # Who breaks the glass is neither who confirms or reviews it, nor who could hand out the role.
        frozenset({Role.BREAK_GLASS, Role.APPROVER}),
        frozenset({Role.BREAK_GLASS, Role.PRIVACY_OFFICER}),
        frozenset({Role.BREAK_GLASS, Role.ADMINISTRATOR}),
    }
)


def conflicting(roles: Set[Role]) -> frozenset[Role]:
    """Return the first two of `roles` (by name) that one principal may not hold together; empty where none conflict."""
    for pair in combinations(sorted(roles), 2):
        if frozenset(pair) in _CONFLICTS or _ALONE.intersection(pair):
            return frozenset(pair)
    return frozenset()
