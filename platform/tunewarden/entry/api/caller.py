"""Who calls, and what every route needs."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.drivers.identity import authenticate
from tunewarden.entry.api.errors import AskForKey, NotAuthenticated
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform, Principal

_bearer = HTTPBearer(auto_error=False, description="An API key made by `tunewarden keys create`.")
_basic = HTTPBasic(auto_error=False)

_MOST_DIGITS = 24  # decimal arithmetic keeps 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated principal, the platform, and the settings of this door."""

    principal: Principal
    platform: Platform
    settings: Settings


def _caller(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    platform: Platform = request.app.state.platform
    principal = None if credentials is None else authenticate(platform.view, credentials.credentials)
    if principal is None:
        raise NotAuthenticated
    return Caller(principal=principal, platform=platform, settings=request.app.state.settings)


Called = Annotated[Caller, Depends(_caller)]


def _visitor(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_basic)],
) -> Caller:
    """Whoever reads a page: browsers send a key as the password of HTTP Basic (RFC 7617), and send it by themselves.

    So a form counts only if it comes from a page of ours: the browser says where from (Fetch Metadata, else Origin).
    """
    platform: Platform = request.app.state.platform
    key = bearer.credentials if bearer is not None else basic.password if basic is not None else ""
    principal = authenticate(platform.view, key)
    if principal is None:
        raise AskForKey
    if request.method == "POST" and bearer is None and not _is_from_our_page(request):
        raise Refused("not_from_our_page", "The form was not sent from a page of this platform.")
    return Caller(principal=principal, platform=platform, settings=request.app.state.settings)


def _is_from_our_page(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host", "")
    return bool(host) and request.headers.get("origin", "").partition("://")[2] == host


Visited = Annotated[Caller, Depends(_visitor)]


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
