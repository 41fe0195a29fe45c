"""What is kept of requests, in the database. Instants are kept to the millisecond.

Trusted for this: who can change it can make a request be answered as if it had been done, or be done twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import REPEATS
from tunewarden.usecases.repeats import Answered, Kept, require_once

# Made once: each request that does something runs them, and to make a statement takes longer than to run it.
_ONE = select(REPEATS).where(REPEATS.c.id == bindparam("wanted"))
_OVER = REPEATS.c.until <= bindparam("now")
_MAKE_ROOM = delete(REPEATS).where((REPEATS.c.id == bindparam("wanted")) | _OVER)
_ANSWER = (
    update(REPEATS)
    .where((REPEATS.c.id == bindparam("wanted")) & (REPEATS.c.asked_by == bindparam("by")))
    .values(answer=bindparam("said"), is_secret=bindparam("secret"))
)


def keep(connection: Connection, mine: Kept) -> None:
    """Write it inside a unit of work, in place of what it replaces. Raises `InFlight` as `require_once` does."""
    require_once(_found(connection, mine.id), mine)
    connection.execute(_MAKE_ROOM, {"wanted": mine.id, "now": instant_text(mine.at)})
    row = {
        "id": mine.id,
        "fingerprint": mine.fingerprint,
        "asked_by": mine.by,
        "alone": mine.alone,
        "began_at": instant_text(mine.began),
        "done_at": instant_text(mine.at),
        "until": instant_text(mine.until),
        "made": " ".join(mine.made),
        "answer": mine.answer,
        "is_secret": mine.is_secret,
    }
    connection.execute(insert(REPEATS), row)


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
    row = connection.execute(_ONE, {"wanted": identifier}).one_or_none()
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
