"""Which credential opens which route; what headers and names cannot do; how often somebody may ask."""

import http.client
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conftest import ADA, ANN, BOB
from tests.drivers.test_oidc import ISSUER, token
from tests.entry.api.conftest import Gatehouse, Open
from tests.entry.conftest import Served
from tests.usecases.test_binding import waiting

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.events import LoginsRefused, PrincipalIdentified
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import Role
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.drivers.oidc import principal_id
from tunewarden.usecases import keys
from tunewarden.usecases.keys import NewKey


def refused(gate: Gatehouse) -> list[tuple[LoginFailure, int]]:
    found = gate.events(LoginsRefused)
    return [(event.failure, event.count) for event in found if isinstance(event, LoginsRefused)]


def test_a_token_of_the_provider_opens_what_its_groups_stand_for(gate: Gatehouse) -> None:
    asker = token(groups=["askers"])
    assert gate.bring(asker, "GET", "/v1/datasets").status_code == 200
    assert gate.bring(asker, "GET", "/v1/audit/checkpoint").status_code == 404
    assert len(gate.events(PrincipalIdentified)) == 1


def test_groups_are_those_of_the_newest_token(gate: Gatehouse) -> None:
    seconds = int(gate.stage.clock.now.timestamp())
    before, after = token(groups=["askers"]), token(groups=[], iat=seconds + 1)
    assert gate.bring(before, "GET", "/v1/datasets").json()["object"] == "list"
    assert gate.bring(after, "POST", "/v1/files").status_code in {403, 422}
    with gate.stage.platform.view() as view:
        assert view.principals.get(principal_id(ISSUER, "ann")).roles == frozenset()
    gate.bring(before, "GET", "/v1/datasets")
    with gate.stage.platform.view() as view:
        assert view.principals.get(principal_id(ISSUER, "ann")).roles == frozenset()


def test_a_token_that_is_refused_is_answered_like_a_key_that_nobody_has(gate: Gatehouse) -> None:
    answers = [gate.bring(one, "GET", "/v1/datasets") for one in (token(aud="other"), "a.b.c", new_token(), "x")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert refused(gate) == [
        (LoginFailure.TOKEN_AUDIENCE, 1),
        (LoginFailure.TOKEN_MALFORMED, 1),
        (LoginFailure.KEY_UNKNOWN, 1),
    ]


def test_a_provider_that_is_down_is_unavailable_and_keys_go_on(gate: Gatehouse) -> None:
    gate.house.shelf.is_down = True
    answer = gate.bring(token(), "GET", "/v1/datasets")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "identity_provider_unavailable")
    assert gate.ask("ann", "GET", "/v1/datasets").status_code == 200


def test_admin_routes_take_admin_keys_alone_and_the_others_take_none(gate: Gatehouse) -> None:
    for who, path in (("ada", "/v1/datasets"), ("ada", "/reviews"), ("ann", "/v1/keys"), ("otto", "/v1/keys")):
        answer = gate.ask(who, "GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_of_another_kind")
    assert gate.ask("ada", "GET", "/v1/keys").status_code == 200
    assert refused(gate)[0] == (LoginFailure.KEY_OF_ANOTHER_KIND, 1)


def test_a_token_of_an_administrator_opens_the_administration_too(opened: Open) -> None:
    gate = opened({"admins": frozenset({Role.ADMINISTRATOR}), "askers": frozenset({Role.REQUESTER})})
    assert gate.bring(token(groups=["admins"]), "GET", "/v1/keys").status_code == 200
    assert gate.bring(token(sub="bob", groups=["askers"]), "GET", "/v1/keys").status_code == 403


def test_a_key_for_one_request_opens_no_other(gate: Gatehouse) -> None:
    stage = gate.stage
    mine, other = waiting(stage)
    bound = new_token()
    keys.add(stage.platform, ADA, ANN.id, NewKey(hash=token_hash(bound), request=mine))
    found = {one: gate.bring(bound, "GET", f"/v1/fine_tuning/jobs/{one}").status_code for one in (mine, other)}
    assert found == {mine: 200, other: 404}
    assert [job["id"] for job in gate.bring(bound, "GET", "/v1/fine_tuning/jobs").json()["data"]] == [mine]
    assert gate.bring(bound, "POST", f"/v1/fine_tuning/jobs/{other}/cancel").status_code in {403, 404}
    assert gate.bring(bound, "GET", "/v1/datasets").json()["data"] == []


