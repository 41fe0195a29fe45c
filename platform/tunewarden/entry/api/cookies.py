"""The two cookies of a browser: its session, and a login under way.

Over https they have the prefix `__Host-` (RFC 6265bis, section 4.1.3.2): no other host and no plain http can plant
them. Over plain http, which is for development on one machine, browsers would not take that; there is no prefix then.
"""

from fastapi import Request, Response

from tunewarden.entry.settings import Settings

_SESSION, _LOGIN = "tunewarden", "tunewarden-login"
_LONGEST = 4096  # characters, as browsers have it


def session_of(request: Request, settings: Settings) -> str:
    """What the browser keeps of its session; empty where it has none."""
    return _read(request, settings, _SESSION)


def login_of(request: Request, settings: Settings) -> str:
    """What the browser keeps of the login that it began; empty where it began none."""
    return _read(request, settings, _LOGIN)


def keep_session(response: Response, settings: Settings, token: str) -> None:
    """Until the browser is closed; the session ends by itself."""
    _keep(response, settings, _SESSION, token, None)


def keep_login(response: Response, settings: Settings, sealed: str, seconds: int) -> None:
    """For as long as somebody may take to log in."""
    _keep(response, settings, _LOGIN, sealed, seconds)


def drop(response: Response, settings: Settings) -> None:
    """Both."""
    for name in (_SESSION, _LOGIN):
        drop_one(response, settings, name)


def drop_login(response: Response, settings: Settings) -> None:
    """That of the login, which is over."""
    drop_one(response, settings, _LOGIN)


def drop_one(response: Response, settings: Settings, name: str) -> None:
    """A cookie is dropped by the same name, path and attributes that it was kept with."""
    response.delete_cookie(_named(settings, name), path="/", secure=_is_secure(settings), httponly=True, samesite="lax")


def _keep(response: Response, settings: Settings, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _named(settings, name),
        value,
        max_age=seconds,
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def _read(request: Request, settings: Settings, name: str) -> str:
    value = request.cookies.get(_named(settings, name), "")
    return value if len(value) <= _LONGEST and value.isascii() else ""


def _named(settings: Settings, name: str) -> str:
    return f"__Host-{name}" if _is_secure(settings) else name


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")
