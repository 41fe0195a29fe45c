"""Agreeing to a plan: approvals, and endorsements beside them, until the quorum of its data's sensitivity is reached.

A vote is of one person, in the role in which the access policy let them, for the digest of one plan. Programs have none
(`binding.py`), and a role that the requester gave somebody within the last 24 hours gives none (`grants.py`). Not
looked at again: whether who voted still has the role when the last vote is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.events import RequestApproved, RequestEndorsed
from tunewarden.domain.names import Action, Digest, PrincipalId, RequestId, Role
from tunewarden.domain.quorum import Missing, Needed, Vote, missing
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource
from tunewarden.usecases.refusals import permit_to_see, refusals_recorded

_STRANGER = PrincipalId("prn-none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a request's approval has come.

    Attributes:
        needed: by the rule of today.
        who: the roles, one of which has to give the next vote; empty where nothing is missing, or nothing helps any
            more.
    """

    request: TrainingRequest
    needed: Needed
    missing: Missing
    who: tuple[Role, ...]


def approve(
    platform: Platform, principal: Principal, identifier: RequestId, plan: Digest
) -> tuple[TrainingRequest, Receipt]:
    """Somebody else approves exactly this plan; where nobody is missing any more, a worker may take it from then on.

    Raises `Refused`, `Conflict` for who agreed before, `IllegalTransition` and `NotFound`.
    """
    return _vote(platform, principal, Action.APPROVE_REQUEST, identifier, plan)


def endorse(
    platform: Platform, principal: Principal, identifier: RequestId, plan: Digest
) -> tuple[TrainingRequest, Receipt]:
    """The same beside an approval, which it never replaces."""
    return _vote(platform, principal, Action.ENDORSE_REQUEST, identifier, plan)


def standing(platform: Platform, principal: Principal, identifier: RequestId) -> Standing:
    """Who agreed so far, what is missing, and which roles can give it. Raises `NotFound`."""
    with platform.view() as view:
        request = view.requests.get(identifier)
        sensitivity = view.datasets.get(request.plan.dataset).sensitivity
    permit_to_see(platform, principal, Action.READ_REQUEST, _resource(request))
    needed = platform.policies.quorum().needed[sensitivity]
    wanted = missing(needed, request.counted)
    waits = request.state is State.AWAITING_APPROVAL
    return Standing(
        request=request, needed=needed, missing=wanted, who=_who(platform, request, wanted) if waits else ()
    )


def _vote(
    platform: Platform, principal: Principal, action: Action, identifier: RequestId, plan: Digest
) -> tuple[TrainingRequest, Receipt]:
    with (
        refusals_recorded(platform, principal, action, "request", identifier),
        platform.work(principal.id) as work,
    ):
        request = work.requests.get(identifier)
        resource = _resource(request)
        role = _role(require_counting(platform, work, principal, action, resource).because)
        dataset = work.datasets.get(request.plan.dataset)
        quorum = platform.policies.quorum()
        needed = quorum.needed[dataset.sensitivity]
        endorses = action is Action.ENDORSE_REQUEST
        vote = Vote(by=principal.id, role=role, plan=plan, at=platform.clock(), endorses=endorses)
        voted = request.voted(vote, needed)
        dataset.require_usable_for(request.plan.purpose, platform.clock().date())
        work.requests.put(voted)
        kind = RequestEndorsed if endorses else RequestApproved
        work.record(
            kind(
                request=identifier,
                plan=plan,
                role=role,
                quorum=quorum.digest(),
                persons=needed.persons,
                roles=needed.roles,
            )
        )
        return voted, work.commit()


def _role(rule: str) -> Role:
    """Whose rule allowed it: only roles are allowed anything."""
    return Role(rule.partition("/")[0])


def _who(platform: Platform, request: TrainingRequest, wanted: Missing) -> tuple[Role, ...]:
    """Without an approval, who may approve; else who may vote at all, in a new role where every vote has to be."""
    approving = _may(platform, Action.APPROVE_REQUEST, request)
    if wanted.approval and wanted.persons <= 1:
        return tuple(approving)
    voting = sorted({*approving, *_may(platform, Action.ENDORSE_REQUEST, request)})
    voted = {vote.role for vote in request.counted} if wanted.roles >= wanted.persons else set[Role]()
    return tuple(role for role in voting if wanted and role not in voted)


def _may(platform: Platform, action: Action, request: TrainingRequest) -> Sequence[Role]:
    return [
        role
        for role in Role
        if platform.access(Principal(id=_STRANGER, roles=frozenset({role})), action, _resource(request)).allowed
    ]


def _resource(request: TrainingRequest) -> Resource:
    return Resource(kind="request", id=request.id, author=request.requested_by)