# --- the attack list -------------------------------------------------------------------------------------------------

# What `OpenAI-Project` does is in test_projects_api.py: it narrows.
SMUGGLED = {
    "openai-organization": "org-other",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-user": "prn-ada",
    "x-remote-user": "prn-ada",
    "forwarded": "for=127.0.0.1;host=evil.example",
    "x-original-url": "/v1/keys",
    "x-rewrite-url": "/v1/keys",
    "x-http-method-override": "POST",
    "x-api-key": "tw-admin-x",
    "host": "evil.example",
}


@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/keys", "/v1/audit/checkpoint", "/login"])
@pytest.mark.parametrize("who", ["ann", "nobody"])
def test_no_header_but_the_credential_decides_anything(gate: Gatehouse, who: str, path: str) -> None:
    plain = gate.ask(who, "GET", path)
    smuggled = gate.ask(who, "GET", path, headers=SMUGGLED)
    assert smuggled.status_code == plain.status_code
    if path == "/login":
        for part in ("redirect_uri", "client_id"):
            assert _query(plain)[part] == _query(smuggled)[part]
    elif plain.status_code == 200:
        assert smuggled.json() == plain.json()
    else:
        assert smuggled.json()["error"] == plain.json()["error"]


def _query(answer: Any) -> dict[str, str]:
    return dict(part.split("=", 1) for part in urlsplit(answer.headers["location"]).query.split("&"))


def test_two_credentials_are_not_tried_one_after_the_other(gate: Gatehouse) -> None:
    headers = [("authorization", f"Bearer {gate.tokens['eve']}"), ("authorization", f"Bearer {gate.tokens['ann']}")]
    answer = gate.client.get("/v1/datasets", headers=headers)
    assert answer.json()["data"] == [] if answer.status_code == 200 else answer.status_code == 401


TRAVERSING = [
    "..%2f..%2fetc%2fpasswd",
    "..",
    ".",
    "%2e%2e",
    "a%00b",
    "a%0ab",
    "' OR 1=1 --",
    "x" * 5000,
    "%ff",
    "key-%2a",
]


@pytest.mark.parametrize("text", TRAVERSING)
@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("otto", "GET", "/v1/models/{}"),
        ("ann", "GET", "/v1/fine_tuning/jobs/{}"),
        ("ann", "GET", "/v1/files/{}/content"),
        ("dana", "GET", "/v1/datasets/{}"),
        ("otto", "GET", "/v1/models/{}/lineage"),
        ("rea", "GET", "/v1/reviews/{}/next"),
        ("ada", "POST", "/v1/keys/{}/revoke"),
    ],
)
def test_an_id_that_climbs_or_asks_the_database_is_an_id_that_nobody_has(
    gate: Gatehouse, who: str, method: str, path: str, text: str
) -> None:
    answer = gate.ask(who, method, path.format(text))
    assert answer.status_code in {404, 405, 414, 422} or (answer.status_code, text) in {(200, "."), (200, "..")}
    assert "passwd" not in answer.text
    assert "OR 1" not in answer.text


@pytest.mark.parametrize("text", ["' OR '1'='1", "x'; DROP TABLE requests; --", '" or ""="', "%27%20OR%201=1"])
def test_a_filter_that_asks_the_database_finds_nothing_more(gate: Gatehouse, text: str) -> None:
    mine, other = waiting(gate.stage)
    path = "/v1/fine_tuning/jobs"
    assert {job["id"] for job in gate.ask("ann", "GET", path).json()["data"]} == {mine, other}
    answer = gate.ask("ann", "GET", path, params={"after": text})
    assert answer.status_code in {404, 422} or answer.json()["data"] in ([], None)
    assert gate.ask("eve", "GET", path, params={"after": text}).json().get("data", []) == []


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "a\nb", "a\r\nb: c", "\x1b[2J", "a\tb", "prn-x, administrator"])
def test_a_name_is_for_screens_and_reaches_neither_the_log_nor_a_line_of_its_own(gate: Gatehouse, name: str) -> None:
    answer = gate.ask("ada", "POST", "/v1/keys", json={"name": name, "roles": ["requester"]})
    if any(ord(char) < 32 for char in name):
        assert (answer.status_code, answer.json()["error"]["param"]) == (422, "name")
    else:
        assert answer.json()["name"] == name
        assert answer.json()["roles"] == ["requester"]
    assert all(name not in str(entry) for entry in gate.stage.entries())
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}


