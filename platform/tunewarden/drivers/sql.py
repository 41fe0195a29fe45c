"""The unit of work in SQL: state and log entries in one transaction.

Units of work are serial, across processes too: on SQLite a group of them begins IMMEDIATE, on PostgreSQL it takes one
advisory lock. Nothing here can sign: the log's signing key is the sealer's alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql import ClauseElement

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.cohorts import CohortId, Combination
from tunewarden.domain.entries import Entry, entry_bytes, read_entry
from tunewarden.domain.events import Event, about
from tunewarden.domain.names import DatasetId, PrincipalId, PruneId, RequestId
from tunewarden.drivers import bodies, sql_attributes, sql_cohorts, sql_log, sql_repeats, sql_retention, vault
from tunewarden.drivers.bodies import Kind
from tunewarden.drivers.sql_engine import first_row, has_failed, is_postgres, reading, rows, run
from tunewarden.drivers.sql_group import Group, Turns
from tunewarden.drivers.sql_policies import SqlPolicyShelf, SqlPolicyStore
from tunewarden.drivers.sql_schema import CLAIMS, STATE
from tunewarden.usecases.ports import Clock, Receipt, Store, UnitOfWork, View
from tunewarden.usecases.repeats import Keeping
from tunewarden.usecases.work import Removable

K = TypeVar("K", bound=str)
V = TypeVar("V")


class SqlWork:
    """Begins units of work on the database behind `engine`; `usecases.ports.Work`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._turns, self._clock = Turns(engine), clock

    def __call__(self, actor: PrincipalId) -> UnitOfWork:
        return _SqlUnit(self._turns, self._clock, actor)


