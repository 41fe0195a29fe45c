"""Found identifiers as spans of a text: which one wins where they overlap, and where else they stand.

Decisions are made mention by mention, so a name that a title marks in one sentence is missed in the next. So what was
found once is looked for in the rest of the text and in other texts of the same person: names word by word, sure places,
organisations and numbers whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded, normalise
from tunewarden.steps.deidentify.word_lists import PARTICLES, PROSE, everyday, words_of

LEAST_SCORE = 0.5
"""What was found with less is not followed: a doubt is not to be multiplied."""
_CARRIED_SCORE = 0.7
_LETTERS = 3
_WHOLE = frozenset({EntityType.PLACE, EntityType.ORGANISATION})
_SURE = 0.8
_NOT_FOLLOWED = frozenset(
    {EntityType.AGE, EntityType.SEX, EntityType.RELATIVE, EntityType.DEMOGRAPHIC, EntityType.OCCUPATION}
    | {EntityType.DATE, EntityType.PARTICULAR}
)
_DIGITS = 5
BY_FORM = frozenset(EntityType) - {
    *(
        EntityType.NAME,
        EntityType.PLACE,
        EntityType.ADDRESS,
        EntityType.ORGANISATION,
        EntityType.DATE,
        EntityType.OTHER_ID,
    ),
    *(EntityType.AGE, EntityType.SEX, EntityType.DEMOGRAPHIC, EntityType.OCCUPATION, EntityType.RELATIVE),
    EntityType.PARTICULAR,
}
_TOKEN = regex.compile(r"\p{L}[\p{L}\p{M}]*+|\d++")
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*+")
_BEHIND = regex.compile(r"(?:(?<=\p{Lu})\.)?[ ](\p{Lu}\p{Ll}{1,4})(?![\p{L}\p{M}\d'\u2019])")
_BEFORE = regex.compile(r"(?<=[\p{L},][ ])(\p{Lu}\p{Ll}{1,4})[ ]$")
_REACH = 6  # characters that `_BEFORE` takes
_TITLES = words_of(
    "mr mrs ms miss dr dra prof sir madam sr sra srta don dona doctor doctora professor judge rev mx md rn phd"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters `start` to `end` (exclusive, in code points) of a text, and what they were taken for."""

    start: int
    end: int
    entity: EntityType
    score: float


