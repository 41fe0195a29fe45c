"""The few HTTP requests to an identity provider: to the origin of the issuer that the settings name, and nowhere else.

Not trusted: what comes back is bounded, and `oidc.py` verifies it. No redirect is followed, no proxy is used.
"""

import json
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote_plus, urlsplit

import httpx2 as httpx

from tunewarden.domain.errors import Unavailable

_LONGEST_ANSWER = 256 * 1024  # bytes
_PATIENCE_SECONDS = 5.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Web(Protocol):
    """Asks the identity provider; raises `Unavailable` where no JSON object comes back in time."""

    def get(self, url: str) -> Mapping[str, object]:
        """The document at `url`."""

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> Mapping[str, object] | None:
        """The answer to a form, sent by a client with this id and secret (RFC 6749, 2.3.1); None where it is a no."""


class HttpWeb:
    """`Web`, for one origin. Each connection ends with its answer: the next request may be an hour away."""

    def __init__(self, issuer: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._origin, self._patience = origin(issuer), patience_seconds
        self._client = httpx.Client(
            verify=ssl.create_default_context(),
            timeout=patience_seconds,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    def get(self, url: str) -> Mapping[str, object]:
        status, body = self._ask("GET", url, {}, None)
        if status != httpx.codes.OK:
            raise unavailable(f"it answered {status}")
        return _object(body)

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> Mapping[str, object] | None:
        headers = {}
        if client is not None:
            name, secret = (quote_plus(part) for part in client)
            headers["authorization"] = "Basic " + b64encode(f"{name}:{secret}".encode()).decode()
        status, body = self._ask("POST", url, headers, form)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise unavailable(f"it answered {status}")
        return _object(body) if status == httpx.codes.OK else None

    def close(self) -> None:
        """End what a request that is under way still holds."""
        self._client.close()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        if origin(url) != self._origin:
            raise unavailable("it names a place of another origin than its own")
        deadline, received = time.monotonic() + 2 * self._patience, b""
        headers = {**headers, "accept": "application/json", "accept-encoding": "identity"}
        try:
            with self._client.stream(method, url, headers=headers, data=form) as answer:
                for part in answer.iter_raw():
                    received += part
                    if len(received) > _LONGEST_ANSWER or time.monotonic() > deadline:
                        raise unavailable("its answer is too long or too slow")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(type(error).__name__) from None
        return answer.status_code, received


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL. Raises `Unavailable` for one that is neither https nor on this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.username is not None or not (parts.scheme == "https" or is_loopback(url)):
        raise unavailable("a URL of it is not https")
    return parts.scheme, host, port or {"https": 443, "http": 80}[parts.scheme]


def is_loopback(url: str) -> bool:
    """Whether this is plain http to this machine, as in development."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def unavailable(reason: str) -> Unavailable:
    """What is raised where the provider does not say what is needed; `reason` is in our own words."""
    return Unavailable(
        "identity_provider_unavailable",
        f"The identity provider cannot be used ({reason}).",
        remedy="Try again; an API key works without it.",
        who="administrator",
    )


def _object(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise unavailable("its answer is not a JSON object")
    return found
