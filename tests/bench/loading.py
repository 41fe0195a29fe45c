"""Clients of a bench: so many connections, kept open, each asking again as soon as it is answered.

One thread over all of them, and each request written out once: what clients take of the processors, the api has not.
"""

import json
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Ask = tuple[str, str, str, Any]
"""What it is called, a method, a path, and what is sent as JSON, or None. The same name asks for the same each time."""

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class Load:
    """What was answered: how long each took, in milliseconds, and how many there were of each name and status."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        """The least time within which this share was answered."""
        return sorted(self.milliseconds)[int(share * (len(self.milliseconds) - 1))]

    def of(self, name: str, status: int = 200) -> int:
        return self.statuses[name, status]

    @property
    def errors(self) -> int:
        """Answers of a server that could not."""
        return sum(count for (_, status), count in self.statuses.items() if status >= 500)


def load(port: int, token: str, connections: int, seconds: float, ask: Callable[[int], Ask]) -> Load:
    """Ask `ask(0)`, `ask(1)`, ... over the connections until the time is over, and wait for what is under way."""
    found, asking = Load(), _Asking(token, ask)
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for _ in range(connections):
            line = socket.create_connection(("127.0.0.1", port))
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line, selectors.EVENT_READ, _Line(line, asking))
        while selector.get_map():
            ready = selector.select(_PATIENCE_SECONDS)
            assert ready, "nobody was answered any more"
            for key, _ in ready:
                one: _Line = key.data
                if not one.has_answer(found):
                    continue
                if time.perf_counter() - began < seconds:
                    one.ask()
                else:
                    selector.unregister(one.line)
                    one.line.close()
        found.seconds = time.perf_counter() - began
    return found


@dataclass(slots=True)
class _Asking:
    token: str
    ask: Callable[[int], Ask]
    number: int = 0
    written: dict[str, bytes] = field(default_factory=dict)

    def next(self) -> tuple[str, bytes]:
        """What is asked next, by its name and as it is sent."""
        name, method, path, sent = self.ask(self.number)
        self.number += 1
        if name not in self.written:
            body = b"" if sent is None else json.dumps(sent).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.token}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            self.written[name] = head.encode() + body
        return name, self.written[name]


class _Line:
    """One connection, on which one request at a time is under way."""

    def __init__(self, line: socket.socket, asking: _Asking) -> None:
        self.line, self._asking = line, asking
        self.ask()

    def ask(self) -> None:
        self._name, request = self._asking.next()
        self._received, self._began = b"", time.perf_counter()
        self.line.sendall(request)

    def has_answer(self, found: Load) -> bool:
        """Take in what came; whether the answer is whole, which is then counted."""
        came = self.line.recv(65536)
        assert came, "the server closed a connection"
        self._received += came
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None or len(body) < int(length[1]):
            return False
        found.milliseconds.append((time.perf_counter() - self._began) * 1000)
        found.statuses[self._name, int(head[9:12])] += 1
        return True
