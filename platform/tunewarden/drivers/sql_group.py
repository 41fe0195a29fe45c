"""Group commit: units of work of one process that wait for each other anyway share one flush to the disk.

Units of work are serial. Each takes its turn on one connection, inside one outer transaction that holds the database's
write lock; what it changes stands behind a savepoint, so it can be undone alone. Whoever leaves last commits for all;
the others wait until that commit is durable, and only then does any of them have its receipt. If the commit fails, all
of them fail. One that only appends entries, and has read nothing, needs no turn of its own: it leaves its entries with
whoever has the turn.

A unit of work that comes alone pays one flush, as before. A group ends when nobody waits to enter, and otherwise after
1,000 entries or 5 ms, so nobody waits long for those behind.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Event, Lock

from sqlalchemy import Connection, Engine

from tunewarden.domain.errors import TunewardenError, Unavailable
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import has_failed
from tunewarden.usecases.ports import Receipt

_MOST_ENTRIES = 1_000
_LONGEST_SECONDS = 0.005
_BUSY_SECONDS = 10.0


@dataclass(slots=True)
class _Parcel:
    """Entries of a unit of work that has no turn. `arrived` is locked until they are durable or have failed."""

    bodies: list[bytes]
    arrived: Lock = field(default_factory=Lock)
    receipt: Receipt | None = None
    error: TunewardenError | None = None


@dataclass(slots=True)
class Group:
    """The units of work that share one transaction. Only the one whose turn it is may touch it."""

    connection: Connection
    next_index: int
    began: float
    entries: list[sql_log.NewEntry] = field(default_factory=list)
    parcels: list[_Parcel] = field(default_factory=list)
    finished: int = 0  # units of work that ended well and wait for the commit
    done: Event = field(default_factory=Event)
    error: TunewardenError | None = None

    def append(self, bodies: list[bytes]) -> Receipt:
        """Give the entries the next indices; the receipt is for the last of them."""
        self.entries += [sql_log.new_entry(self.next_index + offset, body) for offset, body in enumerate(bodies)]
        self.next_index += len(bodies)
        last = self.entries[-1]
        return Receipt(index=last.index, leaf_hash=last.leaf_hash.hex())

    def flush(self) -> None:
        """Write the entries into their table; the transaction goes on."""
        if self.entries:
            sql_log.insert_entries(self.connection, self.entries)
            self.entries.clear()

    @property
    def is_full(self) -> bool:
        """Whether it is time to commit although others wait."""
        waited = time.monotonic() - self.began
        return waited >= _LONGEST_SECONDS or len(self.entries) >= _MOST_ENTRIES


class Turns:
    """Who works on the database next. One for each engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = Lock()
        self._waiting = 0
        self._count = Lock()
        self._group: Group | None = None
        self._parcels: deque[_Parcel] = deque()

    def enter(self) -> Group:
        """Wait for a turn and join the open group, or open one. Raises `Unavailable` when it takes too long."""
        self._wait(+1)
        try:
            if not self._turn.acquire(timeout=_BUSY_SECONDS):
                raise _busy()
        finally:
            self._wait(-1)
        try:
            return self._joined()
        except BaseException:
            self._release()
            raise

    def leave(self, group: Group) -> None:
        """Give the turn up without having finished; what others of the group finished still counts."""
        self._hand_over(group)

    def finish(self, group: Group) -> None:
        """Give the turn up and wait until the group is durable. Raises `Unavailable` if its commit failed."""
        group.finished += 1
        self._hand_over(group)
        while not group.done.wait(_LONGEST_SECONDS * 4):
            self._commit_if_abandoned(group)
        if group.error is not None:
            raise _not_durable(group.error)

    def append(self, bodies: list[bytes]) -> Receipt:
        """Append the entries of a unit of work that has read nothing, durably. Raises `Unavailable`."""
        parcel = _Parcel(bodies)
        parcel.arrived.acquire()
        self._parcels.append(parcel)
        self._deliver()
        if not parcel.arrived.acquire(timeout=_BUSY_SECONDS):
            self._withdraw(parcel)
        if parcel.receipt is None or parcel.error is not None:
            raise _not_durable(parcel.error)
        return parcel.receipt

    def _deliver(self) -> None:
        """Commit what waits, unless somebody has the turn: they do it when they give the turn up."""
        while self._parcels and self._turn.acquire(blocking=False):
            try:
                self._end(self._joined())
            except TunewardenError as error:
                self._refuse(error)
            finally:
                self._turn.release()

    def _withdraw(self, parcel: _Parcel) -> None:
        """Nobody took it in time; if somebody does in this very moment, its end is near."""
        try:
            self._parcels.remove(parcel)
        except ValueError:
            parcel.arrived.acquire()
        else:
            raise _busy()

    def _refuse(self, error: TunewardenError) -> None:
        """No transaction could be begun: nobody who waits can have a receipt."""
        while self._parcels:
            parcel = self._parcels.popleft()
            parcel.error = error
            parcel.arrived.release()

    def _joined(self) -> Group:
        """The open group; opens one where there is none."""
        if self._group is None:
            connection = self._engine.connect()
            try:
                connection.begin()  # takes the database's write lock
                self._group = Group(connection, sql_log.next_index(connection), time.monotonic())
            except BaseException:
                connection.close()
                raise
        return self._group

    def _hand_over(self, group: Group) -> None:
        """To whoever waits, together with the group; or commit it, if nobody does or it is time."""
        try:
            if not self._waiting or group.is_full or has_failed(group.connection):
                self._end(group)
        finally:
            self._release()

    def _release(self) -> None:
        """Give the turn up. Whoever left a parcel while it was taken relies on this second look."""
        self._turn.release()
        self._deliver()

    def _commit_if_abandoned(self, group: Group) -> None:
        """Those to whom the group was handed over may have given up waiting in that very moment."""
        if self._turn.acquire(timeout=_LONGEST_SECONDS):
            try:
                if self._group is group:
                    self._end(group)
            finally:
                self._release()

    def _end(self, group: Group) -> None:
        self._group = None
        try:
            if has_failed(group.connection):  # the database may have undone everything: nobody is told otherwise
                group.error = Unavailable("database_unavailable", "A unit of work of the same group failed.")
                return
            self._collect(group)
            if group.finished or group.parcels:
                group.flush()
                group.connection.commit()  # point of no return, for every unit of work of the group
        except TunewardenError as error:
            group.error = error
        except BaseException as error:
            group.error = Unavailable("database_unavailable", f"The commit failed ({type(error).__name__}).")
            raise
        finally:
            if group.error is not None:
                group.connection.invalidate()  # in what state it is, nobody knows: it is thrown away
            group.connection.close()  # rolls back what was not committed
            group.done.set()
            for parcel in group.parcels:
                parcel.error = group.error
                parcel.arrived.release()

    def _collect(self, group: Group) -> None:
        """Take the parcels that wait, as many as fit."""
        while self._parcels and len(group.entries) < _MOST_ENTRIES:
            parcel = self._parcels.popleft()
            parcel.receipt = group.append(parcel.bodies)
            group.parcels.append(parcel)

    def _wait(self, change: int) -> None:
        with self._count:
            self._waiting += change


def _busy() -> Unavailable:
    return Unavailable("database_unavailable", f"Other units of work took {_BUSY_SECONDS:.0f} seconds.")


def _not_durable(error: TunewardenError | None) -> Unavailable:
    reason = "The commit failed." if error is None else error.reason
    refusal = Unavailable("database_unavailable", reason, remedy="Try again.")
    refusal.__cause__ = error
    return refusal
