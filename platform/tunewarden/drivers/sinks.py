"""Where log events go outside: a file, a syslog receiver, an HTTP collector.

Not trusted: it sees what is exported (ids, digests, words, numbers) and can lose or delay it. It cannot change the log.
Delivery is at least once, in order; every event carries an id, by which the receiver can drop what it has already.
"""

import fcntl
import os
import select
import socket
import ssl
import sys
import termios
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import httpx2 as httpx

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Refused, TunewardenError, Unavailable

_SECONDS = 10.0
_AUDIT = 13  # RFC 5424 section 6.2.1: facility "log audit"
_SEND_AGAIN = 1_000
_LONGEST_ANSWER = 65_536  # bytes
_ABOUT_THE_EVENT = frozenset({400, 413, 422})
_PARTING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An event ready to be sent.

    Attributes:
        kind: one word, at most 32 characters of printable ASCII.
        severity: of RFC 5424 section 6.2.1, 0 to 7.
        line: the event as one line of text, without its end.
        media_type: of `line`.
    """

    kind: str
    at: datetime
    severity: int
    line: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How many events, from the first on, were taken over; and what stopped the others.

    `Refused` means that the receiver does not want the next event; anything else that it could not be asked.
    """

    accepted: int
    error: TunewardenError | None = None


class Receiver(Protocol):
    """Takes events over."""

    def deliver(self, events: Sequence[Outgoing]) -> Delivery:
        """Send them in order. Never raises for what happens outside."""

    def close(self) -> None:
        """Give connections back."""


class FileReceiver:
    """Appends a line per event; what was taken over has been flushed to the disk. The file may be rotated meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, events: Sequence[Outgoing]) -> Delivery:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                if self._ends_torn(file.fileno()):  # a crash while writing: that line is written again, whole
                    file.write(b"\n")
                file.write(b"".join(f"{event.line}\n".encode() for event in events))
                file.flush()
                os.fsync(file.fileno())
            self._flush_name()
        except OSError as error:
            return Delivery(accepted=0, error=_unreachable("file", error))
        return Delivery(accepted=len(events))

    def close(self) -> None:
        pass

    def _flush_name(self) -> None:
        """The file may be a new one: its name must outlive a power cut too."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @staticmethod
    def _ends_torn(descriptor: int) -> bool:
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


class SyslogReceiver:
    """RFC 5424 messages over TCP with octet counting (RFC 6587 section 3.4.1), or over TLS (RFC 5425).

    Syslog has no acknowledgement of its own. What counts as taken over was acknowledged by the receiver's TCP, where
    the operating system tells (Linux does), so nothing is lost that was still here or on the way. What a receiver took
    and lost when it died is noticed by the broken connection: the last 1,000 are sent again first. If this process ends
    too before that, they are lost without a sign; where that matters, use HTTP or a file.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._context = host, port, context
        self._socket: socket.socket | None = None
        self._unconfirmed: deque[bytes] = deque(maxlen=_SEND_AGAIN)

    def deliver(self, events: Sequence[Outgoing]) -> Delivery:
        try:
            connected = self._connected()
            frames = [_frame(event) for event in events]
            connected.sendall(b"".join(frames))
            _wait_until_acknowledged(connected)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that is none
            self._drop()
            return Delivery(accepted=0, error=_unreachable("syslog", error))
        self._unconfirmed.extend(frames)
        return Delivery(accepted=len(events))

    def close(self) -> None:
        """Say so before (RFC 5425 section 4.4), and give the receiver a moment to read to the end.

        A connection closed with unread bytes in it, such as TLS session tickets, is reset instead.
        """
        if self._socket is not None:
            with suppress(OSError, ValueError):
                self._socket.settimeout(_PARTING_SECONDS)
                if isinstance(self._socket, ssl.SSLSocket):
                    self._socket = self._socket.unwrap()
                self._socket.shutdown(socket.SHUT_WR)
                self._socket.recv(4096)
            self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is not None and _has_ended(self._socket):
            self._drop()
        if self._socket is None:
            self._socket = self._connect()
            self._socket.sendall(b"".join(self._unconfirmed))
        return self._socket

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=_SECONDS)
        if self._context is None:
            return plain
        try:
            return self._context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise


class HttpReceiver:
    """One POST per event. 2xx takes it over; a redirect is never followed; the proxies of the environment are not used.

    An answer about the event itself (400, 413, 422) is a refusal. Any other one, 500 too, may be about the receiver, so
    the event waits.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None, token: str = "") -> None:
        """`token`: a bearer token, or a scheme and its credentials ("Splunk ..."; RFC 9110 section 11.4)."""
        headers = {"Authorization": token if " " in token else f"Bearer {token}"} if token else {}
        verify = context if context is not None else True
        self._url = url
        self._client = httpx.Client(
            headers=headers, verify=verify, trust_env=False, timeout=_SECONDS, follow_redirects=False
        )

    def deliver(self, events: Sequence[Outgoing]) -> Delivery:
        for accepted, event in enumerate(events):
            try:
                status = self._post(event)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
                return Delivery(accepted=accepted, error=_unreachable("http", error))
            if not 200 <= status < 300:
                return Delivery(accepted=accepted, error=_answered(status))
        return Delivery(accepted=len(events))

    def close(self) -> None:
        self._client.close()

    def _post(self, event: Outgoing) -> int:
        """The status of the answer. Its body says nothing; it is read, if short, so that the connection lives on."""
        body, headers = event.line.encode(), {"Content-Type": event.media_type}
        with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
            received = 0
            for part in answer.iter_raw():
                received += len(part)
                if received > _LONGEST_ANSWER:
                    break
            return answer.status_code


def _answered(status: int) -> TunewardenError:
    code, reason = f"sink_answered_{status}", f"The receiver answered {status}."
    return Refused(code, reason) if status in _ABOUT_THE_EVENT else Unavailable(code, reason)


def _unreachable(kind: str, error: Exception) -> Unavailable:
    # Only the type: messages of the network libraries hold addresses.
    return Unavailable(f"sink_{kind}_unreachable", f"The receiver could not be reached ({type(error).__name__}).")


def _wait_until_acknowledged(connected: socket.socket) -> None:
    """Until all that was sent is acknowledged. Raises `TimeoutError`; returns at once where nobody can tell."""
    until = time.monotonic() + _SECONDS
    while _unacknowledged(connected) > 0:
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.001)


def _unacknowledged(connected: socket.socket) -> int:
    """Bytes that the other side's TCP has not acknowledged (Linux, tcp(7): SIOCOUTQ, which is TIOCOUTQ)."""
    try:
        answer = fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int.from_bytes(answer, sys.byteorder)


def _has_ended(connected: socket.socket) -> bool:
    """Whether the other side has closed; syslog receivers send nothing, so anything readable is an end or noise."""
    readable, _, _ = select.select([connected], [], [], 0)
    if not readable:
        return False
    connected.setblocking(False)
    try:
        return connected.recv(4096) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connected.settimeout(_SECONDS)


def _frame(event: Outgoing) -> bytes:
    """MSG-LEN SP SYSLOG-MSG; the host, process id and structured data are left out ("-")."""
    header = f"<{_AUDIT * 8 + event.severity}>1 {instant_text(event.at)} - tunewarden - {event.kind[:32]} - "
    message = header.encode("ascii") + event.line.encode()
    return str(len(message)).encode("ascii") + b" " + message
