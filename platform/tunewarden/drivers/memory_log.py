"""Reading the entries of a log that is kept in memory as its canonical bytes; one that lost its body is empty there."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tunewarden.domain.entries import Entry, read_entry
from tunewarden.domain.events import Event, about
from tunewarden.domain.names import PruneId, RequestId


def read_from(entries: Sequence[bytes], start: int, stop: int | None = None) -> Iterator[Entry]:
    """Those from index `start` on, before `stop`, that still have their body."""
    for index in range(start, len(entries) if stop is None else min(stop, len(entries))):
        if entries[index]:
            yield read_entry(index, entries[index])


def naming(entries: Sequence[bytes], identifier: str) -> Iterator[Entry]:
    """Those in whose bytes `identifier` stands."""
    for index, body in enumerate(entries):
        if identifier.encode("utf-8") in body:
            yield read_entry(index, body)


def read_about(
    entries: Sequence[bytes], requests: Collection[RequestId], kind: type[Event] | None, start: int
) -> Iterator[Entry]:
    """Those from index `start` on that are about one of `requests`; of one kind, or of all."""
    for entry in read_from(entries, start):
        if about(entry.event) in requests and (kind is None or isinstance(entry.event, kind)):
            yield entry


def by_prune(dropped: Mapping[int, tuple[PruneId, bytes]]) -> Mapping[str, Sequence[int]]:
    """The sorted indices of entries without a body, by the pruning that dropped them."""
    found: dict[str, list[int]] = {}
    for index in sorted(dropped):
        found.setdefault(dropped[index][0], []).append(index)
    return found
