"""One bounded HTTP POST to a place that the settings name: a witness, a time stamp authority.

Not trusted: whoever answers. What comes back is short, and the caller verifies it.
"""

import ssl
import time
from dataclasses import dataclass
from typing import Protocol

import httpx2 as httpx

from tunewarden.domain.errors import Unavailable

_LONGEST_ANSWER = 64 * 1024  # bytes
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, content type without parameters, and the whole body."""

    status: int
    content_type: str
    body: bytes


class Post(Protocol):
    """Sends a request; raises `Unavailable` where no whole answer came in time."""

    def __call__(self, url: str, body: bytes, content_type: str) -> Answer: ...


class HttpPost:
    """Keeps its connections; follows no redirect, unpacks nothing, uses no proxy; trusts the machine's certificates."""

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._client = httpx.Client(verify=ssl.create_default_context(), timeout=patience_seconds, trust_env=False)

    def __call__(self, url: str, body: bytes, content_type: str) -> Answer:
        """See `Post`. The answer may take its time twice over: once to begin, once to end."""
        deadline = time.monotonic() + 2 * self._patience
        headers = {"content-type": content_type, "accept-encoding": "identity"}
        received = b""
        try:
            with self._client.stream("POST", url, content=body, headers=headers) as answer:
                for part in answer.iter_raw():
                    received += part
                    if len(received) > _LONGEST_ANSWER or time.monotonic() > deadline:
                        raise _no_answer("too long or too slow")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _no_answer(type(error).__name__) from None
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(status=answer.status_code, content_type=kind, body=received)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _no_answer(reason: str) -> Unavailable:
    return Unavailable("no_answer", f"No usable answer came ({reason}).", remedy="Try again.")
