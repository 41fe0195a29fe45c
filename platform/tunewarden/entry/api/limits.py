"""How often somebody may ask, and how many requests are answered at once, in this process. Two allow twice as much."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_MOST = 10_000  # of those who asked last; whoever was forgotten has a full bucket again


class Buckets:
    """Each holds a minute's worth and fills up evenly. Safe to use from several threads."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._monotonic = per_minute, monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, at which time
        self._lock = Lock()

    def take(self, who: str) -> float:
        """Take one; the seconds to wait for one where there is none, else 0."""
        with self._lock:
            now = self._monotonic()
            left, at = self._left.pop(who, (float(self._per_minute), now))
            left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
            is_one_there = left >= 1
            self._left[who] = (left - 1 if is_one_there else left, now)
            if len(self._left) > _MOST:
                self._left.popitem(last=False)
        return 0.0 if is_one_there else (1 - left) * 60 / self._per_minute


class AtOnce:
    """So many requests have a place; the next ones are told to come back, before anything is done for them."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = Lock()

    def take(self) -> bool:
        """Whether there was a place; whoever has one gives it back."""
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """Exactly once for each that was taken."""
        with self._lock:
            self._left += 1
