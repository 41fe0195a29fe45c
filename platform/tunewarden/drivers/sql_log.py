"""The log's tables: appending entries inside a unit of work, and what the sealer and the reports read.

Stored leaf hashes are never believed: every read hashes the entry's bytes again (RFC 6962 section 2.1) and compares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.sql_engine import is_postgres, reading, translated
from tunewarden.drivers.sql_schema import ENTRIES, TREE_HEADS
from tunewarden_audit.merkle import leaf_hash

_BATCH = 500
_INSERT = insert(ENTRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTreeHead:
    """A signed tree head as the sealer published it: `root` is 32 bytes, `note` the signed C2SP checkpoint."""

    size: int
    root: bytes
    note: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry that waits for its group's commit: `leaf_hash` is 32 bytes (RFC 6962 section 2.1)."""

    index: int
    leaf_hash: bytes
    body: bytes


def new_entry(index: int, body: bytes) -> NewEntry:
    """An entry with its leaf hash."""
    return NewEntry(index, leaf_hash(body), body)


def next_index(connection: Connection) -> int:
    """Where the log goes on. Read under the write lock, never taken from a sequence: a rollback would leave a gap."""
    newest: int | None = connection.scalar(select(func.max(ENTRIES.c.idx)))
    return 0 if newest is None else newest + 1


def insert_entries(connection: Connection, entries: Sequence[NewEntry]) -> None:
    """Write entries at the end of the log, in the caller's write transaction; PostgreSQL gets them by COPY."""
    if is_postgres(connection):
        copy(connection, "COPY entries (idx, leaf_hash, body) FROM STDIN", entries)
    else:
        connection.execute(_INSERT, [{"idx": e.index, "leaf_hash": e.leaf_hash, "body": e.body} for e in entries])


def copy(connection: Connection, statement: str, entries: Sequence[NewEntry]) -> None:
    """COPY with psycopg's own cursor; its errors leave as those of the engine do."""
    raw: Any = connection.connection.driver_connection
    with translated(), raw.cursor() as cursor, cursor.copy(statement) as rows:
        for entry in entries:
            rows.write_row((entry.index, entry.leaf_hash, entry.body))


def read_bodies(connection: Connection, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Index and canonical bytes of every entry from `start` on, in batches.

    Raises `Corrupted` for a gap and for bytes that are not those of the stored leaf hash.
    """
    expected = start
    columns = select(ENTRIES.c.idx, ENTRIES.c.leaf_hash, ENTRIES.c.body).order_by(ENTRIES.c.idx).limit(_BATCH)
    while rows := connection.execute(columns.where(ENTRIES.c.idx >= expected)).all():
        for index, leaf, body in rows:
            if index != expected:
                raise Corrupted("entry_missing", f"Entry {expected} of the log is missing.", who="auditor")
            if leaf_hash(body) != leaf:
                raise Corrupted("entry_altered", f"Entry {index} is not what its leaf hash says.", who="auditor")
            yield index, body
            expected += 1


def pending(engine: Engine, from_index: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Index and leaf hash (32 bytes) of at most `limit` entries from `from_index` on, computed from their bytes."""
    with reading(engine).connect() as connection:
        return [(index, leaf_hash(body)) for index, body in islice(read_bodies(connection, from_index), limit)]


def entry_bodies(engine: Engine, size: int) -> Iterator[bytes]:
    """The canonical bytes of the first `size` entries, streamed from one snapshot.

    Raises `Corrupted` where the log holds fewer: a tail was deleted or an older copy restored.
    """
    found = 0
    with reading(engine).connect() as connection:
        for _, body in islice(read_bodies(connection), size):
            yield body
            found += 1
    if found < size:
        raise Corrupted("log_shortened", f"The log holds {found} entries, {size} were expected.", who="auditor")


def leaf_hashes(engine: Engine, size: int) -> list[bytes]:
    """The first `size` leaf hashes, 32 bytes each; raises `Corrupted` as `entry_bodies` does."""
    return [leaf_hash(body) for body in entry_bodies(engine, size)]


def store_tree_head(engine: Engine, size: int, root: bytes, note: str, at: datetime) -> None:
    """Keep a signed tree head; the same one again changes nothing. Raises `Corrupted` for another root of that size."""
    with engine.begin() as connection:
        known = connection.scalar(select(TREE_HEADS.c.root).where(TREE_HEADS.c.size == size))
        if known is None:
            connection.execute(insert(TREE_HEADS).values(size=size, root=root, note=note, sealed_at=instant_text(at)))
        elif known != root:
            raise Corrupted("log_forked", f"Two different roots were signed for {size} entries.", who="auditor")


def latest_tree_head(engine: Engine) -> StoredTreeHead | None:
    """The largest signed tree head; None before the first sealing."""
    with reading(engine).connect() as connection:
        row = connection.execute(select(TREE_HEADS).order_by(TREE_HEADS.c.size.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return StoredTreeHead(size=row.size, root=row.root, note=row.note, sealed_at=datetime.fromisoformat(row.sealed_at))
