"""Changing the blob key: every blob in no scope is sealed anew under a new one, then the one before is destroyed.

What the blob key seals: weights, evidence, verdicts and reports, and envelopes on their way (`envelopes`). Records and
clean texts are under data keys, which the master keys wrap (`keys_rotation`). Handles of raw rows are made with what
was derived from the first blob key there was; that goes on, kept in the vault, because handles stand in stored rows.

Blobs keep their digests, so nothing else changes. May run while api and worker do: any of the keys opens, and they find
the new one in the file. May be repeated after a crash anywhere: what is sealed anew already is left alone.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Corrupted, Unavailable
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.keys_master import fingerprint
from tunewarden.drivers.sealed_rows import handles_key
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import KEY_RINGS
from tunewarden.drivers.vault import SqlVault

RING = "blobs"
_PLATFORM, _HANDLES = DatasetId("platform"), "handles"


def handles(engine: Engine, vault: SqlVault, keys: Sequence[bytes]) -> bytes:
    """What handles are made with, for a process that has these blob keys.

    Raises `Unavailable` for one that does not have the newest, and `Corrupted` where the vault has lost it.
    """
    with reading(engine).begin() as connection:
        newest = connection.execute(select(KEY_RINGS.c.version).where(KEY_RINGS.c.name == RING)).scalar()
    if newest is None:  # never rotated, or somebody put a new key before it and has not gone on yet
        return handles_key(keys[-1])
    if newest not in {fingerprint(RING, key) for key in keys}:
        raise Unavailable(
            "blob_key_outdated",
            "This process does not have the blob key that seals now.",
            remedy="Give it the rotated key.",
            who="administrator",
        )
    kept = vault.known(_PLATFORM, [_HANDLES]).get(_HANDLES)
    if kept is None:
        raise Corrupted(
            "handles_key_missing",
            "The blob key was rotated, and what handles of raw rows are made with is not in the vault.",
            remedy="Restore the database from a copy of after the rotation began.",
            who="administrator",
        )
    return kept


def keep_handles(engine: Engine, vault: SqlVault, keys: Sequence[bytes]) -> None:
    """Before there is a new blob key: what handles are made with is in the vault, for good."""
    vault.adopt(_PLATFORM, _HANDLES, handles(engine, vault, keys))


def begin(engine: Engine, keys: Sequence[bytes]) -> None:
    """From now on no process begins that does not have the newest blob key. `keep_handles` comes before."""
    version = fingerprint(RING, keys[0])
    with engine.begin() as connection:
        ring = KEY_RINGS.c.name == RING
        if connection.execute(update(KEY_RINGS).where(ring).values(version=version)).rowcount == 0:
            connection.execute(insert(KEY_RINGS).values(name=RING, version=version))


def reseal(blobs: DirectoryBlobs) -> tuple[int, int]:
    """Seal anew what is not under the newest key; returns how many blobs that were, and how many are in no scope.

    Raises `Corrupted` for a blob that no key opens: the old keys must stay then.
    """
    count = total = 0
    for digest in blobs.unscoped():
        total += 1
        if not blobs.is_newest(digest):
            with blobs.open(digest) as stream:
                blobs.put(stream)
            count += 1
    return count, total


def finish(engine: Engine, now: datetime) -> None:
    """The blob keys before are destroyed."""
    with engine.begin() as connection:
        connection.execute(update(KEY_RINGS).where(KEY_RINGS.c.name == RING).values(rotated_at=instant_text(now)))