def resolve(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Disjoint spans in order: of those that overlap, the union is covered and the best-supported kind names it.

    Presidio's own rule lets the longer span win, whatever its score; here the higher score wins, then the longer one,
    and nothing that any of them covered is uncovered. A kind that has a form of its own (`BY_FORM`) names the union
    before one that is read from the words around it: models are sure of themselves and call any number the same.
    """
    groups: list[list[Span]] = []
    end = -1
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if span.start < end:
            groups[-1].append(span)
        else:
            groups.append([span])
        end = max(end, span.end)
    return tuple(_union(group) for group in groups)


def propagate(text: str, spans: Iterable[Span], names: Iterable[tuple[str, float]] = ()) -> Iterator[Span]:
    """The other places of `text` where the identifiers of `spans` stand, and words beside names that belong to them.

    `names`: words of names from the person's other texts.

    A word in small letters counts where case says nothing in this text or it is no word of prose; one that may be
    prose ("Rose", "Long") counts where it begins with a capital. Two letters are too few to follow.
    """
    every = list(spans)
    found = [span for span in every if span.score >= LEAST_SCORE]
    scores = dict(names)
    for span in found:
        if span.entity is EntityType.NAME:
            for word in name_words(text[span.start : span.end]):
                scores[word] = max(span.score, scores.get(word, 0.0))
    yield from _beside(text, every)
    whole = _phrases(text, found)
    if not scores and not whole:
        return
    read = normalise(text)
    low = folded(read.text)
    for start, end, score in _names(read.text, low, scores):
        first, last = read.original(start, end)
        yield Span(start=first, end=last, entity=EntityType.NAME, score=score)
    for start, end, phrase in phrases_in(low, by_first_word(whole)):
        entity, score = whole[phrase]
        first, last = read.original(start, end)
        yield Span(start=first, end=last, entity=entity, score=score)


def carried(text: str, spans: Iterable[Span]) -> dict[str, float]:
    """Words of the names found in `text` that are worth looking for in the person's other texts -> their score.

    Sure ones only, and none that may be prose: elsewhere nothing around them would say that they are a name.
    """
    words: dict[str, float] = {}
    for span in spans:
        if span.entity is EntityType.NAME and span.score >= _CARRIED_SCORE:
            for word in name_words(text[span.start : span.end]):
                if not everyday(word):
                    words[word] = max(span.score, words.get(word, 0.0))
    return words


def name_words(name: str) -> list[str]:
    """The words of a name that can be followed: in small letters, without accents, titles and particles."""
    words = _WORD.findall(folded(normalise(name).text))
    return [word for word in words if len(word) >= _LETTERS and word not in PARTICLES and word not in _TITLES]


def capitals_speak(text: str) -> bool:
    """Whether a capital letter says something here: both cases occur, and capitals are the minority."""
    lower = sum(map(str.islower, text))
    return 0 < sum(map(str.isupper, text)) < lower


def _beside(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Words of prose and other short ones that are a part of a name by their capital: "Fang He", "call My Linh".

    Many Chinese, Korean and Vietnamese names are short words of English or Spanish. Before a name the word counts only
    inside a sentence, whose first word has a capital anyway.
    """
    if not capitals_speak(text):
        return
    for span in spans:
        if span.entity is not EntityType.NAME:
            continue
        for match in (_BEHIND.match(text, span.end), _BEFORE.search(text, max(0, span.start - _REACH), span.start)):
            word = folded(match[1]) if match is not None else ""
            if match is not None and (word in PROSE or len(word) <= _LETTERS) and word not in _TITLES:
                yield Span(start=match.start(1), end=match.end(1), entity=EntityType.NAME, score=span.score)


def _names(text: str, low: str, scores: Mapping[str, float]) -> Iterator[tuple[int, int, float]]:
    if not scores:
        return
    speaks = capitals_speak(text)
    for match in _WORD.finditer(low):
        score = scores.get(match.group())
        if score is not None and _counts(match.group(), text[match.start()], speaks):
            yield match.start(), match.end(), score


def _counts(word: str, first: str, speaks: bool) -> bool:
    """Whether a word of a found name, met again, is the name: `first` is its first letter as it stands there."""
    if speaks and first.isupper():
        return True
    return not everyday(word)


def _phrases(text: str, spans: Iterable[Span]) -> Mapping[str, tuple[EntityType, float]]:
    """Values that are followed whole, folded -> (kind, score)."""
    whole: dict[str, tuple[EntityType, float]] = {}
    for span in spans:
        if span.entity is EntityType.NAME or span.entity in _NOT_FOLLOWED:
            continue
        value = folded(normalise(text[span.start : span.end]).text)
        if span.entity in _WHOLE:
            worth = span.score >= _SURE and len(value) > _LETTERS and value not in PROSE
        else:
            worth = sum(map(str.isdecimal, value)) >= _DIGITS
        if worth and whole.get(value, (span.entity, 0.0))[1] < span.score:
            whole[value] = (span.entity, span.score)
    return whole


def by_first_word(phrases: Iterable[str]) -> Mapping[str, Sequence[tuple[int, str]]]:
    """First word or number of each phrase -> (where it begins in the phrase, the phrase). Phrases are folded."""
    by_first: dict[str, list[tuple[int, str]]] = {}
    for phrase in phrases:
        first = _TOKEN.search(phrase)
        if first is not None:
            by_first.setdefault(first.group(), []).append((first.start(), phrase))
    return by_first


def phrases_in(low: str, by_first: Mapping[str, Sequence[tuple[int, str]]]) -> Iterator[tuple[int, int, str]]:
    """Where these phrases stand in a folded text, with no letter or digit directly beside them: (start, end, phrase).

    They are looked for where their first word stands, so that time grows with the text and not with their number.
    """
    for token in _TOKEN.finditer(low) if by_first else ():
        for before, phrase in by_first.get(token.group(), ()):
            start = token.start() - before
            end = start + len(phrase)
            if start >= 0 and low.startswith(phrase, start) and not low[end : end + 1].isalnum():
                yield start, end, phrase


def _union(group: list[Span]) -> Span:
    start, end = min(span.start for span in group), max(span.end for span in group)
    best = max(group, key=_support)
    if best.entity not in BY_FORM:
        best = max((span for span in group if _is_its_form(span, end - start)), key=_support, default=best)
    return Span(start=start, end=end, entity=best.entity, score=max(span.score for span in group))


def _support(span: Span) -> tuple[float, int, str]:
    return span.score, span.end - span.start, span.entity


def _is_its_form(span: Span, length: int) -> bool:
    """Whether a span of a kind that is known by its form is sure enough, and most of a union of this length."""
    return span.entity in BY_FORM and span.score >= LEAST_SCORE and 2 * (span.end - span.start) >= length
