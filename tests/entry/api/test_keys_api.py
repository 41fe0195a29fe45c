"""/v1/keys: made once, shown once, listed without secrets, replaced and taken away; with an admin key alone."""

from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import ANN
from tests.entry.api.conftest import Gatehouse, Open
from tests.usecases.test_binding import waiting

from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.identity import token_hash

PATH = "/v1/keys"


def made(gate: Gatehouse, **body: Any) -> Any:
    answer = gate.ask("ada", "POST", PATH, json={"name": "Ann B.", "roles": ["requester"], **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def works(gate: Gatehouse, key: str) -> bool:
    return bool(gate.bring(key, "GET", "/v1/models").status_code == 200)


def test_a_key_works_is_shown_once_and_is_listed_without_its_secret(gate: Gatehouse) -> None:
    key = made(gate)
    assert works(gate, key["key"])
    listed = gate.ask("ada", "GET", PATH)
    (row,) = [one for one in listed.json()["data"] if one["id"] == key["id"]]
    assert (row["name"], row["roles"], row["kind"], row["works"]) == ("Ann B.", ["requester"], "project", True)
    assert key["key"] not in listed.text
    assert token_hash(key["key"]) not in listed.text
    assert row["expires_at"] == "2027-11-21T09:00:00.000Z", "a year, as the settings say"


def test_the_prefix_says_what_a_key_is_for(gate: Gatehouse) -> None:
    assert made(gate)["key"].startswith("tw-")
    admin = made(gate, roles=["administrator"])
    assert admin["key"].startswith("tw-admin-")
    assert gate.bring(admin["key"], "GET", PATH).status_code == 200


def test_a_further_key_is_for_a_part_of_what_its_principal_is(gate: Gatehouse) -> None:
    first = made(gate, roles=["requester", "steward"])
    body = {"principal": first["principal"], "scope": ["steward"], "expires_in_days": 1}
    further = gate.ask("ada", "POST", PATH, json=body).json()
    assert (further["principal"], further["scope"]) == (first["principal"], ["steward"])
    assert gate.bring(further["key"], "GET", "/v1/models").json()["data"] == []
    refused = gate.ask("ada", "POST", PATH, json={**body, "scope": ["auditor"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_exceeds_roles")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"roles": []}, "principal_unclear"),
        ({"principal": "prn-x"}, "principal_unclear"),
        ({"roles": ["requester", "approver"]}, "roles_conflict"),
        ({"kind": "admin"}, "key_for_nothing"),
        ({"expires_in_days": 366}, "key_too_long"),
        ({"expires_in_days": 0}, "invalid_request"),
        ({"request": "req-x"}, "request_not_found"),
        ({"scopes": ["requester"]}, "invalid_request"),
    ],
)
def test_a_key_that_may_not_be_is_refused_with_a_reason(gate: Gatehouse, body: Any, code: str) -> None:
    answer = gate.ask("ada", "POST", PATH, json={"name": "x", "roles": ["requester"], **body})
    assert answer.status_code in {403, 404, 422}
    assert answer.json()["error"]["code"] == code


def test_a_service_account_is_bound_to_its_request_and_says_what_it_is(gate: Gatehouse) -> None:
    mine, other = waiting(gate.stage)
    key = made(gate, roles=["approver"], service=True, request=mine)
    assert (key["service"], key["request"]) == (True, mine)
    assert gate.bring(key["key"], "GET", f"/v1/fine_tuning/jobs/{mine}").status_code == 200
    assert gate.bring(key["key"], "GET", f"/v1/fine_tuning/jobs/{other}").status_code == 404


def test_a_key_is_replaced_at_once_or_with_an_overlap(gate: Gatehouse) -> None:
    old = made(gate)
    new = gate.ask("ada", "POST", f"{PATH}/{old['id']}/rotate", json={"overlap_minutes": 60}).json()
    assert [works(gate, one["key"]) for one in (old, new)] == [True, True]
    last = gate.ask("ada", "POST", f"{PATH}/{new['id']}/rotate", json={}).json()
    assert [works(gate, one["key"]) for one in (old, new, last)] == [True, False, True]


def test_a_key_is_taken_away_alone(gate: Gatehouse) -> None:
    key = made(gate)
    assert gate.ask("ada", "POST", f"{PATH}/{key['id']}/revoke").json()["works"] is False
    assert not works(gate, key["key"])
    assert gate.ask("ada", "POST", f"{PATH}/{key['id']}/revoke").status_code == 403
    assert gate.ask("ada", "POST", f"{PATH}/key-{'0' * 32}/revoke").status_code == 404


def test_a_key_lasts_no_longer_than_the_settings_allow(opened: Open) -> None:
    gate = opened(key_days=7)
    assert made(gate)["expires_at"] == "2026-11-28T09:00:00.000Z"
    assert gate.ask("ada", "POST", PATH, json={"roles": ["requester"], "expires_in_days": 8}).status_code == 422


def test_keys_from_before_they_had_a_kind_go_on_working_everywhere(gate: Gatehouse) -> None:
    with gate.stage.platform.work(ANN.id) as work:
        work.keys.put(replace(work.keys.get(token_hash(gate.tokens["ada"])), kind=None))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    assert gate.ask("ada", "GET", PATH).status_code == 200
    assert gate.ask("ada", "GET", "/v1/datasets").status_code == 200
