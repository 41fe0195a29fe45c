"""Which made-up values belong to training, which to the texts held out, which to planted identifiers."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from hashlib import sha256

_FEWEST = 3


class Split(StrEnum):
    """Three sets of texts that share no template, and no surname, street or company where there are enough of them."""

    TRAIN = "train"
    HELD_OUT = "held-out"
    PLANTED = "planted"


def split_of(value: str) -> Split:
    """Of a value, by its SHA-256: 70 in 100 for training, 15 held out, 15 planted."""
    place = int.from_bytes(sha256(value.casefold().encode()).digest()[:4]) % 100
    if place < 70:
        return Split.TRAIN
    return Split.HELD_OUT if place < 85 else Split.PLANTED


@cache
def share(values: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The values of this split; all of them where the split has fewer than three."""
    own = tuple(value for value in values if split_of(value) is split)
    return own if len(own) >= _FEWEST else values


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Each once, in the order of first appearance."""
    return tuple(dict.fromkeys(values))
