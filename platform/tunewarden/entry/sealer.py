"""The sealer: the only process with the log's signing key. It reads entries, extends the tree, signs the head.

The rules are in `tunewarden_audit.log`; here is only the input and output around them.
"""

import os
import time
import weakref
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tunewarden.domain.errors import Corrupted, Refused, Unavailable
from tunewarden.drivers import sql_log, sql_sealing, sql_tiles
from tunewarden.drivers.sql_engine import connect
from tunewarden.entry.audience import audience
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.settings import Settings
from tunewarden.entry.signing_key import signing_key
from tunewarden_audit.custody import InUse, hold, read_state, write_state
from tunewarden_audit.log import (
    RefusedToSign,
    Signed,
    SignedStateBroken,
    hand_over,
    replay,
    require_length,
    seal,
    signable,
)
from tunewarden_audit.merkle import leaf_hash
from tunewarden_audit.note import SignerKey

REFUSED = 9
"""Exit code after refusing to sign, and of nothing else: a person must look before it is started again."""

_MOST_AT_ONCE = 10_000  # entries; what is more waits for the next turn
_PAUSE_SECONDS = 1.0  # before the database is asked again that did not answer

Announce = Callable[[Signed], None]
"""Told of every published head. It must return at once."""


class Sealer:
    """Seals one log. Raises `RefusedToSign` or `Corrupted` and must then stay down until a person has looked.

    Attributes:
        has_more: whether entries waited that the last turn did not take.
    """

    def __init__(self, settings: Settings, key: SignerKey | None = None, announce: Iterable[Announce] = ()) -> None:
        """`key` is the log's, of the settings unless given. Raises `Refused` for a key that cannot be used, `InUse`."""
        settings.sealer_state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # 1. Nobody else signs.
        self._let_go = weakref.finalize(self, os.close, hold(settings.sealer_state))
        self._engine = connect(settings.database)
        self._settings, self._announce = settings, tuple(announce)
        self._published = True
        self.has_more = False
        # 2. A log that was signed before is remembered, and nothing newer was shown. Only then may a key be made.
        self._last = read_state(settings.sealer_state)
        self._require_newest(sql_log.latest_tree_head(self._engine))
        self._key = key or signing_key(settings)
        # 3. The database still holds what was signed: one hash per entry, a few thousand at a time.
        if self._last is not None:
            require_length(self._last, sql_sealing.log_size(self._engine))
            replay(self._key.verifier, self._last, sql_sealing.leaf_hashes(self._engine, 0, self._last.size))
            self._publish(self._last)  # a crash may have left it unpublished
        self._write_vkey()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another sealer sign."""
        self._engine.dispose()
        self._let_go()

    @property
    def size(self) -> int:
        """How many entries the newest signed head covers."""
        return 0 if self._last is None else self._last.size

    def seal_once(self) -> int:
        """Sign what waits, a bounded part of it at once; returns how many entries the signed tree has.

        With nothing new this costs one query of one row. Raises `Unavailable` where the database does not answer;
        then call it again.
        """
        if self._last is not None and not self._published:
            self._publish(self._last)
        # 4. The log never gets shorter.
        found = sql_sealing.log_size(self._engine)
        if self._last is not None:
            require_length(self._last, found)
        if found == self.size:
            self.has_more = False
            return self.size
        # 5. What is new, as far as this key may sign it.
        waiting = sql_sealing.unsigned_bodies(self._engine, self.size, _MOST_AT_ONCE)
        bodies = signable(self._key.verifier, self.size, waiting)
        # 6. Extend the tree by it, and sign.
        signed = seal(self._key, self._last, [*self._overlap(), *map(leaf_hash, bodies)])
        assert signed is not None
        self._show(signed)
        self.has_more = signed.size < found
        return self.size

    def heartbeat(self) -> None:
        """With nothing new for a while: see that the last signed entry is still there, and show the head again.

        An Ed25519 signature over the same head is the same bytes; what changes is when it was last seen to stand, and
        the times in the witnesses' cosignatures.
        """
        if self._last is None:
            return
        seal(self._key, self._last, self._overlap())
        sql_sealing.refresh_tree_head(self._engine, self._last.size, datetime.now(UTC))
        self._tell(self._last)

    def hand_over(self, new: SignerKey) -> None:
        """Sign the head that covers the rotation's entry with both keys, and only with the new one from there on.

        The entry is the next one: `seal_once` raised RotationBegun.
        """
        [body] = sql_sealing.unsigned_bodies(self._engine, self.size, 1)
        signed = hand_over(self._key, new, self._last, self._overlap(), body)
        self._key = new
        self._show(signed)
        self._write_vkey()

    def _overlap(self) -> list[bytes]:
        """The leaf hash of the last signed entry, as the database has it now."""
        if self._last is None:
            return []
        return list(sql_sealing.leaf_hashes(self._engine, self._last.overlap, self._last.size))

    def _show(self, signed: Signed) -> None:
        # 7. Remember, flushed. Point of no return: from here on this head has been signed.
        write_state(self._settings.sealer_state, signed)
        self._last, self._published = signed, False
        # 8. Show it.
        self._publish(signed)

    def _publish(self, signed: Signed) -> None:
        root, note = signed.frontier.root(), signed.checkpoint
        sql_log.store_tree_head(self._engine, signed.size, root, note, datetime.now(UTC))
        sql_tiles.extend(self._engine, signed.size)
        self._published = True
        self._tell(signed)

    def _tell(self, signed: Signed) -> None:
        for announce in self._announce:
            announce(signed)

    def _require_newest(self, shown: sql_log.StoredTreeHead | None) -> None:
        if shown is None:
            return
        if self._last is None:
            raise SignedStateBroken("the database holds a signed head but the sealer's state file is gone; restore it")
        if shown.size > self._last.size:
            raise SignedStateBroken(
                f"the database shows a signed head of {shown.size} entries, the sealer's state file one of "
                f"{self._last.size}: the state file is an older copy. Restore the newest one"
            )

    def _write_vkey(self) -> None:
        path = self._settings.log_vkey
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(f"{self._key.verifier.vkey}\n")
        draft.replace(path)


def run(settings: Settings, stopping: Callable[[], bool]) -> int:
    """Seal until told to stop. Returns the exit code: 0, 1 where another sealer runs, or 9 after refusing to sign."""
    try:
        with audience(settings) as told, Sealer(settings, announce=[each.announce for each in told]) as sealer:
            logger.info("sealer_started", origin=settings.origin, size=sealer.size)
            _turns(sealer, settings, stopping)
    except (RefusedToSign, Corrupted, Refused) as refusal:
        logger.critical(
            "refused_to_sign",
            reason=str(refusal),
            remedy="look before you start it again; until then change neither the database nor the state file",
        )
        return REFUSED
    except OSError as problem:
        # Whether a head was remembered is not known any more: only a new start, which reads the file, tells.
        logger.critical("sealer_failed", reason=problem.strerror, file=Path(str(problem.filename)).name)
        return 1
    except InUse as busy:
        logger.error("sealer_not_started", reason=str(busy))
        return 1
    return 0


def _turns(sealer: Sealer, settings: Settings, stopping: Callable[[], bool]) -> None:
    quiet_since = time.monotonic()
    while not stopping():
        before = sealer.size
        try:
            if sealer.seal_once() > before:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= settings.heartbeat_seconds:
                sealer.heartbeat()
                quiet_since = time.monotonic()
        except Unavailable as problem:
            logger.warning("log_not_sealed", code=problem.code)
            time.sleep(_PAUSE_SECONDS)
        if not sealer.has_more:
            time.sleep(settings.seal_interval_seconds)
