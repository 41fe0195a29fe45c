"""How far each sink has come, in SQL. The log index is the cursor, so there is no gap and no second bookkeeping."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, select, update

from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_log import StoredTreeHead
from tunewarden.drivers.sql_schema import DEAD_LETTERS, SINKS, TREE_HEADS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What a sink acknowledged: entries below `next_index`, tree heads of a size below `next_head`."""

    next_index: int
    next_head: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a sink never took: "entry 7" or "head 9", and the code of why."""

    event: str
    code: str


class SqlSinks:
    """Cursors and dead letters of the sinks, by name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, name: str) -> Cursor | None:
        """None before the sink began."""
        with reading(self._engine).connect() as connection:
            row = connection.execute(select(SINKS).where(SINKS.c.name == name)).one_or_none()
        return None if row is None else Cursor(next_index=row.next_index, next_head=row.next_head, error=row.error)

    def set(self, name: str, cursor: Cursor) -> None:
        """Begin a sink, or let it go on from somewhere else."""
        with self._engine.begin() as connection:
            if connection.execute(update(SINKS).where(SINKS.c.name == name).values(_row(cursor))).rowcount == 0:
                connection.execute(insert(SINKS).values(name=name, **_row(cursor)))

    def move(self, name: str, before: Cursor, after: Cursor, letter: DeadLetter | None = None) -> None:
        """Go on from `before`, and record `letter` as undeliverable, both or neither.

        Does nothing where the sink is not at `before` any more: somebody let it go on from elsewhere meanwhile.
        """
        here = (
            (SINKS.c.name == name) & (SINKS.c.next_index == before.next_index) & (SINKS.c.next_head == before.next_head)
        )
        with self._engine.begin() as connection:
            moved = connection.execute(update(SINKS).where(here).values(_row(after))).rowcount
            if moved and letter is not None:
                same = (DEAD_LETTERS.c.sink == name) & (DEAD_LETTERS.c.event == letter.event)
                connection.execute(delete(DEAD_LETTERS).where(same))
                connection.execute(insert(DEAD_LETTERS).values(sink=name, event=letter.event, code=letter.code))

    def dead_letters(self, name: str) -> Sequence[DeadLetter]:
        """In no order that means anything."""
        columns = select(DEAD_LETTERS.c.event, DEAD_LETTERS.c.code).where(DEAD_LETTERS.c.sink == name)
        with reading(self._engine).connect() as connection:
            rows = connection.execute(columns.order_by(DEAD_LETTERS.c.event)).all()
        return [DeadLetter(event=event, code=code) for event, code in rows]

    def next_head(self, size: int) -> StoredTreeHead | None:
        """The smallest signed head of at least `size`; None where none was signed yet."""
        smallest = select(func.min(TREE_HEADS.c.size)).where(TREE_HEADS.c.size >= size)
        with reading(self._engine).connect() as connection:
            found: int | None = connection.scalar(smallest)
            return None if found is None else sql_log.tree_head(connection, found)

    def signed_size(self) -> int:
        """How many entries the newest signed head covers."""
        newest = sql_log.latest_tree_head(self._engine)
        return 0 if newest is None else newest.size

    def entries(self, start: int, count: int) -> list[tuple[bytes, bytes | None]]:
        """Leaf hash and body (None once dropped) of at most `count` entries. Raises `Corrupted`."""
        with reading(self._engine).connect() as connection:
            return sql_log.entry_range(connection, start, count)


def _row(cursor: Cursor) -> dict[str, int | str]:
    return {"next_index": cursor.next_index, "next_head": cursor.next_head, "error": cursor.error}


def from_now(sinks: SqlSinks) -> Cursor:
    """A cursor behind everything that is signed today."""
    size = sinks.signed_size()
    return Cursor(next_index=size, next_head=size + 1)


HISTORY = Cursor(next_index=0, next_head=1)
"""A cursor before everything."""
