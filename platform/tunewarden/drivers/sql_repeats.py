"""What is kept of requests, in the database. Instants are kept to the millisecond.

Trusted for this: who can change it can make a request be answered as if it had been done, or be done twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import REPEATS
from tunewarden.usecases.repeats import Answered, Kept, require_once


def keep(connection: Connection, mine: Kept) -> None:
    """Write it inside a unit of work, in place of what it replaces. Raises `InFlight` as `require_once` does."""
    require_once(_found(connection, mine.id), mine)
    over = REPEATS.c.until <= instant_text(mine.at)
    connection.execute(delete(REPEATS).where((REPEATS.c.id == mine.id) | over))
    connection.execute(
        insert(REPEATS).values(
            id=mine.id,
            fingerprint=mine.fingerprint,
            asked_by=mine.by,
            alone=mine.alone,
            began_at=instant_text(mine.began),
            done_at=instant_text(mine.at),
            until=instant_text(mine.until),
            made=" ".join(mine.made),
            answer=mine.answer,
            is_secret=mine.is_secret,
        )
    )


class SqlRepeats:
    """`usecases.repeats.Repeats`."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def find(self, identifier: str, now: datetime) -> Kept | None:
        with self._reading.connect() as connection:
            found = _found(connection, identifier)
        return found if found is not None and now < found.until else None

    def answered(self, answers: Sequence[Answered]) -> None:
        with self._engine.begin() as connection:
            for one in answers:
                its = (REPEATS.c.id == one.id) & (REPEATS.c.asked_by == one.by)
                said = {"answer": one.answer, "is_secret": one.answer is None}
                connection.execute(update(REPEATS).where(its).values(**said))

    def sweep(self, now: datetime) -> None:
        over = REPEATS.c.until <= instant_text(now)
        with self._reading.connect() as connection:
            is_any = connection.scalar(select(REPEATS.c.id).where(over).limit(1)) is not None
        if is_any:
            with self._engine.begin() as connection:
                connection.execute(delete(REPEATS).where(over))


def _found(connection: Connection, identifier: str) -> Kept | None:
    row = connection.execute(select(REPEATS).where(REPEATS.c.id == identifier)).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Kept:
    return Kept(
        id=row.id,
        fingerprint=row.fingerprint,
        by=row.asked_by,
        alone=row.alone,
        began=datetime.fromisoformat(row.began_at),
        at=datetime.fromisoformat(row.done_at),
        until=datetime.fromisoformat(row.until),
        made=tuple(row.made.split()),
        answer=row.answer,
        is_secret=row.is_secret,
    )
