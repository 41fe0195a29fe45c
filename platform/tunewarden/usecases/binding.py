"""What whoever acts may not do, whatever the access policy allows their roles: bound to one request, or no person."""

from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Access, Decision, Principal, Resource

BOUND = "bound-to-request"
PERSONAL = "needs-a-person"
"""The rules that a decision names."""

_BY_PERSONS = frozenset(
    {
        Action.APPROVE_REQUEST,
        Action.ENDORSE_REQUEST,
        Action.APPROVE_PROMOTION,
        Action.APPROVE_PRUNE,
        Action.REVIEW_SAMPLE,
        Action.ATTEST_REPORT,
        Action.ACTIVATE_POLICY,
    }
)
"""What counts because a person did it: a service account would be a second pair of eyes that nobody has."""


def bound(access: Access) -> Access:
    """The same decisions, or fewer that allow: to who is bound, their own request alone; to services, no judging."""

    def decide(principal: Principal, action: Action, resource: Resource) -> Decision:
        if principal.bound_to is not None and (resource.kind, resource.id) != ("request", principal.bound_to):
            return Decision(allowed=False, because=BOUND)
        if principal.kind is PrincipalKind.SERVICE and action in _BY_PERSONS:
            return Decision(allowed=False, because=PERSONAL)
        return access(principal, action, resource)

    return decide
