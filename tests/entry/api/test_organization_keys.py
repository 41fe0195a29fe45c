"""Keys and service accounts of the organisation: shown once, of one project, and of nobody else's."""

from dataclasses import replace
from typing import Any

import openai
import pytest
from tests.conftest import ADA, REA
from tests.entry.api.administration import NAME, Administration
from tests.entry.api.test_organization import refused
from tests.usecases.test_binding import waiting

from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.usecases import keys

DAY = 86_400


def asks(house: Administration, token: str, path: str = "/models") -> int:
    with openai.OpenAI(base_url=f"{house.address}/v1", api_key=token, max_retries=0) as client:
        try:
            client.get(path, cast_to=object)
        except openai.APIStatusError as error:
            return error.status_code
    return 200


def test_an_admin_key_is_shown_once_listed_without_its_secret_and_taken_away(house: Administration) -> None:
    admin = house.organization().admin_api_keys
    made = admin.create(name=NAME, expires_in_seconds=DAY)
    assert (made.name, made.owner.id, made.owner.role) == (NAME, ADA.id, "administrator")
    assert made.value.startswith("tw-admin-")
    assert made.expires_at == made.created_at + DAY
    assert asks(house, made.value, "/organization/groups") == 200
    assert asks(house, made.value) == 403, "an admin key is for the administration alone"
    listed = list(admin.list(limit=1))
    assert [one.id for one in listed][-1] == made.id
    assert len(listed) == 2
    assert next(one.id for one in admin.list(order="desc")) == made.id
    found = admin.retrieve(made.id)
    assert made.value[-20:] not in found.model_dump_json()
    assert token_hash(made.value) not in found.model_dump_json()
    assert admin.delete(made.id).deleted
    assert asks(house, made.value, "/organization/groups") == 401
    refused(lambda: admin.retrieve(made.id), openai.NotFoundError, "key_not_found")
    refused(lambda: admin.delete(made.id), openai.NotFoundError, "key_not_found")
    assert b"night shift" not in house.log()


def test_a_key_works_no_longer_than_the_settings_say(house: Administration) -> None:
    admin = house.organization().admin_api_keys
    for asked in (0, 366 * DAY, 10**12):
        with pytest.raises(openai.UnprocessableEntityError):
            admin.create(name="x", expires_in_seconds=asked)
    made = admin.create(name="x")
    assert made.expires_at == made.created_at + 365 * DAY


def key_of(house: Administration, project: str, whose: PrincipalId = REA.id) -> str:
    token = new_token(KeyKind.PROJECT)
    key = keys.NewKey(hash=token_hash(token), project=ProjectId(project), name=NAME)
    return keys.add(house.platform, ADA, whose, key)[1].id


def test_keys_of_a_project_are_those_of_no_other(house: Administration) -> None:
    here, there = house.project("here"), house.project("there")
    mine, other = key_of(house, here), key_of(house, there)
    api_keys = house.organization().projects.api_keys
    assert [one.id for one in api_keys.list(here)] == [mine]
    one = api_keys.retrieve(mine, project_id=here)
    assert one.owner.user is not None
    assert (one.name, one.owner.user.id, one.owner.user.email, one.owner_project_access) == (NAME, REA.id, "", "active")
    for elsewhere in (other, "key-" + "0" * 32, house.organization().admin_api_keys.create(name="x").id):
        refused(lambda k=elsewhere: api_keys.retrieve(k, project_id=here), openai.NotFoundError, "key_not_found")
        refused(lambda k=elsewhere: api_keys.delete(k, project_id=here), openai.NotFoundError, "key_not_found")
    assert [one.id for one in api_keys.list(here, owner_project_access="inactive")] == []
    assert api_keys.delete(mine, project_id=here).deleted
    assert [one.id for one in api_keys.list(here)] == []
    assert [one.id for one in api_keys.list(there)] == [other]
    unknown = "proj-" + "9" * 32
    refused(lambda: list(api_keys.list(unknown)), openai.NotFoundError, "project_not_found")


