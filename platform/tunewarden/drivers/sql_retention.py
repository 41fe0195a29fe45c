"""Dropping the bodies of entries in SQL. Their leaf hashes stay, and with them every proof."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from tunewarden.domain.names import PruneId
from tunewarden.drivers.sql_schema import ENTRIES, PRUNED


def drop_bodies(connection: Connection, prune: PruneId, indices: Sequence[int]) -> None:
    """In the caller's write transaction. The table `pruned` is what the append-only trigger lets a body go for."""
    if not indices:
        return
    connection.execute(insert(PRUNED), [{"idx": index, "prune": prune} for index in indices])
    mine = select(PRUNED.c.idx).where(PRUNED.c.prune == prune)
    connection.execute(update(ENTRIES).where(ENTRIES.c.idx.in_(mine)).values(body=None))


def dropped_bodies(connection: Connection) -> Mapping[str, Sequence[int]]:
    """The sorted indices of entries without a body, by the pruning that dropped them; "" where none says so."""
    rows = connection.execute(
        select(ENTRIES.c.idx, PRUNED.c.prune)
        .outerjoin(PRUNED, PRUNED.c.idx == ENTRIES.c.idx)
        .where(ENTRIES.c.body.is_(None))
        .order_by(ENTRIES.c.idx)
    )
    found: dict[str, list[int]] = defaultdict(list)
    for index, prune in rows:
        found[prune or ""].append(index)
    return found
