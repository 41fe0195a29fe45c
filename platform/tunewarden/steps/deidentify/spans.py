"""Found identifiers as spans of a text: which one wins where they overlap, and where else in the text they stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex

from tunewarden.domain.deidentification import EntityType

_LETTERS_TO_PROPAGATE = 3
_NAME_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:['\u2019-]\p{L}[\p{L}\p{M}]*)*")
_PART = regex.compile(r"\p{L}[\p{L}\p{M}]*")


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
    and nothing that any of them covered is uncovered.
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


def propagate(text: str, spans: Iterable[Span]) -> Iterable[Span]:
    """The words of every found name, wherever else they stand in the same text.

    Words of fewer than three letters are not followed, and a word in lower case is not taken for a name.
    """
    scores: dict[str, float] = {}
    for span in spans:
        if span.entity is EntityType.NAME:
            for part in _PART.findall(text[span.start : span.end].lower()):
                if len(part) >= _LETTERS_TO_PROPAGATE:
                    scores[part] = max(span.score, scores.get(part, 0.0))
    for match in _NAME_WORD.finditer(text) if scores else ():
        score = max((scores.get(part, 0.0) for part in _PART.findall(match.group().lower())), default=0.0)
        if score and not match.group()[0].islower():
            yield Span(start=match.start(), end=match.end(), entity=EntityType.NAME, score=score)


def sweep(text: str, known: Sequence[str]) -> Iterable[Span]:
    """Where identifiers that are known from elsewhere stand in `text`, whole and in any case."""
    folded = text.casefold()
    for value in known:
        if value.casefold() in folded:  # a pattern is built only where there is something to find
            pattern = rf"(?<![\p{{L}}\d]){regex.escape(value)}(?![\p{{L}}\d])"
            for match in regex.finditer(pattern, text, regex.IGNORECASE):
                yield Span(start=match.start(), end=match.end(), entity=EntityType.PERSON_ID, score=1.0)


def distinctive(value: str) -> bool:
    """Whether a value is worth searching for: 6 characters or more, or 4 with both letters and digits.

    Shorter ones (a row number) would hide ages and doses.
    """
    mixed = any(character.isdigit() for character in value) and any(character.isalpha() for character in value)
    return len(value) >= (4 if mixed else 6)


def _union(group: Sequence[Span]) -> Span:
    best = max(group, key=lambda span: (span.score, span.end - span.start, span.entity))
    return Span(
        start=min(span.start for span in group),
        end=max(span.end for span in group),
        entity=best.entity,
        score=best.score,
    )
