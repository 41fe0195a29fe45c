"""Agreeing to a plan: approvals, and endorsements beside them, until the quorum of its data's sensitivity is reached.

A vote is of one person, in the role in which the access policy let them, for the digest of one plan. Programs have none
(`binding.py`), and a role that the requester gave somebody within the last 24 hours gives none (`grants.py`). Whenever
a vote is given, those before it are looked at again (`counting.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.events import RequestApproved, RequestEndorsed
from tunewarden.domain.names import Action, Digest, PrincipalId, RequestId, Role
from tunewarden.domain.quorum import Missing, Needed, Quorum, Vote, missing
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.domain.vote_events import VoteLapsed
from tunewarden.usecases.counting import ToldRule, lapsed, require_in_force, role_of, told_rule
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_request

_STRANGER = PrincipalId("prn-none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a request's approval has come.

    Attributes:
        needed: by the rule of today.
        counted: the votes that would count if another one were given now.
        who: the roles, one of which has to give the next vote; empty where nothing is missing, or nothing helps any
            more.
    """

    request: TrainingRequest
    needed: Needed
    counted: tuple[Vote, ...]
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
    permit_to_see(platform, principal, Action.READ_REQUEST, of_request(request))
    with platform.view() as view:
        request = view.requests.get(identifier)
        sensitivity = view.datasets.get(request.plan.dataset).sensitivity
        waits = request.state is State.AWAITING_APPROVAL
        gone = lapsed(platform, view, request, of_request(request)) if waits else set[PrincipalId]()
    needed = platform.policies.quorum().needed[sensitivity]
    counted = tuple(vote for vote in request.counted if vote.by not in gone)
    wanted = missing(needed, counted)
    return Standing(
        request=request,
        needed=needed,
        counted=counted,
        missing=wanted,
        who=_who(platform, request, counted, wanted) if waits else (),
    )


def _vote(
    platform: Platform, principal: Principal, action: Action, identifier: RequestId, plan: Digest
) -> tuple[TrainingRequest, Receipt]:
    quorum = platform.policies.quorum()
    with refusals_recorded(platform, principal, action, "request", identifier):
        with platform.view() as view:
            permit(platform, principal, action, of_request(view.requests.get(identifier)))
            told = told_rule(view)
        return _voted(platform, principal, action, identifier, plan, quorum, told)


def _voted(
    platform: Platform,
    principal: Principal,
    action: Action,
    identifier: RequestId,
    plan: Digest,
    quorum: Quorum,
    told: ToldRule,
) -> tuple[TrainingRequest, Receipt]:
    with platform.work(principal.id) as work:
        request = work.requests.get(identifier)
        resource = of_request(request)
        role = role_of(require_counting(platform, work, principal, action, resource).because)
        dataset = work.datasets.get(request.plan.dataset)
        require_active(work, request.project)
        require_in_force(work, quorum, told)
        needed = quorum.needed[dataset.sensitivity]
        endorses = action is Action.ENDORSE_REQUEST
        vote = Vote(by=principal.id, role=role, plan=plan, at=platform.clock(), endorses=endorses)
        gone = lapsed(platform, work, request, resource)
        voted = request.voted(vote, needed, gone)
        dataset.require_usable_for(request.plan.purpose, platform.clock().date())
        work.requests.put(voted)
        for member in sorted(gone):
            work.record(VoteLapsed(request=identifier, plan=plan, principal=member))
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


def _who(platform: Platform, request: TrainingRequest, counted: Sequence[Vote], wanted: Missing) -> tuple[Role, ...]:
    """Without an approval, who may approve; else who may vote at all, in a new role where every vote has to be."""
    approving, endorsing = deciding(platform, of_request(request))
    if wanted.approval and wanted.persons <= 1:
        return approving
    voting = sorted({*approving, *endorsing})
    voted = {vote.role for vote in counted} if wanted.roles >= wanted.persons else set[Role]()
    return tuple(role for role in voting if wanted and role not in voted)


def deciding(platform: Platform, resource: Resource) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
    """The roles that may approve this request, and those that may endorse it beside an approval."""
    return _may(platform, Action.APPROVE_REQUEST, resource), _may(platform, Action.ENDORSE_REQUEST, resource)


def _may(platform: Platform, action: Action, resource: Resource) -> tuple[Role, ...]:
    return tuple(
        role
        for role in Role
        if platform.access(Principal(id=_STRANGER, roles=frozenset({role})), action, resource).allowed
    )
