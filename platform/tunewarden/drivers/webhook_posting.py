"""One delivery of a webhook: one POST to one address, in bounded time. Of the answer only what `Answer` has is kept.

Not trusted: whoever answers. No redirect is followed, no proxy of the environment is used, nothing is unpacked, and of
the answer only the head is read, of bounded size. The connection is made to the address that was checked, by TLS for
the host that was named.
"""

import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.webhook_holds import Answer
from tunewarden.drivers.webhook_addresses import Target

SECONDS = 15.0
"""For all of it (Standard Webhooks 1.0.0 recommends 15 to 30)."""

_MOST_STATUSES = 6

Send = Callable[[Target, str, Mapping[str, str], bytes], Answer]
"""(target, address, headers, body) -> what came. Raises `Unavailable` where nothing did in time."""


class Sender:
    """`Send`. Trusts the machine's certificates, or those of `context`. Safe to use from several threads."""

    def __init__(self, context: ssl.SSLContext | None = None, seconds: float = SECONDS) -> None:
        self._context = context or ssl.create_default_context()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seconds = seconds

    def __call__(self, target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = self._connection(target, address)
        over = threading.Event()
        # Each reading has its own time limit, so who sends a byte now and then could go on for ever: cut at the end.
        cut = threading.Timer(self._seconds, _cut, (connection, over))
        cut.daemon = True
        cut.start()
        held: socket.socket | None = None
        try:
            connection.connect()
            held = connection.sock
            if over.is_set():
                raise TimeoutError
            connection.request("POST", target.path, body=body, headers={"Host": target.authority, **headers})
            came = connection.getresponse()
            if over.is_set():  # what was cut looks like a head that ended
                raise TimeoutError
            return Answer(status=came.status, retry_after=came.getheader("retry-after", ""))
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Only the type: messages of the network libraries hold addresses.
            reason = "TimeoutError" if over.is_set() else type(error).__name__
            raise Unavailable("webhook_unreachable", f"The endpoint gave no answer ({reason}).") from None
        finally:
            cut.cancel()
            connection.close()
            _let_go(held)

    def _connection(self, target: Target, address: str) -> http.client.HTTPConnection:
        made = (
            http.client.HTTPConnection(address, target.port, timeout=self._seconds)
            if target.scheme == "http"
            else _Secure(target.host, target.port, timeout=self._seconds, context=self._context, address=address)
        )
        made.response_class = _Answer
        return made


class _Secure(http.client.HTTPSConnection):
    """To this address, by TLS for the host: neither is looked up again."""

    def __init__(self, host: str, port: int, *, timeout: float, context: ssl.SSLContext, address: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise
        self.sock.do_handshake()  # with the socket where it can be cut


class _Answer(http.client.HTTPResponse):
    """The final answer comes after a few interim ones (1xx): the standard library waits for as many as there are."""

    _statuses = 0

    def _read_status(self) -> tuple[str, int, str]:
        self._statuses += 1
        if self._statuses > _MOST_STATUSES:
            raise http.client.HTTPException
        status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        return status


def _let_go(held: socket.socket | None) -> None:
    """Close it for good: an answer that was not read to its end would keep it open."""
    if held is not None and (descriptor := held.detach()) >= 0:
        os.close(descriptor)


def _cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    over.set()
    held: socket.socket | None = connection.sock
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
