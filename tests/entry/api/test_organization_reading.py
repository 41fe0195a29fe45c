"""Who reads the organisation and its log, what they find in it, and what is not here at all."""

import json
from itertools import pairwise
from typing import Any

import httpx
import openai
from tests.conftest import ADA, ANN, OTTO, REA
from tests.entry.api.administration import NAME, Administration
from tests.entry.api.test_organization import refused

from tunewarden.domain.events import ActionRefused
from tunewarden.entry.api.routes.organization_absent import ABSENT
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade


def test_auditors_and_privacy_officers_read_and_change_nothing(house: Administration) -> None:
    where, group = house.project(), house.group(NAME, REA.id)
    for who in ("otto", "pia"):
        organization = house.organization(who)
        assert [one.id for one in organization.groups.list()] == [group]
        assert [one.id for one in organization.groups.users.list(group)] == [REA.id]
        assert [one.id for one in organization.projects.list()] == [where]
        assert organization.users.retrieve(REA.id).id == REA.id
        assert len(list(organization.roles.list())) > 5
        assert list(organization.projects.users.list(where)) == []
    for who in ("ann", "bob", "rea"):
        organization = house.organization(who)
        before = len(house.entries())
        refused(lambda o=organization: list(o.groups.list()), openai.NotFoundError, "policy_not_found")
        refused(lambda o=organization: o.projects.retrieve(where), openai.NotFoundError, "project_not_found")
        assert list(organization.projects.list()) == []
        events = [entry.event for entry in house.entries()[before:]]
        assert [type(one) for one in events] == [ActionRefused, ActionRefused]


def test_names_are_shown_to_who_makes_keys_and_to_auditors(house: Administration) -> None:
    account = house.organization().projects.service_accounts.create(house.project(), name="trainer").id
    shown = {who: house.organization(who).users.retrieve(account).name for who in ("ada", "otto", "pia")}
    assert shown == {"ada": "trainer", "otto": "trainer", "pia": account}


def test_who_comes_with_nothing_or_with_an_unknown_key_learns_nothing(house: Administration) -> None:
    for token in ("", "tw-admin-" + "x" * 43, "tw-" + "x" * 43):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        for path in ("/organization/users", "/organization/audit_logs", "/organization/invites"):
            answer = httpx.get(f"{house.address}/v1{path}", headers=headers)
            assert answer.status_code == 401


def logged(house: Administration, who: str = "otto", **asked: Any) -> list[Any]:
    return list(house.organization(who).audit_logs.list(**asked))


def busy(house: Administration) -> tuple[str, str]:
    """Some of everything; the project and the group that it is about."""
    organization = house.organization()
    where, group = house.project(NAME), house.group(NAME, REA.id)
    organization.groups.roles.create(group, role_id="steward")
    organization.projects.users.create(where, user_id=REA.id, role="requester")
    account = organization.projects.service_accounts.create(where, name="x").id
    organization.projects.service_accounts.delete(account, project_id=where)
    organization.projects.archive(where)
    return where, group


def test_the_log_is_listed_newest_first_in_types_of_the_contract(house: Administration) -> None:
    where, group = busy(house)
    found = logged(house, limit=3)
    kinds = [one.type for one in found]
    assert kinds[:4] == [
        "project.archived",
        "service_account.deleted",
        "service_account.created",
        "role.assignment.created",
    ]
    assert {"group.created", "tenant.group.member.added", "project.created", "user.added", "api_key.created"} <= set(
        kinds
    )
    assert all(later.effective_at >= earlier.effective_at for later, earlier in pairwise(found))
    assert found[0].project_archived.id == where
    assert found[0].actor.api_key.user.id == ADA.id
    granted = [one.role_assignment_created for one in found if one.type == "role.assignment.created"]
    assert {(one.id, one.principal_type, one.principal_id, one.resource_id) for one in granted} == {
        ("role-steward", "group", group, "*"),
        ("role-requester", "user", REA.id, where),
    }
    assert NAME not in json.dumps([one.model_dump() for one in found])


def test_what_the_administration_did_is_consistent_for_the_auditor(house: Administration) -> None:
    _, group = busy(house)
    house.organization().groups.users.delete(REA.id, group_id=group)
    house.organization().groups.delete(group)
    report = conduct(enumerate(house.log().splitlines()))
    assert {check.name: check.details for check in report.checks if check.grade is not Grade.CONSISTENT} == {}


def test_filters_find_what_they_name_and_nothing_else(house: Administration) -> None:
    where, group = busy(house)
    assert {one.type for one in logged(house, event_types=["group.created", "project.created"])} == {
        "group.created",
        "project.created",
    }
    assert {one.actor.api_key.user.id for one in logged(house, actor_ids=[ADA.id])} == {ADA.id}
    assert logged(house, actor_ids=[OTTO.id]) == []
    about = {one.type for one in logged(house, resource_ids=[group])}
    assert about == {"group.created", "tenant.group.member.added", "role.assignment.created"}
    in_it = logged(house, project_ids=[where])
    assert {one.project.id for one in in_it} == {where}
    assert len(in_it) >= 3
    newest = logged(house, limit=1)[0].effective_at
    assert {one.effective_at for one in logged(house, effective_at={"gte": newest})} == {newest}
    assert logged(house, effective_at={"gt": newest}) == []
    assert newest not in {one.effective_at for one in logged(house, effective_at={"lt": newest})}
    assert logged(house, effective_at={"lt": newest}) != []
    assert {one.effective_at for one in logged(house, effective_at={"lte": newest, "gt": newest - 1})} == {newest}
    for text in ("' OR 1=1 --", "%", NAME, "x') UNION SELECT hash FROM api_keys --"):
        assert logged(house, actor_ids=[text]) == []
        assert logged(house, resource_ids=[text]) == []
        assert logged(house, project_ids=[text]) == []


