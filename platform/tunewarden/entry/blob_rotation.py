"""`tunewarden master-keys rotate-blobs`: the blob key, in two runs, so that nobody is left sealing under an old one."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.key_events import KeyPurpose, MasterKeyRotated, MasterKeyVersion
from tunewarden.drivers import blob_rotation
from tunewarden.drivers.blob_keys import BlobKeys
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.keys_file import KeyFile
from tunewarden.drivers.keys_master import fingerprint
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry import key_files
from tunewarden.entry.key_rotation import OPERATOR, new_key
from tunewarden.entry.settings import Settings

SETTLED_SECONDS = 600
"""After so long every process has found a new key in its file, and ended what it was sealing under the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What became of the blobs.

    Attributes:
        blobs: how many were sealed anew by this run.
        total: how many there are in no scope; all of them are under the new key.
        ended: whether the keys before are destroyed.
        left: whether they should be, and somebody has to do it in a place that only people can write to.
    """

    blobs: int
    total: int
    ended: bool = False
    left: bool = False


def begin(settings: Settings) -> Resealed:
    """Put a new blob key before the one in use, and seal every blob in no scope anew under it.

    May be repeated, after a crash too: a rotation that has begun is gone on with. Raises `Unavailable` where the file
    cannot be written, and `Corrupted` for a blob that no key opens.
    """
    file = key_files.key_files(settings)[key_files.BLOBS]
    engine = connect(settings.database)
    try:
        # 1. What handles are made with does not go with the key.
        vault = SqlVault(engine, key_files.master(settings, key_files.MASTER))
        blob_rotation.keep_handles(engine, vault, file.load())
        # 2. The new key is there, durably, before anything is sealed under it; from an earlier try, maybe.
        if len(keys := file.load()) == 1:
            file.replace([new_key(), *keys])
        # 3. Nobody begins without it, and what is there is sealed anew.
        blob_rotation.begin(engine, file.load())
        count, total = blob_rotation.reseal(_blobs(settings, file))
    finally:
        engine.dispose()
    return Resealed(blobs=count, total=total)


def end(settings: Settings) -> Resealed:
    """Destroy the blob keys before, once nothing is under them any more; nothing is destroyed where something was.

    Raises `Unavailable` where no rotation has begun, for ten minutes after it, and while a person waits for erasure in
    an envelope; `Corrupted` as `begin`.
    """
    file = key_files.key_files(settings)[key_files.BLOBS]
    keys = file.load()
    if len(keys) == 1:
        raise _not_yet("rotation_not_begun", "There is one blob key, and none before it.", "Begin: without --finish.")
    if time.time() - file.path.stat().st_mtime < SETTLED_SECONDS:
        raise _not_yet(
            "rotation_too_fresh",
            "Some process may still seal under the key before.",
            f"Repeat this {SETTLED_SECONDS // 60} minutes after the new key was put there.",
        )
    engine = connect(settings.database)
    try:
        count, total = blob_rotation.reseal(_blobs(settings, file))
        if count:
            return Resealed(blobs=count, total=total)
        _require_no_envelope(engine)
        return _ended(engine, file, keys, total)
    finally:
        engine.dispose()


def _ended(engine: Engine, file: KeyFile, keys: tuple[bytes, ...], total: int) -> Resealed:
    now = datetime.now(UTC)
    # The log says it before the old key goes, so that none goes without an entry.
    with SqlWork(engine, lambda: now)(OPERATOR) as unit:
        version = MasterKeyVersion(fingerprint(blob_rotation.RING, keys[0]))
        unit.record(MasterKeyRotated(purpose=KeyPurpose.BLOBS, version=version, keys=total))
        unit.commit()
    try:
        file.replace(keys[:1])  # point of no return for copies of blobs from before
    except Unavailable:
        return Resealed(blobs=0, total=total, left=True)
    blob_rotation.finish(engine, now)
    return Resealed(blobs=0, total=total, ended=True)


def _require_no_envelope(engine: Engine) -> None:
    with SqlViews(engine)() as view:
        if any(one.is_waiting for one in view.erasures.all()):
            raise _not_yet(
                "erasures_wait",
                "Somebody waits for erasure in an envelope that is sealed under the blob key.",
                "Let a worker carry the erasures out, then repeat.",
            )


def _blobs(settings: Settings, file: KeyFile) -> DirectoryBlobs:
    return DirectoryBlobs(settings.blob_directory, BlobKeys(file))


def _not_yet(code: str, message: str, remedy: str) -> Unavailable:
    return Unavailable(code, message, remedy=remedy, who="administrator")
