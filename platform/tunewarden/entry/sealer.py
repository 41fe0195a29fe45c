"""The sealer: the only process with the log's signing key. It reads entries, extends the tree, signs the head.

The rules are in `tunewarden_audit.log`; here is only the input and output around them.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers import sql_log
from tunewarden.drivers.sql_engine import connect
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.settings import Settings
from tunewarden_audit.custody import create_key, read_key, read_state, write_state
from tunewarden_audit.log import RefusedToSign, Signed, SignedStateBroken, replay, seal
from tunewarden_audit.note import SignerKey

_MOST_AT_ONCE = 10_000  # entries; what is more waits for the next turn


class Sealer:
    """Seals one log. Raises `RefusedToSign` or `Corrupted` and must then stay down until a person has looked."""

    def __init__(self, settings: Settings) -> None:
        self._engine = connect(settings.database)
        self._state_file = settings.sealer_state
        self._key = _key(settings)
        self._last = read_state(self._state_file)
        # 1. A log that was signed before must be remembered, and must still be what was signed.
        if self._last is None and sql_log.latest_tree_head(self._engine) is not None:
            raise SignedStateBroken("the database holds a signed head but the sealer's state file is gone; restore it")
        if self._last is not None:
            replay(self._key.verifier, self._last, sql_log.leaf_hashes(self._engine, self._last.size))
            self._publish(self._last)  # a crash between 3 and 4 left it unpublished
        settings.log_vkey.write_text(f"{self._key.verifier.vkey}\n")

    def seal_once(self) -> int:
        """Sign what waits; returns how many entries the signed tree has."""
        # 2. Extend the tree by what is new, and sign it.
        start = 0 if self._last is None else self._last.overlap
        waiting = sql_log.pending(self._engine, start, _MOST_AT_ONCE)
        signed = seal(self._key, self._last, [leaf for _, leaf in waiting])
        if signed is None:
            return 0
        if self._last is None or signed.size > self._last.size:
            # 3. Remember, flushed. Point of no return: from here on this head has been signed.
            write_state(self._state_file, signed)
            self._last = signed
            # 4. Show it.
            self._publish(signed)
        return signed.size

    def _publish(self, signed: Signed) -> None:
        root, note = signed.frontier.root(), signed.checkpoint
        sql_log.store_tree_head(self._engine, signed.size, root, note, datetime.now(UTC))


def run(settings: Settings, stopping: Callable[[], bool]) -> int:
    """Seal until told to stop. Returns the exit code: 0, or 3 after refusing to sign."""
    try:
        sealer = Sealer(settings)
        logger.info("sealer_started", origin=settings.origin)
        while not stopping():
            sealer.seal_once()
            time.sleep(settings.seal_interval_seconds)
    except (RefusedToSign, Corrupted) as refusal:
        logger.critical("refused_to_sign", reason=str(refusal))
        return 3
    return 0


def _key(settings: Settings) -> SignerKey:
    path = settings.signing_key
    if settings.environment == "development" and not path.exists() and not settings.sealer_state.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return create_key(path, settings.origin)
    return read_key(path, settings.origin)
