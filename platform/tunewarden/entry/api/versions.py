"""Versions of the access policy in headers: whoever changed it is answered by that change, in whatever process.

A change (of the policy, of grants, of groups) is decided by at once in the process that made it, and in all others
within two seconds. Every answer to something that was done says `Tunewarden-Policy-Version`; a request that brings it
back as `Tunewarden-At-Least` is decided by that version or a later one, or not at all: the store is looked at once, and
nobody can make a process wait.
"""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

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


async def version_to_say(method: str, status: int, platform: Platform) -> dict[str, str]:
    """After something was done, a header of which version is stored: no older one than what was changed by it."""
    if method in _READING or status >= 400 or platform.engine is None:
        return {}
    try:
        return {SAID: await run_in_threadpool(platform.engine.version)}
    except TunewardenError:
        return {}  # what was done is done; without the header nobody is promised anything
