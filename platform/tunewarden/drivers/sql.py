"""The unit of work in SQL: state and log entries in one transaction.

On SQLite every unit of work begins IMMEDIATE, so they are serial, across processes too. Nothing here can sign: the
log's signing key is the sealer's alone.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Generic, Self, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.events import Entry, Event, entry_bytes, read_entry
from tunewarden.domain.names import Alias, DatasetId, FileId, ModelId, PrincipalId, PromotionId, RequestId
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion
from tunewarden.domain.training import TrainingRequest
from tunewarden.drivers import bodies, sql_log
from tunewarden.drivers.bodies import Kind
from tunewarden.drivers.sql_schema import CLAIMS, STATE
from tunewarden.usecases.ports import Clock, KeyRecord, Principal, Receipt, Store, StoredFile, UnitOfWork

K = TypeVar("K", bound=str)
V = TypeVar("V")


class SqlWork:
    """Begins units of work on the database behind `engine`; `usecases.ports.Work`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def __call__(self, actor: PrincipalId) -> UnitOfWork:
        return _SqlUnit(self._engine, self._clock, actor)


class _SqlUnit:
    def __init__(self, engine: Engine, clock: Clock, actor: PrincipalId) -> None:
        self._engine, self._clock, self._actor = engine, clock, actor
        self._connection: Connection | None = None
        self._pending: list[bytes] = []
        self.principals: Store[PrincipalId, Principal] = _Rows(self, bodies.PRINCIPALS)
        self.keys: Store[str, KeyRecord] = _Rows(self, bodies.KEYS)
        self.files: Store[FileId, StoredFile] = _Rows(self, bodies.FILES)
        self.datasets: Store[DatasetId, Dataset] = _Rows(self, bodies.DATASETS)
        self.requests: Store[RequestId, TrainingRequest] = _Rows(self, bodies.REQUESTS)
        self.ledgers: Store[DatasetId, Ledger] = _Rows(self, bodies.LEDGERS)
        self.models: Store[ModelId, ModelVersion] = _Rows(self, bodies.MODELS)
        self.promotions: Store[PromotionId, Promotion] = _Rows(self, bodies.PROMOTIONS)
        self.aliases: Store[Alias, AliasTarget] = _Rows(self, bodies.ALIASES)

    def __enter__(self) -> Self:
        connection = self._engine.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()  # rolls back
            self._connection = None

    def record(self, event: Event) -> None:
        self.open()
        self._pending.append(entry_bytes(event, actor=self._actor, at=self._clock()))

    def commit(self) -> Receipt:
        connection = self.open()
        if not self._pending:
            raise bodies.unrecorded()
        receipt = sql_log.append(connection, self._pending)
        connection.commit()  # point of no return
        connection.close()
        self._connection = None
        return receipt

    def entries(self, start: int = 0) -> Iterator[Entry]:
        for index, body in sql_log.read_bodies(self.open(), start):
            yield read_entry(index, body)

    def open(self) -> Connection:
        """The connection of this unit of work; raises `UnrecordedChange` where it is over."""
        if self._connection is None:
            raise bodies.closed()
        return self._connection


class _Rows(Generic[K, V]):
    """One table of things; `usecases.ports.Store`."""

    def __init__(self, unit: _SqlUnit, kind: Kind[K, V]) -> None:
        self._unit, self._kind, self._table = unit, kind, STATE[kind.noun]

    def get(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise self._kind.missing()
        return found

    def find(self, key: K) -> V | None:
        columns = self._table.c
        body: str | None = self._unit.open().scalar(select(columns.body).where(columns.id == key))
        return None if body is None else self._kind.read(key, body.encode("utf-8"))

    def put(self, value: V) -> None:
        key, body = self._kind.key(value), self._kind.write(value).decode("utf-8")
        connection = self._unit.open()
        replaced = connection.execute(update(self._table).where(self._table.c.id == key).values(body=body))
        if replaced.rowcount == 0:
            connection.execute(insert(self._table).values(id=key, body=body))

    def all(self) -> Sequence[V]:
        columns = self._table.c
        rows = self._unit.open().execute(select(columns.id, columns.body).order_by(columns.seq))
        return [self._kind.read(key, body.encode("utf-8")) for key, body in rows]


class SqlClaims:
    """Which worker is busy with which request; `usecases.ports.Claims`. Instants are stored to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, worker: str, among: Sequence[RequestId], now: datetime, lease: timedelta) -> RequestId | None:
        with self._engine.begin() as connection:
            live = set(connection.scalars(select(CLAIMS.c.request).where(CLAIMS.c.until > instant_text(now))))
            free = next((request for request in among if request not in live), None)
            if free is not None:
                connection.execute(delete(CLAIMS).where(CLAIMS.c.request == free))
                until = instant_text(now + lease)
                connection.execute(insert(CLAIMS).values(request=free, worker=worker, until=until))
            return free

    def renew(self, worker: str, request: RequestId, now: datetime, lease: timedelta) -> bool:
        mine = (CLAIMS.c.request == request) & (CLAIMS.c.worker == worker)
        with self._engine.begin() as connection:
            kept = connection.execute(update(CLAIMS).where(mine).values(until=instant_text(now + lease)))
            return kept.rowcount == 1

    def release(self, worker: str, request: RequestId) -> None:
        mine = (CLAIMS.c.request == request) & (CLAIMS.c.worker == worker)
        with self._engine.begin() as connection:
            connection.execute(delete(CLAIMS).where(mine))
