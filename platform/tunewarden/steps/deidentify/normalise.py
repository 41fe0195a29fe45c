"""A text as the recognisers read it: disguises taken off, with a way back to the characters of the original.

What is undone: compatibility forms (Unicode Normalization Form KC: full-width letters, ligatures), digits, dashes and
quotes of other scripts, invisible characters and direction marks, Cyrillic and Greek look-alikes inside Latin words,
letters and digits spaced out ("J o h n", "5 5 5 - 0 1 3 4"), spelled addresses ("john dot smith at example dot com"),
carriage returns before line feeds. Only recognition sees the result; the released text is made from the original.

Not undone: leet ("J0hn"), whole words in look-alikes, misspellings, text in pictures.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from sys import maxunicode
from unicodedata import decimal, normalize

import regex

Edit = tuple[int, int, str]
"""(start, end, what stands there instead), in code points of the text that is edited."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d"
_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u00b4\u02bc\uff07"
_ONE_FOR_ONE = {
    **{code: str(value) for code in range(0x80, maxunicode + 1) if (value := decimal(chr(code), None)) is not None},
    **{ord(dash): "-" for dash in _DASHES},
    **{ord(quote): "'" for quote in _QUOTES},
}
_LOOK_ALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеорсухѕіјԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιορν",  # noqa: RUF001  that is what they are for
        "ABESIJKMHOPCTYXaeopcyxsijdhqwABEZHIKMNOPTYXaiopv",
        strict=True,
    )
)

_CHANGING = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]++"
    r"|(?:\p{NFKC_Quick_Check=No}|.(?=\p{M}))[\p{M}\p{Default_Ignorable_Code_Point}]*+"
)
_IGNORABLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]+")
_WORD = regex.compile(r"[\p{L}\p{M}\d_.]++")
_LATIN = regex.compile(r"[A-Za-z]")
_OTHER_ALPHABET = regex.compile(r"[\p{Greek}\p{Cyrillic}]")
_CARRIAGE_RETURN = regex.compile(r"\r(?=\n)")

_AT = r"(?:[ ]{0,2}[\[({<][ ]?(?:at|arroba|@)[ ]?[\])}>][ ]{0,2}|[ ]{1,2}(?:at|arroba)[ ]{1,2}|[ ]{0,2}@[ ]{0,2})"
_DOT = r"(?:[ ]{0,2}[\[({<][ ]?(?:dot|punto|\.)[ ]?[\])}>][ ]{0,2}|[ ]{1,2}(?:dot|punto)[ ]{1,2}|[ ]?\.[ ]?|[ ]{1,2}\.)"
_PART = r"[\p{L}\d_%+-]{1,64}+"
_LAST = (
    r"(?:\p{L}\p{L}|com|org|net|edu|gov|mil|int|info|biz|name|pro|app|dev|cloud|online|site|email|mail|health|care|clinic"
    r"|hospital|med|local|example|test|invalid)"
)
_SPELLED = regex.compile(
    rf"(?<![\p{{L}}\d_.%+-])(?<local>{_PART}(?:{_DOT}{_PART}){{0,4}}){_AT}(?<domain>{_PART}(?:{_DOT}{_PART}){{0,3}}?{_DOT}{_LAST})(?![\p{{L}}\d])",
    regex.IGNORECASE,
)
_SPELLING = regex.compile(r"\b(?:at|arroba)\b|[\[({<]@|@ | @", regex.IGNORECASE)
_WORD_FOR = regex.compile(
    r"[ ]*[\[({<]?[ ]*(?:(?<at>\bat\b|\barroba\b|@)|(?<dot>\bdot\b|\bpunto\b|\.))[ ]*[\])}>]?[ ]*", regex.IGNORECASE
)
_SPACED_LETTERS = regex.compile(
    r"(?<![\p{L}\p{M}\d'] ?)\p{L}(?:[ ]\p{L}(?![\p{L}\p{M}\d'])){2,}+"
    r"|(?<![\p{L}\d-])\p{L}(?:-\p{L}(?![\p{L}\p{M}\d'])){3,}+(?!-)"
)
_SPACED_DIGITS = regex.compile(r"(?<!\d[ .,]?)\d(?:[ ](?:[-.][ ])?\d){6,}+(?![ .,]?\d)")
_GAP = regex.compile(r"[ ]|(?<=\p{L})-(?=\p{L})")
_REST_OF_CHARACTER = regex.compile(r"(?:\p{M}|\u200d[^\s\p{L}\p{N}]|\p{Emoji_Modifier})*")


