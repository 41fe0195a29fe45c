"""Projects: made, renamed and archived by an administrator; what is made in one stays in it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, OTTO, PIA, REA, WORKER, Stage, registration
from tests.usecases.apart import CY, registered, submitted, uploaded, within
from tests.usecases.governed import MORE, activated, govern, said
from tests.usecases.test_requests import ask

from tunewarden.domain.access import RoleLink, Rule
from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Malformed, NotFound, Refused, TunewardenError
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    DatasetRegistered,
    FileUploaded,
    KeyCreated,
    ModelRegistered,
    PromotionProposed,
    RequestSubmitted,
)
from tunewarden.domain.names import EVERYWHERE, Action, Alias, PrincipalId, ProjectId, Role
from tunewarden.domain.project_events import ProjectArchived, ProjectCreated, ProjectRenamed
from tunewarden.domain.quorum import Needed
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import archiving, datasets, grants, jobs, keys, models, policies, projects, requests
from tunewarden.usecases.keys import NewKey
from tunewarden.usecases.ports import Platform, Principal, Resource

E = TypeVar("E")
NAME = 'North, "clinic"\n<b>=1+1</b>'
UNKNOWN = ProjectId("proj-" + "f" * 32)


@pytest.fixture
def platform(stage: Stage) -> Platform:
    stage.platform = govern(stage)
    stage.clock.advance(timedelta(days=2))
    return stage.platform


def project(platform: Platform, name: str = "north") -> ProjectId:
    return projects.create(platform, ADA, name)[0].id


def trained(stage: Stage, where: ProjectId, content: bytes = b"north") -> TrainingRequest:
    platform = stage.platform
    request = submitted(platform, where, registered(platform, where, content))
    requests.approve(platform, within(BOB, where), request.id, request.plan.digest())
    for _ in StepName:
        request = jobs.advance(platform, WORKER, stage.steps, GUARDED, request.id)
    return request


def promoted(stage: Stage, request: TrainingRequest, alias: Alias = Alias.PRODUCTION) -> None:
    assert request.model is not None
    bob, cy = within(BOB, request.project), within(CY, request.project)
    promotion, _, _ = models.propose(stage.platform, bob, request.model, alias)
    models.approve(stage.platform, cy, promotion.id, promotion.verdict)


# Their life


def test_a_project_is_made_renamed_and_archived_and_its_name_is_in_no_entry(stage: Stage, platform: Platform) -> None:
    made, _ = projects.create(platform, ADA, NAME)
    projects.rename(platform, ADA, made.id, "South\tclinic")
    archived, receipt = archiving.archive(platform, ADA, made.id)
    assert projects.get(platform, OTTO, made.id) == archived
    assert projects.listed(platform, PIA) == [archived]
    events = [entry.event for entry in stage.entries()][-3:]
    assert events == [
        ProjectCreated(project=made.id),
        ProjectRenamed(project=made.id),
        ProjectArchived(project=made.id),
    ]
    assert receipt.index == len(stage.entries()) - 1
    assert "clinic" not in repr(stage.entries())


@pytest.mark.parametrize("who", [ANN, BOB, DANA, PIA, REA, OTTO, WORKER], ids=lambda who: who.id)
def test_nobody_but_an_administrator_makes_or_changes_one(platform: Platform, who: Principal) -> None:
    made = project(platform)
    for change in (
        lambda: projects.create(platform, who, "south"),
        lambda: projects.rename(platform, who, made, "south"),
        lambda: archiving.archive(platform, who, made),
    ):
        with pytest.raises(Refused):
            change()
    assert len(projects.listed(platform, ADA)) == 1


def test_a_privacy_officer_of_one_project_sees_that_one(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    assert [one.id for one in projects.listed(platform, within(PIA, north))] == [north]
    with pytest.raises(NotFound):
        projects.get(platform, within(PIA, north), south)


# Where things are


def test_what_is_made_in_a_project_is_in_it_with_all_that_comes_of_it(stage: Stage, platform: Platform) -> None:
    north = project(platform)
    request = trained(stage, north)
    promoted(stage, request)
    assert request.model is not None
    with platform.view() as view:
        places = {one.project for one in (*view.files.all(), *view.datasets.all(), *view.aliases.all())}
        assert places | {view.models.get(request.model).project, request.project} == {north}
    kinds = (FileUploaded, DatasetRegistered, RequestSubmitted, ModelRegistered, PromotionProposed, AliasMoved)
    told = [entry.event for entry in stage.entries() if isinstance(entry.event, kinds)]
    assert [type(event) for event in told] == [DatasetRegistered, FileUploaded, *kinds[2:]]
    assert {event.project for event in told if isinstance(event, kinds)} == {north}


def test_what_was_before_there_were_projects_is_in_none_and_works_as_it_did(stage: Stage, platform: Platform) -> None:
    project(platform)
    request = trained(stage, EVERYWHERE)
    assert request.project == EVERYWHERE
    with pytest.raises(NotFound):
        requests.get(platform, within(ANN, project(platform)), request.id)


def test_a_request_is_where_its_data_is_whoever_asks(platform: Platform) -> None:
    north = project(platform)
    asked, _ = requests.submit(platform, ANN, ask(registered(platform, north, b"north"), epsilon=Decimal(2)))
    assert asked.project == north


def test_data_does_not_move_between_projects(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    dataset = registered(platform, north, b"north")
    for where in (south, EVERYWHERE):
        elsewhere = uploaded(platform, within(DANA, where) if where != EVERYWHERE else DANA, b"other")
        with pytest.raises(Refused) as refused:
            datasets.add_version(platform, DANA, dataset.id, elsewhere)
        assert refused.value.code == "projects_differ"


def test_the_same_bytes_in_another_project_are_another_file_and_lead_to_no_data_there(platform: Platform) -> None:
    """One content, one budget: they are no dataset of the second project either, and whose they are is not told."""
    north, south = project(platform), project(platform, "south")
    dataset = registered(platform, north, b"north")
    same = uploaded(platform, within(DANA, south), b"north")
    with pytest.raises(Refused) as refused:
        requests.submit(platform, within(ANN, south), replace(ask(dataset), training_file=same))
    assert refused.value.code == "file_not_in_a_dataset"
    made, _ = datasets.register(platform, within(DANA, south), registration())
    with pytest.raises(Refused) as twice:
        datasets.add_version(platform, within(DANA, south), made.id, same)
    assert twice.value.code == "already_registered"
    assert dataset.id not in str(twice.value)


def test_an_alias_of_one_project_is_not_that_of_another(stage: Stage, platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    first, second = trained(stage, north), trained(stage, south, b"south!")
    for request in (first, second):
        promoted(stage, request)
    named = {target.project: target.model for target in models.aliases(platform, BOB)}
    assert named == {north: first.model, south: second.model}
    next_one = trained(stage, north, b"north, again")
    promoted(stage, next_one)
    assert [event.previous for event in logged(stage, AliasMoved)] == [None, None, first.model]


# Archived


def test_nothing_begins_in_an_archived_project_and_what_was_approved_goes_on(stage: Stage, platform: Platform) -> None:
    north = project(platform)
    dataset = registered(platform, north, b"north")
    running = submitted(platform, north, dataset)
    requests.approve(platform, within(BOB, north), running.id, running.plan.digest())
    waiting = submitted(platform, north, dataset)
    file = uploaded(platform, within(DANA, north), b"more")
    archiving.archive(platform, ADA, north)
    dana, bob = within(DANA, north), within(BOB, north)
    for _ in StepName:
        running = jobs.advance(platform, WORKER, stage.steps, GUARDED, running.id)
    assert running.state is State.MEASURED
    assert running.model is not None
    for begun in (
        lambda: uploaded(platform, dana, b"other"),
        lambda: datasets.register(platform, dana, registration()),
        lambda: datasets.add_version(platform, dana, dataset.id, file),
        lambda: submitted(platform, north, dataset),
        lambda: requests.approve(platform, bob, waiting.id, waiting.plan.digest()),
        lambda: models.propose(platform, bob, running.model, Alias.STAGING),  # type: ignore[arg-type]
        lambda: keys.create(platform, ADA, name="", roles=ANN.roles, key=NewKey(hash="0" * 64, project=north)),
    ):
        with pytest.raises(Refused) as refused:
            begun()
        assert refused.value.code == "project_archived"
        assert logged(stage, ActionRefused)[-1].code == "project_archived"
    ended = requests.get(platform, bob, waiting.id)
    assert (ended.state, ended.ended_because) == (State.REJECTED, "project_archived")
    with platform.view() as view:
        assert view.ledgers.get(dataset.id).account(waiting.id).reserved == 0


def test_a_promotion_that_waits_when_its_project_is_archived_is_not_approved(stage: Stage, platform: Platform) -> None:
    north = project(platform)
    request = trained(stage, north)
    assert request.model is not None
    promotion, _, _ = models.propose(platform, within(BOB, north), request.model, Alias.STAGING)
    archiving.archive(platform, ADA, north)
    with pytest.raises(Refused, match="archived"):
        models.approve(platform, within(CY, north), promotion.id, promotion.verdict)
    assert models.aliases(platform, BOB) == []


# Roles in one project


def granted(platform: Platform, where: ProjectId, *roles: Role) -> Principal:
    """Somebody who has these roles in a project and none of their own."""
    one = Principal(id=PrincipalId(platform.new_id("prn")), roles=frozenset())
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(one)
        work.record(KeyCreated(principal=one.id, roles=()))
        work.commit()
    for role in roles:
        grants.grant(platform, ADA, one.id, role, where)
    return one


def test_an_approver_of_one_project_approves_there_and_nothing_elsewhere(stage: Stage, platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    approver = granted(platform, north, Role.APPROVER)
    here = submitted(platform, north, registered(platform, north, b"north"))
    there = submitted(platform, south, registered(platform, south, b"south!"))
    with pytest.raises(NotFound):
        requests.approve(platform, approver, there.id, there.plan.digest())
    assert requests.approve(platform, approver, here.id, here.plan.digest())[0].state is State.APPROVED
    assert logged(stage, ActionRefused)[-1].resource == there.id
    assert [one.id for one in requests.listed(platform, approver)] == [here.id]


def test_a_quorum_of_two_roles_is_reached_by_roles_of_the_project(stage: Stage, platform: Platform) -> None:
    stage.policies.needed = {**stage.policies.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=2, roles=2)}
    north, south = project(platform), project(platform, "south")
    approver, steward = granted(platform, north, Role.APPROVER), granted(platform, north, Role.STEWARD)
    other = granted(platform, south, Role.STEWARD)
    request = submitted(platform, north, registered(platform, north, b"north"))
    requests.approve(platform, approver, request.id, request.plan.digest())
    with pytest.raises(NotFound):
        requests.endorse(platform, other, request.id, request.plan.digest())
    assert requests.endorse(platform, steward, request.id, request.plan.digest())[0].state is State.APPROVED


def test_a_role_that_the_requester_gave_within_a_day_does_not_count_in_a_project_either(
    stage: Stage, platform: Platform
) -> None:
    amy = Principal(id=PrincipalId("prn-amy"), roles=frozenset({Role.REQUESTER, Role.ADMINISTRATOR}))
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(amy)
        work.record(KeyCreated(principal=amy.id, roles=tuple(sorted(amy.roles))))
        work.commit()
    north = project(platform)
    friend = granted(platform, north)
    grants.grant(platform, amy, friend.id, Role.APPROVER, north)
    dataset = registered(platform, north, b"north")
    request, _ = requests.submit(platform, within(amy, north), ask(dataset, epsilon=Decimal(2)))
    with pytest.raises(Refused) as refused:
        requests.approve(platform, friend, request.id, request.plan.digest())
    assert refused.value.code == "role_too_fresh"
    stage.clock.advance(timedelta(days=1))
    assert requests.approve(platform, friend, request.id, request.plan.digest())[0].state is State.APPROVED


def test_roles_that_one_person_may_not_hold_they_may_not_hold_in_two_projects(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    one = granted(platform, north, Role.REQUESTER)
    with pytest.raises(TunewardenError) as refused:
        grants.grant(platform, ADA, one.id, Role.APPROVER, south)
    assert refused.value.code == "roles_conflict"


# Rules, links and grants


def test_a_grant_names_a_project_that_is_there(platform: Platform) -> None:
    for wrong in (UNKNOWN, ProjectId("north")):
        with pytest.raises(NotFound) as refused:
            grants.grant(platform, ADA, REA.id, Role.STEWARD, wrong)
        assert refused.value.code == "project_not_found"


def test_a_rule_and_a_link_may_be_of_a_project_that_is_there_and_of_no_other(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    activated(platform, MORE._replace(project=north))
    here = submitted(platform, north, registered(platform, north, b"north"))
    there = submitted(platform, south, registered(platform, south, b"south!"))
    assert requests.get(platform, REA, here.id).id == here.id
    with pytest.raises(NotFound):
        requests.get(platform, REA, there.id)
    before = said(platform)
    about = Rule("reviewer", "read-request", f"request/{here.id}", "always", "allow", south)
    link = RoleLink(REA.id, "steward", UNKNOWN)
    for wrong in (
        replace(before, rules=(*before.rules, MORE._replace(project=UNKNOWN))),
        replace(before, rules=(*before.rules, about)),
        replace(before, links=(link,)),
    ):
        with pytest.raises(Malformed) as refused:
            policies.simulate(platform, OTTO, wrong)
        assert refused.value.code == "policy_names_unknown"


def test_two_hundred_things_are_filtered_by_what_one_may_see(platform: Platform) -> None:
    """How long it takes is measured elsewhere; that each is asked about, here."""
    north, south = project(platform), project(platform, "south")
    mine, others = registered(platform, north, b"north"), registered(platform, south, b"south!")
    with platform.work(PrincipalId("operator")) as work:
        for number in range(200):
            made = mine if number % 2 else others
            work.datasets.put(replace(made, id=type(made.id)(f"ds-{number + 10**6:032x}")))
        work.record(ProjectRenamed(project=north))  # any entry
        work.commit()
    steward = granted(platform, north, Role.STEWARD)
    assert {one.project for one in datasets.listed(platform, steward)} == {north}
    assert len(datasets.listed(platform, DANA)) == 202


def test_who_is_outside_is_told_by_every_decision(platform: Platform) -> None:
    north = project(platform)
    steward = granted(platform, north, Role.STEWARD)
    for action, kind in ((Action.READ_DATASET, "dataset"), (Action.TAKE_ADAPTER, "model"), (Action.READ_LOG, "log")):
        for where, outside in ((north, False), (UNKNOWN, True), (EVERYWHERE, True)):
            decision = platform.access(steward, action, Resource(kind=kind, id="x", project=where))
            assert decision.outside is outside
            assert not (decision.allowed and decision.outside)


def logged(stage: Stage, kind: type[E]) -> list[E]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, kind)]
