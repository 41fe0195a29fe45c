"""Protected attributes apart from the texts: the doors to them, beside those of `ports`.

They lie in a table of their own, one line for each record that is measured on, and for no other: whoever is trained on
has no line. A line is sealed under two keys at once. That of the request's table is destroyed when the measuring is
over; that of each of the record's persons when the person is erased. Nothing but the measuring step is handed a way to
read them (`usecases.attributes`), and a line tells nobody else which record it belongs to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tunewarden.domain.names import DatasetId, Digest, RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A record that is measured on: where it stands in the clean version, from 0, and the pseudonyms of its persons."""

    record: int
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The protected attributes of a record: column -> group."""

    whose: Whose
    protected: Mapping[str, str] = field(repr=False)


Keep = Callable[[Iterable[Line]], None]
"""Lay the attributes of a release apart, in place of those of an attempt before. Raises `Conflict`."""

Read = Callable[[Sequence[Whose]], Sequence[Mapping[str, str]]]
"""The attributes of these records, in order. Every call is an entry in the log. Raises `Conflict` or `Corrupted`."""


class Attributes(Protocol):
    """The table. Not trusted: what is read is what was sealed, and all of it."""

    def keep(self, dataset: DatasetId, request: RequestId, lines: Iterable[Line]) -> Digest:
        """Store the lines of a request, in place of those of before; streamed. The digest of what is stored.

        The same lines again have the same digest. Raises `Conflict` where one of the keys was destroyed.
        """

    def read(
        self, dataset: DatasetId, request: RequestId, table: Digest, of: Sequence[Whose]
    ) -> Sequence[Mapping[str, str]]:
        """The attributes of these records, in order.

        Raises `Conflict` where one of the keys was destroyed, and `Corrupted` where what is stored has another digest
        than `table`, or no line for one of them.
        """


def table_key(request: RequestId) -> str:
    """The name of the data key of a request's table in the vault, under its dataset."""
    return f"attributes-{request}"
