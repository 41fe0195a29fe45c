"""The unit of work in SQL: state and log entries in one transaction.

Units of work are serial, across processes too: on SQLite a group of them begins IMMEDIATE, on PostgreSQL it takes one
advisory lock. Nothing here can sign: the log's signing key is the sealer's alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.cohorts import CohortId, Combination
from tunewarden.domain.entries import Entry, entry_bytes, read_entry
from tunewarden.domain.events import Event, about
from tunewarden.domain.names import DatasetId, PrincipalId, PruneId, RequestId
from tunewarden.drivers import bodies, sql_attributes, sql_cohorts, sql_log, sql_repeats, sql_retention, vault
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_group import Group, Turns
from tunewarden.drivers.sql_policies import SqlPolicyShelf, SqlPolicyStore
from tunewarden.drivers.sql_schema import CLAIMS
from tunewarden.drivers.sql_shelves import RemovableStores, Shelves, Stores
from tunewarden.usecases.ports import Clock, Receipt, UnitOfWork, View
from tunewarden.usecases.repeats import Keeping

K = TypeVar("K", bound=str)


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


class _SqlView:
    principals = Shelves(bodies.PRINCIPALS)
    keys = Shelves(bodies.KEYS)
    files = Shelves(bodies.FILES)
    uploads = Shelves(bodies.UPLOADS)
    datasets = Shelves(bodies.DATASETS)
    requests = Shelves(bodies.REQUESTS)
    ledgers = Shelves(bodies.LEDGERS)
    models = Shelves(bodies.MODELS)
    promotions = Shelves(bodies.PROMOTIONS)
    aliases = Shelves(bodies.ALIASES)
    reviews = Shelves(bodies.REVIEWS)
    answers = Shelves(bodies.ANSWERS)
    attestations = Shelves(bodies.ATTESTATIONS)
    erasures = Shelves(bodies.ERASURES)
    cohorts = Shelves(bodies.COHORTS)
    projects = Shelves(bodies.PROJECTS)
    emergencies = Shelves(bodies.EMERGENCIES)
    webhooks = Shelves(bodies.WEBHOOKS)

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

    principals = Stores(bodies.PRINCIPALS)
    keys = Stores(bodies.KEYS)
    files = Stores(bodies.FILES)
    uploads = Stores(bodies.UPLOADS)
    datasets = Stores(bodies.DATASETS)
    requests = Stores(bodies.REQUESTS)
    ledgers = Stores(bodies.LEDGERS)
    models = Stores(bodies.MODELS)
    promotions = Stores(bodies.PROMOTIONS)
    aliases = Stores(bodies.ALIASES)
    reviews = Stores(bodies.REVIEWS)
    answers = Stores(bodies.ANSWERS)
    attestations = Stores(bodies.ATTESTATIONS)
    erasures = Stores(bodies.ERASURES)
    cohorts = Stores(bodies.COHORTS)
    projects = Stores(bodies.PROJECTS)
    emergencies = Stores(bodies.EMERGENCIES)
    webhooks = RemovableStores(bodies.WEBHOOKS)

    def __init__(self, turns: Turns, clock: Clock, actor: PrincipalId) -> None:
        self._turns, self._clock, self._actor = turns, clock, actor
        self._is_open = False
        self._group: Group | None = None  # joined with the first reading or change
        self._has_changed = False
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
            if self._has_changed:
                self._group.undo()
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
            self._group.keep()
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
        """The connection to write on; what this unit of work changes can be undone alone."""
        group = self._joined()
        if not self._has_changed:
            group.change()
            self._has_changed = True
        return group.connection

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
