"""Group commit: units of work of one process that wait for each other anyway share one flush to the disk.

Units of work are serial: one has the *turn*, the others stand in one line, first come first served. Those that follow
each other share one transaction, which holds the database's write lock; what each changes stands behind a savepoint, so
it can be undone alone. The first needs none: where it is undone, the transaction is. None has its receipt before that
transaction is durable, and if its commit fails, all of them fail. A unit that only appends entries, and has read
nothing, needs no turn of its own: whoever has the turn takes its entries along.

The transaction is committed at once when nobody stands in line, and otherwise after 1,000 entries or 5 ms. So a unit of
work that comes alone pays one flush and waits for nothing, and nobody waits long for those behind.

Why no wake-up is lost: the turn is given up only in `_pass_on`, and only under the same lock under which others get in
line, when the line is empty and no transaction is open. In every other case it goes to the head of the line. Why the
line is bounded: a caller stands in it once, and leaves it after `busy_seconds` with `Unavailable`. Not provided for: an
interrupt of the main thread while it stands in line; its process is ending, and nothing that it was to do is done.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy import Connection, Engine

from tunewarden.domain.errors import TunewardenError, Unavailable
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import has_failed, run
from tunewarden.usecases.ports import Receipt

_MOST_ENTRIES = 1_000
_LONGEST_SECONDS = 0.005
_UNIT = "unit_of_work"

Bodies = Callable[[], Sequence[bytes]]
"""Writes the entries of a unit of work; asked when its turn has come, so that entries are dated in their order."""


def _held() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Ticket:
    """What one unit of work waits on: first for the turn, then for the commit of its group.

    Attributes:
        bodies: what whoever has the turn may append for it; None for one that needs the turn itself.
        called: held until the turn is its own, or its entries were taken along and their fate is known.
    """

    bodies: Bodies | None = None
    called: Lock = field(default_factory=_held)
    receipt: Receipt | None = None
    error: Exception | None = None

    @property
    def is_settled(self) -> bool:
        """Whether its fate is known."""
        return self.receipt is not None or self.error is not None


@dataclass(slots=True, eq=False)
class Group:
    """The units of work that share one transaction. Only the one who has the turn may touch it."""

    connection: Connection
    next_index: int
    began: float = field(default_factory=time.monotonic)
    count: int = 0  # entries, flushed or not
    waiting: list[sql_log.NewEntry] = field(default_factory=list)  # for the next flush
    joined: list[tuple[Ticket, Receipt]] = field(default_factory=list)  # units of work that wait for the commit
    has_savepoint: bool = False  # of whoever has the turn

    def change(self) -> None:
        """Whoever has the turn changes something from here on, which `undo` undoes alone and `keep` keeps."""
        if self.joined:
            run(self.connection, f"SAVEPOINT {_UNIT}")
            self.has_savepoint = True

    def undo(self) -> None:
        """Undo what whoever has the turn changed."""
        if has_failed(self.connection):
            return  # it is thrown away, with the transaction
        if not self.has_savepoint:
            self.connection.rollback()  # nobody was before: the group ends with nothing in it
            return
        run(self.connection, f"ROLLBACK TO SAVEPOINT {_UNIT}")
        self.keep()

    def keep(self) -> None:
        """What whoever has the turn changed is the group's now."""
        if self.has_savepoint:
            run(self.connection, f"RELEASE SAVEPOINT {_UNIT}")
            self.has_savepoint = False

    def append(self, ticket: Ticket, bodies: Sequence[bytes]) -> None:
        """Give entries the next indices; the receipt is for the last of them."""
        for body in bodies:
            self.waiting.append(sql_log.new_entry(self.next_index, body))
            self.next_index += 1
        self.count += len(bodies)
        last = self.waiting[-1]
        self.joined.append((ticket, Receipt(index=last.idx, leaf_hash=last.leaf_hash.hex())))

    def flush(self) -> None:
        """Write the entries into their table; the transaction goes on."""
        if self.waiting:
            sql_log.insert_entries(self.connection, self.waiting)
            self.waiting.clear()

    @property
    def must_end(self) -> bool:
        """Whether it is time to commit although others stand in line, or no use to go on."""
        is_late = time.monotonic() - self.began >= _LONGEST_SECONDS
        is_over = has_failed(self.connection) or not self.connection.in_transaction()
        return is_late or is_over or self.count >= _MOST_ENTRIES


