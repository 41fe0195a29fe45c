"""Scopes of blobs: what is sealed under one data key, and becomes unreadable with it.

A scope is a dataset (or a file) and a name in it; the vault keeps its data key under these. A *fleeting* scope is in no
vault: its key is in this process's memory, and in that of the processes that it is lent to, and dies with them.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.domain.names import DatasetId
from tunewarden.usecases.custody import Lent

KEY_BYTES = 32
_FLEETING = DatasetId("fleeting")
_LONGEST = 255


class Scope(NamedTuple):
    """Of which dataset, and of what in it."""

    dataset: DatasetId
    name: str

    def encoded(self) -> bytes:
        """As it stands in a file; `scope_in` is the inverse."""
        text = f"{self.dataset}/{self.name}".encode()
        if len(text) > _LONGEST:
            raise ValueError(f"a scope has at most {_LONGEST} bytes")
        return text

    def tag(self) -> str:
        """Ends the names of its files."""
        return hashlib.sha256(self.encoded()).hexdigest()[:16]


def scope_in(encoded: bytes) -> Scope | None:
    """None for what no scope is written as."""
    try:
        dataset, slash, name = encoded.decode("ascii").partition("/")
    except UnicodeDecodeError:
        return None
    return Scope(DatasetId(dataset), name) if dataset and slash and name else None


class DataKeys(Protocol):
    """Of a vault: what scopes need."""

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str], /) -> Mapping[str, bytes | None]:
        """Made where there was none; None once it was destroyed."""

    def known(self, dataset: DatasetId, names: Collection[str], /) -> Mapping[str, bytes | None]:
        """Makes none: what has no row is not in it."""


class NoKeys:
    """For a process that was given no vault: it reads and writes what is in no scope."""

    def keys(self, _dataset: DatasetId, _names: Collection[str]) -> Mapping[str, bytes | None]:
        """Raises `Refused`."""
        raise Refused(
            "data_keys_missing",
            "This process holds no data keys, so it cannot seal anything for a dataset.",
            remedy="Give it the master key and the database.",
            who="administrator",
        )

    def known(self, _dataset: DatasetId, _names: Collection[str]) -> Mapping[str, bytes | None]:
        """None."""
        return {}


@dataclass(slots=True, kw_only=True)
class ScopeKeys:
    """The keys of scopes: of the vault, and those of fleeting scopes."""

    vault: DataKeys
    lent: dict[Scope, bytes] = field(default_factory=dict, repr=False)

    def sealing(self, scope: Scope) -> bytes:
        """The key to seal with, made where there was none. Raises `Refused` once it was destroyed."""
        key = self.lent.get(scope) or self.vault.keys(scope.dataset, [scope.name])[scope.name]
        if key is None:
            raise Refused(
                "data_key_destroyed",
                "The key of this dataset version or file was destroyed; nothing can be added to it.",
                remedy="Register newer records.",
                who="steward",
            )
        return key

    def opening(self, scope: Scope) -> bytes | None:
        """The key to open with; None where it was destroyed. Raises `Corrupted` where there never was one here."""
        if scope in self.lent:
            return self.lent[scope]
        if scope.dataset == _FLEETING:
            return None
        found = self.vault.known(scope.dataset, [scope.name])
        if scope.name not in found:
            raise Corrupted(
                "data_key_missing",
                "The data key that a stored blob is sealed under is not in the vault.",
                remedy="Restore the database from the copy that belongs to the blobs.",
                who="administrator",
            )
        return found[scope.name]

    def fleeting(self) -> Scope:
        """A new scope whose key is nowhere but here."""
        scope = Scope(_FLEETING, secrets.token_hex(16))
        self.lent[scope] = secrets.token_bytes(KEY_BYTES)
        return scope

    def forget(self, scope: Scope) -> None:
        """The end of a fleeting scope."""
        self.lent.pop(scope, None)

    def lend(self, scopes: Collection[Scope]) -> Lent:
        """The keys of `scopes` and of every fleeting one, for another process on this machine, in memory only."""
        here = {scope: self.sealing(scope) for scope in scopes}
        return {(scope.dataset, scope.name): key for scope, key in (*self.lent.items(), *here.items())}
