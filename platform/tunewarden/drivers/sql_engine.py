"""Opening and migrating the database: SQLite, or PostgreSQL through psycopg 3 (the extra `tunewarden[postgres]`).

Trusted for availability and for entries that are not sealed yet; who can write to it can change state, but not the
sealed part of the log unnoticed.
"""

import importlib.util
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import ClauseElement

from tunewarden.domain.errors import Corrupted, Malformed, Refused, Unavailable

_QMARK = PGDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]  # its words are SQLite's too, as far as we go
_BUSY_SECONDS = 10.0
_READS = "tunewarden_reads"
_FAILED = "tunewarden_failed"
_RESTS = "tunewarden_rests"
_SURELY_OPEN_SECONDS = 1.0
_WRITERS = 0x7475_6E65  # the advisory lock that makes units of work serial on PostgreSQL ("tune")
# After the lock was taken, what is read is what the holder before left behind: each statement sees what is committed.
_BEGIN_ALONE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; "
    f"SET LOCAL lock_timeout = '{int(_BUSY_SECONDS)}s'; SELECT pg_advisory_xact_lock({_WRITERS})"
)


def connect(url: str) -> Engine:
    """Open `sqlite:///PATH` (made, readable for its owner only, where it is missing) or `postgresql://...`.

    Errors of the database leave the engine as `Unavailable` or `Corrupted`, without statements or values.
    Raises `Unavailable` where it cannot be opened, `Refused` for a PostgreSQL server that does not flush to its disk,
    and `Malformed` for any other kind of URL, without echoing it: it may hold a password.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(Path(str(parsed.database)))
    return _postgres(parsed)


def migrate(url: str) -> None:
    """Bring the tables up to date; does nothing where they are. Several processes may call it at once: one works."""
    engine, config = connect(url), _config()
    # One write transaction around everything: the version is read under the lock, and a crash leaves nothing half done.
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def has_our_tables(engine: Engine) -> bool:
    """Whether the tables are as this code needs them. Those of a later release are: nothing is taken away from them.

    Raises `Unavailable` where the database does not answer.
    """
    ours = {script.revision for script in _scripts().walk_revisions()}
    with reading(engine).connect() as connection:
        there = MigrationContext.configure(connection).get_current_revision()
    return there is not None and (there not in ours or there == _scripts().get_current_head())


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: they see one snapshot and do not wait for writers."""
    return engine.execution_options(**{_READS: True})


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def has_failed(connection: Connection) -> bool:
    """Whether a statement failed on this connection since it was taken from the pool; see `sql_group`."""
    return connection.invalidated or bool(connection.info.get(_FAILED))


@contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """For the driver's own calls, past SQLAlchemy: their errors leave as those of the engine do."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("psycopg", "sqlite3"):
            raise
        connection.info[_FAILED] = True
        # The drivers name their errors alike (PEP 249), and share no class.
        kinds = {one.__name__ for one in type(error).__mro__}
        raise _fault(error, not kinds.isdisjoint(("OperationalError", "InterfaceError"))) from error


def as_text(statement: ClauseElement) -> str:
    """A statement as `run` takes it, for both databases unless it asks for something that one of them has alone."""
    return str(statement.compile(dialect=_QMARK))


def run(connection: Connection, statement: str, *values: str | int | None) -> Any:
    """Run a statement by the driver itself, for what every request does; returns its cursor (PEP 249).

    The way through SQLAlchemy takes twenty times as long as the database does. `statement` has `?` for each value.
    """
    text = statement.replace("?", "%s") if is_postgres(connection) else statement
    if not connection.in_transaction():
        connection.begin()
    with translated(connection):
        return _driver(connection).execute(text, values)


def rows(connection: Connection, statement: str, *values: str | int) -> list[Any]:
    """All rows of what `run` finds."""
    cursor = run(connection, statement, *values)
    with translated(connection):
        found: list[Any] = cursor.fetchall()
    return found


def first_row(connection: Connection, statement: str, *values: str | int) -> Any:
    """The first row of what `run` finds; None where there is none."""
    cursor = run(connection, statement, *values)
    with translated(connection):
        return cursor.fetchone()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    is_file = parsed is not None and parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:")
    is_server = parsed is not None and parsed.drivername in ("postgresql", "postgresql+psycopg")
    if parsed is None or not (is_file or is_server):
        raise Malformed(
            "database_unsupported",
            "The database URL is not of the form sqlite:///PATH or postgresql://HOST/NAME.",
            remedy="Name a SQLite file or a PostgreSQL database.",
            param="database_url",
        )
    return parsed


def _sqlite(path: Path) -> Engine:
    try:
        # Only where it is missing: closing the file would drop the locks of all connections of this process, and other
        # processes would take the log from under them (SQLite, "How To Corrupt An SQLite Database File", 2.2).
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its WAL files the same mode
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable("database_unavailable", f"The database file cannot be opened ({reason}).") from error
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=8,
        max_overflow=-1,  # the threads of the server are the limit: waiting here would only add a second queue
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},  # a group's connection changes hands
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return _watched(engine)


def _postgres(url: URL) -> Engine:
    if importlib.util.find_spec("psycopg") is None:
        raise Unavailable(
            "database_driver_missing",
            "PostgreSQL needs the driver psycopg, which is not installed.",
            remedy="Install tunewarden[postgres].",
            who="administrator",
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",  # the driver begins nothing: `_begin_postgres` does
        hide_parameters=True,
        pool_size=8,
        max_overflow=-1,
        connect_args={"connect_timeout": int(_BUSY_SECONDS), "application_name": "tunewarden"},
    )
    event.listen(engine, "begin", _begin_postgres)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _replace_forgotten)
    _watched(engine)
    try:
        _require_flushing(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _require_flushing(engine: Engine) -> None:
    with reading(engine).connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            if connection.exec_driver_sql(f"SHOW {setting}").scalar() != "on":
                raise Refused(
                    "database_not_durable",
                    f"The PostgreSQL server runs with {setting} = off: a power cut could lose acknowledged entries.",
                    remedy=f"Set {setting} = on.",
                    who="administrator",
                )


def _watched(engine: Engine) -> Engine:
    event.listen(engine, "checkout", _forget_failures)
    event.listen(engine, "handle_error", _translate)
    return engine


def _prepare_sqlite(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
    # Python's own transaction control begins late and never IMMEDIATE: switched off, `_begin_sqlite` takes its place.
    # (SQLAlchemy, "SQLite: Using SQLAlchemy to emit BEGIN in lieu of SQLite's transaction control".)
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits when the power fails
    cursor.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive's cache
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.execute("PRAGMA secure_delete = ON")  # keys, addresses and secrets do not stay in pages that are free
    cursor.close()


def _note_rest(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info[_RESTS] = time.monotonic()


def _replace_forgotten(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that a restarted server forgot is replaced, and all others that were open then.

    A server says good-bye, and nothing else to a connection at rest. Where the network lost that, only a question
    finds out; it takes a journey, so a connection that was used within the last second is not asked.
    """
    if connection is None:
        return
    try:
        news = select.poll()
        news.register(connection.fileno(), select.POLLIN)
        if news.poll(0):
            raise ConnectionResetError
        if time.monotonic() - entry.info.get(_RESTS, 0.0) > _SURELY_OPEN_SECONDS:
            connection.execute("SELECT 1")
    except (OSError, connection.Error) as error:
        raise InvalidatePoolError from error


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: units of work are serial, and what one reads cannot change under it.
    with translated(connection):
        _driver(connection).execute("BEGIN" if _only_reads(connection) else "BEGIN IMMEDIATE")


def _begin_postgres(connection: Connection) -> None:
    # In one journey to the server: the driver itself would begin in one of its own.
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if _only_reads(connection) else _BEGIN_ALONE
    with translated(connection):
        _driver(connection).execute(begin)


def _driver(connection: Connection) -> Any:
    """What the database's own driver calls a connection; both know `execute`."""
    return connection.connection.driver_connection


def _only_reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_READS, False))


def _forget_failures(_connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    entry.info.pop(_FAILED, None)


def _translate(context: ExceptionContext) -> None:
    if context.is_pre_ping:
        return  # the pool asks whether a connection still works, and opens another one if not
    cause = context.original_exception
    if context.connection is not None and not context.connection.closed:
        context.connection.info[_FAILED] = True
    outside = isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError)
    raise _fault(cause, outside or not isinstance(context.sqlalchemy_exception, DBAPIError)) from cause


def _fault(cause: BaseException, is_outside: bool) -> Unavailable | Corrupted:
    if is_outside:
        return Unavailable("database_unavailable", f"The database did not do its work ({_name(cause)}).")
    return Corrupted("database_inconsistent", f"The database refused a statement ({_name(cause)}).")


def _name(cause: BaseException) -> str:
    """What the database calls the error; never its text, which may quote values."""
    return str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__)
