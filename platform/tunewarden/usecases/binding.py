"""What whoever acts may not do, whatever the access policy allows their roles.

Who is bound to one request touches nothing else, who acts in one project nothing outside it, and what counts because a
person did it no service does.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, Role
from tunewarden.domain.projects import is_within
from tunewarden.usecases.ports import Access, Decision, Principal, Resource

BOUND = "bound-to-request"
PERSONAL = "needs-a-person"
ELSEWHERE = "bound-to-project"
"""The rules that a decision names."""

_BY_PERSONS = frozenset(
    {
        Action.APPROVE_REQUEST,
        Action.ENDORSE_REQUEST,
        Action.APPROVE_PROMOTION,
        Action.OVERRIDE_GATE,
        Action.APPROVE_PRUNE,
        Action.REVIEW_SAMPLE,
        Action.ATTEST_REPORT,
        Action.ACTIVATE_POLICY,
        Action.OPEN_EMERGENCY,
        Action.CONFIRM_EMERGENCY,
        Action.CLOSE_EMERGENCY,
        Action.REVIEW_EMERGENCY,
        Action.SUSPEND_REQUEST,
        Action.RESUME_REQUEST,
        Action.ROLL_BACK_MODEL,
        Action.CLEAR_ALIAS,
        Action.RETIRE_MODEL,
    }
)
"""What counts because a person did it: a service account would be a second pair of eyes that nobody has."""


_LACKS: Mapping[str, str] = MappingProxyType({BOUND: "key", ELSEWHERE: "key", PERSONAL: "person"})
"""Rule -> what whoever acts would have to come with: another key, or themselves."""


def barrier(principal: Principal, action: Action, resource: Resource) -> str:
    """The rule that keeps this principal from it whatever their roles; empty where none does."""
    if not is_within(resource.project, principal.within):
        return ELSEWHERE
    if principal.bound_to is not None and (resource.kind, resource.id) != ("request", principal.bound_to):
        return BOUND
    return PERSONAL if principal.kind is PrincipalKind.SERVICE and action in _BY_PERSONS else ""


def bound(access: Access) -> Access:
    """The same decisions, or fewer that allow: to who is bound, their own request alone; to services, no judging.

    And to who acts in a project, what is in it: all else is as if they held no role there.
    """

    def decide(principal: Principal, action: Action, resource: Resource) -> Decision:
        rule = barrier(principal, action, resource)
        if rule == ELSEWHERE:
            return Decision(allowed=False, because=ELSEWHERE, outside=True)
        decision = access(principal, action, resource)
        return _instead(decision, rule) if rule else decision

    return decide


def _instead(decision: Decision, rule: str) -> Decision:
    """No, by that rule. Administrators make another key; what needs a person is done by one whose role allows it."""
    may = decision.because.partition("/")[0] if decision.allowed else decision.who
    return replace(
        decision,
        allowed=False,
        because=rule,
        rule=rule,
        failed=_LACKS[rule],
        who=may,
        unblocks=may if rule == PERSONAL else Role.ADMINISTRATOR,
    )
