"""Protected attributes in a table of their own, each line sealed under its request's key and those of its persons.

A line is found by its link: HMAC-SHA256 of the record's place and its first person's pseudonym, under a key that
HKDF-SHA256 (RFC 5869) derives from the table's. So the table alone does not say which record a line belongs to, nor
which lines of two requests are of the same person. Its content is AES-256-SIV (RFC 5297), as raw rows are
(`sealed_rows`), with dataset, request and link as associated data; the key is HKDF-SHA256 of the table's data key and
of the data keys of all persons of the record, so that destroying one of them is enough. Content is padded to whole 256
bytes, so that its length does not tell one group from another.

The same lines give the same rows: their digest is what the log has of them. The database is not trusted: a row that was
changed, moved, dropped or brought from another request is noticed.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.canonical import decode, encode
from tunewarden.domain.errors import Conflict, Corrupted
from tunewarden.domain.names import DatasetId, Digest, RequestId
from tunewarden.drivers.scopes import DataKeys
from tunewarden.usecases.attribute_doors import Line, Whose, table_key

_AT_ONCE = 500  # lines whose persons' keys are asked for together
_CIPHERS = 4096  # kept ready, of persons whose records come one after the other
_WHOLE = 256
_END = b"\x80"  # ISO/IEC 7816-4: one such byte, then zeros


class Row(NamedTuple):
    """A line as it is stored: 32 bytes, and sealed content."""

    link: bytes
    sealed: bytes


class AttributeRows(Protocol):
    """Where rows are stored, by dataset and by the name of the key that they go with (`UnitOfWork.forget`)."""

    def replace(self, dataset: DatasetId, key: str, rows: Iterable[Row]) -> None:
        """In place of what was there; streamed."""

    def all(self, dataset: DatasetId, key: str) -> Iterator[Row]:
        """By link."""


class SealedAttributes:
    """`usecases.attribute_doors.Attributes`."""

    def __init__(self, rows: AttributeRows, vault: DataKeys) -> None:
        """`vault` is the one with the data keys of persons, by pseudonym."""
        self._rows, self._vault = rows, vault

    def keep(self, dataset: DatasetId, request: RequestId, lines: Iterable[Line]) -> Digest:
        name = table_key(request)
        key = _there(self._vault.keys(dataset, [name])[name])
        self._rows.replace(dataset, name, self._sealed(dataset, request, key, lines))
        if self._vault.known(dataset, [name])[name] is None:
            # The request ended meanwhile. Had it ended later, these rows would have gone with the key.
            self._rows.replace(dataset, name, ())
            raise _destroyed()
        return _digest(self._rows.all(dataset, name))

    def read(
        self, dataset: DatasetId, request: RequestId, table: Digest, of: Sequence[Whose]
    ) -> Sequence[Mapping[str, str]]:
        name = table_key(request)
        key = _there(self._vault.known(dataset, [name]).get(name))
        stored = dict(self._rows.all(dataset, name))
        if _digest(Row(link, stored[link]) for link in stored) != table:
            raise _corrupted()
        return list(self._opened(dataset, request, key, stored, of))

    def _sealed(self, dataset: DatasetId, request: RequestId, key: bytes, lines: Iterable[Line]) -> Iterator[Row]:
        rest = iter(lines)
        while some := list(islice(rest, _AT_ONCE)):
            persons = self._persons(dataset, [line.whose for line in some])
            for line in some:
                link = _link(key, line.whose)
                content = _padded(encode(dict(line.protected)))
                yield Row(
                    link, _cipher(_keys(key, persons, line.whose)).encrypt(content, [_place(dataset, request, link)])
                )

    def _opened(
        self, dataset: DatasetId, request: RequestId, key: bytes, stored: Mapping[bytes, bytes], of: Sequence[Whose]
    ) -> Iterator[Mapping[str, str]]:
        rest = iter(of)
        while some := list(islice(rest, _AT_ONCE)):
            persons = self._persons(dataset, some)
            for whose in some:
                link = _link(key, whose)
                if link not in stored:
                    raise _corrupted()
                yield _read(_keys(key, persons, whose), stored[link], _place(dataset, request, link))

    def _persons(self, dataset: DatasetId, several: Iterable[Whose]) -> Mapping[str, bytes | None]:
        return self._vault.known(dataset, {person for whose in several for person in whose.persons})


def _link(key: bytes, whose: Whose) -> bytes:
    named = f"{whose.record}/{whose.persons[0]}"
    return hmac.digest(_link_key(key), named.encode(), "sha256")


@lru_cache(maxsize=8)
def _link_key(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tunewarden attribute link").derive(key)


def _keys(key: bytes, persons: Mapping[str, bytes | None], whose: Whose) -> bytes:
    """Of the table and of all persons of a record together."""
    return b"".join((key, *(_there(persons.get(person)) for person in whose.persons)))


@lru_cache(maxsize=_CIPHERS)
def _cipher(keys: bytes) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=64, salt=None, info=b"tunewarden attributes").derive(keys))


def _read(keys: bytes, sealed: bytes, place: bytes) -> Mapping[str, str]:
    try:
        padded = _cipher(keys).decrypt(sealed, [place])
    except (InvalidTag, ValueError):
        raise _corrupted() from None
    found = decode(padded[: padded.rindex(_END)])
    assert isinstance(found, dict), "it was sealed here"
    return {name: str(value) for name, value in found.items()}


def _padded(content: bytes) -> bytes:
    ended = content + _END
    return ended + bytes(-len(ended) % _WHOLE)


def _place(dataset: DatasetId, request: RequestId, link: bytes) -> bytes:
    return f"{dataset}/{request}/{link.hex()}".encode()


def _digest(rows: Iterable[Row]) -> Digest:
    """Of rows by link: SHA-256 over each one's link, the length of its content in 4 bytes, and its content."""
    taken = hashlib.sha256()
    for row in rows:
        taken.update(row.link + len(row.sealed).to_bytes(4, "big") + row.sealed)
    return Digest("sha256:" + taken.hexdigest())


def _there(key: bytes | None) -> bytes:
    if key is None:
        raise _destroyed()
    return key


def _destroyed() -> Conflict:
    return Conflict(
        "attributes_destroyed",
        "The key of these protected attributes was destroyed: the request is over, or a person was erased.",
        remedy="Ask again, where the dataset may still be used.",
        who="requester",
    )


def _corrupted() -> Corrupted:
    return Corrupted(
        "attributes_corrupted",
        "The protected attributes that are stored are not those that were laid apart.",
        remedy="Ask again; the records are then de-identified anew.",
        who="administrator",
    )
