"""Sessions of browsers, and when keys were used last, in the database.

Trusted for availability, and for the principal of a session: who can write there can take over the session of anybody.
Nobody who can only read it can: of what a browser keeps, the hash alone is there. Instants are kept to the millisecond.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import KEY_USES, SESSIONS
from tunewarden.usecases.sessions import Session


class SqlSessions:
    """`usecases.sessions.Sessions`."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def begin(self, session: Session) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                insert(SESSIONS).values(
                    id=session.id,
                    principal=session.principal,
                    begun_at=instant_text(session.begun_at),
                    used_at=instant_text(session.used_at),
                )
            )

    def find(self, identifier: str) -> Session | None:
        columns = SESSIONS.c
        wanted = select(columns.principal, columns.begun_at, columns.used_at).where(columns.id == identifier)
        with self._reading.connect() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        begun_at, used_at = datetime.fromisoformat(row.begun_at), datetime.fromisoformat(row.used_at)
        return Session(id=identifier, principal=PrincipalId(row.principal), begun_at=begun_at, used_at=used_at)

    def use(self, identifier: str, now: datetime) -> None:
        later = (SESSIONS.c.id == identifier) & (SESSIONS.c.used_at < instant_text(now))
        with self._engine.begin() as connection:
            connection.execute(update(SESSIONS).where(later).values(used_at=instant_text(now)))

    def end(self, identifier: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.id == identifier))

    def sweep(self, begun_before: datetime, used_before: datetime) -> None:
        over = (SESSIONS.c.begun_at < instant_text(begun_before)) | (SESSIONS.c.used_at < instant_text(used_before))
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(over))


class SqlKeyUses:
    """`usecases.sessions.KeyUses`."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def use(self, key: str, now: datetime) -> None:
        at, mine = instant_text(now), KEY_USES.c.key == key
        with self._engine.begin() as connection:
            last = connection.scalar(select(KEY_USES.c.used_at).where(mine))
            if last is None:
                connection.execute(insert(KEY_USES).values(key=key, used_at=at))
            elif last < at:
                connection.execute(update(KEY_USES).where(mine).values(used_at=at))

    def all(self) -> Mapping[str, datetime]:
        with self._reading.connect() as connection:
            rows = connection.execute(select(KEY_USES.c.key, KEY_USES.c.used_at)).all()
        return {row.key: datetime.fromisoformat(row.used_at) for row in rows}
