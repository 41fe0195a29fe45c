"""What is kept of requests, in memory; `usecases.repeats.Repeats`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock

from tunewarden.usecases.repeats import Answered, Kept, require_once

ById = dict[str, Kept]


def keep(repeats: ById, mine: Kept) -> None:
    """Write it inside a unit of work, in place of what it replaces. Raises `InFlight` as `require_once` does."""
    require_once(repeats.get(mine.id), mine)
    repeats[mine.id] = mine


class MemoryRepeats:
    """Over what the units of work of a `MemoryState` write, under its lock."""

    def __init__(self, repeats: ById, lock: Lock) -> None:
        self._repeats, self._lock = repeats, lock

    def find(self, identifier: str, now: datetime) -> Kept | None:
        found = self._repeats.get(identifier)
        return found if found is not None and now < found.until else None

    def answered(self, answers: Sequence[Answered]) -> None:
        with self._lock:
            for one in answers:
                found = self._repeats.get(one.id)
                if found is not None and found.by == one.by:
                    self._repeats[one.id] = replace(found, answer=one.answer, is_secret=one.answer is None)

    def sweep(self, now: datetime) -> None:
        with self._lock:
            _forget(self._repeats, now)


def _forget(repeats: ById, now: datetime) -> None:
    for identifier in [one.id for one in repeats.values() if one.until <= now]:
        del repeats[identifier]
