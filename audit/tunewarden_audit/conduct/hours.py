"""When entries were written, to the hour: enough to say how long ago something was, and nothing for each entry."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tunewarden_audit.conduct.facts import Fact

_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Hours:
    """One entry of each hour, and each that is dated an hour or more away from the last of these."""

    _indices: list[int] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)

    def add(self, fact: Fact) -> None:
        """The next entry."""
        if not self._times or abs(fact.at - self._times[-1]) >= _HOUR:
            self._indices.append(fact.index)
            self._times.append(fact.at)

    def of(self, index: int) -> datetime | None:
        """When an entry was written, or up to an hour before it; None where no entry up to it is at hand."""
        place = bisect_right(self._indices, index)
        return self._times[place - 1] if place else None
