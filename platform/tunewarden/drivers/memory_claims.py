"""Who is busy with what, in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

K = TypeVar("K", bound=str)


class MemoryClaims:
    """Claims in a dictionary: what -> (who, until)."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    def take(self, who: str, among: Sequence[K], now: datetime, lease: timedelta) -> K | None:
        with self._lock:
            for what in among:
                held = self._held.get(what)
                if held is None or held[1] <= now:
                    self._held[what] = (who, now + lease)
                    return what
            return None

    def held(self, who: str, among: Sequence[K], now: datetime) -> K | None:
        with self._lock:
            mine = {what for what, (by, until) in self._held.items() if by == who and until > now}
            return next((what for what in among if what in mine), None)

    def renew(self, who: str, what: str, now: datetime, lease: timedelta) -> bool:
        with self._lock:
            held = self._held.get(what)
            if held is None or held[0] != who:
                return False
            self._held[what] = (who, now + lease)
            return True

    def release(self, who: str, what: str) -> None:
        with self._lock:
            held = self._held.get(what)
            if held is not None and held[0] == who:
                del self._held[what]
