"""/login and /logout: a browser comes with somebody whom the identity provider vouches for, and gets a session.

OpenID Connect Core 1.0, section 3.1 (authorization code flow), with PKCE (RFC 7636, S256), `state` and `nonce`. What is
to be remembered between the two halves lies sealed in a cookie of the browser that began, so that a login which
somebody else began is not finished in this one.
"""

import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from tunewarden.domain.errors import Corrupted, NotFound, Refused
from tunewarden.domain.identities import LoginFailure
from tunewarden.drivers.identity import new_session_token, token_hash
from tunewarden.drivers.oidc import Provider
from tunewarden.entry.api import cookies
from tunewarden.entry.api.caller import Sent, Visited
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.errors import NotAuthenticated
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.identities import lifetimes
from tunewarden.entry.report.login_pages import render_leaving, render_left
from tunewarden.entry.report.reading_pages import render_no
from tunewarden.usecases import sessions
from tunewarden.usecases.ports import Platform

router = Routes(include_in_schema=False)

_PATIENCE = timedelta(minutes=10)
_ABOUT = "login"
_FIRST_PAGE = "/reviews"
_OURS = re.compile(r"(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)+")
"""A path of this platform: no host, no dots that lead upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A login under way, as the browser keeps it, sealed."""

    state: str
    nonce: str
    verifier: str
    path: str
    until: str


@router.get("/login", name="login")
def login(request: Request, path: Annotated[str, Query(alias="next", max_length=500)] = _FIRST_PAGE) -> Response:
    """Send the browser to the identity provider."""
    doors: Doors = request.app.state.doors
    begun = _Begun(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        path=path if _OURS.fullmatch(path) else _FIRST_PAGE,
        until=(doors.platform.clock() + _PATIENCE).isoformat(),
    )
    url = _provider(doors).login_url(state=begun.state, nonce=begun.nonce, verifier=begun.verifier)
    answer = RedirectResponse(url, status_code=303)
    sealed = doors.platform.envelopes.seal(_ABOUT, json.dumps(asdict(begun)).encode())
    cookies.keep_login(answer, doors.settings, sealed, int(_PATIENCE.total_seconds()))
    return answer


@router.get("/login/callback")
def callback(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=2000)] = "",
    iss: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Back from the identity provider.

    1. This browser began the login, not long ago, and it is that login that was finished.
    2. The provider exchanges the code for a token about somebody, who is let in.
    3. The browser gets a new session, whatever session it had before, and goes to the page it came for.
    """
    doors: Doors = request.app.state.doors
    provider = _provider(doors)
    try:
        begun = _begun(doors.platform, cookies.login_of(request, doors.settings))  # 1
        if begun is None or not hmac.compare_digest(begun.state.encode(), state.encode()) or not provider.is_from(iss):
            doors.refuse(request, LoginFailure.LOGIN_STATE)
        if not code:
            doors.refuse(request, LoginFailure.LOGIN_CODE)
        found = provider.redeem(code, verifier=begun.verifier, nonce=begun.nonce)  # 2
        principal = doors.vouched_for(request, found)
    except (NotAuthenticated, Refused) as error:
        answer: Response = html(render_no(_said(error)), status=403)
        cookies.drop_login(answer, doors.settings)
        return answer
    _end(doors, cookies.session_of(request, doors.settings))  # 3
    token = new_session_token()
    sessions.begin(doors.platform, doors.identities.sessions, principal, token_hash(token), lifetimes(doors.settings))
    answer = RedirectResponse(begun.path, status_code=303)
    cookies.drop_login(answer, doors.settings)
    cookies.keep_session(answer, doors.settings, token)
    return answer


@router.get("/logout")
def leaving(visited: Visited) -> Response:
    """The form that ends the session."""
    return html(render_leaving(), form_token=visited.form_token, has_forms=True)


@router.post("/logout")
def logout(request: Request, sent: Sent) -> Response:
    """End the session."""
    doors: Doors = request.app.state.doors
    _end(doors, cookies.session_of(request, sent.settings))
    answer = html(render_left())
    cookies.drop(answer, sent.settings)
    return answer


def _provider(doors: Doors) -> Provider:
    if doors.identities.provider is None or not doors.settings.oidc_client_id:
        raise NotFound("login_not_there", "Nobody logs in here.", remedy="Use an API key.")
    return doors.identities.provider


def _begun(platform: Platform, sealed: str) -> _Begun | None:
    """The login that the browser began; None where it began none, or too long ago."""
    try:
        begun = _Begun(**json.loads(platform.envelopes.open(_ABOUT, sealed)))
    except Corrupted:
        return None
    return begun if platform.clock() < datetime.fromisoformat(begun.until) else None


def _end(doors: Doors, token: str) -> None:
    if token:
        doors.identities.sessions.end(token_hash(token))


def _said(error: NotAuthenticated | Refused) -> Refused:
    """What a page says: what was refused, or no more than that it was."""
    if isinstance(error, Refused):
        return error
    return Refused("login_failed", "You are not logged in.", remedy="Begin again, at /login.")
