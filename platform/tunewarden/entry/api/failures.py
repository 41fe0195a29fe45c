"""Logins that failed, as entries of the log: at most one a minute for each reason, so that nobody floods it.

The first is recorded at once; those of the minute after it together, when the minute is over. What is still counted
when the process ends is recorded then; a process that is killed loses the count of its last minute.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.events import LoginsRefused
from tunewarden.domain.identities import LoginFailure
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.ports import Work
from tunewarden.usecases.sessions import DOORKEEPER

_APART_SECONDS = 60.0


class Failures:
    """Counts, and records what was counted. Safe to use from several threads."""

    def __init__(self, work: Work, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._work, self._monotonic = work, monotonic
        self._counted: Counter[LoginFailure] = Counter()
        self._recorded_at: dict[LoginFailure, float] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def note(self, failure: LoginFailure) -> None:
        """One more. Never fails: whoever is refused is refused, whether the log can be written to or not."""
        with self._lock:
            self._counted[failure] += 1
        self._record(is_last=False)

    def close(self) -> None:
        """Record what was not recorded yet."""
        self._record(is_last=True)

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        self._record(is_last=False)

    def _record(self, *, is_last: bool) -> None:
        for failure, count in self._take(is_last=is_last).items():
            try:
                with self._work(DOORKEEPER) as work:
                    work.record(LoginsRefused(failure=failure, count=count))
                    work.commit()
            except TunewardenError as error:
                logger.error("failed_logins_unrecorded", failure=failure, count=count, code=error.code)
                with self._lock:
                    self._counted[failure] += count

    def _take(self, *, is_last: bool) -> Counter[LoginFailure]:
        """What is to be recorded now; for the rest a timer is set."""
        with self._lock:
            now, due = self._monotonic(), Counter[LoginFailure]()
            for failure in list(self._counted):
                if is_last or now - self._recorded_at.get(failure, -_APART_SECONDS) >= _APART_SECONDS:
                    due[failure] = self._counted.pop(failure)
                    self._recorded_at[failure] = now
            if is_last and self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._counted and self._timer is None:
                self._timer = threading.Timer(_APART_SECONDS, self._ring)
                self._timer.daemon = True
                self._timer.start()
            return due
