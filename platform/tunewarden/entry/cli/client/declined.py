"""Why a command of the client ended without what it was for, told the same way wherever the reason came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.exits import Exit, exit_of, exit_of_status

_LONGEST = 2000  # characters of a reason or a remedy
_LONGEST_WORD = 128


class Declined(Exception):
    """An answer that is not what was asked for.

    Attributes:
        code: one word that programs may rely on.
        reason: what was got and what was expected, for a person; never a key.
        exit_code: what the command ends with.
        remedy, who: how to mend it, and which role can; empty where nobody said.
        param: the input that is at fault, as a dotted path; empty where none is.
        status: of the HTTP answer; 0 where there was none.
        request_id: by which the platform's diagnostic log finds it; empty where there is none.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        exit_code: Exit,
        remedy: str = "",
        who: str = "",
        param: str = "",
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(reason)
        self.code, self.reason, self.exit_code = code, reason, exit_code
        self.remedy, self.who, self.param = remedy, who, param
        self.status, self.request_id = status, request_id

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "object": "error",
            "code": self.code,
            "message": self.reason,
            "param": self.param or None,
            "remedy": self.remedy or None,
            "who_can": self.who or None,
            "status": self.status or None,
            "request_id": self.request_id or None,
            "exit_code": int(self.exit_code),
        }


def of_error(error: TunewardenError) -> Declined:
    """One of our own errors, of before anything was asked."""
    return Declined(
        error.code,
        error.reason,
        exit_code=exit_of(error),
        remedy=error.remedy,
        who=error.who,
        param=error.param,
    )


def of_answer(status: int, said: Mapping[str, Any], request_id: str, secret: str) -> Declined:
    """What the platform answered with an HTTP status that is no success.

    `said` is its body, of which nothing is believed: each text is shortened, and the key taken out where it stands.
    """

    def text(value: object, longest: int = _LONGEST) -> str:
        return plain(value.replace(secret, "(the key)")[:longest]) if isinstance(value, str) else ""

    inner = said.get("error")
    error: Mapping[str, Any] = inner if isinstance(inner, dict) else {}
    code = text(error.get("code"), _LONGEST_WORD) or f"http_{status}"
    reason = text(said.get("detail")) or text(error.get("message")) or f"The platform answered with status {status}."
    remedy, who = text(said.get("remedy")), text(said.get("who_can"), _LONGEST_WORD)
    if status == 401 and not remedy:
        remedy = "Run `tunewarden login` with a key that works."
    return Declined(
        code,
        reason,
        exit_code=exit_of_status(status),
        remedy=remedy,
        who=who,
        param=text(error.get("param"), _LONGEST_WORD),
        status=status,
        request_id=text(request_id or said.get("request_id"), _LONGEST_WORD),
    )