def test_the_log_is_walked_to_both_ends(house: Administration) -> None:
    busy(house)
    whole = [one.id for one in logged(house, limit=100)]
    logs = house.organization("otto").audit_logs
    for size in (1, 4, 100):
        assert [one.id for one in logs.list(limit=size)] == whole
    upwards: list[str] = []
    newest = whole[-1]
    while True:
        page = logs.list(limit=4, before=newest)
        if not page.data:
            break
        upwards = [one.id for one in page.data] + upwards
        newest = page.data[0].id
    assert upwards == whole[:-1]
    for wrong in ("audit_log-x", "7", "audit_log-1' OR 1"):
        refused(lambda wrong=wrong: logs.list(after=wrong), openai.UnprocessableEntityError, "cursor_unknown")
        refused(lambda wrong=wrong: logs.list(before=wrong), openai.UnprocessableEntityError, "cursor_unknown")


def test_a_time_at_the_end_of_the_calendar_is_answered_or_refused(house: Administration) -> None:
    headers = {"authorization": f"Bearer {house.tokens['otto']}"}
    for bound in ("gt", "gte", "lt", "lte"):
        for last, status in ((253_402_214_399, 200), (253_402_300_799, 422), (0, 200)):
            answer = httpx.get(
                f"{house.address}/v1/organization/audit_logs", params={f"effective_at[{bound}]": last}, headers=headers
            )
            assert answer.status_code == status, (bound, last)


def test_everything_else_in_the_log_is_listed_where_it_is_asked_for(house: Administration) -> None:
    refused(
        lambda: house.organization("ann").groups.retrieve("grp-" + "1" * 32), openai.NotFoundError, "policy_not_found"
    )
    asked = {"event_types[]": ["tunewarden.action_refused"]}
    headers = {"authorization": f"Bearer {house.tokens['otto']}"}
    body = httpx.get(f"{house.address}/v1/organization/audit_logs", params=asked, headers=headers).json()
    assert [(one["type"], one["actor"]["api_key"]["user"]["id"]) for one in body["data"]] == [
        ("tunewarden.action_refused", ANN.id)
    ]
    assert body["data"][0]["entry"]["fact"]["action"] == "read-policy"
    whole = httpx.get(
        f"{house.address}/v1/organization/audit_logs", params={"event_types[]": "*", "limit": 100}, headers=headers
    ).json()
    assert [one["entry"]["index"] for one in whole["data"]] == list(reversed(range(len(house.entries()))))


UNANSWERABLE: list[tuple[dict[str, Any], str]] = [
    ({"actor_emails": ["a@b.example"]}, "emails_not_kept"),
    ({"tenant_only": True}, "no_tenant"),
    ({"event_types": ["tunewarden.nothing"]}, "event_type_unknown"),
    ({"limit": 101}, "invalid_request"),
    ({"effective_at": {"gt": -1}}, "invalid_request"),
]


def test_what_cannot_be_asked_of_the_log_says_why(house: Administration) -> None:
    for asked, code in UNANSWERABLE:
        refused(lambda asked=asked: logged(house, **asked), openai.UnprocessableEntityError, code)


def test_who_may_not_read_the_log_finds_none(house: Administration) -> None:
    for who in ("ann", "bob", "rea", "ada"):
        refused(lambda who=who: logged(house, who), openai.NotFoundError, "log_not_found")
    assert logged(house, "pia") != []


def test_what_the_client_knows_and_is_not_here_says_so_on_every_path(house: Administration) -> None:
    headers = {"authorization": f"Bearer {house.tokens['ada']}"}
    with httpx.Client(base_url=house.address, headers=headers) as client:
        for path, (methods, why) in ABSENT.items():
            for method in methods.split():
                answer = client.request(method, path.replace("{", "").replace("}", ""))
                said = f"{method} {path}"
                assert (answer.status_code, answer.json()["error"]["code"]) == (501, "not_built"), said
                assert why in answer.json()["detail"], said
                assert answer.headers["x-should-retry"] == "false", said


def test_the_real_client_is_told_what_is_not_here_and_asks_once(house: Administration) -> None:
    organization = house.organization("pia")
    calls: list[Any] = [
        lambda: organization.invites.create(email="a@b.example", role="reader"),
        lambda: organization.usage.costs(start_time=1),
        lambda: list(organization.certificates.list()),
        lambda: organization.spend_limit.retrieve(),
        lambda: house.organization().projects.rate_limits.list_rate_limits("x"),
    ]
    for call in calls:
        refused(call, openai.InternalServerError, "not_built")
