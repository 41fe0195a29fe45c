"""Wrapping every data key anew under the newest master key, so that the one before can be destroyed.

No blob is touched: what a data key sealed stays sealed under it. May run while api and worker do, and be repeated after
a crash anywhere: what is wrapped anew already is left alone.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select, tuple_, update

from tunewarden.domain.canonical import instant_text
from tunewarden.drivers.keys_master import LocalMaster
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import KEY_RINGS, PERSON_KEYS
from tunewarden.drivers.vault import context

_AT_ONCE = 500
_KEY = (PERSON_KEYS.c.dataset, PERSON_KEYS.c.pseudonym)


def begin(engine: Engine, master: LocalMaster) -> None:
    """From now on no process wraps under another master key of this purpose than the newest."""
    with engine.begin() as connection:
        ring = KEY_RINGS.c.name == master.purpose
        found = connection.execute(update(KEY_RINGS).where(ring).values(version=master.version))
        if found.rowcount == 0:
            connection.execute(insert(KEY_RINGS).values(name=master.purpose, version=master.version))


def rewrap(engine: Engine, master: LocalMaster) -> int:
    """Wrap anew what a master key of this purpose wrapped before; returns how many keys.

    `begin` comes before. Raises `Corrupted` for a key that none of the master keys opens: the old one must stay then.
    """
    count = 0
    for page in _pages(engine):
        with engine.begin() as connection:
            for dataset, name, wrapped in page:
                anew = master.rewrapped(wrapped, context(dataset, name)) if master.made(wrapped) else None
                if anew is not None:
                    # Not where it was destroyed meanwhile.
                    row = (PERSON_KEYS.c.dataset == dataset) & (PERSON_KEYS.c.pseudonym == name)
                    same = row & (PERSON_KEYS.c.wrapped == wrapped)
                    count += connection.execute(update(PERSON_KEYS).where(same).values(wrapped=anew)).rowcount
    return count


def finish(engine: Engine, master: LocalMaster, now: datetime) -> None:
    """The master key before is destroyed."""
    with engine.begin() as connection:
        ring = KEY_RINGS.c.name == master.purpose
        connection.execute(update(KEY_RINGS).where(ring).values(rotated_at=instant_text(now)))


def rotated_at(engine: Engine) -> dict[str, str | None]:
    """By purpose: when the master key before was destroyed; None where there was none yet."""
    with reading(engine).begin() as connection:
        rows = connection.execute(select(KEY_RINGS.c.name, KEY_RINGS.c.rotated_at))
        return {str(name): None if at is None else str(at) for name, at in rows}


def _pages(engine: Engine) -> Iterator[list[tuple[str, str, bytes]]]:
    last: Any = None
    while True:
        rows = select(*_KEY, PERSON_KEYS.c.wrapped).where(PERSON_KEYS.c.wrapped.is_not(None))
        if last is not None:
            rows = rows.where(tuple_(*_KEY) > tuple_(*last))
        with reading(engine).begin() as connection:
            page = [
                (str(dataset), str(name), bytes(wrapped))
                for dataset, name, wrapped in connection.execute(rows.order_by(*_KEY).limit(_AT_ONCE))
            ]
        if not page:
            return
        yield page
        last = page[-1][:2]
