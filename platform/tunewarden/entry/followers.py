"""Those who are told of signed heads: a thread each, so that nobody outside can delay sealing."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from tunewarden.entry.diagnostics import logger
from tunewarden_audit.log import Signed


class Rest(NamedTuple):
    """How long to leave a follower alone, and whether the newest head is handed to it again even if it is the same."""

    seconds: float
    again: bool = False


Follow = Callable[[Signed], Rest | None]
"""Does something with a head; returns None never to be told of another."""


class Follower:
    """Hands the newest head to `follow`, in a thread of its own; heads that were overtaken meanwhile are skipped."""

    def __init__(self, name: str, follow: Follow, after_failure_seconds: float = 60.0) -> None:
        self._name, self._follow, self._after_failure = name, follow, Rest(after_failure_seconds, again=True)
        self._newest: Signed | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def announce(self, head: Signed) -> None:
        """This is the newest head; returns at once."""
        self._newest = head
        self._wake.set()

    def close(self, patience_seconds: float = 1.0) -> None:
        """Stop; what is under way is not waited for longer than that, and dies with the process."""
        self._stop.set()
        self._wake.set()
        self._thread.join(patience_seconds)

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stop.is_set():
                return
            assert self._newest is not None
            try:
                rest = self._follow(self._newest)
            except Exception as error:
                # Without this thread nobody would be told any more, and nobody would notice. Only the type is said.
                logger.error("follower_failed", follower=self._name, error=type(error).__name__)
                rest = self._after_failure
            if rest is None:
                return
            if rest.again:
                self._wake.set()
            self._stop.wait(rest.seconds)
