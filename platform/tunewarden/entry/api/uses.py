"""That keys and sessions are used: written at most once a minute for each, beside the request and never in its way."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import Lock

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.diagnostics import logger

_APART_SECONDS = 60.0
_MOST = 10_000  # of what was used last; what was forgotten is written once more

Write = Callable[[str, datetime], None]


class Uses:
    """Writes uses down in a thread of its own. What cannot be written is not: nothing depends on it."""

    def __init__(self, write: Write, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._write, self._monotonic = write, monotonic
        self._written_at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="uses")

    def note(self, what: str, now: datetime) -> Future[None] | None:
        """It is used now; what is being written, or None where that was done within the minute."""
        with self._lock:
            at = self._monotonic()
            if at - self._written_at.get(what, -_APART_SECONDS) < _APART_SECONDS:
                return None
            self._written_at.pop(what, None)
            self._written_at[what] = at
            if len(self._written_at) > _MOST:
                self._written_at.popitem(last=False)
        return self._writer.submit(self._written, what, now)

    def close(self) -> None:
        """Wait for what is being written."""
        self._writer.shutdown()

    def _written(self, what: str, now: datetime) -> None:
        try:
            self._write(what, now)
        except TunewardenError as error:
            logger.warning("use_unwritten", code=error.code)
