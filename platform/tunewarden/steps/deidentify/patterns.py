"""How patterns are written and tried. The patterns themselves stand in `patterns_*.py`.

Trying every pattern at every character is slow, so each says what it begins with and is tried only there:

- `NUMBER`: with a digit that no digit stands before;
- `CODE`: with letters that a digit follows, directly or behind one of ` -./#`;
- `WORD`: with one of its `words`;
- `ANYWHERE`: anywhere, in texts that contain one of `needs`.

This skips nothing: a test tries every pattern at every character and finds the same.
A pattern marks the identifier itself with the group `v` where it needs a label to be sure ("MRN 0012345"); the label
stays readable. Lengths are bounded or possessive, so that matching time grows with the length of the text.
Scores: 0.8 or more sure by form, label or checksum, 0.6 by form, 0.45 likely, below 0.4 only with a word of context.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import assert_never

import regex

from tunewarden.domain.errors import Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span

MATCH_SECONDS = 20.0
"""For all patterns on one text, beside a second for each `SLOWEST` characters of it."""
SLOWEST = 10_000

LABEL_END = r"(?![\p{L}\p{M}])"
IS = (
    r"\.?(?:[\s_]*(?:numbers?|num|no|nr|n\.?o|n|ids?|identifiers?|code|c[oó]digo|n[uú]meros?|\#)(?![\p{L}\p{M}])\.?)*+"
    r"(?:\s+(?:of|for|del?|the|la|el|patient|paciente)(?![\p{L}\p{M}]))*+"
    r"[\"'*_`)\]]{0,3}+\s*+(?:(?:is|was|es|era)(?![\p{L}\p{M}])|[:=|,;\#-])?+:?+[\"'*_`|(]{0,3}+\s*+[\"'(]?+\#?+"
)
"""What may stand between a label and its value: "number", "no.", "is", a colon, quotes, a table's bar."""
NO_DATE = (
    r"(?!(?:0?[1-9]|[12]\d|3[01])(?<dash>[-/.])(?:0?[1-9]|[12]\d|3[01])(?P=dash)(?:\d{2}|\d{4})(?!\d)"
    r"|(?:19|20)\d\d(?<dash>[-/.])\d{1,2}(?P=dash)\d{1,2}(?!\d))"
)
NO_RANGE = r"(?!\d[\d.,]*\s?-\s?\d[\d.,]*\s*\)?\s*(?:%|[mnµμpgkul]{1,3}(?:/|\b)|mmol|mmhg|U/|x10))"
CODE = (
    rf"{NO_DATE}{NO_RANGE}(?<v>(?=(?:[ ]?[\p{{L}}./_-]{{0,12}}+\d){{3}})(?:(?-i:\p{{Lu}}{{1,4}})[ ]"
    rf"(?=\d{{3}}))?[\p{{L}}\d]++"
    r"(?:[-/._][\p{L}\d]++){0,6}+(?![,.]\d)"
    r"(?:(?<=\d)[ ]\d{2,6}+(?![\p{L}\d%/.,]*\p{L}|[%/]|[.,]\d|[ ]?(?:mg|ml|mcg|kg|cm|mm)\b)){0,3}+)"
)
"""A code that somebody issued: three digits or more, letters and separators between."""


