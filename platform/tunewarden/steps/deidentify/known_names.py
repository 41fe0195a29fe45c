"""A name that is known, as people write it: its parts, short forms, initials, either order, a slip of one letter."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import regex

from tunewarden.steps.deidentify.normalise import folded, normalise
from tunewarden.steps.deidentify.spans import capitals_speak
from tunewarden.steps.deidentify.word_lists import PARTICLES, STOP, everyday, short_forms, words_of

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*+")
_SHORT_FORMS = short_forms()
_FUZZY_LETTERS = 5
_INITIAL_BEFORE = 8  # characters that initials before a name take
_LONG = 7  # letters, of a word that is hardly a slip of another word
_CUES = words_of(
    "mr mrs ms miss dr name named is called hi hello hey dear sr sra senor senora don dona dra llamo llama nombre"
    " thanks gracias hola patient paciente im"
)
_NOT = frozenset({"'t", "\u2019t"})
Place = tuple[int, int]


class NameSearch:
    """The words of some names of one person, ready to be looked for."""

    def __init__(self, names: Sequence[str]) -> None:
        parts = [_WORD.findall(folded(normalise(name).text)) for name in names]
        self._words: set[str] = set()
        for words in parts:
            own = [word for word in words if word not in PARTICLES and len(word) > 1]
            self._words.update(own)
            for word in own:
                self._words.update(_SHORT_FORMS.get(word, ()))
            self._words.update(_joined(own))
        self._initials = frozenset(word[0] for words in parts for word in words if word not in PARTICLES)
        self._slips: dict[str, set[str]] = {}
        for word in self._words:
            for slip in (word, *_without_one(word)) if len(word) >= _FUZZY_LETTERS else ():
                self._slips.setdefault(slip, set()).add(word)
        self._longest = max(map(len, self._words), default=0)
        self._monogram = _monogram(parts)

    def find(self, text: str, low: str) -> Iterator[Place]:
        """Where the names stand in `text`; `low` is the same text folded."""
        if not self._words:
            return
        if self._monogram is not None:
            for match in self._monogram.finditer(text):
                yield match.span()
        yield from self._merged(text, low, list(self._matched(text, low)))

    def _matched(self, text: str, low: str) -> Iterator[Place]:
        """Single words of the names. One that may be prose counts beside another word of the name or after a cue."""
        speaks = capitals_speak(text)
        before, known_before = "", False
        waiting: Place | None = None
        for match in _WORD.finditer(low):
            word, place = match.group(), match.span()
            capital = speaks and text[place[0]].isupper()
            exact = word in self._words
            doubtful = exact and not capital and _may_be_prose(word, low[place[1] : place[1] + 2], speaks)
            if exact and (not doubtful or known_before or before in _CUES):
                if waiting is not None:
                    yield waiting
                yield place
                known_before, waiting = True, None
            elif not exact and self._slipped(word, capital or not speaks or known_before or before in _CUES):
                yield place
                known_before, waiting = True, None
            else:
                known_before, waiting = False, place if doubtful else None
            before = word

    def _slipped(self, word: str, may_be_name: bool) -> bool:
        """Whether `word` is one edit away from a word of the names: a letter more, less, another, or two exchanged."""
        if not (_FUZZY_LETTERS if may_be_name else _LONG) <= len(word) <= self._longest + 1 or everyday(word):
            return False
        return any(
            _one_edit(word, candidate)
            for slip in (word, *_without_one(word))
            for candidate in self._slips.get(slip, ())
        )

    def _merged(self, text: str, low: str, places: Sequence[Place]) -> Iterator[Place]:
        """Neighbouring words as one place, with initials and particles of the name between, before and behind them."""
        current: Place | None = None
        for start, end in places:
            start = self._with_initial_before(text, low, start)
            if current is not None and self._one_name(low, current[1], start):
                current = current[0], end
                continue
            if current is not None:
                yield current[0], self._with_initial_behind(low, current[1])
            current = start, end
        if current is not None:
            yield current[0], self._with_initial_behind(low, current[1])

    def _one_name(self, low: str, end: int, start: int) -> bool:
        between = low[end:start]
        if len(between) > 24:
            return False
        words = _WORD.findall(between)
        return (
            all(word in PARTICLES or word in self._initials for word in words)
            and bool(regex.fullmatch(r"[\s,.'\p{L}-]*", between))
            and "\n\n" not in between
            and ". " not in regex.sub(r"\b\p{L}\.", "", between)
        )

    def _with_initial_before(self, text: str, low: str, start: int) -> int:
        window = max(0, start - _INITIAL_BEFORE)
        match = regex.search(r"(?<![\p{L}\d'])(\p{L})\.?[ ]?(?:\p{L}\.[ ]?)?$", low[window:start])
        if match is None:
            return start
        first = window + int(match.start())
        return first if match[1] in self._initials and text[first].isupper() else start

    def _with_initial_behind(self, low: str, end: int) -> int:
        match = regex.match(r",?[ ](\p{L})\.(?:[ ]?\p{L}\.)?", low[end : end + 8])
        return end + len(match.group()) if match is not None and match[1] in self._initials else end


def _may_be_prose(word: str, behind: str, speaks: bool) -> bool:
    """Whether a word in small letters may be another than the name. Where capitals say nothing, only function words are
    let through: April and Clay are then hidden where the month and the earth are meant, rather than not."""
    if len(word) < 3 or behind in _NOT:
        return True
    return everyday(word) if speaks else word in STOP


def _joined(words: Sequence[str]) -> Iterable[str]:
    """Names written together: "johnsmith", "jsmith"."""
    for first, last in pairwise(words):
        yield from (joined for joined in (first + last, first[0] + last) if len(joined) >= _FUZZY_LETTERS)
    if len(words) > 2:
        yield words[0] + words[-1]
        yield words[0][0] + words[-1]


def _monogram(names: Sequence[Sequence[str]]) -> "regex.Pattern[str] | None":
    """The initials of a name with full stops: "J.S.", "J. M. S." """
    forms = set()
    for words in names:
        letters = [word[0].upper() for word in words if word not in PARTICLES]
        if len(letters) >= 2:
            forms.add(r"\.[ ]?".join(letters))
            forms.add(rf"{letters[0]}\.[ ]?{letters[-1]}")
            forms.add(rf"{letters[0]}\.[ ]?{letters[1]}")
    if not forms:
        return None
    return regex.compile(rf"(?<![\p{{L}}\d.])(?:{'|'.join(sorted(forms, key=len, reverse=True))})\.?(?![\p{{L}}\d])")


def _without_one(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def _one_edit(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or exchange of neighbours makes `other` of `one`."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return one == other
    at = next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    rest, others = one[at:], other[at:]
    if len(one) != len(other):
        return rest[1:] == others if len(one) > len(other) else rest == others[1:]
    return rest[1:] == others[1:] or (rest[2:] == others[2:] and rest[:2] == others[1::-1])
