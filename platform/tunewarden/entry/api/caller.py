"""Who calls, and what every route needs. Headers that name an organisation or a host decide nothing.

The header `OpenAI-Project` narrows: who calls acts in that project alone, in which they hold a role. It widens nothing:
a key of a project goes on being of it. Administration is of the whole platform, so there it is looked at and narrows
nothing, but where it equips a project (`Equipping`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.identities import KeyKind, LoginFailure
from tunewarden.domain.names import ProjectId
from tunewarden.drivers.identity import form_token, is_admin_token, is_form_token
from tunewarden.entry.api.cookies import session_of
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.errors import AskForKey, LogIn, NotAuthenticated
from tunewarden.entry.api.threads import in_thread
from tunewarden.entry.api.versions import require_version
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform, Principal
from tunewarden.usecases.projects import acting_in
from tunewarden.usecases.refusals import not_found

_bearer = HTTPBearer(
    auto_error=False, description="An API key made by `tunewarden keys create`, or a token of your identity provider."
)
_basic = HTTPBasic(auto_error=False)

_PROJECT = re.compile(r"proj-[0-9a-f]{32}")
_MOST_DIGITS = 24  # decimal arithmetic keeps 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated principal, the platform, and the settings of this door.

    `form_token` is what each form of a page has to bring back; empty where whoever called has no session.
    """

    principal: Principal
    platform: Platform
    settings: Settings
    form_token: str = ""


WithBearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
WithBasic = Annotated[HTTPBasicCredentials | None, Depends(_basic)]


def _called(
    request: Request, bearer: HTTPAuthorizationCredentials | None, door: KeyKind, *, narrows_all: bool = False
) -> Caller:
    doors: Doors = request.app.state.doors
    if bearer is None:
        raise NotAuthenticated
    principal = doors.by_credential(request, bearer.credentials, door)
    narrowed = _narrowed(request, doors, principal)
    acting = principal if door is KeyKind.ADMIN and not narrows_all else narrowed
    caller = _caller(doors, acting)
    if request.method != "POST" or doors.once is None:
        return caller
    return replace(caller, platform=doors.once.ticket(request, acting, caller.platform).through(caller.platform))


def _narrowed(request: Request, doors: Doors, principal: Principal) -> Principal:
    """As whom they act, by no older policy than they ask for; raises as `require_version` does.

    Raises `NotFound` for a header that stands there twice or is no project of theirs.
    """
    require_version(request, doors.platform)
    named = request.headers.getlist("openai-project")
    if not named:
        return principal
    if len(named) > 1 or not _PROJECT.fullmatch(named[0]):
        raise not_found("project")
    return acting_in(doors.platform, principal, ProjectId(named[0]))


@in_thread
def _at_project(request: Request, bearer: WithBearer) -> Caller:
    return _called(request, bearer, KeyKind.PROJECT)


@in_thread
def _at_admin(request: Request, bearer: WithBearer) -> Caller:
    return _called(request, bearer, KeyKind.ADMIN)


@in_thread
def _at_either(request: Request, bearer: WithBearer) -> Caller:
    return _called(request, bearer, _door_of(bearer))


@in_thread
def _at_either_within(request: Request, bearer: WithBearer) -> Caller:
    return _called(request, bearer, _door_of(bearer), narrows_all=True)


def _door_of(bearer: HTTPAuthorizationCredentials | None) -> KeyKind:
    is_admin = bearer is not None and is_admin_token(bearer.credentials)
    return KeyKind.ADMIN if is_admin else KeyKind.PROJECT


@in_thread
def _again(request: Request, bearer: WithBearer) -> Callable[[], Caller]:
    return lambda: _called(request, bearer, KeyKind.PROJECT)


Called = Annotated[Caller, Depends(_at_project)]
"""Of every route but those of the administration."""
CalledAgain = Annotated[Callable[[], Caller], Depends(_again)]
"""Who calls, looked at anew each time: for an answer that goes on for longer than a key may. Raises as the doors do."""
Administering = Annotated[Caller, Depends(_at_admin)]
"""Of a route of the administration, which an admin key opens."""
Asking = Annotated[Caller, Depends(_at_either)]
"""Of a route that shows who may do what: administrators, privacy officers and auditors read the same there."""
Equipping = Annotated[Caller, Depends(_at_either_within)]
"""Of a route by which a project is equipped: a key of either kind opens it, and the header narrows both."""


@in_thread
def _visitor(request: Request, bearer: WithBearer, basic: WithBasic) -> Caller:
    """Whoever reads a page: with a session, or with a key, the password of HTTP Basic (RFC 7617) in browsers.

    Raises `LogIn` where somebody can, else `AskForKey`.
    """
    doors: Doors = request.app.state.doors
    if bearer is not None:
        return _called(request, bearer, KeyKind.PROJECT)
    token = session_of(request, doors.settings)
    principal = doors.by_session(token) if token else None
    if principal is not None:
        return _caller(doors, _narrowed(request, doors, principal), form_token(token))
    if basic is not None and doors.settings.pages_take_keys:
        try:
            principal = doors.by_credential(request, basic.password, KeyKind.PROJECT)
        except NotAuthenticated:
            raise AskForKey from None
        return _caller(doors, _narrowed(request, doors, principal))
    if request.method == "GET" and doors.settings.oidc_client_id:
        raise LogIn(request.url.path)
    raise AskForKey if doors.settings.pages_take_keys else NotAuthenticated


@in_thread
def _sender(
    request: Request,
    visitor: Annotated[Caller, Depends(_visitor)],
    bearer: WithBearer,
    csrf: Annotated[str, Form(max_length=128)] = "",
) -> Caller:
    """Whoever sends a form. Browsers send what they have by themselves, so it counts only from a page of ours.

    With a session it has to bring the session's token; with Basic the browser says where from (Fetch Metadata, else
    Origin). Raises `Refused`.
    """
    doors: Doors = request.app.state.doors
    token = session_of(request, doors.settings)
    if visitor.form_token and not is_form_token(token, csrf):
        doors.failures.note(LoginFailure.SESSION_FORGED)
        raise _not_ours()
    if bearer is None and not _is_from_our_page(request):
        raise _not_ours()
    return visitor


Visited = Annotated[Caller, Depends(_visitor)]
"""Of a page."""
Sent = Annotated[Caller, Depends(_sender)]
"""Of what a form of a page is sent to."""


def _caller(doors: Doors, principal: Principal, form: str = "") -> Caller:
    return Caller(principal=principal, platform=doors.platform, settings=doors.settings, form_token=form)


def _not_ours() -> Refused:
    return Refused("not_from_our_page", "The form was not sent from a page of this platform.")


def _is_from_our_page(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host", "")
    return bool(host) and request.headers.get("origin", "").partition("://")[2] == host


def decimal(text: str | float | int, param: str) -> Decimal:
    """A decimal from JSON; NaN and infinity pass here and are refused, and logged, by the rule that owns the number.

    Raises `Malformed` for what is no number, and for one that decimal arithmetic would overflow or round on.
    """
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        raise Malformed("number_malformed", f"{param} is not a number.", param=param) from None
    if number.is_finite() and (len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS):
        raise Malformed(
            "number_out_of_range",
            f"{param} has more than {_MOST_DIGITS} digits before or after the point.",
            param=param,
        )
    return number
