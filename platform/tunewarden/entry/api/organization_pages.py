"""Lists of the organisation's administration: pages as the OpenAI client walks them, of at most 100 items."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import Query

from tunewarden.domain.errors import Malformed
from tunewarden.entry.api.schemas import Json, Word

T = TypeVar("T")

MOST = 100
After = Annotated[Word | None, Query(description="The last item of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Order = Annotated[Literal["asc", "desc"], Query(description="By when they were made.")]


def paged(
    found: Sequence[T],
    render: Callable[[T], Json],
    key: Callable[[T], str],
    after: str | None,
    limit: int,
    order: str = "asc",
) -> Json:
    """One page of what is given oldest first. It has the cursors of all three forms: `last_id`, `next`, the last id.

    Raises `Malformed` for a cursor that names nothing in the list.
    """
    items = list(found) if order == "asc" else list(reversed(found))
    begin = 0
    if after is not None:
        places = [place for place, item in enumerate(items) if key(item) == after]
        if not places:
            raise unknown_cursor("after")
        begin = places[0] + 1
    chosen = items[begin : begin + limit]
    return page_of([render(item) for item in chosen], [key(item) for item in chosen], begin + limit < len(items))


def page_of(items: list[Json], keys: Sequence[str], has_more: bool) -> Json:
    """A page of these items, whose cursors are `keys`."""
    last = keys[-1] if keys else None
    return {
        "object": "list",
        "data": items,
        "has_more": has_more,
        "first_id": keys[0] if keys else None,
        "last_id": last,
        "next": last if has_more else None,
    }


def index_in(cursor: str, prefix: str) -> int:
    """The number of a cursor `PREFIX-NUMBER`. Raises `Malformed` for one of another list."""
    found = re.fullmatch(rf"{prefix}-([0-9]{{1,15}})", cursor)
    if found is None:
        raise unknown_cursor("after")
    return int(found[1])


def unknown_cursor(param: str) -> Malformed:
    """What is raised for a cursor that names nothing in the list."""
    return Malformed("cursor_unknown", f"`{param}` names nothing in this list.", param=param)
