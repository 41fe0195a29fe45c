"""Exit codes of `tunewarden`, for scripts: one meaning each, for all commands."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from tunewarden.domain.errors import (
    Conflict,
    Corrupted,
    Malformed,
    NotFound,
    Refused,
    TunewardenError,
    Unavailable,
)


class Exit(IntEnum):
    """What a command ended with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5
    CORRUPTED = 6
    NOT_SUCCEEDED = 7
    NOT_LOGGED_IN = 8
    UNSIGNED = 9
    INTERRUPTED = 130


MEANINGS: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.OK: "done",
        Exit.REFUSED: "a rule says no, or whoever was asked, or what was looked at has faults",
        Exit.USAGE: "the command, or a file or value it was given, cannot be used",
        Exit.NOT_FOUND: "there is no such thing, or not for you",
        Exit.CONFLICT: "something changed meanwhile; look, and ask again",
        Exit.UNAVAILABLE: "nobody answers, or not now",
        Exit.CORRUPTED: "something is broken there, or bytes are not what they have to be",
        Exit.NOT_SUCCEEDED: "the job that was watched ended otherwise than succeeded (--exit-status)",
        Exit.NOT_LOGGED_IN: "no API key, or none that works",
        Exit.UNSIGNED: "the sealer, or a rotation of its key, refused to sign; look before it is started again",
        Exit.INTERRUPTED: "stopped with Ctrl-C; what runs on the platform goes on",
    }
)
TABLE = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."

_BY_KIND: Mapping[type[TunewardenError], Exit] = MappingProxyType(
    {
        Malformed: Exit.USAGE,
        Refused: Exit.REFUSED,
        NotFound: Exit.NOT_FOUND,
        Conflict: Exit.CONFLICT,
        Unavailable: Exit.UNAVAILABLE,
        Corrupted: Exit.CORRUPTED,
    }
)
_BY_STATUS: Mapping[int, Exit] = MappingProxyType(
    {
        400: Exit.USAGE,
        401: Exit.NOT_LOGGED_IN,
        404: Exit.NOT_FOUND,
        409: Exit.CONFLICT,
        413: Exit.USAGE,
        422: Exit.USAGE,
        429: Exit.UNAVAILABLE,
        500: Exit.CORRUPTED,
        502: Exit.UNAVAILABLE,
        503: Exit.UNAVAILABLE,
        504: Exit.UNAVAILABLE,
    }
)


def exit_of(error: TunewardenError) -> Exit:
    """By the nearest kind in an error's ancestry."""
    return next(_BY_KIND[kind] for kind in type(error).__mro__ if kind in _BY_KIND)


def exit_of_status(status: int) -> Exit:
    """By the HTTP status of an answer that is not a success; what has no meaning of its own here is a refusal."""
    return _BY_STATUS.get(status, Exit.REFUSED)
