"""Changing the log's signing key: an entry that both keys signed, a head that both keys signed, then the new key alone.

The sealer is stopped meanwhile (its lock is taken). A crash anywhere is mended by calling `rotate` again.
"""

from datetime import UTC, datetime
from pathlib import Path

from tunewarden.domain.errors import Conflict, Refused
from tunewarden.domain.events import SigningKeyRotated
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings
from tunewarden.entry.signing_key import key_in_file, signing_key
from tunewarden.usecases.ports import Views
from tunewarden_audit.custody import read_state, replace_key
from tunewarden_audit.log import RotationBegun
from tunewarden_audit.note import SignerKey, VerifierKey
from tunewarden_audit.trust import InvalidRotation, Rotation, rotate as signed_by_both

SEALER = PrincipalId("sealer")


def rotate(settings: Settings, new_key_file: Path) -> VerifierKey:
    """Hand the log over to the key in `new_key_file`; returns its public half.

    Before the head of step 4 is in the state file, the log may still be given to this new key only, but the old one
    signs nothing more; from there on it never signs again. Raises `Refused`, `Conflict`, `RefusedToSign`, `InUse`.
    """
    # 1. The new key is there, durably, before the log says anything about it.
    new = key_in_file(settings, new_key_file)
    last = read_state(settings.sealer_state)
    if last is not None and last.key == new.verifier.vkey:
        Sealer(settings, new).close()  # steps 2 to 4 are done: see that the head is shown
    else:
        with Sealer(settings) as sealer:
            # 2. The old key signs everything before the rotation.
            begun = _begun(sealer)
            if begun is None:
                # 3. Say so in the log, signed by both. Point of no return: the sealer stops at this entry.
                _record(settings, signing_key(settings), new)
                begun = _begun(sealer)
            if begun is None or begun.new != new.verifier:
                raise Conflict(
                    "rotation_to_another_key",
                    "The log already says that it goes over to another key than this one.",
                    remedy="Give the file with the key that the rotation was begun with.",
                    who="administrator",
                )
            # 4. A head that covers this entry, signed by both. Point of no return for the old key.
            sealer.hand_over(new)
    # 5. The sealer finds the new key where the old one was.
    if settings.signing_key_pem is None:
        replace_key(settings.signing_key, new)
        if not new_key_file.samefile(settings.signing_key):
            new_key_file.unlink()
    return new.verifier


def _begun(sealer: Sealer) -> Rotation | None:
    """Seal what waits; the rotation at which the old key had to stop, None where there is none."""
    try:
        sealer.seal_once()
        while sealer.has_more:
            sealer.seal_once()
    except RotationBegun as begun:
        return begun.rotation
    return None


def _record(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    engine = connect(settings.database)
    try:
        _require_unused(new.verifier, SqlViews(engine))
        event = SigningKeyRotated(**signed_by_both(old, new))
        with SqlWork(engine, lambda: datetime.now(UTC))(SEALER) as unit:
            unit.record(event)
            unit.commit()
    except InvalidRotation as error:
        raise Refused("rotation_impossible", f"The log's key cannot be rotated: {error}.") from None
    finally:
        engine.dispose()


def _require_unused(new: VerifierKey, views: Views) -> None:
    """A key that was rotated away never comes back: nobody could tell its second life from its first."""
    with views() as view:
        for entry in view.entries():
            if isinstance(entry.event, SigningKeyRotated) and entry.event.old_key == new.vkey:
                raise InvalidRotation(f"entry {entry.index} has retired the new key already")
