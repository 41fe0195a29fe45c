"""The tree's hashes above its leaves, kept in SQL so that a proof reads a few rows and not the whole log.

The table `tiles` holds the tiles of C2SP tlog-tiles from level 1 on, as far as the sealer has come; the last tile of a
level grows until it is full. Level 0 is not stored: its hashes come from the entries. Everything here can be computed
again at any time, and nothing here is believed: see `sql_proofs`.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import TILES
from tunewarden_audit.merkle import HASH_BYTES
from tunewarden_audit.tiles import HEIGHT, WIDTH, InvalidTile, levels, split_hashes, tile_root


class LogTiles:
    """The tiles of the log as one connection sees it.

    Attributes:
        use_stored: whether to read the table at all. Without it every hash comes from the entries.
    """

    def __init__(self, connection: Connection, *, use_stored: bool = True) -> None:
        self._connection, self._use_stored = connection, use_stored

    def hashes(self, level: int, index: int, width: int) -> list[bytes]:
        """The first `width` hashes of a tile (`tunewarden_audit.tiles.ReadTile`). Raises `Corrupted`.

        What the table does not have, because it is empty or the sealer is behind, is computed from the level below.
        """
        if level == 0:
            return sql_log.leaf_range(self._connection, index * WIDTH, width)
        known = self._stored(level, index)[:width] if self._use_stored else []
        missing = range(index * WIDTH + len(known), index * WIDTH + width)
        return known + [tile_root(self.hashes(level - 1, below, WIDTH)) for below in missing]

    def newest(self, level: int) -> int:
        """Index of the last stored tile of a level; 0 where there is none."""
        return self._connection.scalar(select(func.max(TILES.c.n)).where(TILES.c.level == level)) or 0

    def width(self, level: int, index: int) -> int:
        """How many hashes of a tile are stored."""
        return len(self._stored(level, index))

    def _stored(self, level: int, index: int) -> list[bytes]:
        data = self._connection.scalar(select(TILES.c.data).where(_is(level, index)))
        try:
            return [] if data is None else split_hashes(data, len(data) // HASH_BYTES)
        except InvalidTile as broken:
            raise damaged(f"The stored tile {index} of level {level} has a wrong length.") from broken


def extend(engine: Engine, size: int) -> None:
    """Bring the table up to the first `size` entries. Reads only the entries that are not below a stored hash.

    Raises `Corrupted` where those entries are not there or not what their leaf hashes say.
    """
    for level in range(1, levels(size)):
        count = size >> (HEIGHT * level)
        with reading(engine).connect() as connection:
            first = LogTiles(connection).newest(level)
        for index in range(first, -(-count // WIDTH)):
            _extend_one(engine, level, index, min(count - index * WIDTH, WIDTH))


def rebuild(engine: Engine, size: int) -> None:
    """Throw every stored tile away and compute them again from the first `size` entries. Raises `Corrupted`."""
    with engine.begin() as connection:
        connection.execute(delete(TILES))
    extend(engine, size)


def damaged(reason: str) -> Corrupted:
    """What is stored does not fit together; whether only tiles or entries too, a rebuild shows."""
    return Corrupted(
        "log_damaged",
        reason,
        remedy="Run `tunewarden log rebuild`; if it stays so, entries were altered: keep everything, call the auditor.",
        who="administrator",
    )


def _extend_one(engine: Engine, level: int, index: int, width: int) -> None:
    # Computed on a snapshot: no writer waits for it.
    with reading(engine).connect() as connection:
        stored = LogTiles(connection)
        if stored.width(level, index) >= width:
            return
        hashes = stored.hashes(level, index, width)
    with engine.begin() as connection:
        _keep(connection, level, index, hashes)


def _keep(connection: Connection, level: int, index: int, hashes: Sequence[bytes]) -> None:
    data = b"".join(hashes)
    if connection.execute(update(TILES).where(_is(level, index)).values(data=data)).rowcount == 0:
        connection.execute(insert(TILES).values(level=level, n=index, data=data))


def _is(level: int, index: int) -> ColumnElement[bool]:
    return (TILES.c.level == level) & (TILES.c.n == index)
