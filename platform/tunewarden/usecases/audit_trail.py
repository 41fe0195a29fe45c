"""The log as a list that is walked page by page, newest entry first, and asked for what somebody looks for.

Nothing here proves anything: who wants proof takes a bundle. Entries whose body was dropped after its retention are not
in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Platform, Principal, Resource, View
from tunewarden.usecases.refusals import permit_to_see

MOST_READ = 50_000
"""So many entries at most are looked at for one page, whether they still have their body or not."""
_AT_ONCE = 500
_SKEW = timedelta(minutes=2)  # clocks of several processes differ; what lies in between is looked at one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One page.

    Attributes:
        entries: newest first.
        has_more: whether there are, or may be, more in the direction in which the page was asked for.
    """

    entries: Sequence[Entry]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From the first instant on, and before the second; None where nobody said."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether an instant is in it."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def trail(
    platform: Platform,
    principal: Principal,
    wanted: Callable[[Entry], bool],
    period: Period,
    limit: int,
    *,
    after: int | None = None,
    before: int | None = None,
) -> Trail:
    """The newest `limit` entries that are wanted; older ones than entry `after`, or the nearest newer than `before`.

    Raises `NotFound` for who may not read the log, and `Malformed` where too much would have to be read to find one.
    """
    permit_to_see(platform, principal, Action.READ_LOG, Resource(kind="log"))
    with platform.view() as view:
        low, high = _bounds(view, period)
        if before is not None:
            low = max(low, before + 1)
            is_cut, high = high - low > MOST_READ, min(high, low + MOST_READ)
            found = iter(view.entries(low, high))
        else:
            high = high if after is None else min(high, after)
            is_cut, low = high - low > MOST_READ, max(low, high - MOST_READ)
            found = _downwards(view, low, high)
        chosen: list[Entry] = []
        for entry in found:
            if period.holds(entry.at) and wanted(entry):
                chosen.append(entry)
            if len(chosen) > limit:
                break
    if is_cut and not chosen:
        raise Malformed(
            "audit_period_too_long",
            f"None of {MOST_READ} entries is what was asked for, and there are more.",
            remedy="Ask for a shorter period.",
            param="effective_at",
        )
    page = chosen[:limit] if before is None else chosen[:limit][::-1]
    return Trail(entries=page, has_more=len(chosen) > limit or is_cut)


def _bounds(view: View, period: Period) -> tuple[int, int]:
    """Between which indices the period's entries are, at the least: dates go forward as far as the clocks do."""
    size = view.size()
    low = 0 if period.since is None else _first(view, period.since - _SKEW, size)
    high = size if period.until is None else _first(view, period.until + _SKEW, size)
    return low, high


def _first(view: View, since: datetime, size: int) -> int:
    """The first index from which on every entry is as late; the log's size where there is none. Found by halving.

    What lost its body lies on either side, and is walked over once at most: a search ends where the one before began.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        found = next(iter(view.entries(middle, high)), None)
        low, high = (low, middle) if found is None or found.at >= since else (found.index + 1, high)
    return low


def _downwards(view: View, low: int, high: int) -> Iterator[Entry]:
    while high > low:
        begin = max(low, high - _AT_ONCE)
        yield from reversed(list(view.entries(begin, high)))
        high = begin
