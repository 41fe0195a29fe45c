"""The signed head that a bundle or a report rests on."""

import time
from collections.abc import Callable, Sequence
from threading import BoundedSemaphore

from tunewarden.domain.errors import Unavailable
from tunewarden.entry.settings import Settings
from tunewarden.entry.witnessing import read_witnesses
from tunewarden.usecases.ports import SealedLog, SignedTreeHead

_PATIENCE_SECONDS = 5.0  # for the sealer
_WITNESS_SECONDS = 2.0  # for the witnesses, of those
_LOOK_SECONDS = 0.1
_places = BoundedSemaphore(2)  # of those who wait, in this process


def covering(
    log: SealedLog,
    index: int,
    settings: Settings,
    *,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> SignedTreeHead:
    """The newest signed head that holds the entry at `index`, preferably one that every named witness has cosigned.

    The sealer is less than a second behind when it is well; witnesses take a little longer, and one that is down is
    not waited for. Two at a time wait, and nobody else: who waits keeps a thread from all other requests. Raises
    `Unavailable` where the sealer has not signed that entry.
    """
    names = [address.key.name for address in read_witnesses(settings.witnesses)]
    head = _signed(log, index, names)
    if head is None and _places.acquire(blocking=False):
        try:
            began = now()
            while head is None and (waited := now() - began) <= _PATIENCE_SECONDS:
                wait(_LOOK_SECONDS)
                head = _signed(log, index, names if waited < _WITNESS_SECONDS else ())
        finally:
            _places.release()
    head = head or _signed(log, index, ())
    if head is None:
        raise Unavailable(
            "log_not_sealed",
            "The sealer has not signed the newest entries yet.",
            remedy="Try again shortly; if it stays so, see whether the sealer refuses to sign.",
            who="administrator",
        )
    return head


def _signed(log: SealedLog, index: int, cosigned_by: Sequence[str]) -> SignedTreeHead | None:
    head = log.head(cosigned_by=cosigned_by)
    return head if head is not None and head.size > index else None
