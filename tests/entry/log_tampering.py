"""A log to be sealed, and what somebody who owns its database could do to it."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import OTTO

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.entry.settings import Settings

Tamper = Callable[[Settings], None]


def fresh(home: Path) -> Settings:
    """Settings with an empty, migrated database; the sealer turns quickly."""
    made = Settings(home=home, seal_interval_seconds=0.01)
    migrate(made.database)
    return made


def append(settings: Settings, count: int) -> None:
    engine = connect(settings.database)
    with SqlWork(engine, lambda: datetime.now(UTC))(OTTO.id) as work:
        for number in range(count):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()
    engine.dispose()


def delete_the_tail(settings: Settings) -> None:
    execute(settings, "DELETE FROM entries WHERE idx >= 3")


def delete_everything(settings: Settings) -> None:
    execute(settings, "DELETE FROM entries")


def delete_inside(settings: Settings) -> None:
    execute(settings, "DELETE FROM entries WHERE idx = 1")


def edit_an_entry(settings: Settings) -> None:
    execute(settings, "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'ds-1', 'ds-9') AS BLOB)")


def swap_two_entries(settings: Settings) -> None:
    for old, new in ((1, 99), (2, 1), (99, 2)):
        execute(settings, "UPDATE entries SET idx = ? WHERE idx = ?", (new, old))


def edit_an_entry_and_its_leaf_hash(settings: Settings) -> None:
    """All of it fits together again: only what was signed tells."""
    from tunewarden_audit.merkle import leaf_hash

    with sqlite3.connect(settings.home / "tunewarden.db") as connection:
        (body,) = connection.execute("SELECT body FROM entries WHERE idx = 1").fetchone()
    connection.close()
    forged = body.replace(b"ds-1", b"ds-9")
    execute(settings, "UPDATE entries SET body = ?, leaf_hash = ? WHERE idx = 1", (forged, leaf_hash(forged)))


def restore_a_backup_that_then_grew(settings: Settings) -> None:
    execute(settings, "DELETE FROM entries WHERE idx >= 3")
    append(settings, 4)  # more than was there: only the content tells


def execute(settings: Settings, change: str, values: tuple[object, ...] = ()) -> None:
    connection = sqlite3.connect(settings.home / "tunewarden.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")  # the seat-belt, which whoever owns the database takes off
    connection.execute(change, values)
    connection.commit()
    connection.close()


def backup(settings: Settings, to: Path) -> None:
    """The database as it is now, as a copy of files would have it."""
    connection = sqlite3.connect(settings.home / "tunewarden.db")
    connection.execute(f"VACUUM INTO '{to}'")
    connection.close()


def restore(settings: Settings, copy: Path) -> None:
    for path in settings.home.glob("tunewarden.db*"):
        path.unlink()
    shutil.copy(copy, settings.home / "tunewarden.db")