@dataclass(frozen=True, slots=True)
class Layer:
    """One pass of edits, as the way back: at `after[i]` to `after_end[i]` stands what was at `before[i]` and on."""

    before: tuple[int, ...]
    before_end: tuple[int, ...]
    after: tuple[int, ...]
    after_end: tuple[int, ...]

    def start(self, position: int) -> int:
        """Where the character at `position` begins before the edits."""
        index = bisect_right(self.after, position) - 1
        if index < 0:
            return position
        if position < self.after_end[index]:
            return self.before[index]
        return position - self.after_end[index] + self.before_end[index]

    def end(self, position: int) -> int:
        """Where the character before `position` ends before the edits."""
        index = bisect_right(self.after, position - 1) - 1
        while index >= 0 and self.after[index] == self.after_end[index] > position - 1:
            index -= 1
        if index < 0:
            return position
        if position <= self.after_end[index]:
            return self.before_end[index]
        return position - self.after_end[index] + self.before_end[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """What the recognisers read in place of `given`, and how to come back."""

    text: str
    given: str
    layers: tuple[Layer, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The code points of the given text that `text[start:end]` stands for; no character is cut from its marks.

        Grows with `start` and `end`. An empty span comes back empty.
        """
        if end <= start:
            empty = self._start(start) if start < len(self.text) else len(self.given)
            return empty, empty
        first, last = self._start(start), end
        for layer in reversed(self.layers):
            last = layer.end(last)
        rest = _REST_OF_CHARACTER.match(self.given, last)
        return first, rest.end() if rest is not None else last

    def _start(self, position: int) -> int:
        for layer in reversed(self.layers):
            position = layer.start(position)
        return position


class _Folding(dict[int, str]):
    """Code point -> the small letter below its accents, one for one; filled as it is asked."""

    def __missing__(self, code: int) -> str:
        small = normalize("NFD", chr(code))[0].lower()
        self[code] = small if len(small) == 1 else small[0]
        return self[code]


_FOLDING = _Folding()


def folded(text: str) -> str:
    """`text` in small letters without accents, of the same length: for looking words up."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def normalise(text: str) -> Normalised:
    """The text as it is to be read. Time grows with its length; a plain one is given back as it is."""
    layers: list[Layer] = []
    changed = text
    if not text.isascii():
        changed = changed.translate(_ONE_FOR_ONE)
        changed = _latin(changed) if _OTHER_ALPHABET.search(changed) else changed
        changed = _edited(changed, _compatibility(changed), layers)
    if "\r" in changed:
        changed = _edited(changed, ((at.start(), at.end(), "") for at in _CARRIAGE_RETURN.finditer(changed)), layers)
    if _SPELLING.search(changed):
        changed = _edited(changed, _spelled(changed), layers)
    changed = _edited(changed, _spaced(changed), layers)
    return Normalised(text=changed, given=text, layers=tuple(layers))


def _edited(text: str, edits: Iterable[Edit], layers: list[Layer]) -> str:
    """`text` after `edits`, which are disjoint and in order; the way back is added to `layers`."""
    made = list(edits)
    if not made:
        return text
    grown = list(accumulate((len(new) - (end - start) for start, end, new in made), initial=0))
    layers.append(
        Layer(
            before=tuple(start for start, _, _ in made),
            before_end=tuple(end for _, end, _ in made),
            after=tuple(start + shift for (start, _, _), shift in zip(made, grown, strict=False)),
            after_end=tuple(start + shift + len(new) for (start, _, new), shift in zip(made, grown, strict=False)),
        )
    )
    pieces: list[str] = []
    position = 0
    for start, end, new in made:
        pieces += (text[position:start], new)
        position = end
    return "".join([*pieces, text[position:]])


def _compatibility(text: str) -> Iterator[Edit]:
    for match in _CHANGING.finditer(text):
        new = normalize("NFKC", _IGNORABLE.sub("", match.group()))
        if new != match.group():
            yield match.start(), match.end(), new


def _latin(text: str) -> str:
    """Look-alikes of other alphabets as the Latin letters they look like, in words that have Latin letters too."""
    return str(_WORD.sub(_latin_word, text))


def _latin_word(match: "regex.Match[str]") -> str:
    word: str = match.group()
    if word.isascii() or not _LATIN.search(word):
        return word
    return "".join(_LOOK_ALIKES.get(letter, letter) for letter in word)


def _spelled(text: str) -> Iterator[Edit]:
    """E-mail addresses in words; `at` alone makes none, a dot in words or another mark of an address must be there."""
    position = 0
    for match in _SPELLED.finditer(text, overlapped=True):
        between = text[match.end("local") : match.start("domain")]
        domain, local = match["domain"], match["local"]
        in_words = between.strip().lower() in {"at", "arroba"}
        looks_like_one = regex.search(r"[.\d_]", local) or regex.search(r"\b(?:dot|punto)\b", domain, regex.IGNORECASE)
        if match.start() < position or (in_words and not looks_like_one):
            continue
        position = match.end()
        for word in _WORD_FOR.finditer(text, match.start(), match.end()):
            new = "@" if word["at"] else "."
            if word.group() != new:
                yield word.start(), word.end(), new


def _spaced(text: str) -> Iterator[Edit]:
    """The gaps inside spaced-out words and numbers; one between a small and a capital letter parts two words."""
    runs = sorted(match.span() for rule in (_SPACED_LETTERS, _SPACED_DIGITS) for match in rule.finditer(text))
    for start, end in runs:
        for gap in _GAP.finditer(text, start, end):
            if not (text[gap.start() - 1].islower() and text[gap.end()].isupper()):
                yield gap.start(), gap.end(), ""
