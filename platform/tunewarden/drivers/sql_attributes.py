"""Sealed protected attributes in SQL: a table of its own, which nothing is joined to.

Rows are put down in small transactions of their own, so that the writers of the log never wait for many. They count
for nothing until the entry that names their digest is there; a crash before it leaves rows that the next attempt
replaces.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import ColumnElement, Connection, Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from tunewarden.domain.names import DatasetId
from tunewarden.drivers.attributes import Row
from tunewarden.drivers.sql_engine import is_postgres, reading
from tunewarden.drivers.sql_schema import ATTRIBUTES

_AT_ONCE = 1_000  # rows of one transaction


class SqlAttributeRows:
    """`drivers.attributes.AttributeRows` over SQLite and PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def replace(self, dataset: DatasetId, key: str, rows: Iterable[Row]) -> None:
        """In batches, each durable."""
        with self._engine.begin() as connection:
            drop(connection, dataset, key)
        rest = iter(rows)
        while some := list(islice(rest, _AT_ONCE)):
            values = [{"dataset": dataset, "key": key, "link": row.link, "sealed": row.sealed} for row in some]
            with self._engine.begin() as connection:
                made = (postgresql.insert if is_postgres(connection) else sqlite.insert)(ATTRIBUTES)
                connection.execute(made.on_conflict_do_nothing(), values)  # another attempt puts down the same

    def all(self, dataset: DatasetId, key: str) -> Iterator[Row]:
        """By link."""
        wanted = select(ATTRIBUTES.c.link, ATTRIBUTES.c.sealed).where(*_of(dataset, key)).order_by(ATTRIBUTES.c.link)
        with self._reading.connect() as connection:
            for link, sealed in connection.execute(wanted.execution_options(yield_per=_AT_ONCE)):
                yield Row(bytes(link), bytes(sealed))


def drop(connection: Connection, dataset: DatasetId, key: str) -> None:
    """What goes with a key, in the caller's transaction; nothing where no table does."""
    connection.execute(delete(ATTRIBUTES).where(*_of(dataset, key)))


def _of(dataset: DatasetId, key: str) -> tuple[ColumnElement[bool], ...]:
    return (ATTRIBUTES.c.dataset == dataset, ATTRIBUTES.c.key == key)
