"""A browser logs in, reads, sends forms and leaves; and what an attacker between these does not get."""

import json
import re
from base64 import b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.conftest import ADA, ROOT
from tests.drivers.test_oidc import ISSUER, token
from tests.entry.api.conftest import HOME, Gatehouse, Open

from tunewarden.domain.events import LoginsRefused, PrincipalIdentified
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import Role
from tunewarden.drivers.identity import token_hash
from tunewarden.drivers.oidc import principal_id
from tunewarden.usecases import keys

SESSION, LOGIN = "__Host-tunewarden", "__Host-tunewarden-login"
FROM_US = {"sec-fetch-site": "same-origin"}


def begin(gate: Gatehouse, path: str = "/login") -> dict[str, str]:
    """What the browser is sent to the provider with."""
    answer = gate.bring("", "GET", path)
    assert answer.status_code == 303, answer.text
    return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def come_back(gate: Gatehouse, asked: dict[str, str], **changes: Any) -> Any:
    """From the provider, which says that it was ann."""
    claims = {"aud": "pages", "nonce": asked["nonce"], "groups": ["askers"], **changes.pop("claims", {})}
    gate.house.shelf.answer = {"id_token": token(**claims)}
    query = {"code": "c", "state": asked["state"], "iss": ISSUER, **changes}
    return gate.bring("", "GET", "/login/callback", params={name: one for name, one in query.items() if one})


def log_in(gate: Gatehouse) -> str:
    """Her session, as the browser keeps it."""
    answer = come_back(gate, begin(gate))
    assert answer.status_code == 303, answer.text
    return str(gate.client.cookies[SESSION])


def failures(gate: Gatehouse) -> list[LoginFailure]:
    return [event.failure for event in gate.events(LoginsRefused) if isinstance(event, LoginsRefused)]


def form_token(gate: Gatehouse) -> str:
    page = gate.bring("", "GET", "/logout")
    (found,) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    return str(found)


def test_a_browser_that_asks_for_a_page_logs_in_and_gets_that_page(gate: Gatehouse) -> None:
    sent = gate.bring("", "GET", "/clean-versions/sha256:aa")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fclean-versions%2Fsha256%3Aaa")
    asked = begin(gate, sent.headers["location"])
    assert (asked["redirect_uri"], asked["client_id"]) == (f"{HOME}/login/callback", "pages")
    back = come_back(gate, asked)
    assert (back.status_code, back.headers["location"]) == (303, "/clean-versions/sha256:aa")
    assert gate.bring("", "GET", "/reviews").status_code == 200
    (event,) = gate.events(PrincipalIdentified)
    assert isinstance(event, PrincipalIdentified)
    assert event.principal == principal_id(ISSUER, "ann")


def test_the_session_is_a_host_cookie_that_no_script_reads_and_that_is_stored_hashed(gate: Gatehouse) -> None:
    answer = come_back(gate, begin(gate))
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{SESSION}=")]
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags == {"path=/", "secure", "httponly", "samesite=lax"}
    kept = gate.client.cookies[SESSION]
    assert len(kept) == 43
    assert gate.identities.sessions.find(kept) is None
    assert gate.identities.sessions.find(token_hash(kept)) is not None


def test_over_plain_http_on_this_machine_the_cookie_has_no_prefix(opened: Open) -> None:
    gate = opened(public_url="http://127.0.0.1:8080")
    answer = gate.bring("", "GET", "/login")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("tunewarden-login=")
    assert "secure" not in cookie.lower()


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/../x",
        "/a/..",
        "javascript:x",
        "/a?b",
        "/a\nb",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_logging_in(gate: Gatehouse, path: str) -> None:
    asked = begin(gate, "/login?" + "next=" + path.replace("\n", "%0a").replace("\\", "%5c").replace("?", "%3f"))
    assert come_back(gate, asked).headers["location"] == "/reviews"


