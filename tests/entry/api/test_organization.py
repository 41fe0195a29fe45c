"""`client.admin.organization` of the real OpenAI client works, method by method, and checks every answer itself."""

from datetime import timedelta
from typing import Any

import openai
import pytest
from tests.conftest import ADA, ANN, BOB, OTTO, REA
from tests.entry.api.administration import NAME, Administration, receipted

from tunewarden.domain.access import RoleLink
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Resource


def refused(call: Any, kind: type[openai.APIStatusError], code: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.code == code


def test_users_are_listed_shown_given_another_role_and_revoked(house: Administration) -> None:
    users = house.organization().users
    listed = list(users.list(limit=3))
    assert {ADA.id, ANN.id, OTTO.id} <= {one.id for one in listed}
    assert len(listed) == 8, "the client walked every page"
    ann = users.retrieve(ANN.id)
    assert (ann.role, ann.email, ann.is_service_account) == ("requester", None, False)
    assert ann.added_at > 0
    changed = users.update(REA.id, role_id="role-steward")
    assert changed.role == "reviewer+steward"
    assert users.update(REA.id, role="requester").role == "requester+reviewer"
    gone = users.delete(REA.id)
    assert (gone.deleted, receipted(gone)) == (True, len(house.entries()) - 1)
    refused(lambda: users.retrieve(REA.id), openai.NotFoundError, "user_not_found")
    assert REA.id not in {one.id for one in users.list()}


def test_what_a_user_cannot_become_says_why(house: Administration) -> None:
    users = house.organization().users
    for word in ("owner", "reader", "root"):
        refused(lambda word=word: users.update(REA.id, role=word), openai.UnprocessableEntityError, "role_unknown")
    refused(lambda: users.update(REA.id, role="administrator"), openai.PermissionDeniedError, "role_not_granted")
    refused(lambda: users.update(REA.id), openai.UnprocessableEntityError, "role_missing")
    refused(lambda: users.update(REA.id, technical_level="x"), openai.UnprocessableEntityError, "invalid_request")
    refused(lambda: users.update(ANN.id, role="approver"), openai.PermissionDeniedError, "roles_conflict")
    refused(lambda: users.update(ADA.id, role="steward"), openai.PermissionDeniedError, "access_denied")
    refused(lambda: list(users.list(emails=["a@b.example"])), openai.UnprocessableEntityError, "emails_not_kept")


def test_projects_are_made_listed_renamed_and_archived(house: Administration) -> None:
    projects = house.organization().projects
    made = [projects.create(name=f"{NAME} {number}").id for number in range(5)]
    assert [one.id for one in projects.list(limit=2)] == made
    one = projects.retrieve(made[0])
    assert (one.name, one.status, one.archived_at) == (f"{NAME} 0", "active", None)
    assert projects.update(made[0], name="plain").name == "plain"
    archived = projects.archive(made[0])
    assert archived.status == "archived"
    assert archived.archived_at is not None
    assert [one.id for one in projects.list()] == made[1:]
    assert [one.id for one in projects.list(include_archived=True)] == made
    assert b"night shift" not in house.log()
    refused(lambda: projects.retrieve("proj-" + "9" * 32), openai.NotFoundError, "project_not_found")
    refused(lambda: projects.create(name="x", geography="EU"), openai.UnprocessableEntityError, "invalid_request")


def test_users_of_a_project_are_added_changed_and_removed(house: Administration) -> None:
    where = house.project()
    users = house.organization().projects.users
    added = users.create(where, user_id=REA.id, role="steward")
    assert (added.role, added.object) == ("steward", "organization.project.user")
    assert users.retrieve(REA.id, project_id=where).role == "steward"
    assert users.update(REA.id, project_id=where, role="role-requester").role == "requester"
    house.stage.clock.advance(timedelta(seconds=1))
    users.create(where, user_id=BOB.id, role="steward")
    assert [one.id for one in users.list(where, limit=1)] == [REA.id, BOB.id]
    assert users.delete(BOB.id, project_id=where).deleted
    refused(lambda: users.retrieve(BOB.id, project_id=where), openai.NotFoundError, "user_not_found")
    refused(lambda: users.delete(BOB.id, project_id=where), openai.NotFoundError, "grant_not_found")
    refused(
        lambda: users.create(where, user_id=ANN.id, role="steward", email="a@b.example"),
        openai.UnprocessableEntityError,
        "invalid_request",
    )
    assert not house.platform.access(REA, Action.SUBMIT_REQUEST, Resource(kind="request", author=REA.id)).allowed


def test_groups_are_made_filled_renamed_and_deleted(house: Administration) -> None:
    groups = house.organization().groups
    made = groups.create(name=NAME)
    assert (made.name, made.group_type, made.is_scim_managed) == (NAME, "group", False)
    assert groups.update(made.id, name="plain").name == "plain"
    assert groups.retrieve(made.id).name == "plain"
    added = groups.users.create(made.id, user_id=REA.id)
    assert (added.group_id, added.user_id, added.object) == (made.id, REA.id, "group.user")
    groups.users.create(made.id, user_id=BOB.id)
    assert [one.id for one in groups.users.list(made.id, limit=1)] == [REA.id, BOB.id]
    assert [one.id for one in groups.users.list(made.id, order="desc")] == [BOB.id, REA.id]
    assert groups.users.retrieve(REA.id, group_id=made.id).user_type == "user"
    assert groups.users.delete(REA.id, group_id=made.id).deleted
    refused(lambda: groups.users.retrieve(REA.id, group_id=made.id), openai.NotFoundError, "user_not_found")
    other = groups.create(name="x")
    assert [one.id for one in groups.list(limit=1)] == [made.id, other.id]
    assert [one.id for one in groups.list(limit=1, order="desc")] == [other.id, made.id]
    gone = groups.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "group.deleted", True)
    refused(lambda: groups.retrieve(made.id), openai.NotFoundError, "group_not_found")
    assert b"night shift" not in house.log()


