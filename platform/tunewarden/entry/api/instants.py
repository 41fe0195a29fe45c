"""Days and instants as people ask for them."""

import re
from datetime import UTC, date, datetime, time

from tunewarden.domain.errors import Malformed

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LAST_OF_A_DAY = time(23, 59, 59, 999_000, UTC)  # the log has milliseconds


def instant(text: str | None, param: str = "as_of") -> datetime | None:
    """A date means its end in UTC: everything of that day counts. Raises `Malformed`, which names the parameter."""
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), _LAST_OF_A_DAY)
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Malformed(
        f"{param}_malformed",
        "A date like 2026-11-20, or an instant with its zone like 2026-11-20T12:00:00Z.",
        param=param,
    )
