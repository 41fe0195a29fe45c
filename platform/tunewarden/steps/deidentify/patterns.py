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

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span

Run = tuple[int, int]
"""How many digits, (least, most)."""
ANY_RUN: Run = (1, 10_000)
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
    run: Run = ANY_RUN
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
    each = {folded(one) for one in phrases.split("|")}
    first = frozenset(_FIRST.findall(one)[0] for one in each)
    return rf"(?<![\p{{L}}\p{{M}}]){_any_of(each)}{LABEL_END}", first


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
_ACCENTS: Mapping[str, str] = {"a": "[aá]", "e": "[eé]", "i": "[ií]", "o": "[oó]", "u": "[uúü]", "n": "[nñ]"}


def _any_of(phrases: Collection[str]) -> str:
    """A regex of any of these folded phrases, the longest first, that looks at what they begin with only once."""
    rests: dict[str, set[str]] = {}
    for phrase in phrases:
        rests.setdefault(phrase[:1], set()).add(phrase[1:])
    nothing = rests.pop("", None)
    ways = [_spelled(first) + _any_of(rest) for first, rest in sorted(rests.items())]
    if len(ways) == 1 and nothing is None:
        return ways[0]
    return f"(?:{'|'.join(ways)}){'' if nothing is None else '?'}" if ways else ""


def _spelled(character: str) -> str:
    """A character of a phrase as a regex: any blanks for a space, vowels with and without accents."""
    return r"[\s_]++" if character == " " else _ACCENTS.get(character, regex.escape(character))