# --- the attack list -------------------------------------------------------------------------------------------------


def test_a_session_id_that_somebody_planted_before_the_login_is_not_the_session_after_it(gate: Gatehouse) -> None:
    """Session fixation."""
    planted = "x" * 43
    gate.client.cookies.set(SESSION, planted, domain="house.example", path="/")
    assert log_in(gate) != planted
    assert gate.identities.sessions.find(token_hash(planted)) is None


def test_logging_in_again_ends_the_session_before(gate: Gatehouse) -> None:
    first = log_in(gate)
    second = log_in(gate)
    assert first != second
    assert gate.identities.sessions.find(token_hash(first)) is None


def test_a_login_that_somebody_else_began_is_not_finished_in_this_browser(gate: Gatehouse) -> None:
    """Login forgery: the attacker's code and state, the victim's browser, with no login or one of its own under way."""
    theirs = begin(gate)
    gate.client.cookies.clear()
    assert come_back(gate, theirs).status_code == 403
    begin(gate)
    assert come_back(gate, theirs).status_code == 403
    assert SESSION not in gate.client.cookies
    assert set(failures(gate)) == {LoginFailure.LOGIN_STATE}


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"state": "other"}, LoginFailure.LOGIN_STATE),
        ({"state": ""}, LoginFailure.LOGIN_STATE),
        ({"iss": "https://evil.example"}, LoginFailure.LOGIN_STATE),
        ({"code": ""}, LoginFailure.LOGIN_CODE),
        ({"claims": {"nonce": "of another login"}}, LoginFailure.TOKEN_NONCE),
        ({"claims": {"aud": "tunewarden"}}, LoginFailure.TOKEN_AUDIENCE),
        ({"claims": {"exp": 1}}, LoginFailure.TOKEN_EXPIRED),
    ],
)
def test_what_does_not_belong_together_logs_nobody_in_and_is_counted(
    gate: Gatehouse, changes: dict[str, Any], failure: LoginFailure
) -> None:
    answer = come_back(gate, begin(gate), **changes)
    assert (answer.status_code, SESSION in gate.client.cookies) == (403, False)
    assert failures(gate) == [failure]
    assert "of another login" not in answer.text


def test_a_login_is_finished_once_and_not_after_ten_minutes(gate: Gatehouse) -> None:
    asked = begin(gate)
    assert come_back(gate, asked).status_code == 303
    assert come_back(gate, asked).status_code == 403, "the browser forgot it"
    asked = begin(gate)
    gate.stage.clock.advance(timedelta(minutes=10))
    assert come_back(gate, asked, claims={"exp": 2**34}).status_code == 403


def test_what_the_browser_keeps_of_a_login_cannot_be_read_or_made(gate: Gatehouse) -> None:
    asked = begin(gate)
    sealed = gate.client.cookies[LOGIN]
    assert asked["state"] not in sealed
    assert asked["nonce"] not in bytes.fromhex(sealed).decode("latin-1")
    for forged in (json.dumps({"state": "s"}), sealed[:-2] + ("00" if sealed[-2:] != "00" else "01"), "zz", "é"):
        gate.client.cookies.clear()
        headers = {"cookie": f"{LOGIN}={forged}".encode()}
        answer = gate.bring("", "GET", "/login/callback", params={"code": "c", "state": "s"}, headers=headers)
        assert answer.status_code == 403


def test_an_envelope_about_something_else_is_no_login(gate: Gatehouse) -> None:
    begin(gate)
    sealed = gate.doors.platform.envelopes.seal("era-1", b'{"state": "s"}')
    gate.client.cookies.clear()
    gate.client.cookies.set(LOGIN, sealed)
    assert gate.bring("", "GET", "/login/callback", params={"code": "c", "state": "s"}).status_code == 403


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "é" * 64, "x" * 5000])
def test_a_form_without_the_sessions_token_changes_nothing(gate: Gatehouse, csrf: str | None) -> None:
    """Request forgery, even where the browser claims that the form is ours."""
    session = log_in(gate)
    data = {} if csrf is None else {"csrf": csrf}
    answer = gate.bring("", "POST", "/logout", data=data, headers=FROM_US)
    assert answer.status_code in {403, 422}
    assert gate.identities.sessions.find(token_hash(session)) is not None


