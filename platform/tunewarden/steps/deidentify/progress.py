"""How far a long piece of work has come, told now and then; numbers only."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_SECONDS_BETWEEN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report.

    Attributes:
        stage: what is being done: "find" (in the records) or "rescan" (of what is to be released).
        records, of: how many are done, of how many.
        records_per_second: since the stage began in this process, records that were done before left out.
        seconds_left: at that rate; None before anything is done.
    """

    stage: str
    records: int
    of: int
    records_per_second: float
    seconds_left: float | None


Tell = Callable[[Progress], None]
"""Takes a report; called once every five seconds at most, and at the end of a stage."""


def tell_nobody(progress: Progress) -> None:
    """For who does not want to know."""


class Stopwatch:
    """Counts the records of one stage and tells of it."""

    def __init__(self, stage: str, of: int, before: int, tell: Tell, now: Callable[[], float] = time.monotonic) -> None:
        """`before` records were done by an earlier attempt."""
        self._stage, self._of, self._before, self._tell, self._now = stage, of, before, tell, now
        self._done, self._begun = before, now()
        self._told = self._begun

    def add(self, records: int) -> None:
        """So many more are done."""
        self._done += records
        now = self._now()
        if now - self._told >= _SECONDS_BETWEEN or self._done == self._of:
            self._told = now
            self._tell(self._report(now - self._begun))

    def _report(self, seconds: float) -> Progress:
        rate = (self._done - self._before) / seconds if seconds > 0 else 0.0
        return Progress(
            stage=self._stage,
            records=self._done,
            of=self._of,
            records_per_second=rate,
            seconds_left=(self._of - self._done) / rate if rate else None,
        )
