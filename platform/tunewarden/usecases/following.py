"""Following a training request: what was written about it since the last look, and whether more can come."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import about
from tunewarden.domain.names import Action, RequestId
from tunewarden.usecases.ports import Platform, Principal, View
from tunewarden.usecases.refusals import permit_to_see
from tunewarden.usecases.things import of_request

_AT_ONCE = 500
_LOOKED_THROUGH = 2_000
"""So many new entries of the log are looked through for the requests that they are about; of more, all are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Entries about a request, oldest first; whether these are all that there are, and whether the request is over.

    `looked`: where they are all, the log was looked through up to this index; the next look begins there.
    """

    entries: Sequence[Entry]
    is_all: bool
    looked: int
    is_over: bool


def news(platform: Platform, principal: Principal, identifier: RequestId, start: int) -> News:
    """What the log has about this request from index `start` on, 500 entries at most.

    Who asks may see it or not each time anew. Raises `NotFound`.
    """
    with platform.view() as view:
        request, looked = view.requests.get(identifier), view.size()
        found = list(islice(view.entries_about([identifier], start=start), _AT_ONCE))
    permit_to_see(platform, principal, Action.READ_REQUEST, of_request(request))
    return News(entries=found, is_all=len(found) < _AT_ONCE, looked=looked, is_over=request.terminal)


def is_told_of(platform: Platform, principal: Principal, identifier: RequestId, index: int | None) -> bool:
    """Whether the entry with this index is about this request. Raises `NotFound` where who asks may not see it."""
    with platform.view() as view:
        request = view.requests.get(identifier)
        found = [] if index is None else [about(entry.event) for entry in view.entries(index, index + 1)]
    permit_to_see(platform, principal, Action.READ_REQUEST, of_request(request))
    return found == [identifier]


def touched(view: View, start: int) -> tuple[int, frozenset[str] | None]:
    """How many entries the log has, and which requests those from `start` on are about; None where it may be any."""
    size = view.size()
    if size - start > _LOOKED_THROUGH:
        return size, None
    found = (about(entry.event) for entry in view.entries(start, size)) if size > start else iter(())
    return size, frozenset(one for one in found if one is not None)
