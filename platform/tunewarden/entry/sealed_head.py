"""The signed head that a bundle or a report rests on."""

import time
from collections.abc import Callable

from tunewarden.domain.errors import Unavailable
from tunewarden.entry.settings import Settings
from tunewarden.entry.witnessing import read_witnesses
from tunewarden.usecases.ports import SealedLog, SignedTreeHead

_PATIENCE_SECONDS = 5.0  # for the sealer
_WITNESS_SECONDS = 2.0  # for the witnesses, of those
_LOOK_SECONDS = 0.1


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
    not waited for. Raises `Unavailable` where the sealer has not signed that entry.
    """
    names = [address.key.name for address in read_witnesses(settings.witnesses)]
    began = now()
    while True:
        waited = now() - began
        head = log.head(cosigned_by=names if waited < _WITNESS_SECONDS else ())
        if head is not None and head.size > index:
            return head
        if waited > _PATIENCE_SECONDS:
            raise Unavailable(
                "log_not_sealed",
                "The sealer has not signed the newest entries yet.",
                remedy="Try again shortly; if it stays so, see whether the sealer refuses to sign.",
                who="administrator",
            )
        wait(_LOOK_SECONDS)
