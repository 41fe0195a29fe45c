"""Instants in the columns of the stored access policy."""

from datetime import datetime

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Corrupted


def text_of(instant: datetime | None) -> str | None:
    """As a column keeps it."""
    return None if instant is None else instant_text(instant)


def instant_of(text: str | None) -> datetime | None:
    """The inverse. Raises `Corrupted` for what is no instant."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise malformed() from None


def instant_in(text: str | None) -> datetime:
    """Of a column that always has one."""
    found = instant_of(text)
    if found is None:
        raise malformed()
    return found


def malformed() -> Corrupted:
    """What is raised for a column that holds something else than it must."""
    return Corrupted("record_malformed", "A stored version, grant or group of the access policy has another form.")