def test_groups_hold_roles_in_a_project(house: Administration) -> None:
    where, group = house.project(), house.group("nurses", REA.id)
    groups = house.organization().projects.groups
    added = groups.create(where, group_id=group, role="steward")
    assert (added.group_id, added.project_id, added.group_name) == (group, where, "nurses")
    assert groups.retrieve(group, project_id=where).group_type == "group"
    assert [one.group_id for one in groups.list(where)] == [group]
    assert [one.id for one in house.organization().projects.users.list(where)] == [REA.id]
    there = Resource(kind="dataset", author=REA.id, project=where)  # type: ignore[arg-type]
    assert house.platform.access(REA, Action.REGISTER_DATASET, there).allowed
    assert not house.platform.access(REA, Action.REGISTER_DATASET, Resource(kind="dataset", author=REA.id)).allowed
    assert groups.delete(group, project_id=where).deleted
    assert not house.platform.access(REA, Action.REGISTER_DATASET, there).allowed
    refused(lambda: groups.retrieve(group, project_id=where), openai.NotFoundError, "group_not_found")
    refused(
        lambda: groups.retrieve(group, project_id=where, group_type="tenant_group"),
        openai.NotFoundError,
        "group_not_found",
    )


def sources(answer: Any) -> list[tuple[str, str]]:
    return [(one.principal_type, one.principal_id) for one in answer.assignment_sources]


def test_each_role_of_a_user_says_where_it_comes_from(house: Administration) -> None:
    where, group = house.project(), house.group("nurses", REA.id)
    organization = house.organization()
    for project in (None, where):
        users: Any = organization.users.roles if project is None else organization.projects.users.roles
        groups: Any = organization.groups.roles if project is None else organization.projects.groups.roles
        there: dict[str, str] = {} if project is None else {"project_id": project}
        given = users.create(REA.id, role_id="role-steward", **there)
        assert (given.object, given.role.id, given.user.id) == ("user.role", "role-steward", REA.id)
        through = groups.create(group, role_id="role-requester", **there)
        assert (through.object, through.role.name, through.group.id) == ("group.role", "requester", group)
        held = {one.name: sources(one) for one in users.list(REA.id, limit=1, **there)}
        by_key = {"reviewer": [("user", REA.id)]} if project is None else {}
        assert held == {**by_key, "steward": [("user", REA.id)], "requester": [("group", group)]}
        one = users.retrieve("role-requester", user_id=REA.id, **there)
        assert (one.resource_type, sources(one)) == (
            "api.organization" if project is None else "api.project",
            [("group", group)],
        )
        assert [one.id for one in groups.list(group, **there)] == ["role-requester"]
        assert sources(groups.retrieve("role-requester", group_id=group, **there)) == [("group", group)]
        assert users.delete("role-steward", user_id=REA.id, **there).deleted
        assert groups.delete("role-requester", group_id=group, **there).deleted
        for gone, whose in ((users, {"user_id": REA.id}), (groups, {"group_id": group})):
            for role in ("role-steward", "role-requester", "role-nothing"):
                refused(
                    lambda gone=gone, role=role, whose=whose, there=there: gone.retrieve(role, **whose, **there),
                    openai.NotFoundError,
                    "role_not_found",
                )


