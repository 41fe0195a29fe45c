"""Texts as the model reads them: tokens with the place and the shape of their word, in windows that overlap.

A text is tokenised once. Nothing is cut off: a long text becomes several windows, and each of its tokens is judged in
the window where it stands furthest from an edge.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tokenizers import Encoding, Tokenizer

LONGEST = 128  # tokens of a window, the two special ones included: where this network reads most characters a second
OVERLAP = 32  # tokens that neighbouring windows share
CLS, SEP = 101, 102  # the tokens that begin and end what the network reads at once
_ROUND = 16
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class Shape(IntEnum):
    """How a word is written. The tokenizer folds case away; this gives it back."""

    LOWER = 0
    TITLE = 1
    UPPER = 2
    CAPITAL = 3  # a single capital letter
    MIXED = 4
    DIGITS = 5
    CODE = 6  # letters and digits
    OTHER = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one text, without special ones; all four sequences have one item a token.

    Attributes:
        ids: of the vocabulary.
        shapes: of the word that the token is a part of.
        starts, ends: code points of the text that the token stands for, end exclusive.
        words: number of the word that the token is a part of, rising from 0.
    """

    ids: Sequence[int]
    shapes: Sequence[int]
    starts: Sequence[int]
    ends: Sequence[int]
    words: Sequence[int]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Tokens `start` to `end` of a text, of which `first` to `last` (exclusive) are judged here."""

    start: int
    end: int
    first: int
    last: int


def tokenise(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """Every text's tokens. Half a surrogate pair is read as U+FFFD, which no identifier contains."""
    readable = [text if text.isascii() else text.translate(_SURROGATES) for text in texts]
    encodings = tokenizer.encode_batch(readable, add_special_tokens=False)
    return [_tokens(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]


def windows(count: int) -> Iterator[Window]:
    """Windows over `count` tokens; every token is judged in exactly one."""
    room, step = LONGEST - 2, LONGEST - 2 - OVERLAP
    start = 0
    while True:
        end = min(start + room, count)
        first = start + OVERLAP // 2 if start else 0
        last = end if end == count else end - OVERLAP // 2
        yield Window(start=start, end=end, first=first, last=last)
        if end == count:
            return
        start += step


def rounded(length: int) -> int:
    """The length that rows of `length` tokens are padded to. Every new length costs the first batch of it dear: the
    kernels are made for it, and kept."""
    return -(-length // _ROUND) * _ROUND


def _tokens(text: str, encoding: Encoding) -> Tokens:
    offsets = encoding.offsets
    words = [0 if word is None else word for word in encoding.word_ids]
    return Tokens(
        ids=encoding.ids,
        shapes=_shapes(text, offsets, words),
        starts=[start for start, _ in offsets],
        ends=[end for _, end in offsets],
        words=words,
    )


def _shapes(text: str, offsets: Sequence[tuple[int, int]], words: Sequence[int]) -> list[int]:
    shapes: list[int] = []
    position = 0
    while position < len(words):
        behind = position + 1
        while behind < len(words) and words[behind] == words[position]:
            behind += 1
        shape = shape_of(text[offsets[position][0] : offsets[behind - 1][1]])
        shapes += [shape] * (behind - position)
        position = behind
    return shapes


def shape_of(word: str) -> Shape:
    """How `word` is written."""
    if word.islower() and word.isalpha():
        return Shape.LOWER
    if word.isdigit():
        return Shape.DIGITS
    if word.isupper() and word.isalpha():
        return Shape.UPPER if len(word) > 1 else Shape.CAPITAL
    if word.istitle() and word.isalpha():
        return Shape.TITLE
    if any(map(str.isdigit, word)):
        return Shape.CODE
    return Shape.MIXED if any(map(str.isalpha, word)) else Shape.OTHER
