"""Versions of the access policy in headers: whoever changed it is answered by that change, in whatever process.

A change (of the policy, of grants, of groups) is decided by at once in the process that made it, and in all others
within two seconds. Every answer to something that was done says `Tunewarden-Policy-Version`; a request that brings it
back as `Tunewarden-At-Least` is decided by that version or a later one, or not at all: the store is looked at once, and
nobody can make a process wait.
"""

from contextlib import suppress

from fastapi import Request

from tunewarden.domain.errors import Malformed, TunewardenError
from tunewarden.usecases.policies import engine
from tunewarden.usecases.ports import Platform

SAID = "tunewarden-policy-version"
WANTED = "tunewarden-at-least"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def require_version(request: Request, platform: Platform) -> None:
    """See that this process decides by the version that a header names, or a later one.

    Raises `Malformed` for a header that is none of ours or stands there twice, and `Unavailable` where what is stored
    is older.
    """
    named = request.headers.getlist(WANTED)
    if len(named) > 1:
        raise Malformed("policy_version_malformed", "The header Tunewarden-At-Least stands there twice.")
    if named:
        engine(platform).at_least(named[0])


def note_version(request: Request, status: int) -> None:
    """After something was done, note for the headers which version is decided by: no older one than what it changed."""
    platform: Platform = request.app.state.doors.platform
    if request.method in _READING or status >= 400 or platform.engine is None:
        return
    with suppress(TunewardenError):  # what was done is done; without the header nobody is promised anything
        request.state.policy_version = platform.engine.version()


def version_to_say(request: Request) -> dict[str, str]:
    """The header, where there is something to say."""
    noted = getattr(request.state, "policy_version", None)
    return {} if noted is None else {SAID: noted}