def test_what_is_held_in_one_project_is_found_and_taken_back_in_no_other(house: Administration) -> None:
    here, there, group = house.project("here"), house.project("there"), house.group("nurses", REA.id)
    projects = house.organization().projects
    projects.users.create(here, user_id=REA.id, role="steward")
    projects.groups.create(here, group_id=group, role="requester")
    before = [entry.index for entry in house.entries()][-1]
    for elsewhere in (there, "proj-" + "9" * 32, "%2e%2e%2f", "*", "' OR 1=1 --"):
        calls: list[Any] = [
            lambda p=elsewhere: projects.users.retrieve(REA.id, project_id=p),
            lambda p=elsewhere: projects.users.delete(REA.id, project_id=p),
            lambda p=elsewhere: projects.groups.retrieve(group, project_id=p),
            lambda p=elsewhere: projects.groups.delete(group, project_id=p),
            lambda p=elsewhere: projects.users.roles.retrieve("role-steward", user_id=REA.id, project_id=p),
            lambda p=elsewhere: projects.users.roles.delete("role-steward", user_id=REA.id, project_id=p),
            lambda p=elsewhere: projects.groups.roles.delete("role-requester", group_id=group, project_id=p),
        ]
        for call in calls:
            with pytest.raises(openai.NotFoundError):
                call()
    assert [one.id for one in projects.users.list(here)] == [REA.id]
    assert house.entries()[-1].index == before, "nothing changed, and nothing was refused: nothing was there"


def test_lists_of_a_project_that_is_not_there_are_not_found(house: Administration) -> None:
    group, unknown = house.group("nurses", REA.id), "proj-" + "9" * 32
    projects = house.organization().projects
    calls: list[Any] = [
        lambda: list(projects.users.list(unknown)),
        lambda: list(projects.groups.list(unknown)),
        lambda: list(projects.roles.list(unknown)),
        lambda: list(projects.service_accounts.list(unknown)),
        lambda: list(projects.users.roles.list(REA.id, project_id=unknown)),
        lambda: list(projects.groups.roles.list(group, project_id=unknown)),
        lambda: projects.users.create(unknown, user_id=REA.id, role="steward"),
        lambda: projects.service_accounts.create(unknown, name="x"),
    ]
    for call in calls:
        refused(call, openai.NotFoundError, "project_not_found")


def test_a_role_that_comes_twice_names_both(house: Administration) -> None:
    group = house.group("nurses", REA.id)
    organization = house.organization()
    organization.groups.roles.create(group, role_id="steward")
    organization.users.roles.create(REA.id, role_id="steward")
    found = organization.users.roles.retrieve("role-steward", user_id=REA.id)
    assert sources(found) == [("user", REA.id), ("group", group)]
    with house.platform.view() as view:
        assert RoleLink(REA.id, group) in [one.link for one in view.policies.given()]


def test_roles_are_those_of_the_policy_with_what_it_allows_them(house: Administration) -> None:
    for roles, there in (
        (house.organization().roles, {}),
        (house.organization().projects.roles, {"project_id": house.project()}),
    ):
        listed: Any = roles.list(limit=4, **there)  # type: ignore[attr-defined]
        found = {one.name: one for one in listed}
        assert {"approver", "requester", "auditor", "break-glass"} <= found.keys()
        assert "approve-request/other" in found["approver"].permissions
        assert all(one.predefined_role and one.id == f"role-{name}" for name, one in found.items())
        one: Any = roles.retrieve("role-approver", **there)  # type: ignore[attr-defined]
        assert one.permissions == found["approver"].permissions
        for call in (
            lambda roles=roles, there=there: roles.create(permissions=["x"], role_name="root", **there),
            lambda roles=roles, there=there: roles.update("role-approver", permissions=["x"], **there),
            lambda roles=roles, there=there: roles.delete("role-approver", **there),
        ):
            before = len(house.entries())
            refused(call, openai.PermissionDeniedError, "roles_by_policy")
            assert [type(entry.event).__name__ for entry in house.entries()[before:]] == ["ActionRefused"]