class Turns:
    """Who works on the database next. One for each engine."""

    def __init__(self, engine: Engine, busy_seconds: float = 10.0) -> None:
        self._engine, self._busy_seconds = engine, busy_seconds
        self._lock = Lock()  # guards the next two; never held while anything slow happens
        self._line: deque[Ticket] = deque()
        self._is_taken = False
        self._group: Group | None = None  # belongs to whoever has the turn

    def enter(self) -> Group:
        """Wait for the turn and join the open group, or open one. Raises `Unavailable` when it takes too long."""
        self._wait_in_line(Ticket())
        return self._open_group()

    def leave(self) -> None:
        """Give the turn up without a commit; what others of the group did still counts."""
        self._pass_on()

    def finish(self, group: Group, bodies: Sequence[bytes]) -> Receipt:
        """Append, give the turn up and wait until the group is durable. Raises `Unavailable` if its commit failed."""
        ticket = Ticket()
        group.append(ticket, bodies)
        self._pass_on()
        ticket.called.acquire()
        return _result(ticket)

    def append(self, bodies: Bodies) -> Receipt:
        """The whole of a unit of work that has read nothing: append, durably. Raises `Unavailable`."""
        ticket = Ticket(bodies)
        self._wait_in_line(ticket)
        if not ticket.is_settled:  # nobody took it along: the turn is its own
            group = self._open_group()
            try:
                _take_along(group, ticket)
            finally:
                self._pass_on()
            ticket.called.acquire()
        return _result(ticket)

    def _wait_in_line(self, ticket: Ticket) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            self._line.append(ticket)
        if ticket.called.acquire(timeout=self._busy_seconds):
            return
        with self._lock:
            if ticket in self._line:
                self._line.remove(ticket)
                raise Unavailable("database_unavailable", f"Other units of work took {self._busy_seconds:g} seconds.")
        ticket.called.acquire()  # called, or taken along, in this very moment

    def _open_group(self) -> Group:
        """The open group; begins a transaction where there is none."""
        if self._group is None:
            try:
                self._group = self._begin()
            except BaseException:
                self._pass_on()
                raise
        return self._group

    def _begin(self) -> Group:
        connection = self._engine.connect()
        try:
            connection.begin()  # takes the database's write lock: other processes wait from here on
            return Group(connection, sql_log.next_index(connection))
        except BaseException:
            connection.close()
            raise

    def _pass_on(self) -> None:
        """Give the turn up: take along who only appends, commit when it is time, call the next in line."""
        while True:
            if self._group is not None and self._group.must_end:
                self._end()
            with self._lock:
                head = self._line.popleft() if self._line else None
                if head is None and self._group is None:
                    self._is_taken = False
                    return
            if head is None:
                self._end()
            elif self._group is not None and head.bodies is not None:
                _take_along(self._group, head)
            else:
                head.called.release()
                return

    def _end(self) -> None:
        group, self._group = self._group, None
        assert group is not None
        try:
            _settle(group)
        except BaseException:
            self._pass_on()
            raise


def _take_along(group: Group, ticket: Ticket) -> None:
    """Append for somebody who waits; an error of his is his alone."""
    assert ticket.bodies is not None
    try:
        group.append(ticket, ticket.bodies())
    except Exception as error:
        ticket.error = error
        ticket.called.release()


def _settle(group: Group) -> None:
    """Commit, and tell everybody in the group; without an error, all that its units of work did is durable."""
    error: TunewardenError | None = _not_durable("it was interrupted")
    try:
        error = _commit(group)
    finally:
        for ticket, receipt in group.joined:
            ticket.receipt, ticket.error = (receipt, None) if error is None else (None, error)
            ticket.called.release()


def _commit(group: Group) -> TunewardenError | None:
    """What went wrong, if anything did; then nothing of the group is kept."""
    with group.connection as connection:  # on leaving, what was not committed is rolled back
        if has_failed(connection):  # a failed statement may have undone everything before it
            connection.invalidate()
            return _not_durable("a unit of work of the same group failed")
        try:
            if group.joined:
                group.flush()
                connection.commit()  # point of no return, for every unit of work of the group
        except TunewardenError as error:
            connection.invalidate()  # in what state it is, nobody knows: it is thrown away
            return _not_durable(error.reason)
    return None


def _result(ticket: Ticket) -> Receipt:
    if ticket.receipt is not None:
        return ticket.receipt
    assert ticket.error is not None
    if isinstance(ticket.error, Unavailable):  # of the whole group: each caller raises one of his own
        raise Unavailable(ticket.error.code, ticket.error.reason, remedy=ticket.error.remedy) from ticket.error
    raise ticket.error


def _not_durable(reason: str) -> Unavailable:
    return Unavailable(
        "database_unavailable",
        f"The commit failed: {reason}",
        remedy="Look whether it was done before asking again.",
    )