def test_headers_that_are_too_large_are_refused_and_others_are_served_meanwhile(served: Served) -> None:
    """By the real server, over a socket."""
    place = urlsplit(served.address)
    for name, value in (("authorization", "Bearer " + "a." * 40_000), ("x-large", "x" * 200_000)):
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
        connection.request("GET", "/v1/datasets", headers={name: value})
        try:
            status = connection.getresponse().status
        except (http.client.RemoteDisconnected, ConnectionError):
            status = 431  # it hung up while more came
        assert status in {400, 401, 431}
        connection.close()
        assert served.client("ann").models.list().data == []


@pytest.mark.parametrize(
    "credential", ["a." * 10_000 + "b", "é.é.é", "tw-" + "a" * 43 + " x", "..", "\x7f.a.b", "Bearer x.y.z"]
)
def test_a_credential_of_no_form_at_all_lets_nobody_in(gate: Gatehouse, credential: str) -> None:
    headers = {"authorization": f"Bearer {credential}".encode()}
    assert gate.client.get("/v1/datasets", headers=headers).status_code == 401


# --- how often -------------------------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_ask_again_and_nobody_else_is(opened: Open) -> None:
    gate = opened(requests_per_minute=3)
    assert [gate.ask("ann", "GET", "/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = gate.ask("ann", "GET", "/v1/models")
    assert (answer.json()["error"]["code"], answer.json()["error"]["type"]) == ("too_many_requests", "rate_limit_error")
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert gate.ask("bob", "GET", "/v1/models").status_code == 200


def test_a_second_key_of_the_same_principal_does_not_help(opened: Open) -> None:
    gate = opened(requests_per_minute=2)
    second = new_token()
    keys.add(gate.stage.platform, ADA, ANN.id, NewKey(hash=token_hash(second)))
    for credential in (gate.tokens["ann"], second):
        assert gate.bring(credential, "GET", "/v1/models").status_code == 200
    assert gate.bring(second, "GET", "/v1/models").status_code == 429


def test_an_address_that_fails_too_often_is_told_so_and_a_key_that_works_goes_on(opened: Open) -> None:
    gate = opened(failed_logins_per_minute=2)
    assert [gate.bring(new_token(), "GET", "/v1/models").status_code for _ in range(3)] == [401, 401, 429]
    smuggled = {"x-forwarded-for": "192.0.2.7"}
    assert gate.bring(new_token(), "GET", "/v1/models", headers=smuggled).status_code == 429
    assert gate.ask("ann", "GET", "/v1/models").status_code == 200


def test_a_flood_of_wrong_keys_is_two_entries_and_not_a_thousand(gate: Gatehouse) -> None:
    before = len(gate.stage.entries())
    for _ in range(1000):
        gate.bring(new_token(), "GET", "/v1/models")
    assert len(gate.stage.entries()) == before + 1
    gate.doors.failures.close()
    assert refused(gate) == [(LoginFailure.KEY_UNKNOWN, 1), (LoginFailure.KEY_UNKNOWN, 999)]


def test_when_a_key_was_used_is_known_to_the_administrator_and_writes_nothing_into_the_log(gate: Gatehouse) -> None:
    before, deadline = len(gate.stage.entries()), time.monotonic() + 60
    gate.ask("ann", "GET", "/v1/models")
    while token_hash(gate.tokens["ann"]) not in gate.identities.key_uses.all() and time.monotonic() < deadline:
        time.sleep(0.01)  # it is written beside the request
    uses = {row["principal"]: row["last_used_at"] for row in gate.ask("ada", "GET", "/v1/keys").json()["data"]}
    assert uses[ANN.id] == instant_text(gate.stage.clock.now)
    assert uses[BOB.id] is None
    assert len(gate.stage.entries()) == before
