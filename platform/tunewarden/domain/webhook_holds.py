"""How long an endpoint is left alone that asks for it: what it answered, and what follows from that.

Standard Webhooks 1.0.0, "delivery success and failure": 429, 502 and 504 say that too much comes, and a sender slows
down; a `Retry-After` counts when the next attempt is planned. How far, they leave open.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SLOW_DOWN = frozenset({429, 502, 504})
LEAST_HELD = timedelta(seconds=5)
MOST_HELD = timedelta(minutes=5)
MOST_ASKED = timedelta(hours=1)
"""An endpoint that says no more than "too much" is left alone for as long as it has taken nothing, so that each pause
is as long as all before it, from five seconds to five minutes: a gateway without anybody behind it says the same, and
whoever comes back there is told soon. One that says how long is left alone so long, up to an hour: it may mean it, and
nobody else is to decide for how many days messages wait here.
"""

_LONGEST = 64  # characters; a date has 29
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint answered.

    Attributes:
        status: 0 where no answer came.
        retry_after: that header as it was sent; empty where there is none. Not trusted, and never logged.
    """

    status: int
    retry_after: str = field(default="", repr=False)

    @property
    def is_taken(self) -> bool:
        """Whether the endpoint took the message."""
        return 200 <= self.status < 300


def hold(answer: Answer, since: datetime, now: datetime, share: float) -> timedelta | None:
    """For how long nothing is sent to an endpoint that did not take a message; None where it does not ask for that.

    Args:
        since: it takes nothing.
        share: from 0 up to 1, at random: up to a tenth is added, as for `webhooks.PAUSES`.
    """
    asked = _asked(answer.retry_after, now)
    pause = timedelta() if asked is None else min(asked, MOST_ASKED)
    if answer.status in SLOW_DOWN:
        pause = max(pause, min(max(now - since, LEAST_HELD), MOST_HELD))
    return pause * (1 + share / 10) or None


def _asked(header: str, now: datetime) -> timedelta | None:
    """RFC 9110, section 10.2.3: seconds or a date. None for anything else, and for what is over."""
    text = header.strip()
    if len(text) > _LONGEST:
        return None
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) <= _MOST_DIGITS else MOST_ASKED
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of a number in the place of a year or a zone
        return None
    if date.tzinfo is None:  # the form without a zone is UTC (section 5.6.7)
        date = date.replace(tzinfo=UTC)
    return date - now if date > now else None
