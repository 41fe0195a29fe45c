"""Sealed protected attributes in a `MemoryState`, so that its units of work can drop them with their key."""

from collections.abc import Iterable, Iterator

from tunewarden.domain.names import DatasetId
from tunewarden.drivers.attributes import Row
from tunewarden.drivers.memory import MemoryState


class MemoryAttributeRows:
    """`drivers.attributes.AttributeRows`; nothing is durable."""

    def __init__(self, state: MemoryState) -> None:
        self._tables = state.attributes

    def replace(self, dataset: DatasetId, key: str, rows: Iterable[Row]) -> None:
        """In place of what was there."""
        self._tables[(dataset, key)] = {row.link: row.sealed for row in rows}

    def all(self, dataset: DatasetId, key: str) -> Iterator[Row]:
        """By link."""
        for link, sealed in sorted(self._tables.get((dataset, key), {}).items()):
            yield Row(link, sealed)
