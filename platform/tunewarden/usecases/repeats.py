"""Requests that come twice because an answer was lost: what was done the first time is kept, so that it is done once.

What is kept of a request is written in the unit of work of its effect: both or neither. Its answer follows when there
is one. Who is let in again is asked again; only then is the first answer given.

Sources: draft-ietf-httpapi-idempotency-key-header-07; the OpenAI client repeats by itself, without a key, and counts in
`x-stainless-retry-count`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tunewarden.domain.errors import InFlight
from tunewarden.domain.events import ActionRefused, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a request that did something.

    Attributes:
        id: a mark (64 hex digits) of who asked and their key, or of all of the request where they sent no key.
        fingerprint: a mark of who asked and all of the request.
        by: which request it was; no two have the same.
        alone: whether no other may have this id: it has a key, or is a repetition. Of what is asked without a key for
            the first time there may be several alike, each meant; the last one is kept.
        began, at: when it came, and when it was done.
        until: from then on it is forgotten.
        made: the identifiers that were made for it, in order.
        answer: sealed; None where there is none.
        is_secret: whether the answer is not kept because it had a secret in it.
    """

    id: str
    fingerprint: str
    by: str
    alone: bool
    began: datetime
    at: datetime
    until: datetime
    made: tuple[str, ...] = ()
    answer: str | None = None
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The sealed answer of what is kept of a request under this id; None where it had a secret in it."""

    id: str
    by: str
    answer: str | None


Keeping = Callable[[Sequence[Event]], Kept | None]
"""What is to be kept of a unit of work that records these events; None for nothing."""


class Repeats(Protocol):
    """What is kept of requests. It is written by units of work (`UnitOfWork.keeping`), and answered here."""

    def find(self, identifier: str, now: datetime) -> Kept | None:
        """None where there is none, or its time is over."""

    def answered(self, answers: Sequence[Answered]) -> None:
        """Keep them; one whose request is not there any more is dropped."""

    def sweep(self, now: datetime) -> None:
        """Forget what is over."""


def is_worth_keeping(events: Sequence[Event]) -> bool:
    """Whether something was done. A refusal is decided anew each time: it may not hold any more."""
    return not all(isinstance(event, ActionRefused) for event in events)


def require_once(found: Kept | None, mine: Kept) -> None:
    """Raise `InFlight` where what `mine` is about was done meanwhile, by another request or another process.

    A first attempt that is still under way when its repetition is done gives way to it.
    """
    if found is None or found.by == mine.by or found.until <= mine.at:
        return
    if mine.alone or (found.alone and found.at >= mine.began):
        raise in_flight()


def in_flight() -> InFlight:
    """What is said to a request whose like is under way."""
    return InFlight(
        "request_in_flight", "The same request is being answered at this moment.", remedy="Ask again in a second."
    )
