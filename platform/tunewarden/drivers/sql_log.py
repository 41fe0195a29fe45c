"""The log's tables: appending entries inside a unit of work, and what the sealer and the reports read.

Stored leaf hashes are never believed: every read hashes the entry's bytes again (RFC 6962 section 2.1) and compares.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Row, bindparam, func, insert, literal, literal_column, select

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Corrupted
from tunewarden.drivers import bodies
from tunewarden.drivers.sql_engine import first_row, is_postgres, reading, translated
from tunewarden.drivers.sql_schema import ENTRIES, TREE_HEADS
from tunewarden_audit.merkle import leaf_hash

_BATCH = 500
_RANGE = (
    select(ENTRIES.c.idx, ENTRIES.c.leaf_hash, ENTRIES.c.body)
    .where((ENTRIES.c.idx >= bindparam("start")) & (ENTRIES.c.idx < bindparam("stop")))
    .order_by(ENTRIES.c.idx)
)


def _after_sqlite(name: str) -> str:
    """The string after the first member of this name in an entry's bytes; NULL where it is longer than 80."""
    body, opening = "CAST(body AS TEXT)", f'"{name}":"'
    rest = f"substr({body}, nullif(instr({body}, '{opening}'), 0) + {len(opening)}, 81)"
    return f"substr({rest}, 1, nullif(instr({rest}, '\"'), 0) - 1)"


def _after_postgres(name: str) -> str:
    """The same."""
    return f"""substring(encode(body, 'escape') from '"{name}":"([^"]{{1,80}})"')"""


# What the index `entries_about` is over, word for word: for anything else the database does not take it.
_ABOUT_SQLITE = f"coalesce({_after_sqlite('request')}, {_after_sqlite('resource')})"
_ABOUT_POSTGRES = f"coalesce({_after_postgres('request')}, {_after_postgres('resource')})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTreeHead:
    """A signed tree head as the sealer published it: `root` is 32 bytes, `note` the signed C2SP checkpoint."""

    size: int
    root: bytes
    note: str
    sealed_at: datetime


class NewEntry(NamedTuple):
    """A row of `entries` that waits for its group's commit: `leaf_hash` is 32 bytes (RFC 6962 section 2.1)."""

    idx: int
    leaf_hash: bytes
    body: bytes


def new_entry(index: int, body: bytes) -> NewEntry:
    """An entry with its leaf hash."""
    return NewEntry(index, leaf_hash(body), body)


def next_index(connection: Connection) -> int:
    """Where the log goes on: how many entries it has.

    An index is taken under the write lock, never from a sequence: a rollback would leave a gap.
    """
    (newest,) = first_row(connection, "SELECT max(idx) FROM entries")
    return 0 if newest is None else int(newest) + 1


def insert_entries(connection: Connection, entries: Sequence[NewEntry]) -> None:
    """Write entries at the end of the log, in the caller's write transaction; PostgreSQL gets them by COPY."""
    if is_postgres(connection):
        copy(connection, "COPY entries (idx, leaf_hash, body) FROM STDIN", entries)
    else:
        connection.exec_driver_sql("INSERT INTO entries (idx, leaf_hash, body) VALUES (?, ?, ?)", list(entries))


def copy(connection: Connection, statement: str, entries: Sequence[NewEntry]) -> None:
    """COPY with psycopg's own cursor; its errors leave as those of the engine do."""
    raw: Any = connection.connection.driver_connection
    with translated(connection), raw.cursor() as cursor, cursor.copy(statement) as rows:
        for entry in entries:
            rows.write_row(entry)


