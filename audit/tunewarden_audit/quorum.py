"""Whether the witnesses whom an auditor trusts have seen a tree head."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from tunewarden_audit import note
from tunewarden_audit.note import VerifierKey
from tunewarden_audit.recipe import Found, Grade, Stopped

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that calendars here know; a witness may sign later ones


def witnessed(checkpoint: bytes, witnesses: Sequence[VerifierKey], quorum: int | None) -> Found[None]:
    """Whether enough of the witnesses cosigned the checkpoint; raises InvalidNote for a cosignature that is wrong."""
    wanted = len(set(witnesses)) if quorum is None else quorum
    if not 0 < wanted <= len(set(witnesses)) or not all(key.is_witness for key in witnesses):
        raise Stopped("the quorum is between one and the number of witnesses, each with a key of type 0x04")
    try:
        times = note.open_note(checkpoint, witnesses).times
    except note.NotSigned:
        times = {}
    if len(times) < wanted:
        missing = sorted(ascii(key.name) for key in set(witnesses) - times.keys())
        because = f"{len(times)} of {wanted} cosignatures are there; none of {', '.join(missing)}"
        raise Stopped(because, Grade.INCOMPLETE)
    newest = _when(max(times.values()))
    return Found(None, f"{len(times)} of {wanted} wanted cosigned this head, last at {newest}", Grade.WITNESSED)


def _when(seconds: int) -> str:
    if seconds > _LAST_SECOND:
        return f"{seconds} seconds after 1970"
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
