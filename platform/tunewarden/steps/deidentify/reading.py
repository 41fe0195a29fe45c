"""Texts that are looked through once, in batches: as many together as make the detector quick, as few as memory holds.

For `scan` and `evaluate`; a release reads blocks of a blob instead (`finding`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tunewarden.domain.errors import Refused
from tunewarden.steps.deidentify.spans import Span, propagate

_TOGETHER = 256  # texts that are handed to the detector at once
_MOST_CHARACTERS = 200_000  # of them together

Find = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
"""`Detector.find`: texts -> candidates in each."""


class Placed(Protocol):
    """A text that can be pointed at."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def where(self) -> str:
        """Where it stands, for a refusal; nothing of the text."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[P]):
    """Texts that were read together.

    Attributes:
        found: candidates in each, in order.
        seconds: wall time that finding took.
    """

    items: Sequence[P]
    found: Sequence[Sequence[Span]]
    seconds: float


def read_in_batches(find: Find, items: Iterable[P]) -> Iterator[Batch[P]]:
    """Every item once, in order. Raises `Refused` for a text on which a pattern takes too long, and says which."""
    for batch in batches(items):
        began = time.perf_counter()
        found = _found(find, batch)
        yield Batch(items=batch, found=found, seconds=time.perf_counter() - began)


def batches(items: Iterable[P]) -> Iterator[list[P]]:
    """Up to 256 texts at a time, and no more characters than fit; a longer one alone."""
    batch: list[P] = []
    room = _MOST_CHARACTERS
    for item in items:
        if batch and (len(batch) == _TOGETHER or len(item.text) > room):
            yield batch
            batch, room = [], _MOST_CHARACTERS
        batch.append(item)
        room -= len(item.text)
    if batch:
        yield batch


def everywhere(text: str, found: Sequence[Span]) -> list[Span]:
    """Candidates of a text of nobody known, and the other places of it where the identifiers among them stand."""
    return [*found, *propagate(text, found)]


def _found(find: Find, batch: Sequence[P]) -> Sequence[Sequence[Span]]:
    try:
        return find([item.text for item in batch])
    except Refused:
        return [_found_in(find, item) for item in batch]  # one after the other, to say which one it is


def _found_in(find: Find, item: P) -> Sequence[Span]:
    try:
        return find([item.text])[0]
    except Refused as refused:
        raise type(refused)(
            refused.code,
            f"{item.where.capitalize()}: {refused.reason}",
            remedy=refused.remedy,
            who=refused.who,
            param=item.where,
        ) from None
