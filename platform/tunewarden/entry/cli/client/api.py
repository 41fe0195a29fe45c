"""One platform over HTTP: bounded, patient, and never asked twice for what was done once.

Not the OpenAI package's client, which is there too: it tells every server about the machine, follows redirects, and
repeats a POST by rules of its own. Here every POST carries an `Idempotency-Key`, the same for all its tries, so a lost
answer makes no second job; a DELETE, which the platform does not know again, is not sent again once it may have
arrived. No redirect is followed with the key, but for the one by which the platform sends whoever asks again to the
thing itself (`entry.api.once`). Nothing of this machine is said but the program's name.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import httpx2 as httpx

from tunewarden.domain.errors import Corrupted, Malformed, Unavailable
from tunewarden.domain.names import Role
from tunewarden.entry.cli.client.credentials import PROJECT, Credentials
from tunewarden.entry.cli.client.declined import Declined, of_answer
from tunewarden.entry.cli.exits import Exit

Json = dict[str, Any]
Query = Mapping[str, str | int]
Part = Mapping[str, tuple[str, bytes]]
Read = TypeVar("Read")

PATIENCE_SECONDS = 60.0
"""How long one answer may take to begin, and again to come whole; what reads a whole table is given longer."""
_CONNECT_SECONDS = 5.0
_TRIES = 5
_LONGEST_PAUSE = 30.0
_LARGEST_JSON = 16 * 1024 * 1024
_LARGEST_ERROR = 1024 * 1024
_AGAIN = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_PASSED_ON = frozenset({502, 504})
"""What a proxy answers that had the request and lost the answer."""
_SAYS_NOTHING = _PASSED_ON | {401, 403, 404}
"""Answers that leave open whether an earlier try did it: it may have taken away the key, the right or the thing."""
_VERSION = "tunewarden-policy-version"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MAY_BE_DONE = "It may have been done: look before you ask again."
_OR_THE_SAME = "It may have been done: look before you ask again, or ask with the same --idempotency-key."


@dataclass(slots=True, kw_only=True)
class Api:
    """Asks with one key.

    Attributes:
        sleep, clock: seconds, for tests.
        tries: how often a request is sent at most, where nobody answers or not now.
        patience: seconds in which an answer has to begin and then to come whole, where the call says nothing else.
        transport: of tests; the network if None.
        policy_version: of the access policy that decides since the last thing that was done; empty before.
    """

    credentials: Credentials
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    tries: int = _TRIES
    patience: float = PATIENCE_SECONDS
    transport: httpx.BaseTransport | None = None
    policy_version: str = field(default="", init=False)
    _client: httpx.Client | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Raises `Malformed` for a proxy of the environment that cannot be used."""
        try:
            self._client = self._made()
        except (ImportError, ValueError) as error:  # of SOCKS without its library; of no URL
            raise Malformed(
                "proxy_unusable",
                f"The proxy that the environment names cannot be used ({type(error).__name__}).",
                remedy="Look at HTTPS_PROXY and ALL_PROXY: http://HOST:PORT can be.",
            ) from None
        return self

    def _made(self) -> httpx.Client:
        project = self.credentials.project
        return httpx.Client(
            headers={
                "authorization": f"Bearer {self.credentials.key}",
                "user-agent": "tunewarden",
                "accept": "application/json",
                "accept-encoding": "identity",  # what is bounded is what comes
                **({"openai-project": project} if project else {}),
            },
            follow_redirects=False,
            # A proxy of the environment would read the key on a connection that is not encrypted.
            trust_env=self.credentials.address.text.startswith("https://"),
            transport=self.transport,
        )

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def get(self, path: str, query: Query | None = None) -> Json:
        """The JSON object there. Raises `Declined`, `Unavailable` and `Corrupted`."""
        return self._json("GET", path, query=query)

    def text(self, path: str, query: Query | None = None) -> str:
        """The text there. Raises as `get` does."""
        body = self._done("GET", path, self._whole, query=query)
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            raise _unreadable() from None

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        files: Part | None = None,
        data: Mapping[str, str] | None = None,
        patience: float | None = None,
        once: str = "",
    ) -> Json:
        """What was answered to something that is done once, however often it has to be sent. Raises as `get` does.

        `once` is its idempotency key; given again, by another run of the command too, it is the same thing.
        """
        if once and not _IDEMPOTENCY_KEY.fullmatch(once):
            raise Malformed(
                "idempotency_key_malformed", "It has 1 to 255 visible characters of ASCII.", param="--idempotency-key"
            )
        sent: Json = {"files": files, "data": data} if files else {"json": dict(body or {})}
        headers = {"idempotency-key": once or uuid4().hex}
        lost = _OR_THE_SAME if once else _MAY_BE_DONE
        return self._json("POST", path, patience=patience, lost=lost, headers=headers, **sent)

    def delete(self, path: str) -> Json:
        """What was answered. Raises as `get` does.

        Nothing would tell the platform that it comes a second time, and what it took away may have been given again
        meanwhile: so it is sent again only where it cannot have arrived, or was not looked at (429).
        """
        return self._json("DELETE", path)

    def pages(self, path: str, query: Query | None = None, *, most: int | None = None) -> Iterator[Json]:
        """Every item of a list, page after page, at most `most` of them. Raises as `get` does."""
        asked, seen, before = dict(query or {}), 0, set[str]()
        while True:
            page = self.get(path, asked)
            items = page.get("data")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise _unreadable()
            for item in items:
                yield item
                seen += 1
                if seen == most:
                    return
            after = page.get("last_id") or (items[-1].get("id") if items else None)
            if not (items and page.get("has_more") and isinstance(after, str)) or after in before:
                return
            before.add(after)
            asked["after"] = after

    def download(self, path: str, query: Query | None, into: BinaryIO, largest: int) -> int:
        """Write what is there; how many bytes. Raises as `get` does, and `Corrupted` for more than `largest`.

        Where the answer breaks off it begins anew.
        """

        def written(response: httpx.Response) -> int:
            into.seek(0)
            into.truncate()
            return sum(into.write(piece) for piece in _pieces(response, largest))

        return self._done("GET", path, written, query=query)

    def _json(self, method: str, path: str, **more: Any) -> Json:
        body = self._done(method, path, self._whole, **more)
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise _unreadable()
        return said

    def _done(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Read],
        patience: float | None = None,
        lost: str = _MAY_BE_DONE,
        **more: Any,
    ) -> Read:
        """What `read` makes of a success, however often it has to be asked for; `lost` is said where none came."""
        patience = self.patience if patience is None else patience
        again = frozenset({429}) if method == "DELETE" else _AGAIN
        began, failed, may_be_done = self.clock(), 0, False
        while True:
            pause: float | None = None
            try:
                with self._sent(method, path, patience, **more) as response:
                    if response.status_code == 200:
                        self.policy_version = response.headers.get(_VERSION, self.policy_version)
                        return read(response)
                    body = self._whole(response, _LARGEST_ERROR)
                status = response.status_code
                if method == "POST" and (where := self._moved(response)) is not None:
                    return self._done("GET", where, read)
                refused = self._declined(response, body)
                may_be_done |= method != "GET" and status in _PASSED_ON
                if may_be_done and status in _SAYS_NOTHING:
                    refused.remedy = f"{lost} {refused.remedy}".rstrip()
                # A table that is read takes its time; the answer is worth waiting for as long as was granted.
                is_under_way = status == 409 and response.headers.get("x-should-retry") == "true"
                if not (status in again or (is_under_way and self.clock() - began < patience)):
                    raise refused
                pause, failed = _asked_pause(response), failed + (not is_under_way)
                last: Declined | Unavailable = refused
            except httpx.TransportError as error:
                failed, last = failed + 1, _silent(error)
                may_be_done |= method != "GET" and not isinstance(error, _NOT_SENT)
            except UnicodeEncodeError:  # an argument that was no text of its terminal's encoding
                raise Malformed("text_malformed", "What is to be sent holds what is no character.") from None
            is_over = failed >= self.tries or (method == "DELETE" and may_be_done)
            if is_over or (pause is not None and pause > _LONGEST_PAUSE):
                if may_be_done:
                    last.remedy = lost
                raise last
            self.sleep(pause if pause is not None else _backoff(failed))

    def _sent(self, method: str, path: str, patience: float, **more: Any) -> Any:
        if self._client is None:
            raise RuntimeError("an Api is used within `with`")
        timeout = httpx.Timeout(patience, connect=min(patience, _CONNECT_SECONDS))
        query = more.pop("query", None)
        said = {name: value for name, value in more.items() if value is not None}
        return self._client.stream(method, self.credentials.address.url(path), params=query, timeout=timeout, **said)

    def _moved(self, response: httpx.Response) -> str | None:
        """The path of the thing that was made already; None for any other answer."""
        if response.status_code != 303 or response.headers.get("idempotency-replayed") != "true":
            return None
        base = self.credentials.address.text
        here, named = str(response.request.url), response.headers.get("location", "")
        try:
            there = urljoin(here, named)
            is_same = bool(named) and urlsplit(here)[:2] == urlsplit(there)[:2] and there.startswith(f"{base}/v1/")
        except ValueError:
            return None
        return there.removeprefix(base) if is_same else None

    def _whole(self, response: httpx.Response, largest: int = _LARGEST_JSON) -> bytes:
        """The body, in the time that its request was granted once more: one that drips comes to an end as well."""
        deadline, pieces = self.clock() + response.request.extensions["timeout"]["read"], []
        for piece in _pieces(response, largest):
            pieces.append(piece)
            if self.clock() > deadline:
                raise httpx.ReadTimeout("too slow", request=response.request)
        return b"".join(pieces)

    def _declined(self, response: httpx.Response, body: bytes) -> Declined:
        status = response.status_code
        if 300 <= status < 400:
            return Declined(
                "redirected",
                f"The platform answered with a redirect ({status}), and a key is sent to nobody else.",
                remedy="Name the platform's own URL.",
                exit_code=Exit.USAGE,
                status=status,
            )
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        no = of_answer(
            status,
            said if isinstance(said, dict) else {},
            response.headers.get("x-request-id", ""),
            self.credentials.key,
        )
        if self.credentials.project and no.code == "project_not_found" and not no.remedy:
            no.remedy = (
                f"You act in {self.credentials.project} alone, as --project, {PROJECT} or the login says: "
                "look whether that is its id and whether you hold a role there; `tunewarden --project ''` acts in none."
            )
            no.who = no.who or Role.ADMINISTRATOR
        return no


