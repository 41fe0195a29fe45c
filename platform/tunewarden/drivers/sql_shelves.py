"""Tables of things: what a view reads of each, and what a unit of work changes in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, exists, func, insert, literal_column, select, update

from tunewarden.drivers.bodies import Kind
from tunewarden.drivers.sql_engine import as_text, first_row, is_postgres, rows, run
from tunewarden.drivers.sql_schema import STATE
from tunewarden.usecases.ports import Store
from tunewarden.usecases.work import Removable

K = TypeVar("K", bound=str)
V = TypeVar("V")


class Reads(Protocol):
    """A view or a unit of work, by its connection to read on."""

    def open(self) -> Connection: ...


class Writes(Reads, Protocol):
    """A unit of work, by its connection to write on as well."""

    def changing(self) -> Connection: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    """What is asked of a table of things. Made once: to make a statement takes longer than to run it.

    Attributes:
        put: replaces or adds in one journey to the server. An upsert would use up a number of the sequence each time.
    """

    one: str
    every: str
    holding: str
    add: str
    replace: str
    put: str


@cache
def _statements(table: Table, on_server: bool) -> _Statements:
    columns = table.c
    key, body = bindparam("key", type_=columns.id.type), bindparam("text", type_=columns.body.type)
    every, replace = select(columns.id, columns.body).order_by(columns.seq), update(table).where(columns.id == key)
    place = func.strpos(columns.body, body) if on_server else func.instr(columns.body, body)
    replaced = replace.values(body=body).returning(columns.id).cte("replaced")
    return _Statements(
        one=as_text(select(columns.body).where(columns.id == key)),
        every=as_text(every),
        holding=as_text(every.where(place > literal_column("0"))),
        add=as_text(insert(table).values(id=key, body=body)),
        replace=as_text(replace.values(body=body)),
        put=as_text(insert(table).from_select(["id", "body"], select(key, body).where(~exists(select(replaced.c.id))))),
    )


class Shelf(Generic[K, V]):
    """One table of things, for reading; `usecases.ports.Shelf`."""

    def __init__(self, unit: Reads, kind: Kind[K, V]) -> None:
        self._opened, self._kind, self._table = unit, kind, STATE[kind.noun]

    def get(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise self._kind.missing()
        return found

    def find(self, key: K) -> V | None:
        connection = self._opened.open()
        row = first_row(connection, self._asks(connection).one, key)
        return None if row is None else self._kind.read(key, row[0].encode("utf-8"))

    def all(self, holding: str = "") -> Sequence[V]:
        connection = self._opened.open()
        ask = self._asks(connection)
        there = rows(connection, ask.holding, holding) if holding else rows(connection, ask.every)
        found = (self._kind.read(key, body.encode("utf-8")) for key, body in there)
        return [one for one in found if one is not None]

    def _asks(self, connection: Connection) -> _Statements:
        return _statements(self._table, is_postgres(connection))


class Rows(Shelf[K, V]):
    """One table of things; `usecases.ports.Store`."""

    def __init__(self, unit: Writes, kind: Kind[K, V]) -> None:
        super().__init__(unit, kind)
        self._unit = unit

    def put(self, value: V) -> None:
        key, body = self._kind.key(value), self._kind.write(value).decode("utf-8")
        connection = self._unit.changing()
        ask = self._asks(connection)
        if is_postgres(connection):
            run(connection, ask.put, body, key, key, body)
        elif run(connection, ask.replace, body, key).rowcount == 0:
            run(connection, ask.add, key, body)

    def remove(self, key: K) -> None:
        self._unit.changing().execute(delete(self._table).where(self._table.c.id == key))


class Shelves(Generic[K, V]):
    """An attribute of a view: its shelf of a kind, made when asked for, because most views need one or two."""

    def __init__(self, kind: Kind[K, V]) -> None:
        self._kind = kind

    def __get__(self, view: Reads, _owner: type) -> Shelf[K, V]:
        return Shelf(view, self._kind)


class Stores(Generic[K, V]):
    """The same for a unit of work."""

    def __init__(self, kind: Kind[K, V]) -> None:
        self._kind = kind

    def __get__(self, unit: Writes, _owner: type) -> Store[K, V]:
        return Rows(unit, self._kind)


class RemovableStores(Stores[K, V]):
    def __get__(self, unit: Writes, _owner: type) -> Removable[K, V]:
        return Rows(unit, self._kind)
