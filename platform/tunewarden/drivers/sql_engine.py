"""Opening and migrating the database.

Trusted for availability and for entries that are not sealed yet; who can write to it can change state, but not the
sealed part of the log unnoticed. SQLite only as yet.
"""

import os
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import NoReturn

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from tunewarden.domain.errors import Corrupted, Malformed, Unavailable

_BUSY_SECONDS = 10.0
_READS = "tunewarden_reads"


def connect(url: str) -> Engine:
    """Open `sqlite:///PATH`; the file is made, readable for its owner only, where it is missing.

    Errors of the database leave the engine as `Unavailable` or `Corrupted`, without statements or values.
    Raises `Unavailable` where the file cannot be opened, and `Malformed` for any other kind of URL, without echoing it:
    it may hold a password.
    """
    path = _sqlite_path(url)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its WAL files the same mode
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable("database_unavailable", f"The database file cannot be opened ({reason}).") from error
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=8,
        max_overflow=-1,  # the threads of the server are the limit: waiting here would only add a second queue
        connect_args={"timeout": _BUSY_SECONDS},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _translate)
    return engine


def migrate(url: str) -> None:
    """Bring the tables up to date; does nothing where they are. Several processes may call it at once: one works."""
    engine = connect(url)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # One write transaction around everything: the version is read under the lock, and a crash leaves nothing half done.
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: they see one snapshot and do not wait for writers."""
    return engine.execution_options(**{_READS: True})


def _sqlite_path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise Malformed(
            "database_unsupported",
            "The database URL is not of the form sqlite:///PATH.",
            remedy="Name a SQLite file; other databases are not supported yet.",
            param="database_url",
        )
    return Path(parsed.database)


def _prepare(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
    # Python's own transaction control begins late and never IMMEDIATE: switched off, `_begin` takes its place.
    # (SQLAlchemy, "SQLite: Using SQLAlchemy to emit BEGIN in lieu of SQLite's transaction control".)
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits when the power fails
    cursor.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: units of work are serial, and what one reads cannot change under it.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _translate(context: ExceptionContext) -> NoReturn:
    cause = context.original_exception
    name = getattr(cause, "sqlite_errorname", type(cause).__name__)
    if isinstance(context.sqlalchemy_exception, OperationalError):
        raise Unavailable("database_unavailable", f"The database did not do its work ({name}).") from cause
    raise Corrupted("database_inconsistent", f"The database refused a statement ({name}).") from cause
