"""A text word by word as SVG: a bar above each word that supports the answer, one below each that speaks against it.

Which way a bar goes and how long it is says everything, so that nothing is lost without colour or on paper; a figure
stands beside the words that weigh most. All text is escaped by `Markup.format`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

_WIDTH = 640
_LETTER, _NARROW, _WIDE = Decimal("7.4"), Decimal("4.4"), Decimal(11)  # of the page's type at 13 px, generously
_NARROW_LETTERS, _WIDE_LETTERS = frozenset("fijlrtI.,:;'|!()[]-"), frozenset("mwMWABCDEGHKNOPQRUVXYZ@%&")
_GAP, _BAR, _LINE = 8, 18, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and its share of all magnitudes, in [-1, 1]; below 0 it speaks against the answer."""

    text: str
    weight: Decimal


@dataclass(frozen=True, slots=True)
class _Place:
    word: Word
    x: Decimal
    line: int

    @property
    def width(self) -> Decimal:
        return sum((_width(letter) for letter in self.word.text), Decimal(0))


def heatmap(words: Sequence[Word], *, alt: str) -> Markup:
    """The words in their order, in as many lines as they need; the longest bar is that of the heaviest word."""
    most = max((abs(word.weight) for word in words), default=Decimal(0)) or Decimal(1)
    places = _placed(words)
    lines = places[-1].line + 1 if places else 0
    body = Markup("").join(_drawn(place, most) for place in places)
    return Markup('<svg class="heat" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, lines * _LINE, alt, body
    )


def _placed(words: Sequence[Word]) -> list[_Place]:
    places: list[_Place] = []
    x, line = Decimal(0), 0
    for word in words:
        place = _Place(word, x, line)
        if x and x + place.width > _WIDTH:
            line, place = line + 1, _Place(word, Decimal(0), line + 1)
        places.append(place)
        x = place.x + place.width + _GAP
    return places


def _drawn(place: _Place, most: Decimal) -> Markup:
    middle = place.line * _LINE + _LINE // 2 + 4  # the foot of the letters
    height = (abs(place.word.weight) / most * _BAR).quantize(Decimal("0.1"))
    supports = place.word.weight >= 0
    top = middle - 14 - height if supports else Decimal(middle + 5)
    bar = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        "for" if supports else "against", place.x, top, place.width, height
    )
    # The length is said, so that a word in another typeface lies where its bar is and never on the next one.
    text = Markup('<text class="word" x="{}" y="{}" textLength="{}" lengthAdjust="spacingAndGlyphs">{}</text>').format(
        place.x, middle, place.width, place.word.text
    )
    return bar + text


def _width(letter: str) -> Decimal:
    return _NARROW if letter in _NARROW_LETTERS else _WIDE if letter in _WIDE_LETTERS else _LETTER