class Start(StrEnum):
    """What a pattern begins with."""

    NUMBER = "number"
    CODE = "code"
    WORD = "word"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One way to write one kind of identifier.

    Attributes:
        regex: in the syntax of the module `regex`; case is ignored except inside `(?-i:...)`.
        run: for `NUMBER`, how many digits the first run of them may have: (least, most).
        words: for `WORD`, in small letters and without accents.
        needs: for `ANYWHERE`, in small letters: a text with none of these is skipped. Empty: every text is tried.
        context: words of which one nearby raises a match by 0.35.
        context_after: whether it may also stand behind the match.
        valid: whether a match's text can be one at all (a checksum); it is dropped where this says no.
    """

    entity: EntityType
    regex: str
    score: float
    start: Start
    run: tuple[int, int] = (1, 10_000)
    words: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    context: frozenset[str] = frozenset()
    context_after: bool = False
    valid: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        if (self.start is Start.WORD) != bool(self.words):
            raise ValueError("a pattern has 'words' exactly where it starts with one")


@dataclass(frozen=True, slots=True)
class Found:
    """A match and the pattern that made it."""

    span: Span
    pattern: Pattern


def phrase(phrases: str) -> tuple[str, frozenset[str]]:
    """(regex of any of these phrases as whole words, the words that they begin with).

    Phrases are parted by `|`. One is words with single spaces; any blanks may stand for those, and letters count with
    and without accents.
    """
    each = sorted(set(phrases.split("|")), key=len, reverse=True)
    made = "|".join(_spelled(one) for one in each)
    first = frozenset(_FIRST.findall(folded(one))[0] for one in each)
    return rf"(?<![\p{{L}}\p{{M}}])(?:{made}){LABEL_END}", first


def labelled(
    entity: EntityType,
    phrases: str,
    *,
    value: str = CODE,
    between: str = IS,
    score: float = 0.8,
    valid: Callable[[str], bool] | None = None,
) -> Pattern:
    """What stands behind one of these labels, which are parted by `|`."""
    label, first = phrase(phrases)
    return Pattern(
        entity=entity, regex=f"{label}{between}{value}", score=score, start=Start.WORD, words=first, valid=valid
    )


_FIRST = regex.compile(r"\p{L}+")
_TOKEN = regex.compile(r"(\d++)|\p{L}[\p{L}\p{M}]*+(?:(?=[ \-./#]?\d)())?+")
_IS_NUMBER, _IS_BEFORE_DIGIT = 1, 2
_ACCENTS: Mapping[str, str] = {"a": "[aá]", "e": "[eé]", "i": "[ií]", "o": "[oó]", "u": "[uúü]", "n": "[nñ]"}


_BEGINS: Mapping[Start, str] = {
    Start.NUMBER: r"(?<!\d)(?=\d)",
    Start.CODE: r"(?<![\p{L}\p{M}])(?=\p{L}[\p{L}\p{M}]*+[ \-./#]?\d)",
    Start.WORD: r"(?<![\p{L}\p{M}])",
    Start.ANYWHERE: "",
}


def compiled(pattern: Pattern) -> "regex.Pattern[str]":
    """A pattern ready to be tried; what its `start` promises is part of it."""
    return regex.compile(_BEGINS[pattern.start] + pattern.regex, regex.IGNORECASE)


Entry = tuple["regex.Pattern[str]", Pattern]


class Table:
    """Patterns, compiled and sorted by what they begin with."""

    _LONGEST_RUN = 20  # longer runs of digits are tried like this one

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._numbers: list[list[Entry]] = [[] for _ in range(self._LONGEST_RUN + 1)]
        self._codes: list[Entry] = []
        self._words: dict[str, list[Entry]] = {}
        self._anywhere: list[Entry] = []
        for pattern in self.patterns:
            for entries in self._lists(pattern):
                entries.append((compiled(pattern), pattern))

    def _lists(self, pattern: Pattern) -> Sequence[list[Entry]]:
        match pattern.start:
            case Start.NUMBER:
                least, most = pattern.run
                return self._numbers[min(least, self._LONGEST_RUN) : min(most, self._LONGEST_RUN) + 1]
            case Start.CODE:
                return [self._codes]
            case Start.WORD:
                return [self._words.setdefault(word, []) for word in pattern.words]
            case Start.ANYWHERE:
                return [self._anywhere]
            case _ as never:
                assert_never(never)

    def find(self, text: str) -> Iterator[Found]:
        """Every match, overlapping as they may. Raises `Refused` where it takes too long (`MATCH_SECONDS`)."""
        deadline = perf_counter() + MATCH_SECONDS + len(text) / SLOWEST
        low = folded(text)
        for start, entries in self._places(text, low):
            left = deadline - perf_counter()
            for compiled, pattern in entries:
                try:
                    match = compiled.match(text, start, timeout=max(left, 0.0))
                except TimeoutError as error:
                    raise _too_slow(pattern) from error
                if match is not None and (found := _found(match, pattern)) is not None:
                    yield found
        yield from self._find_anywhere(text, low, deadline)

    def _places(self, text: str, low: str) -> Iterator[tuple[int, Sequence[Entry]]]:
        words, numbers, codes = self._words, self._numbers, self._codes
        for token in _TOKEN.finditer(text):
            start, end = token.span()
            if token.lastindex == _IS_NUMBER:
                yield start, numbers[min(end - start, self._LONGEST_RUN)]
                continue
            if token.lastindex == _IS_BEFORE_DIGIT:
                yield start, codes
            entries = words.get(low[start:end])
            if entries is not None:
                yield start, entries

    def _find_anywhere(self, text: str, low: str, deadline: float) -> Iterator[Found]:
        for compiled, pattern in self._anywhere:
            if pattern.needs and not any(need in low for need in pattern.needs):
                continue
            try:
                for match in compiled.finditer(text, timeout=max(deadline - perf_counter(), 0.0)):
                    if (found := _found(match, pattern)) is not None:
                        yield found
            except TimeoutError as error:
                raise _too_slow(pattern) from error


def _found(match: "regex.Match[str]", pattern: Pattern) -> Found | None:
    start, end = match.span("v" if "v" in match.re.groupindex else 0)
    if end <= start or (pattern.valid is not None and not pattern.valid(match.string[start:end])):
        return None
    return Found(Span(start=start, end=end, entity=pattern.entity, score=pattern.score), pattern)


def _too_slow(pattern: Pattern) -> Refused:
    return Refused(
        "text_too_slow",
        f"Looking for identifiers took too long; it ended at one of the kind {pattern.entity}.",
        remedy="Split the text of this record.",
        who="steward",
    )


def _spelled(words: str) -> str:
    """A phrase as a regex: each word as it is but for accents; anything but letters stands for itself."""
    return r"[\s_]++".join(
        "".join(_ACCENTS.get(letter, regex.escape(letter)) for letter in folded(word)) for word in words.split(" ")
    )
