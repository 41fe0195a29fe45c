"""Facts about keys that seal data at rest: a part of the closed set of `events.py`, under the same law.

None holds a key, or anything from which one could be told.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from tunewarden.domain.names import DatasetId, Digest

MasterKeyVersion = NewType("MasterKeyVersion", str)
"""What a master key is called; made from a hash of it."""


class KeyPurpose(StrEnum):
    """What a key wraps: data keys of dataset versions and raw rows; or those that releases are made with.

    Or seals: what is in no dataset version, weights above all.
    """

    MASTER = "master"
    VAULT = "vault"
    BLOBS = "blobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKeyRotated:
    """Every data key that another master key of this purpose wrapped was wrapped anew; the other one is to go.

    Of an environment or a store that the platform cannot write to, somebody has to take it out. `keys` counts what was
    wrapped anew by the run that ended it; of `blobs`, the blobs that are sealed under the new one, which are all.
    """

    purpose: KeyPurpose
    version: MasterKeyVersion
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDestroyed:
    """The data key of a dataset version is destroyed: its rows, and all clean versions made from it, are unreadable."""

    dataset: DatasetId
    version: Digest


KeyEvent = MasterKeyRotated | VersionDestroyed
