"""What is kept of requests, in the database. Instants are kept to the millisecond.

Trusted for this: who can change it can make a request be answered as if it had been done, or be done twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from tunewarden.domain.canonical import instant_text
from tunewarden.drivers.sql_engine import as_text, first_row, reading, run
from tunewarden.drivers.sql_schema import REPEATS
from tunewarden.usecases.repeats import Answered, Kept, require_once

# Made once: each request that does something runs them, and to make a statement takes longer than to run it.
_ONE = as_text(select(REPEATS).where(REPEATS.c.id == bindparam("wanted")))
_INSERT = insert(REPEATS)
_ALIKE = ~REPEATS.c.alone & ~_INSERT.excluded.alone  # asked without a key for the first time, and each is meant
_KEEP = as_text(_INSERT.on_conflict_do_update(index_elements=["id"], set_=_INSERT.excluded, where=_ALIKE))
_REMOVE = as_text(delete(REPEATS).where(REPEATS.c.id == bindparam("wanted")))
_OVER = REPEATS.c.until <= bindparam("now")
_ANSWER = (
    update(REPEATS)
    .where((REPEATS.c.id == bindparam("wanted")) & (REPEATS.c.asked_by == bindparam("by")))
    .values(answer=bindparam("said"), is_secret=bindparam("secret"))
)


def keep(connection: Connection, mine: Kept) -> None:
    """Write it inside a unit of work, in place of what it replaces. Raises `InFlight` as `require_once` does."""
    row = (
        mine.id,
        mine.fingerprint,
        mine.by,
        mine.alone,
        instant_text(mine.began),
        instant_text(mine.at),
        instant_text(mine.until),
        " ".join(mine.made),
        mine.answer,
        mine.is_secret,
    )
    if run(connection, _KEEP, *row).rowcount == 0:  # one of the two may not have its like
        require_once(_found(connection, mine.id), mine)
        run(connection, _REMOVE, mine.id)
        run(connection, _KEEP, *row)


class SqlRepeats:
    """`usecases.repeats.Repeats`."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def find(self, identifier: str, now: datetime) -> Kept | None:
        with self._reading.connect() as connection:
            found = _found(connection, identifier)
        return found if found is not None and now < found.until else None

    def answered(self, answers: Sequence[Answered]) -> None:
        rows = [{"wanted": one.id, "by": one.by, "said": one.answer, "secret": one.answer is None} for one in answers]
        with self._engine.begin() as connection:
            connection.execute(_ANSWER, rows)

    def sweep(self, now: datetime) -> None:
        when = {"now": instant_text(now)}
        with self._reading.connect() as connection:
            is_any = connection.scalar(select(REPEATS.c.id).where(_OVER).limit(1), when) is not None
        if is_any:
            with self._engine.begin() as connection:
                connection.execute(delete(REPEATS).where(_OVER), when)


def _found(connection: Connection, identifier: str) -> Kept | None:
    row = first_row(connection, _ONE, identifier)
    return None if row is None else _read(row)


def _read(row: Sequence[Any]) -> Kept:
    identifier, fingerprint, by, alone, began, at, until, made, answer, is_secret = row
    return Kept(
        id=identifier,
        fingerprint=fingerprint,
        by=by,
        alone=bool(alone),
        began=datetime.fromisoformat(began),
        at=datetime.fromisoformat(at),
        until=datetime.fromisoformat(until),
        made=tuple(made.split()),
        answer=answer,
        is_secret=bool(is_secret),
    )