class SqlViews:
    """Begins views of the database behind `engine`; `usecases.ports.Views`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def __call__(self) -> View:
        return _SqlView(self._engine)


class _Reads(Protocol):
    def open(self) -> Connection: ...


class _Writes(_Reads, Protocol):
    def changing(self) -> Connection: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    """What is asked of a table of things. Made once: to make a statement takes longer than to run it."""

    one: str
    every: str
    holding: str
    add: str
    replace: str


_UNIT = "unit_of_work"
_QMARK = DefaultDialect(paramstyle="qmark")


@cache
def _statements(table: Table) -> _Statements:
    columns, wanted = table.c, table.c.id == bindparam("key")
    every = select(columns.id, columns.body).order_by(columns.seq)
    added = insert(table).values(id=bindparam("key"), body=bindparam("text"))
    return _Statements(
        one=_text(select(columns.body).where(wanted)),
        every=_text(every),
        holding=_text(every.where(func.instr(columns.body, bindparam("text")) > literal_column("0"))),
        add=_text(added),
        replace=_text(update(table).where(wanted).values(body=bindparam("text"))),
    )


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_QMARK))


class _Shelf(Generic[K, V]):
    """One table of things, for reading; `usecases.ports.Shelf`."""

    def __init__(self, unit: _Reads, kind: Kind[K, V]) -> None:
        self._opened, self._kind, self._table = unit, kind, STATE[kind.noun]

    def get(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise self._kind.missing()
        return found

    def find(self, key: K) -> V | None:
        row = first_row(self._opened.open(), _statements(self._table).one, key)
        return None if row is None else self._kind.read(key, row[0].encode("utf-8"))

    def all(self, holding: str = "") -> Sequence[V]:
        connection, ask = self._opened.open(), _statements(self._table)
        where = ask.holding.replace("instr", "strpos") if is_postgres(connection) else ask.holding
        there = rows(connection, where, holding) if holding else rows(connection, ask.every)
        found = (self._kind.read(key, body.encode("utf-8")) for key, body in there)
        return [one for one in found if one is not None]


class _Rows(_Shelf[K, V]):
    """One table of things; `usecases.ports.Store`."""

    def __init__(self, unit: _Writes, kind: Kind[K, V]) -> None:
        super().__init__(unit, kind)
        self._unit = unit

    def put(self, value: V) -> None:
        key, body = self._kind.key(value), self._kind.write(value).decode("utf-8")
        connection, statements = self._unit.changing(), _statements(self._table)
        if run(connection, statements.replace, body, key).rowcount == 0:
            run(connection, statements.add, key, body)

    def remove(self, key: K) -> None:
        self._unit.changing().execute(delete(self._table).where(self._table.c.id == key))


class _Shelves(Generic[K, V]):
    """An attribute of a view: its shelf of a kind, made when asked for, because most views need one or two."""

    def __init__(self, kind: Kind[K, V]) -> None:
        self._kind = kind

    def __get__(self, view: _Reads, _owner: type) -> _Shelf[K, V]:
        return _Shelf(view, self._kind)


class _Stores(Generic[K, V]):
    """The same for a unit of work."""

    def __init__(self, kind: Kind[K, V]) -> None:
        self._kind = kind

    def __get__(self, unit: _Writes, _owner: type) -> Store[K, V]:
        return _Rows(unit, self._kind)


class _RemovableStores(_Stores[K, V]):
    def __get__(self, unit: _Writes, _owner: type) -> Removable[K, V]:
        return _Rows(unit, self._kind)


class _SqlView:
    principals = _Shelves(bodies.PRINCIPALS)
    keys = _Shelves(bodies.KEYS)
    files = _Shelves(bodies.FILES)
    uploads = _Shelves(bodies.UPLOADS)
    datasets = _Shelves(bodies.DATASETS)
    requests = _Shelves(bodies.REQUESTS)
    ledgers = _Shelves(bodies.LEDGERS)
    models = _Shelves(bodies.MODELS)
    promotions = _Shelves(bodies.PROMOTIONS)
    aliases = _Shelves(bodies.ALIASES)
    reviews = _Shelves(bodies.REVIEWS)
    answers = _Shelves(bodies.ANSWERS)
    attestations = _Shelves(bodies.ATTESTATIONS)
    erasures = _Shelves(bodies.ERASURES)
    cohorts = _Shelves(bodies.COHORTS)
    projects = _Shelves(bodies.PROJECTS)
    emergencies = _Shelves(bodies.EMERGENCIES)
    webhooks = _Shelves(bodies.WEBHOOKS)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._connection = self._engine.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def size(self) -> int:
        return sql_log.next_index(self.open())

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        for index, body in sql_log.read_bodies(self.open(), start, stop):
            yield read_entry(index, body)

    def entries_naming(self, identifier: str, start: int = 0) -> Iterator[Entry]:
        for index, body in sql_log.bodies_holding(self.open(), identifier.encode("utf-8"), start):
            yield read_entry(index, body)

    def entries_about(
        self, requests: Collection[RequestId], kind: type[Event] | None = None, start: int = 0
    ) -> Iterator[Entry]:
        name = b"" if kind is None else kind.__name__.encode("utf-8")
        for index, body in sql_log.bodies_about(self.open(), requests, name, start):
            entry = read_entry(index, body)
            if about(entry.event) in requests and (kind is None or isinstance(entry.event, kind)):
                yield entry

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        return sql_retention.dropped_bodies(self.open())

    @property
    def policies(self) -> SqlPolicyShelf:
        return SqlPolicyShelf(self)

    def open(self) -> Connection:
        """The connection of this view; raises `UnrecordedChange` where it is over."""
        if self._connection is None:
            raise bodies.closed()
        return self._connection


class _SqlUnit:
    """One unit of work; `sql_group` says how several share a transaction."""

    principals = _Stores(bodies.PRINCIPALS)
    keys = _Stores(bodies.KEYS)
    files = _Stores(bodies.FILES)
    uploads = _Stores(bodies.UPLOADS)
    datasets = _Stores(bodies.DATASETS)
    requests = _Stores(bodies.REQUESTS)
    ledgers = _Stores(bodies.LEDGERS)
    models = _Stores(bodies.MODELS)
    promotions = _Stores(bodies.PROMOTIONS)
    aliases = _Stores(bodies.ALIASES)
    reviews = _Stores(bodies.REVIEWS)
    answers = _Stores(bodies.ANSWERS)
    attestations = _Stores(bodies.ATTESTATIONS)
    erasures = _Stores(bodies.ERASURES)
    cohorts = _Stores(bodies.COHORTS)
    projects = _Stores(bodies.PROJECTS)
    emergencies = _Stores(bodies.EMERGENCIES)
    webhooks = _RemovableStores(bodies.WEBHOOKS)

    def __init__(self, turns: Turns, clock: Clock, actor: PrincipalId) -> None:
        self._turns, self._clock, self._actor = turns, clock, actor
        self._is_open = False
        self._group: Group | None = None  # joined with the first reading or change
        self._has_changed = False  # behind a savepoint
        self._pending: list[Event] = []
        self._keeping: Keeping | None = None

    def __enter__(self) -> Self:
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        if self._group is None:
            return
        try:
            if self._has_changed and not has_failed(self._group.connection):  # one that failed is thrown away
                run(self._group.connection, f"ROLLBACK TO SAVEPOINT {_UNIT}")
                run(self._group.connection, f"RELEASE SAVEPOINT {_UNIT}")
        finally:
            self._group = None
            self._turns.leave()

    def record(self, event: Event) -> None:
        self._require_open()
        self._pending.append(event)

    def keeping(self, ask: Keeping) -> None:
        self._keeping = ask

    def commit(self) -> Receipt:
        self._require_open()
        if not self._pending:
            raise bodies.unrecorded()
        kept = None if self._keeping is None else self._keeping(self._pending)
        if kept is not None:
            sql_repeats.keep(self.changing(), kept)
        if self._group is None:
            self._is_open = False
            return self._turns.append(self._written)
        written = self._written()
        if self._has_changed:
            run(self._group.connection, f"RELEASE SAVEPOINT {_UNIT}")
        group, self._group, self._is_open = self._group, None, False
        return self._turns.finish(group, written)

    def _written(self) -> list[bytes]:
        """The entries, dated now."""
        now = self._clock()
        return [entry_bytes(event, actor=self._actor, at=now) for event in self._pending]

    def entries(self, start: int = 0) -> Iterator[Entry]:
        self._joined().flush()
        for index, body in sql_log.read_bodies(self.open(), start):
            yield read_entry(index, body)

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        return sql_retention.dropped_bodies(self.open())

    def entries_naming(self, identifier: str) -> Iterator[Entry]:
        self._joined().flush()
        for index, body in sql_log.bodies_holding(self.open(), identifier.encode("utf-8")):
            yield read_entry(index, body)

    def drop_bodies(self, prune: PruneId, indices: Sequence[int]) -> None:
        sql_retention.drop_bodies(self.changing(), prune, indices)

    def forget(self, dataset: DatasetId, pseudonym: str) -> bool:
        sql_attributes.drop(self.changing(), dataset, pseudonym)
        return vault.destroy_key(self.changing(), dataset, pseudonym)

    def combinations(self, cohort: CohortId, roll: int | None = None) -> Mapping[Combination, int]:
        return sql_cohorts.combinations(self.open(), cohort, roll)

    def leave_out(self, cohort: CohortId, combinations: Set[Combination]) -> int:
        return sql_cohorts.leave_out(self.changing(), cohort, combinations)

    @property
    def policies(self) -> SqlPolicyStore:
        return SqlPolicyStore(self)

    def open(self) -> Connection:
        """The connection to read on; raises `UnrecordedChange` where this unit of work is over."""
        return self._joined().connection

    def changing(self) -> Connection:
        """The connection to write on, behind a savepoint: what this unit of work changes can be undone alone."""
        connection = self.open()
        if not self._has_changed:
            run(connection, f"SAVEPOINT {_UNIT}")
            self._has_changed = True
        return connection

    def _joined(self) -> Group:
        self._require_open()
        if self._group is None:
            self._group = self._turns.enter()
            bodies.require_active(self.principals.find(self._actor))
        return self._group

    def _require_open(self) -> None:
        if not self._is_open:
            raise bodies.closed()


class SqlClaims:
    """Who is busy with what; `usecases.ports.Claims`. Instants are stored to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, who: str, among: Sequence[K], now: datetime, lease: timedelta) -> K | None:
        with self._engine.begin() as connection:
            live = set(connection.scalars(select(CLAIMS.c.request).where(CLAIMS.c.until > instant_text(now))))
            free = next((one for one in among if one not in live), None)
            if free is not None:
                connection.execute(delete(CLAIMS).where(CLAIMS.c.request == free))
                until = instant_text(now + lease)
                connection.execute(insert(CLAIMS).values(request=free, worker=who, until=until))
            return free

    def held(self, who: str, among: Sequence[K], now: datetime) -> K | None:
        mine = (CLAIMS.c.worker == who) & (CLAIMS.c.until > instant_text(now))
        with self._engine.connect() as connection:
            live = set(connection.scalars(select(CLAIMS.c.request).where(mine)))
            return next((one for one in among if one in live), None)

    def renew(self, who: str, what: str, now: datetime, lease: timedelta) -> bool:
        mine = (CLAIMS.c.request == what) & (CLAIMS.c.worker == who)
        with self._engine.begin() as connection:
            kept = connection.execute(update(CLAIMS).where(mine).values(until=instant_text(now + lease)))
            return kept.rowcount == 1

    def release(self, who: str, what: str) -> None:
        mine = (CLAIMS.c.request == what) & (CLAIMS.c.worker == who)
        with self._engine.begin() as connection:
            connection.execute(delete(CLAIMS).where(mine))
