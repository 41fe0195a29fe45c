"""What only the sealer asks of the log's tables: how long it is, what waits, and what witnesses said of a head."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Corrupted
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import TREE_HEADS
from tunewarden_audit.note import add_signature

_BATCH = 2_000  # entries


def log_size(engine: Engine) -> int:
    """How many entries there are; one row of the primary key, whatever the log's size."""
    with reading(engine).connect() as connection:
        return sql_log.next_index(connection)


def leaf_hashes(engine: Engine, start: int, stop: int) -> Iterator[bytes]:
    """The leaf hashes (32 bytes) of entries [start, stop), streamed from one snapshot; raises `Corrupted`.

    Where an entry's body is gone the stored hash stands for it: the caller compares with what was signed.
    """
    with reading(engine).connect() as connection:
        for first in range(start, stop, _BATCH):
            yield from sql_log.leaf_range(connection, first, min(_BATCH, stop - first))


def unsigned_bodies(engine: Engine, start: int, limit: int) -> list[bytes]:
    """The canonical bytes of at most `limit` entries from `start` on, none of which was signed yet.

    Raises `Corrupted` for a gap, for bytes that are not those of their leaf hash, and for a body that is gone.
    """
    with reading(engine).connect() as connection:
        entries = sql_log.entry_range(connection, start, limit)
    bodies = [body for _, body in entries if body is not None]
    if len(bodies) < len(entries):
        raise Corrupted("entry_missing", "An entry lost its body before it was signed.", who="auditor")
    return bodies


def refresh_tree_head(engine: Engine, size: int, at: datetime) -> None:
    """The head of that size was still the newest at `at`."""
    with engine.begin() as connection:
        connection.execute(update(TREE_HEADS).where(TREE_HEADS.c.size == size).values(sealed_at=instant_text(at)))


def add_cosignature(engine: Engine, size: int, root: bytes, line: str) -> None:
    """Put a witness's verified signature line under the head of this size and root, in place of its earlier one.

    Does nothing where no such head is stored. Raises `Corrupted` for another root: then the line is not about it.
    """
    with engine.begin() as connection:
        stored = sql_log.tree_head(connection, size)
        if stored is None:
            return
        if stored.root != root:
            raise Corrupted("log_forked", f"Two different roots were signed for {size} entries.", who="auditor")
        note = add_signature(stored.note, line)
        connection.execute(update(TREE_HEADS).where(TREE_HEADS.c.size == size).values(note=note))
