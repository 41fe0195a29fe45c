"""Changing master keys: every data key is wrapped anew under a new one, then the one before is destroyed.

No blob is written again. Api and worker may go on meanwhile: they wrap under no key that is going, and find the new one
in the file. A crash anywhere is mended by calling `rotate` again.

What it is for: a copy of the database from before holds wrapped keys, also of those who were erased since; without the
master key of then nobody opens them. So erasures are complete once the master keys have been rotated after them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.erasures import ErasureState
from tunewarden.domain.errors import Unavailable
from tunewarden.domain.key_events import KeyPurpose, MasterKeyRotated, MasterKeyVersion
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers import keys_rotation
from tunewarden.drivers.keys_file import KeyFile
from tunewarden.drivers.keys_master import KEY_BYTES, LocalMaster
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.entry import key_files
from tunewarden.entry.settings import Settings

OPERATOR = PrincipalId("operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What became of the master key of one purpose.

    Attributes:
        keys: how many data keys were wrapped anew.
        left: whether the key before is still there, in a place that only people can write to.
    """

    purpose: KeyPurpose
    version: MasterKeyVersion
    keys: int
    left: bool = False


def rotate(settings: Settings, purpose: KeyPurpose) -> Rotated:
    """Put a new master key of this purpose in the place of the one in use.

    Where the keys stand in a file or a setting that cannot be written here, somebody puts the new key before the old
    one there first, and takes the old one out afterwards. Raises `Unavailable` where that was not done, and `Corrupted`
    for a data key that no master key opens; the old one stays then.
    """
    file = key_files.key_files(settings).get(purpose)
    # 1. The new key is there, durably, before anything is wrapped under it; from an earlier try, maybe.
    if file is not None and len(keys := file.load()) == 1:
        file.replace([new_key(), *keys])
    master = key_files.master(settings, purpose)
    if len(master) == 1:
        raise _no_new_key()
    engine = connect(settings.database)
    try:
        return _rotate(engine, file, master, purpose)
    finally:
        engine.dispose()


def new_key() -> bytes:
    """From the operating system's randomness."""
    return secrets.token_bytes(KEY_BYTES)


def _rotate(engine: Engine, file: KeyFile | None, master: LocalMaster, purpose: KeyPurpose) -> Rotated:
    # 2. Point of no return for the old key: nobody wraps under it any more.
    keys_rotation.begin(engine, master)
    # 3. What it wrapped.
    count = keys_rotation.rewrap(engine, master)
    # 4. Say so; the log says it before the old key goes, so that none goes without an entry.
    version = MasterKeyVersion(master.version)
    now = datetime.now(UTC)
    with SqlWork(engine, lambda: now)(OPERATOR) as unit:
        unit.record(MasterKeyRotated(purpose=purpose, version=version, keys=count))
        unit.commit()
    # 5. Destroy it. Point of no return for copies of the database from before.
    left = not _destroyed(file)
    if not left:
        keys_rotation.finish(engine, master, now)
    return Rotated(purpose=purpose, version=version, keys=count, left=left)


def _destroyed(file: KeyFile | None) -> bool:
    if file is None:
        return False
    keys = file.load()
    try:
        file.replace(keys[:1])
    except Unavailable:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """When the master key of a purpose was rotated last, and how many erasures destroyed keys after that."""

    purpose: KeyPurpose
    rotated_at: str | None
    erasures: int


def standing(settings: Settings) -> list[Standing]:
    """Of every purpose. Copies of the database from before still have the keys of whoever was erased since."""
    engine = connect(settings.database)
    try:
        rotated = keys_rotation.rotated_at(engine)
        with SqlViews(engine)() as view:
            ended = [one.ended_at for one in view.erasures.all() if one.state is ErasureState.DONE and one.ended_at]
    finally:
        engine.dispose()
    return [_standing(KeyPurpose(purpose), rotated.get(purpose), ended) for purpose in key_files.RINGS]


def _standing(purpose: KeyPurpose, rotated: str | None, ended: Sequence[datetime]) -> Standing:
    since = [each for each in ended if rotated is None or instant_text(each) > rotated]
    return Standing(purpose=purpose, rotated_at=rotated, erasures=len(since))


def wrap(settings: Settings) -> list[str]:
    """Wrap every key file by the key-management service that is named, as it is now; returns their purposes.

    Raises `Unavailable` where none is named, and as `KeyFile.wrap` does.
    """
    files = key_files.key_files(settings)
    if not settings.kms:
        raise Unavailable(
            "kms_not_named",
            "No key-management service is named that could wrap the keys.",
            remedy="Name it: TUNEWARDEN_KMS.",
            who="administrator",
        )
    for file in files.values():
        file.wrap()
    return sorted(files)


def _no_new_key() -> Unavailable:
    return Unavailable(
        "master_key_single",
        "The master key stands in a setting, and there is no new one before it.",
        remedy="Put 64 new hexadecimal digits and a comma before it, here and for api and worker, then repeat.",
        who="administrator",
    )