def _pieces(response: httpx.Response, largest: int) -> Iterator[bytes]:
    """What comes, until it is too much. What is packed was not asked for, and could unpack to anything."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _unreadable()
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > largest:
            raise _too_large(largest)
        yield piece


def _asked_pause(response: httpx.Response) -> float | None:
    """Seconds that the platform asks to wait; None where it says none."""
    said = response.headers.get("retry-after", "")
    return float(said[:9]) if said.isascii() and said.isdecimal() else None


def _backoff(failed: int) -> float:
    """Half a second, then twice as long each time, and a part of it by chance so that many do not come at once."""
    doubled = 2.0 ** min(failed - 1, 5)
    return 0.5 * doubled * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def _silent(error: httpx.TransportError) -> Unavailable:
    """Nobody answered. The library's own text may hold a URL, so only the kind of error is said."""
    return Unavailable(
        "platform_not_reached",
        f"The platform does not answer ({type(error).__name__}).",
        remedy="Look whether it runs and whether the URL is right.",
    )


def _unreadable() -> Corrupted:
    return Corrupted("answer_unreadable", "The answer is none of this platform's API.", remedy="Look at the URL.")


def _too_large(largest: int) -> Corrupted:
    return Corrupted("answer_too_large", f"The answer has more than {largest:,} bytes, and nothing that large is due.")
