"""What is carried from one text of a person to the others while a dataset version is released, sealed and on disk.

Names that were found, values of the person's columns, and the identifiers that were transformed. All of it is words
of persons, so every value is encrypted under a key that exists in this process's memory only: what a crash leaves
behind cannot be read by anybody. Each distinct value of a person takes about 130 bytes of disk and no memory.
"""

import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import IntEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.elsewhere import Value
from tunewarden.steps.deidentify.person import Known

_CACHE_KIB = 16 << 10
_NONCE_BYTES = 12
_TAG_BYTES = 16


class _Kind(IntEnum):
    NAME = 0
    KNOWN = 1
    VALUE = 2


class Carried:
    """By person, who is 32 bytes: the pseudonym. Only for one thread."""

    def __init__(self, folder: Path) -> None:
        """Makes a file in `folder` and takes it away at the end."""
        key = secrets.token_bytes(32)
        self._cipher, self._tag_key = AESGCM(key), secrets.token_bytes(32)
        with NamedTemporaryFile(dir=folder, prefix="carried-", delete=False) as file:  # readable for its owner only
            self._path = Path(file.name)
        self._rows = sqlite3.connect(self._path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",  # nothing of it is worth recovering
            "PRAGMA synchronous = OFF",
            "PRAGMA locking_mode = EXCLUSIVE",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            "CREATE TABLE facts (person BLOB, kind INTEGER, tag BLOB, score REAL, sealed BLOB,"
            " PRIMARY KEY (person, kind, tag)) WITHOUT ROWID",
            "CREATE TABLE persons (person BLOB PRIMARY KEY, budget BLOB) WITHOUT ROWID",
        ):
            self._rows.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close()
        self._path.unlink(missing_ok=True)

    def count(self, person: bytes, budget: bytes) -> None:
        """A record of this person is released, whose `budget` is kept under this pseudonym."""
        self._rows.execute("INSERT OR IGNORE INTO persons VALUES (?, ?)", (person, budget))

    @property
    def persons(self) -> int:
        """How many different ones were counted."""
        (count,) = self._rows.execute("SELECT count(*) FROM persons").fetchone()
        return int(count)

    def budgets(self) -> Iterator[tuple[bytes, bytes]]:
        """Every person that was counted, in order, and the pseudonym their budget is kept under."""
        with closing(self._rows.execute("SELECT person, budget FROM persons ORDER BY person")) as rows:
            yield from rows

    def add_names(self, person: bytes, names: Iterable[tuple[str, float]]) -> None:
        """Names found in a text, each with its score; the best score of a name is what stays."""
        self._add(person, _Kind.NAME, ((name, score) for name, score in names))

    def add_known(self, person: bytes, known: Iterable[Known]) -> None:
        """Values of the columns of one record."""
        self._add(person, _Kind.KNOWN, ((json.dumps([each.entity, each.value]), 1.0) for each in known))

    def add_values(self, person: bytes, values: Iterable[Value]) -> None:
        """Identifiers as they stood in a text before they were transformed."""
        self._add(person, _Kind.VALUE, ((json.dumps([each.entity, each.text]), each.score) for each in values))

    def names(self, person: bytes) -> tuple[tuple[str, float], ...]:
        """Every name with its best score, in order of the alphabet."""
        return tuple(self._of(person, _Kind.NAME))

    def known(self, person: bytes) -> tuple[Known, ...]:
        """The values of all of the person's records."""
        pairs = (json.loads(value) for value, _ in self._of(person, _Kind.KNOWN))
        return tuple(Known(entity=EntityType(entity), value=value) for entity, value in pairs)

    def values(self, person: bytes) -> tuple[Value, ...]:
        """Every identifier of the person that was transformed anywhere, each once, with its best score."""
        rows = ((json.loads(value), score) for value, score in self._of(person, _Kind.VALUE))
        return tuple(Value(entity=EntityType(entity), text=text, score=score) for (entity, text), score in rows)

    def _add(self, person: bytes, kind: _Kind, values: Iterable[tuple[str, float]]) -> None:
        rows = []
        for value, score in values:
            plain = value.encode("utf-8", "surrogatepass")
            tag = hmac.digest(self._tag_key, person + bytes([kind]) + plain, "sha256")[:_TAG_BYTES]
            nonce = secrets.token_bytes(_NONCE_BYTES)
            rows.append((person, int(kind), tag, score, nonce + self._cipher.encrypt(nonce, plain, person + tag)))
        self._rows.executemany(
            "INSERT INTO facts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET score = max(score, excluded.score)",
            rows,
        )

    def _of(self, person: bytes, kind: _Kind) -> list[tuple[str, float]]:
        with closing(
            self._rows.execute(
                "SELECT tag, score, sealed FROM facts WHERE person = ? AND kind = ?", (person, int(kind))
            )
        ) as rows:
            opened = [
                (self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], person + tag), score)
                for tag, score, sealed in rows
            ]
        return sorted((plain.decode("utf-8", "surrogatepass"), score) for plain, score in opened)
