"""Clients of a bench: so many connections, kept open, each asking again as soon as it is answered."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Ask = tuple[str, str, str, Any]
"""What it is called, a method, a path, and what is sent as JSON, or None."""


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
    """Ask `ask(0)`, `ask(1)`, ... over the connections until the time is over."""
    found = Load()
    began = time.monotonic()
    asyncio.run(_all(port, token, connections, began + seconds, ask, found))
    found.seconds = time.monotonic() - began
    return found


async def _all(port: int, token: str, connections: int, until: float, ask: Callable[[int], Ask], found: Load) -> None:
    numbers = iter(range(10**9))
    await asyncio.gather(*(_one(port, token, until, lambda: ask(next(numbers)), found) for _ in range(connections)))


async def _one(port: int, token: str, until: float, ask: Callable[[], Ask], found: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        name, method, path, sent = ask()
        body = b"" if sent is None else json.dumps(sent).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        status, length = _read_head(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(length)
        found.milliseconds.append((time.perf_counter() - began) * 1000)
        found.statuses[name, status] += 1
    writer.close()
    await writer.wait_closed()


def _read_head(head: bytes) -> tuple[int, int]:
    lines = head.decode("latin-1").lower().split("\r\n")
    lengths = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")]
    return int(lines[0].split()[1]), lengths[0]
