"""The data keys of persons in the database, each wrapped under the vault's master key.

The database is not trusted with them. A wrapped key is AES-256-GCM (NIST SP 800-38D) of 32 random bytes under the
master key, with data set and pseudonym as associated data, so that a row cannot be moved to another person.
Destroying a key leaves a row without one: who was erased stays erased. A key is destroyed by a unit of work alone
(`UnitOfWork.forget`), in one transaction with the entry that says so. Not reached are copies of the database and
what its files still hold of old pages until they are written over; whoever has such a copy and the master key has the
key again.
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql_schema import PERSON_KEYS

KEY_BYTES = 32
_NONCE = 12
_AT_ONCE = 500  # rows of one statement; databases bound the number of its parameters


class SqlVault:
    """`usecases.ports.Vault` over SQLite and PostgreSQL; `master_key` has 32 bytes."""

    def __init__(self, engine: Engine, master_key: bytes) -> None:
        self._engine, self._cipher = engine, AESGCM(master_key)

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of every one of them, made where there was none; None once it was destroyed.

        Two that ask at once get the same keys: the first row stays. Raises `Corrupted` where a row was tampered with or
        wrapped under another master key.
        """
        found: dict[str, bytes | None] = {}
        for some in _parts(pseudonyms):
            with self._engine.begin() as connection:
                wrapped = self._wrapped(connection, dataset, some)
                missing = [pseudonym for pseudonym in some if pseudonym not in wrapped]
                if missing:
                    self._make(connection, dataset, missing)
                    wrapped = self._wrapped(connection, dataset, some)
            found |= {name: self._unwrapped(dataset, name, sealed) for name, sealed in wrapped.items()}
        return found

    def _wrapped(self, connection: Connection, dataset: DatasetId, some: Sequence[str]) -> dict[str, bytes | None]:
        rows = connection.execute(
            select(PERSON_KEYS.c.pseudonym, PERSON_KEYS.c.wrapped).where(
                PERSON_KEYS.c.dataset == dataset, PERSON_KEYS.c.pseudonym.in_(some)
            )
        )
        return {pseudonym: None if sealed is None else bytes(sealed) for pseudonym, sealed in rows}

    def _make(self, connection: Connection, dataset: DatasetId, missing: Sequence[str]) -> None:
        rows = []
        for pseudonym in missing:
            nonce = secrets.token_bytes(_NONCE)
            sealed = self._cipher.encrypt(nonce, secrets.token_bytes(KEY_BYTES), _bound(dataset, pseudonym))
            rows.append({"dataset": dataset, "pseudonym": pseudonym, "wrapped": nonce + sealed})
        connection.execute(_unless_there(connection, rows))

    def _unwrapped(self, dataset: DatasetId, pseudonym: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(dataset, pseudonym))
        except InvalidTag:
            raise Corrupted(
                "person_key_corrupted",
                "A wrapped data key is not what was stored for this person, or the vault's master key is another one.",
                remedy="Restore the vault key, and the rows, from a copy.",
                who="administrator",
            ) from None


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


def _bound(dataset: DatasetId, pseudonym: str) -> bytes:
    return f"{dataset}\0{pseudonym}".encode()


def _parts(names: Collection[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(names))
    while some := list(islice(rest, _AT_ONCE)):
        yield some
