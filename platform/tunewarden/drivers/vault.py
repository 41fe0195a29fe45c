"""Data keys in the database, each wrapped under a master key.

A row is a key of something of a dataset, by name: of a person (their pseudonym), of a person's raw rows (their handle,
`sealed_rows`), of one of its versions or of an upload (`scopes`), of a request's protected attributes (`attributes`).
The database is not trusted with them: a wrapped key is AES-256-GCM (NIST SP 800-38D) of 32 random bytes, bound to data
set and name, so that a row cannot be moved.

Destroying a key leaves a row without one: who was erased stays erased. A key is destroyed by a unit of work alone
(`UnitOfWork.forget`), in one transaction with the entry that says so. Not reached are copies of the database and what
its files still hold of old pages: whoever has such a copy and the master key that wrapped it has the key again. That
ends when the master key is rotated (`keys_rotation`), because then the one that wrapped the copy's keys is destroyed.
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tunewarden.domain.errors import Corrupted, Unavailable
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.keys_master import FIRST, LocalMaster
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import KEY_RINGS, PERSON_KEYS

KEY_BYTES = 32
_AT_ONCE = 500  # rows of one statement; databases bound the number of its parameters


class SqlVault:
    """`usecases.ports.Vault` over SQLite and PostgreSQL."""

    def __init__(self, engine: Engine, master: LocalMaster | bytes) -> None:
        """`master` of 32 bytes is one that is never rotated while this lives."""
        self._engine = engine
        self._master = LocalMaster(FIRST, lambda: [master]) if isinstance(master, bytes) else master

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of every one of them, made where there was none; None once it was destroyed.

        Two that ask at once get the same keys: the first row stays. Raises `Corrupted` where a row was tampered with or
        wrapped under another master key.
        """
        found: dict[str, bytes | None] = {}
        for some in _parts(pseudonyms):
            with self._engine.begin() as connection:
                wrapped = _wrapped(connection, dataset, some)
                missing = [pseudonym for pseudonym in some if pseudonym not in wrapped]
                if missing:
                    self._make(connection, dataset, missing)
                    wrapped = _wrapped(connection, dataset, some)
            found |= {name: self._unwrapped(dataset, name, sealed) for name, sealed in wrapped.items()}
        return found

    def known(self, dataset: DatasetId, names: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of those of them that have a row; None once it was destroyed. Makes none. Raises as `keys` does."""
        found: dict[str, bytes | None] = {}
        for some in _parts(names):
            with reading(self._engine).begin() as connection:
                wrapped = _wrapped(connection, dataset, some)
            found |= {name: self._unwrapped(dataset, name, sealed) for name, sealed in wrapped.items()}
        return found

    def adopt(self, dataset: DatasetId, name: str, key: bytes) -> bytes:
        """Keep a key of 32 bytes made elsewhere, where there is none yet; returns what is kept. Raises as `keys`."""
        with self._engine.begin() as connection:
            sealed = self._master.wrap(key, context(dataset, name), self._current(connection))
            connection.execute(_unless_there(connection, [{"dataset": dataset, "pseudonym": name, "wrapped": sealed}]))
        kept = self.known(dataset, [name])[name]
        assert kept is not None, "nobody destroys what was adopted"
        return kept

    def _make(self, connection: Connection, dataset: DatasetId, missing: Sequence[str]) -> None:
        version = self._current(connection)
        rows = [
            {
                "dataset": dataset,
                "pseudonym": pseudonym,
                "wrapped": self._master.wrap(secrets.token_bytes(KEY_BYTES), context(dataset, pseudonym), version),
            }
            for pseudonym in missing
        ]
        connection.execute(_unless_there(connection, rows))

    def _current(self, connection: Connection) -> str:
        """The version to wrap under: the one the database names, whatever comes first where this process has its keys.

        So none wraps under a master key that is being rotated away, and what it wrapped is not lost with it. Units that
        write are serial (`sql_engine`): a rotation that has not begun now begins after this one ends.
        """
        purpose = self._master.purpose
        current = connection.execute(select(KEY_RINGS.c.version).where(KEY_RINGS.c.name == purpose)).scalar()
        if current is None:
            current = self._master.version
            connection.execute(insert(KEY_RINGS).values(name=purpose, version=current))
        if not self._master.has(current):
            raise Unavailable(
                "master_key_outdated",
                "This process does not have the master key that wraps now.",
                remedy="Give it the rotated key, or end the rotation, then repeat.",
                who="administrator",
            )
        return str(current)

    def _unwrapped(self, dataset: DatasetId, pseudonym: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._master.unwrap(sealed, context(dataset, pseudonym))
        except Corrupted:
            raise Corrupted(
                "person_key_corrupted",
                "A wrapped data key is not what was stored for this person, or the vault's master key is another one.",
                remedy="Restore the vault key, and the rows, from a copy.",
                who="administrator",
            ) from None


def context(dataset: str, name: str) -> str:
    """What a wrapped key is bound to."""
    return f"{dataset}\0{name}"


def destroy_key(connection: Connection, dataset: DatasetId, pseudonym: str) -> bool:
    """Destroy a person's key for good, in the caller's transaction; False where there was none (any more).

    Whoever had none yet has a row without one from now on, so that none is made for them later. Needs no master key.
    """
    row = (PERSON_KEYS.c.dataset == dataset) & (PERSON_KEYS.c.pseudonym == pseudonym)
    # The row first: who asks for keys at the same time cannot make one between the two statements.
    connection.execute(_unless_there(connection, [{"dataset": dataset, "pseudonym": pseudonym, "wrapped": None}]))
    done = connection.execute(update(PERSON_KEYS).where(row, PERSON_KEYS.c.wrapped.is_not(None)).values(wrapped=None))
    return done.rowcount == 1


def _unless_there(connection: Connection, rows: Sequence[Mapping[str, object]]) -> "sqlite.Insert | postgresql.Insert":
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return made(PERSON_KEYS).values(rows).on_conflict_do_nothing()


def _wrapped(connection: Connection, dataset: DatasetId, some: Sequence[str]) -> dict[str, bytes | None]:
    rows = connection.execute(
        select(PERSON_KEYS.c.pseudonym, PERSON_KEYS.c.wrapped).where(
            PERSON_KEYS.c.dataset == dataset, PERSON_KEYS.c.pseudonym.in_(some)
        )
    )
    return {pseudonym: None if sealed is None else bytes(sealed) for pseudonym, sealed in rows}


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(names))
    while some := list(islice(rest, _AT_ONCE)):
        yield some
