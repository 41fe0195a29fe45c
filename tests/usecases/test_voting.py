"""Agreeing to a plan: as many persons, in as many roles, as the sensitivity of its data asks for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, WORKER, Stage, digest
from tests.usecases.governed import govern
from tests.usecases.test_jobs import events
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Conflict, IllegalTransition, NotFound, Refused
from tunewarden.domain.events import KeyCreated, RequestApproved, RequestEndorsed
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import Grant
from tunewarden.domain.policy_events import RoleGranted
from tunewarden.domain.quorum import Needed
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.domain.vote_events import VoteLapsed
from tunewarden.usecases import datasets, grants, jobs, keys, requests, voting
from tunewarden.usecases.keys import NewKey
from tunewarden.usecases.ports import Decision, Principal, Resource

CY = Principal(id=PrincipalId("prn-cy"), roles=frozenset({Role.APPROVER}))
BOTH = Principal(id=PrincipalId("prn-both"), roles=frozenset({Role.APPROVER, Role.STEWARD}))
TWO = Needed(persons=2, roles=2)


@pytest.fixture
def house(stage: Stage) -> Stage:
    """Special categories ask for two persons in two roles, as shipped."""
    stage.policies.needed = {**stage.policies.needed, Sensitivity.SPECIAL_CATEGORY: TWO}
    return with_cast(stage)


def with_cast(stage: Stage) -> Stage:
    """Whoever agrees here is somebody whom the platform knows."""
    for one in (ANN, BOB, CY, DANA, PIA, BOTH):
        stored(stage, one)
    return stage


def stored(stage: Stage, who: Principal) -> None:
    with stage.platform.work(PrincipalId("operator")) as work:
        work.principals.put(who)
        work.record(KeyCreated(principal=who.id, roles=tuple(sorted(who.roles))))
        work.commit()


def submitted(stage: Stage, who: Principal = ANN) -> TrainingRequest:
    return requests.submit(stage.platform, who, ask(stage.dataset()))[0]


def approve(stage: Stage, who: Principal, request: TrainingRequest) -> TrainingRequest:
    return requests.approve(stage.platform, who, request.id, request.plan.digest())[0]


def endorse(stage: Stage, who: Principal, request: TrainingRequest) -> TrainingRequest:
    return requests.endorse(stage.platform, who, request.id, request.plan.digest())[0]


@pytest.mark.parametrize("second", [DANA, PIA])
def test_special_categories_need_an_approver_and_somebody_who_answers_for_the_data(
    house: Stage, second: Principal
) -> None:
    request = submitted(house)
    assert approve(house, BOB, request).state is State.AWAITING_APPROVAL
    assert jobs.waiting(house.platform) == []
    approved = endorse(house, second, request)
    assert (approved.state, approved.approved_by) == (State.APPROVED, BOB.id)
    assert jobs.waiting(house.platform) == [request.id]


def test_the_order_does_not_count(house: Stage) -> None:
    request = submitted(house)
    assert endorse(house, PIA, request).state is State.AWAITING_APPROVAL
    assert approve(house, BOB, request).state is State.APPROVED


def test_a_worker_does_not_begin_before_enough_have_agreed(house: Stage) -> None:
    request = approve(house, BOB, submitted(house))
    with pytest.raises(IllegalTransition):
        jobs.advance(house.platform, WORKER, house.steps, frozenset(), request.id)


def test_each_vote_is_an_entry_that_names_its_role_and_the_rule(house: Stage) -> None:
    request = submitted(house)
    approve(house, BOB, request)
    endorse(house, PIA, request)
    said = {"request": request.id, "plan": request.plan.digest(), "quorum": house.policies.quorum().digest()}
    assert events(house, RequestApproved, RequestEndorsed) == [
        RequestApproved(**said, role=Role.APPROVER, persons=2, roles=2),
        RequestEndorsed(**said, role=Role.PRIVACY_OFFICER, persons=2, roles=2),
    ]


def test_other_data_needs_one_approver_and_an_endorsement_is_no_approval(stage: Stage) -> None:
    request = submitted(with_cast(stage))
    assert endorse(stage, PIA, request).state is State.AWAITING_APPROVAL
    assert approve(stage, BOB, request).state is State.APPROVED


def test_two_approvers_are_one_role(house: Stage) -> None:
    request = submitted(house)
    approve(house, BOB, request)
    assert approve(house, CY, request).state is State.AWAITING_APPROVAL


def test_one_person_in_two_roles_counts_once(house: Stage) -> None:
    request = submitted(house)
    approve(house, BOTH, request)
    with pytest.raises(Conflict) as again:
        endorse(house, BOTH, request)
    assert again.value.code == "voted_before"


@pytest.mark.parametrize("way", [approve, endorse])
@pytest.mark.parametrize("who", [EVE, OTTO, REA, ADA, WORKER])
def test_nobody_agrees_whose_role_does_not_say_so(
    house: Stage, who: Principal, way: Callable[[Stage, Principal, TrainingRequest], TrainingRequest]
) -> None:
    with pytest.raises(NotFound if who is EVE else Refused):  # whoever has no role sees nothing
        way(house, who, submitted(house))
    assert refusals(house)[-1].code == "access_denied"


@pytest.mark.parametrize("way", [approve, endorse])
def test_who_asked_agrees_in_no_role(
    house: Stage, way: Callable[[Stage, Principal, TrainingRequest], TrainingRequest]
) -> None:
    everything = Principal(id=ANN.id, roles=frozenset({Role.REQUESTER, Role.STEWARD, Role.PRIVACY_OFFICER}))
    with pytest.raises(Refused):
        way(house, everything, submitted(house))


@pytest.mark.parametrize(("way", "role"), [(approve, Role.APPROVER), (endorse, Role.STEWARD)])
def test_a_program_is_nobody(
    house: Stage, way: Callable[[Stage, Principal, TrainingRequest], TrainingRequest], role: Role
) -> None:
    program = Principal(id=PrincipalId("prn-bot"), roles=frozenset({role}), kind=PrincipalKind.SERVICE)
    with pytest.raises(Refused) as refused:
        way(house, program, submitted(house))
    assert refused.value.rule == "needs-a-person"


def test_a_vote_for_another_plan_is_refused_and_no_vote(house: Stage) -> None:
    request = submitted(house)
    with pytest.raises(Refused) as refused:
        requests.endorse(house.platform, PIA, request.id, digest("another plan"))
    assert refused.value.code == "plan_changed"
    assert requests.get(house.platform, ANN, request.id).votes == ()


def test_votes_lapse_when_the_plan_changes(house: Stage) -> None:
    request = approve(house, BOB, submitted(house))
    changed = replace(request, plan=replace(request.plan, epsilon=request.plan.epsilon / 2))
    with house.platform.work(ANN.id) as work:
        work.requests.put(changed)
        work.record(RequestApproved(request=request.id, plan=digest("before")))
        work.commit()
    assert endorse(house, PIA, changed).state is State.AWAITING_APPROVAL
    assert approve(house, BOB, changed).state is State.APPROVED


def granting(stage: Stage, member: Principal, role: Role, by: Principal) -> None:
    grant = Grant(
        member=member.id, role=role, project=ProjectId("*"), granted_by=by.id, granted_at=stage.platform.clock()
    )
    with stage.platform.work(by.id) as work:
        work.policies.grant(grant)
        work.record(RoleGranted(principal=member.id, role=role, project=ProjectId("*"), decides=digest("x")))
        work.commit()


def test_a_role_that_the_requester_gave_makes_no_vote_before_a_day_is_over(house: Stage) -> None:
    lead = Principal(id=ANN.id, roles=frozenset({Role.REQUESTER, Role.ADMINISTRATOR}))
    request = submitted(house, lead)
    key = NewKey(hash="a" * 64)
    made, _, _ = keys.create(house.platform, lead, name="Friend", roles=frozenset({Role.APPROVER}), key=key)
    with pytest.raises(Refused) as refused:
        approve(house, made, request)
    assert refused.value.code == "role_too_fresh"
    house.clock.advance(timedelta(hours=24))
    assert approve(house, made, request).votes[0].by == made.id


def test_a_vote_is_given_in_the_role_that_counts_and_not_in_a_fresh_one(house: Stage) -> None:
    without = house.platform.access

    def linked(who: Principal, action: Action, thing: Resource) -> Decision:
        """As the engine of a stored policy: who was granted a role has it."""
        roles = who.roles | {Role.PRIVACY_OFFICER} if who.id == DANA.id else who.roles
        return without(replace(who, roles=roles), action, thing)

    house.platform = replace(house.platform, access=linked)
    before, after = submitted(house), submitted(house)
    assert endorse(house, DANA, before).votes[0].role is Role.PRIVACY_OFFICER
    granting(house, DANA, Role.PRIVACY_OFFICER, ANN)
    assert endorse(house, DANA, after).votes[0].role is Role.STEWARD


def test_what_is_missing_and_who_can_give_it_is_told_in_roles(house: Stage) -> None:
    request = submitted(house)

    def told(who: Principal = ANN) -> tuple[int, int, bool, tuple[Role, ...]]:
        standing = voting.standing(house.platform, who, request.id)
        return standing.missing.persons, standing.missing.roles, standing.missing.approval, standing.who

    assert told() == (2, 2, True, (Role.APPROVER, Role.PRIVACY_OFFICER, Role.STEWARD))
    endorse(house, PIA, request)
    assert told() == (1, 1, True, (Role.APPROVER,))
    approve(house, BOB, request)
    assert told() == (0, 0, False, ())
    other = request = submitted(house)
    approve(house, BOB, other)
    assert told() == (1, 1, False, (Role.PRIVACY_OFFICER, Role.STEWARD))
    approve(house, CY, other)
    assert told() == (0, 1, False, (Role.PRIVACY_OFFICER, Role.STEWARD))
    with pytest.raises(NotFound):
        told(EVE)


def test_after_endorsements_alone_an_approver_is_missing(stage: Stage) -> None:
    request = submitted(with_cast(stage))
    endorse(stage, PIA, request)
    standing = voting.standing(stage.platform, ANN, request.id)
    assert (standing.missing.persons, standing.missing.approval, standing.who) == (0, True, (Role.APPROVER,))


def test_nobody_is_wanted_for_what_has_ended(house: Stage) -> None:
    request = submitted(house)
    requests.reject(house.platform, BOB, request.id)
    assert voting.standing(house.platform, ANN, request.id).who == ()
    with pytest.raises(IllegalTransition):
        endorse(house, PIA, request)


def test_nothing_is_agreed_to_on_a_dataset_that_was_retired(house: Stage) -> None:
    request = submitted(house)
    datasets.retire(house.platform, DANA, request.plan.dataset)
    for way, who in ((approve, BOB), (endorse, PIA)):
        with pytest.raises(Refused, match="retired"):
            way(house, who, request)


def test_a_stricter_rule_asks_more_of_what_still_waits_and_takes_nothing_back(house: Stage) -> None:
    waiting, done = submitted(house), submitted(house)
    for request in (waiting, done):
        approve(house, BOB, request)
    endorse(house, PIA, done)
    house.policies.needed = {**house.policies.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=3, roles=3)}
    assert endorse(house, PIA, waiting).state is State.AWAITING_APPROVAL
    assert endorse(house, DANA, waiting).state is State.APPROVED
    assert requests.get(house.platform, ANN, done.id).state is State.APPROVED


def revoked(stage: Stage, who: Principal) -> None:
    keys.revoke(stage.platform, ADA, who.id)


def with_no_role(stage: Stage, who: Principal) -> None:
    """As the identity provider says of them now."""
    stored(stage, replace(who, roles=frozenset({Role.REVIEWER})))


def unknown_to_the_policy(stage: Stage, who: Principal) -> None:
    """As after a change of the policy: this role may not do it any more."""
    before = stage.platform.access

    def stricter(asker: Principal, action: Action, thing: Resource) -> Decision:
        decision = before(asker, action, thing)
        is_gone = voting.role_of(decision.because) in who.roles if decision.allowed else False
        return replace(decision, allowed=False) if is_gone else decision

    stage.platform = replace(stage.platform, access=stricter)


@pytest.mark.parametrize("loses", [revoked, with_no_role, unknown_to_the_policy])
def test_a_vote_lapses_when_who_gave_it_may_not_any_more(
    house: Stage, loses: Callable[[Stage, Principal], None]
) -> None:
    request = submitted(house)
    endorse(house, PIA, request)
    loses(house, PIA)
    assert voting.standing(house.platform, ANN, request.id).missing.persons == 2
    lapsed = approve(house, BOB, request)
    assert (lapsed.state, [vote.by for vote in lapsed.votes]) == (State.AWAITING_APPROVAL, [BOB.id])
    assert events(house, VoteLapsed) == [VoteLapsed(request=request.id, plan=request.plan.digest(), principal=PIA.id)]
    assert endorse(house, DANA, request).state is State.APPROVED


def test_a_vote_lapses_when_the_policy_lets_only_another_role_of_theirs(house: Stage) -> None:
    request, both = submitted(house), replace(DANA, roles=frozenset({Role.STEWARD, Role.PRIVACY_OFFICER}))
    stored(house, both)
    (vote,) = endorse(house, both, request).votes
    before = house.platform.access

    def stricter(asker: Principal, action: Action, thing: Resource) -> Decision:
        """The policy without the line that let them."""
        return before(replace(asker, roles=asker.roles - {vote.role}), action, thing)

    house.platform = replace(house.platform, access=stricter)
    assert [one.by for one in approve(house, BOB, request).votes] == [BOB.id]


def test_a_vote_stays_when_who_gave_it_has_another_role_beside(house: Stage) -> None:
    request = submitted(house)
    endorse(house, PIA, request)
    stored(house, replace(PIA, roles=PIA.roles | {Role.REVIEWER}))
    assert approve(house, BOB, request).state is State.APPROVED
    assert events(house, VoteLapsed) == []


def test_a_vote_lapses_when_only_another_role_would_give_it_now(house: Stage) -> None:
    request = submitted(house)
    endorse(house, DANA, request)
    now = replace(DANA, roles=frozenset({Role.PRIVACY_OFFICER}))
    stored(house, now)
    assert approve(house, BOB, request).state is State.AWAITING_APPROVAL
    assert [vote.role for vote in endorse(house, now, request).votes] == [Role.APPROVER, Role.PRIVACY_OFFICER]


def test_whose_roles_changed_may_agree_again_in_another_one(house: Stage) -> None:
    request = submitted(house)
    endorse(house, DANA, request)
    now = replace(DANA, roles=frozenset({Role.PRIVACY_OFFICER}))
    stored(house, now)
    assert [vote.role for vote in endorse(house, now, request).votes] == [Role.PRIVACY_OFFICER]


def test_what_enough_had_agreed_to_stays_approved(house: Stage) -> None:
    request = submitted(house)
    endorse(house, PIA, request)
    approve(house, BOB, request)
    revoked(house, PIA)
    assert requests.get(house.platform, ANN, request.id).state is State.APPROVED
    assert voting.standing(house.platform, ANN, request.id).missing.persons == 0


def test_a_vote_by_a_granted_role_lapses_with_the_grant(stage: Stage) -> None:
    stage.policies.needed = {**stage.policies.needed, Sensitivity.SPECIAL_CATEGORY: TWO}
    stage.platform = govern(stage)
    grants.grant(stage.platform, ADA, REA.id, Role.STEWARD, ProjectId("*"))
    request = submitted(stage)
    assert [vote.role for vote in endorse(stage, REA, request).votes] == [Role.STEWARD]
    grants.revoke(stage.platform, ADA, REA.id, Role.STEWARD, ProjectId("*"))
    assert [vote.by for vote in approve(stage, BOB, request).votes] == [BOB.id]
    grants.grant(stage.platform, ADA, REA.id, Role.STEWARD, ProjectId("*"))
    assert endorse(stage, REA, request).state is State.APPROVED
