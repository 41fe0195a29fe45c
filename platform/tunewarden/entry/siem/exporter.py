"""The exporter: sends sealed entries and signed heads to every sink, each at its own pace.

At least once, in the order of the log: a sink's cursor moves only after it has taken an event over. A dead sink waits,
and keeps no other one waiting. An event that a sink refuses again and again, though it took the one before, becomes a
dead letter, and the sink goes on. An entry that cannot be read here is never passed over: the sinks wait for a person.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tunewarden.domain.errors import Corrupted, Refused, TunewardenError
from tunewarden.drivers.sinks import Delivery, Outgoing, Receiver
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_log import StoredTreeHead
from tunewarden.drivers.sql_sinks import HISTORY, Cursor, DeadLetter, SqlSinks, from_now
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.settings import Settings
from tunewarden.entry.siem import cef, cloudevents, ocsf
from tunewarden.entry.siem.config import Sink, read_sinks, receiver
from tunewarden.entry.siem.events import Exported, of_entry, of_head

_AT_ONCE = 100
_MOST_ATTEMPTS = 5
_LONGEST_PAUSE_SECONDS = 60.0

_FORMATS: Mapping[str, tuple[Callable[[Exported], str], str]] = MappingProxyType(
    {
        "ocsf": (ocsf.render, ocsf.MEDIA_TYPE),
        "cef": (cef.render, cef.MEDIA_TYPE),
        "cloudevents": (cloudevents.render, cloudevents.MEDIA_TYPE),
    }
)


def outgoing(event: Exported, form: str) -> Outgoing:
    """An event in one of the formats, ready to be sent."""
    render, media_type = _FORMATS[form]
    return Outgoing(
        kind=event.type, at=event.at, severity=int(event.gravity), line=render(event), media_type=media_type
    )


@dataclass(slots=True, kw_only=True)
class Export:
    """One sink being served.

    Attributes:
        failures: in a row; the pause doubles with each.
        attempts: at the next event.
        takes: whether the sink took anything since the last dead letter. One that refuses everything is misconfigured,
            and would otherwise lose the whole log event by event.
    """

    sink: Sink
    sinks: SqlSinks
    origin: str
    receiver: Receiver
    idle_seconds: float
    failures: int = 0
    attempts: int = 0
    takes: bool = False

    def turn(self) -> float:
        """Send what waits, up to a hundred events; returns for how many seconds nothing is to be done."""
        start = self._cursor()
        head = self.sinks.next_head(start.next_head)
        if head is None:
            return self.idle_seconds
        events, unreadable = self._next(start, head)
        ready = [outgoing(event, self.sink.format) for event in events]
        done = self.receiver.deliver(ready) if ready else Delivery(accepted=0)
        cursor = start
        if done.accepted:
            cursor = _after(start, events[done.accepted - 1])
            self.failures = self.attempts = 0
            self.takes = True
        error = done.error or unreadable
        if error is None:
            self.sinks.move(self.sink.name, start, replace(cursor, error=""))
            return 0.0
        self.failures += 1
        self.attempts += isinstance(done.error, Refused)
        if self.takes and self.attempts >= _MOST_ATTEMPTS:
            self._bury(start, cursor, events[done.accepted], error)
            return 0.0
        self.sinks.move(self.sink.name, start, replace(cursor, error=error.code))
        logger.warning("sink_failed", sink=self.sink.name, code=error.code, failures=self.failures)
        return min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(self.failures - 1, 10))  # a sink may be down for weeks

    def _bury(self, start: Cursor, cursor: Cursor, event: Exported, error: TunewardenError) -> None:
        letter = DeadLetter(event=event.position, code=error.code)
        self.sinks.move(self.sink.name, start, replace(_after(cursor, event), error=error.code), letter)
        logger.error("sink_dead_letter", sink=self.sink.name, event_at=event.position, code=error.code)
        self.attempts = self.failures = 0
        self.takes = False

    def _cursor(self) -> Cursor:
        cursor = self.sinks.find(self.sink.name)
        if cursor is None:
            cursor = from_now(self.sinks) if self.sink.start == "now" else HISTORY
            self.sinks.set(self.sink.name, cursor)
        return cursor

    def _next(self, cursor: Cursor, head: StoredTreeHead) -> tuple[list[Exported], TunewardenError | None]:
        """What comes next under the next head: its entries, then itself; and why one of them cannot be read."""
        if cursor.next_index >= head.size:
            return [of_head(self.origin, head)], None
        count = min(_AT_ONCE, head.size - cursor.next_index)
        events: list[Exported] = []
        try:
            for index, (leaf, body) in enumerate(self.sinks.entries(cursor.next_index, count), cursor.next_index):
                events.append(of_entry(self.origin, index, leaf, body, head))
        except Corrupted as error:
            return events, error
        return events, None


def run(settings: Settings, stopping: threading.Event) -> int:
    """Serve every sink in a thread of its own until told to stop; returns the exit code."""
    if settings.sinks_file is None:
        return 0
    sinks = SqlSinks(connect(settings.database))
    threads = [
        threading.Thread(target=_serve, args=(settings, sinks, sink, stopping), name=f"sink-{sink.name}")
        for sink in read_sinks(settings.sinks_file)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def _serve(settings: Settings, sinks: SqlSinks, sink: Sink, stopping: threading.Event) -> None:
    export: Export | None = None
    while not stopping.is_set():
        try:
            if export is None:
                export = Export(
                    sink=sink,
                    sinks=sinks,
                    origin=settings.origin,
                    receiver=receiver(sink),
                    idle_seconds=settings.poll_interval_seconds,
                )
            pause = export.turn()
        except TunewardenError as error:  # the database, or a secret that cannot be read
            logger.error("sink_failed", sink=sink.name, code=error.code)
            pause = _LONGEST_PAUSE_SECONDS / 10
        except Exception as error:
            # A thread that ends would leave its sink unserved without a sign. Only the type: the text may hold data.
            logger.error("sink_crashed", sink=sink.name, error=type(error).__name__)
            pause = _LONGEST_PAUSE_SECONDS
        stopping.wait(pause)
    if export is not None:
        export.receiver.close()


def _after(cursor: Cursor, event: Exported) -> Cursor:
    """The cursor once this event was taken over."""
    if event.index is not None:
        return replace(cursor, next_index=event.index + 1)
    return replace(cursor, next_head=int(str(event.fact["size"])) + 1)