def read_bodies(connection: Connection, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Index and canonical bytes of every entry from `start` on, before `stop`, that still has its body, in batches.

    Raises `Corrupted` for a gap and for bytes that are not those of the stored leaf hash.
    """
    columns = select(ENTRIES.c.idx, ENTRIES.c.leaf_hash, ENTRIES.c.body).order_by(ENTRIES.c.idx).limit(_BATCH)
    if stop is not None:
        columns = columns.where(ENTRIES.c.idx < stop)
    while rows := connection.execute(columns.where(ENTRIES.c.idx >= start)).all():
        yield from ((index, body) for index, _, body in _sound(rows, start) if body is not None)
        start += len(rows)


def bodies_holding(connection: Connection, text: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Index and canonical bytes of every entry from `start` on in whose bytes `text` stands; the database looks.

    Raises `Corrupted` for bytes that are not those of the stored leaf hash. Gaps are not looked for.
    """
    return _found(connection, _holds(connection, text), start)


def bodies_about(
    connection: Connection, things: Collection[str], text: bytes = b"", start: int = 0
) -> Iterator[tuple[int, bytes]]:
    """Index and canonical bytes of every entry from `start` on that may be about one of these; by the database's index.

    Of those that hold `text`, as `bodies_holding`. Which of them are about it, their `request` or `resource` says.
    """
    about: ColumnElement[str] = literal_column(_ABOUT_POSTGRES if is_postgres(connection) else _ABOUT_SQLITE)
    wanted = about.in_(things)
    return _found(connection, wanted & _holds(connection, text) if text else wanted, start)


def _holds(connection: Connection, text: bytes) -> ColumnElement[bool]:
    if is_postgres(connection):
        return func.position(literal(text).op("IN")(ENTRIES.c.body)) > 0
    return func.instr(ENTRIES.c.body, text) > 0


def _found(connection: Connection, wanted: ColumnElement[bool], start: int) -> Iterator[tuple[int, bytes]]:
    columns = select(ENTRIES.c.idx, ENTRIES.c.leaf_hash, ENTRIES.c.body).order_by(ENTRIES.c.idx)
    for row in connection.execute(columns.where((ENTRIES.c.idx >= start) & wanted)):
        yield from ((index, body) for index, _, body in _sound([row], row.idx) if body is not None)


def body_range(connection: Connection, start: int, count: int) -> list[bytes]:
    """The canonical bytes of at most `count` entries from `start` on.

    Raises `Corrupted` as `read_bodies` does, and `NotFound` where one lost its body when its retention ended.
    """
    rows = connection.execute(_RANGE, {"start": start, "stop": start + count}).all()
    found = []
    for index, leaf, body in _sound(rows, start):
        if body is None:
            raise bodies.pruned(index, leaf.hex())
        found.append(body)
    return found


def entry_range(connection: Connection, start: int, count: int) -> list[tuple[bytes, bytes | None]]:
    """Leaf hash and body of at most `count` entries from `start` on; None where the body is gone.

    Raises `Corrupted` as `read_bodies` does.
    """
    rows = connection.execute(_RANGE, {"start": start, "stop": start + count}).all()
    return [(leaf, body) for _, leaf, body in _sound(rows, start)]


def leaf_range(connection: Connection, start: int, count: int) -> list[bytes]:
    """The leaf hashes (32 bytes) of `count` entries from `start` on, computed from their bytes.

    Where an entry's body is gone the stored hash stands for it: whoever uses it must check it against a signed root.
    Raises `Corrupted` as `read_bodies` does, and where there are fewer.
    """
    rows = connection.execute(_RANGE, {"start": start, "stop": start + count}).all()
    leaves = [leaf for _, leaf, _ in _sound(rows, start)]
    if len(leaves) < count:
        raise _shortened(start + len(leaves), start + count)
    return leaves


def store_tree_head(engine: Engine, size: int, root: bytes, note: str, at: datetime) -> None:
    """Keep a signed tree head; the same one again changes nothing. Raises `Corrupted` for another root of that size."""
    with engine.begin() as connection:
        known = connection.scalar(select(TREE_HEADS.c.root).where(TREE_HEADS.c.size == size))
        if known is None:
            connection.execute(insert(TREE_HEADS).values(size=size, root=root, note=note, sealed_at=instant_text(at)))
        elif known != root:
            raise Corrupted("log_forked", f"Two different roots were signed for {size} entries.", who="auditor")


def latest_tree_head(engine: Engine, cosigned_by: Sequence[str] = ()) -> StoredTreeHead | None:
    """The largest signed tree head with signature lines of these names; None where there is none."""
    newest = select(TREE_HEADS).order_by(TREE_HEADS.c.size.desc()).limit(1)
    for name in cosigned_by:
        newest = newest.where(TREE_HEADS.c.note.contains(f"\n\N{EM DASH} {name} ", autoescape=True))
    with reading(engine).connect() as connection:
        row = connection.execute(newest).one_or_none()
    return None if row is None else _stored(row)


def tree_head(connection: Connection, size: int) -> StoredTreeHead | None:
    """The head that was signed for exactly this size; None where none was."""
    row = connection.execute(select(TREE_HEADS).where(TREE_HEADS.c.size == size)).one_or_none()
    return None if row is None else _stored(row)


def tree_heads(connection: Connection, below: int | None, limit: int) -> list[StoredTreeHead]:
    """At most `limit` of the signed heads, the largest first; of those of sizes below `below`."""
    newest = select(TREE_HEADS).order_by(TREE_HEADS.c.size.desc()).limit(limit)
    if below is not None:
        newest = newest.where(TREE_HEADS.c.size < below)
    return [_stored(row) for row in connection.execute(newest)]


def _stored(row: Row[Any]) -> StoredTreeHead:
    return StoredTreeHead(size=row.size, root=row.root, note=row.note, sealed_at=datetime.fromisoformat(row.sealed_at))


def _sound(rows: Sequence[Row[Any, Any, Any]], start: int) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Index, leaf hash and body of rows that follow each other from `start` on, each body with its leaf hash."""
    for expected, (index, leaf, body) in enumerate(rows, start):
        if index != expected:
            raise Corrupted("entry_missing", f"Entry {expected} of the log is missing.", who="auditor")
        if body is not None and leaf_hash(body) != leaf:
            raise Corrupted("entry_altered", f"Entry {index} is not what its leaf hash says.", who="auditor")
        yield index, leaf, body


def _shortened(found: int, expected: int) -> Corrupted:
    return Corrupted("log_shortened", f"The log holds {found} entries, {expected} were expected.", who="auditor")
