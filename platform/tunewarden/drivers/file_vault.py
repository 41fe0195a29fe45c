"""The data keys of persons in one file, for the command line: a vault without a platform.

The file is the secret: whoever has it and the de-identified files can turn reversible pseudonyms back, so it is kept
elsewhere than these. It is its owner's alone (0600), and it is refused where others can read it. Forgetting a person
overwrites their key in the file (SQLite's `secure_delete`); copies of the file, backups and what a file system keeps of
old blocks are not reached.
"""

import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tunewarden.domain.errors import Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.names import DatasetId

KEY_BYTES = 32
_FORM = 0x74777631  # "twv1", in SQLite's application_id
_TABLES = """
create table secret (key blob not null);
create table persons (dataset text not null, pseudonym text not null, key blob, primary key (dataset, pseudonym))
without rowid;
"""


class FileVault:
    """`usecases.ports.Vault` in the file `path`; in memory, and gone with the process, where `path` is None."""

    def __init__(self, path: Path | None, *, create: bool = False) -> None:
        """Raises `NotFound` where there is no file and `create` is not said, `Refused` where others can read it."""
        fresh = path is None or not path.exists()
        if path is not None:
            _prepare(path, fresh=fresh, create=create)
        with _storage():
            self._base = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._base.execute("pragma secure_delete = on")
            if fresh:
                self._base.executescript(f"begin; {_TABLES} pragma application_id = {_FORM}; commit;")
                self._base.execute("insert into secret values (?)", (secrets.token_bytes(KEY_BYTES),))
            elif self._base.execute("pragma application_id").fetchone() != (_FORM,):
                raise _no_vault()
            # Pseudonyms of persons are made under it.
            self.tenant_key: bytes = self._base.execute("select key from secret").fetchone()[0]

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of every one of them, made where there was none; None once it was destroyed."""
        with _storage():
            self._base.execute("begin immediate")
            try:
                self._base.executemany(
                    "insert or ignore into persons values (?, ?, ?)",
                    [(dataset, pseudonym, secrets.token_bytes(KEY_BYTES)) for pseudonym in pseudonyms],
                )
            except BaseException:
                self._base.execute("rollback")
                raise
            self._base.execute("commit")
            return {pseudonym: self.key(dataset, pseudonym) for pseudonym in pseudonyms}

    def key(self, dataset: DatasetId, pseudonym: str) -> bytes | None:
        """The key of one person; None where there is none or it was destroyed."""
        with _storage():
            found = self._base.execute(
                "select key from persons where dataset = ? and pseudonym = ?", (dataset, pseudonym)
            ).fetchone()
        return None if found is None else found[0]

    def every_key(self, dataset: DatasetId) -> Iterator[bytes]:
        """All keys that were not destroyed."""
        with _storage():
            rows = self._base.execute("select key from persons where dataset = ? and key is not null", (dataset,))
            yield from (row[0] for row in rows)

    def forget(self, dataset: DatasetId, pseudonym: str) -> bool:
        """Destroy a person's key for good; False where there was none any more.

        That the person was forgotten stays, so that their records are left out ever after.
        """
        with _storage():
            done = self._base.execute(
                "update persons set key = null where dataset = ? and pseudonym = ? and key is not null",
                (dataset, pseudonym),
            )
            self._base.execute("insert or ignore into persons values (?, ?, null)", (dataset, pseudonym))
            return done.rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._base.close()


def _prepare(path: Path, *, fresh: bool, create: bool) -> None:
    if fresh and not create:
        raise NotFound("vault_not_found", "There is no vault of that name.", param="vault")
    try:
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        elif path.stat().st_mode & 0o077:
            raise Refused(
                "key_readable_by_others",
                "The vault can be read by others than its owner.",
                remedy="Take their rights away: chmod 600.",
                who="administrator",
                param="vault",
            )
    except OSError as error:
        raise Unavailable("vault_unreadable", f"The vault cannot be opened ({type(error).__name__}).") from error


@contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _no_vault() from error


def _no_vault() -> Malformed:
    return Malformed(
        "vault_malformed",
        "The file is no vault, or it is damaged or in use.",
        remedy="Name the file that `deid apply --vault` made.",
        param="vault",
    )