def test_a_service_account_is_of_its_project_and_bound_as_it_says(house: Administration) -> None:
    here, there = house.project("here"), house.project("there")
    accounts = house.organization().projects.service_accounts
    made = accounts.create(here, name=NAME, expires_in_seconds=DAY)
    assert made.api_key is not None
    assert (made.name, made.role, made.model_extra["roles"]) == (NAME, "member", ["requester"])  # type: ignore[index]
    assert asks(house, made.api_key.value) == 200
    assert [one.id for one in accounts.list(here)] == [made.id]
    assert list(accounts.list(there)) == []
    assert accounts.retrieve(made.id, project_id=here).name == NAME
    for call in (
        lambda: accounts.retrieve(made.id, project_id=there),
        lambda: accounts.delete(made.id, project_id=there),
        lambda: accounts.api_keys.create(made.id, project_id=there),
        lambda: accounts.retrieve(REA.id, project_id=here),
    ):
        refused(call, openai.NotFoundError, "service_account_not_found")
    key_of(house, here)  # of a person, who is no service account for having one
    assert [one.id for one in accounts.list(here)] == [made.id]
    refused(lambda: accounts.delete(REA.id, project_id=here), openai.NotFoundError, "service_account_not_found")
    further = accounts.api_keys.create(made.id, project_id=here, name="second", scopes=["requester"])
    assert asks(house, further.value) == 200
    found = {one.id: one for one in house.organization().projects.api_keys.list(here)}
    assert {made.api_key.id, further.id} < found.keys()
    assert found[further.id].owner.type == "service_account"
    assert accounts.delete(made.id, project_id=here).deleted
    assert (asks(house, made.api_key.value), asks(house, further.value)) == (401, 401)
    assert list(accounts.list(here)) == []
    assert b"night shift" not in house.log()


def test_a_service_account_that_may_not_be_says_why(house: Administration) -> None:
    here = house.project()
    mine, _ = waiting(house.stage)
    accounts = house.organization().projects.service_accounts
    refused(
        lambda: accounts.create(here, name="x", extra_body={"request": mine}),
        openai.PermissionDeniedError,
        "projects_differ",
    )
    refused(
        lambda: accounts.create(here, name="x", extra_body={"request": "ftjob-" + "9" * 32}),
        openai.NotFoundError,
        "request_not_found",
    )
    refused(
        lambda: accounts.create(here, name="x", create_service_account_only=True),
        openai.UnprocessableEntityError,
        "invalid_request",
    )
    refused(
        lambda: accounts.create(here, name="x", extra_body={"roles": ["requester", "approver"]}),
        openai.PermissionDeniedError,
        "roles_conflict",
    )


def test_a_bound_service_account_touches_its_request_and_nothing_else_with_any_key(house: Administration) -> None:
    here = ProjectId(house.project())
    mine, other = (RequestId(one) for one in waiting(house.stage))
    with house.platform.work(ADA.id) as work:
        for one in (mine, other):
            work.requests.put(replace(work.requests.get(one), project=here))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))  # any entry: state never changes without one
        work.commit()
    accounts = house.organization().projects.service_accounts
    made = accounts.create(here, name="x", extra_body={"request": mine, "roles": ["approver"]})
    assert made.api_key is not None
    further = accounts.api_keys.create(made.id, project_id=here)
    for token in (made.api_key.value, further.value):
        assert asks(house, token, f"/fine_tuning/jobs/{mine}") == 200
        assert asks(house, token, f"/fine_tuning/jobs/{other}") == 404


def test_ordinary_keys_open_no_door_of_the_administration(house: Administration) -> None:
    for who in ("ann", "bob", "otto", "pia"):
        organization: Any = house.organization(who)
        refused(
            lambda o=organization: o.admin_api_keys.create(name="x"),
            openai.PermissionDeniedError,
            "key_of_another_kind",
        )
        refused(lambda o=organization: o.groups.create(name="x"), openai.PermissionDeniedError, "key_of_another_kind")
        refused(
            lambda o=organization: list(o.admin_api_keys.list()), openai.PermissionDeniedError, "key_of_another_kind"
        )
