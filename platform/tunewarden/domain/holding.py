"""In which ways somebody holds roles that they were granted: directly, or in a group."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.groups import Membership
from tunewarden.domain.names import PrincipalId, ProjectId, Role
from tunewarden.domain.policies import FRESH, Given, Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of holding a role. `membership` is None where the role was granted to themselves."""

    grant: Grant
    membership: Membership | None = None

    @property
    def role(self) -> Role:
        return self.grant.role

    @property
    def project(self) -> ProjectId:
        return self.grant.project

    @property
    def since(self) -> datetime:
        """When it began to hold."""
        return max(one.granted_at for one in self._steps)

    def is_fresh(self, author: PrincipalId, at: datetime) -> bool:
        """Whether `author` gave them this within the last 24 hours: the role, or to be in the group that has it."""
        return any(one.granted_by == author and at < one.granted_at + FRESH for one in self._steps)

    @property
    def _steps(self) -> Sequence[Given]:
        return (self.grant,) if self.membership is None else (self.grant, self.membership)


def ways(member: PrincipalId, given: Iterable[Given], at: datetime | None = None) -> Sequence[Way]:
    """Every way that holds at an instant; of what nobody took back if not said. Of others' grants nothing counts."""
    grants: dict[str, list[Grant]] = defaultdict(list)
    memberships = []
    for one in given:
        if one.revoked_at is not None if at is None else not one.holds(at):
            continue
        if isinstance(one, Grant):
            grants[one.member].append(one)
        elif one.member == member:
            memberships.append(one)
    direct = [Way(grant=grant) for grant in grants[member]]
    return direct + [Way(grant=grant, membership=one) for one in memberships for grant in grants[one.group]]
