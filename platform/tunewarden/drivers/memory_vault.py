"""The vault in memory: the data keys of persons in a `MemoryState`, so that its units of work can destroy them."""

import secrets
from collections.abc import Collection, Mapping

from tunewarden.domain.names import DatasetId
from tunewarden.drivers.memory import MemoryState

KEY_BYTES = 32


class MemoryVault:
    """`usecases.ports.Vault`; nothing is durable, and nothing is wrapped."""

    def __init__(self, state: MemoryState) -> None:
        self._keys = state.person_keys

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of every one of them, made where there was none; None once it was destroyed."""
        return {
            pseudonym: self._keys.setdefault((dataset, pseudonym), secrets.token_bytes(KEY_BYTES))
            for pseudonym in pseudonyms
        }

    def known(self, dataset: DatasetId, names: Collection[str]) -> Mapping[str, bytes | None]:
        """The key of those of them that have one, None once it was destroyed. Makes none."""
        return {name: self._keys[(dataset, name)] for name in names if (dataset, name) in self._keys}