def test_the_token_of_another_session_and_a_form_from_elsewhere_change_nothing(gate: Gatehouse) -> None:
    log_in(gate)
    other = form_token(gate)
    gate.client.cookies.clear()
    session = log_in(gate)
    assert gate.bring("", "POST", "/logout", data={"csrf": other}, headers=FROM_US).status_code == 403
    mine = {"csrf": form_token(gate)}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        assert gate.bring("", "POST", "/logout", data=mine, headers=headers).status_code == 403
    assert gate.identities.sessions.find(token_hash(session)) is not None
    assert LoginFailure.SESSION_FORGED in failures(gate)


def test_every_form_of_every_page_brings_the_sessions_token() -> None:
    """`pages.html` puts it into what begins like this, so no form may begin otherwise."""
    templates = ROOT / "platform/tunewarden/entry/report/templates"
    forms = [line for page in templates.glob("*.html") for line in re.findall("<form[^>]*>", page.read_text())]
    assert len(forms) >= 4
    assert all(line.startswith('<form method="post"') for line in forms)


def test_leaving_ends_the_session_and_an_old_cookie_opens_nothing(gate: Gatehouse) -> None:
    session = log_in(gate)
    answer = gate.bring("", "POST", "/logout", data={"csrf": form_token(gate)}, headers=FROM_US)
    assert (answer.status_code, "logged out" in answer.text) == (200, True)
    assert SESSION not in gate.client.cookies
    gate.client.cookies.set(SESSION, session)
    assert gate.bring("", "GET", "/reviews").status_code == 303


def test_a_session_ends_unused_in_any_case_and_with_its_principal(gate: Gatehouse) -> None:
    log_in(gate)
    gate.stage.clock.advance(timedelta(minutes=30))
    assert gate.bring("", "GET", "/reviews").status_code == 303
    gate.stage.clock.advance(-timedelta(minutes=30))
    log_in(gate)
    keys.revoke(gate.stage.platform, ADA, principal_id(ISSUER, "ann"))
    assert gate.bring("", "GET", "/reviews").status_code == 303
    assert come_back(gate, begin(gate)).status_code == 403


def test_a_session_opens_pages_and_no_route_of_the_api(gate: Gatehouse) -> None:
    log_in(gate)
    for path in ("/v1/datasets", "/v1/keys"):
        assert gate.bring("", "GET", path).status_code == 401


def test_groups_that_nobody_may_be_in_together_let_nobody_in(opened: Open) -> None:
    gate = opened({"askers": frozenset({Role.REQUESTER}), "deciders": frozenset({Role.APPROVER})})
    answer = come_back(gate, begin(gate), claims={"groups": ["askers", "deciders"]})
    assert (answer.status_code, "roles_conflict" in answer.text) == (403, True)
    assert failures(gate) == [LoginFailure.ROLES_CONFLICT]


def test_without_a_client_id_nobody_logs_in_and_keys_go_on(opened: Open) -> None:
    gate = opened(oidc_client_id="")
    assert gate.bring("", "GET", "/login").status_code == 404
    assert gate.bring("", "GET", "/reviews").headers["www-authenticate"].startswith("Basic")


def test_keys_open_no_page_where_the_settings_say_so(opened: Open) -> None:
    for takes, status in ((False, 303), (True, 200)):
        gate = opened(pages_take_keys=takes)
        basic = b64encode(f"any:{gate.tokens['rea']}".encode()).decode()
        assert gate.bring("", "GET", "/reviews", headers={"authorization": f"Basic {basic}"}).status_code == status
