"""Identifiers that were transformed in one text, looked for as they stand in the person's other texts.

It finds exactly what the second look (`residual.stands_in`) would count as a leak: the same words in a row, in any
case, with or without accents, whatever stands between them. Nothing is guessed about other ways to write them; that is
done for the values of the person's columns (`known`) and for the words of names (`spans`).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.word_lists import everyday

SHORTEST = 4
"""Letters and digits that a value has to have; anything shorter stands in every text."""

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """An identifier as it stood in a text, of which kind it was, and how sure that was."""

    entity: EntityType
    text: str
    score: float


def elsewhere(text: str, values: Sequence[Value], hidden: Sequence[Span] = ()) -> Iterator[Span]:
    """Every place of `text` where one of `values` stands; values that are too short are not looked for.

    A value of ordinary words only ("Mr. Long") does not count where it stands in small letters in a text that has
    capitals beside what is `hidden`: disjoint spans in order.
    """
    searched = _by_first_word(values)
    if not searched:
        return
    places = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    words = [_folded(text[start:end]) for start, end in places]
    seen = _without(text, hidden)
    has_capitals = seen != seen.lower()
    for at, word in enumerate(words):
        for wanted, value in searched.get(word, ()):
            if words[at : at + len(wanted)] != wanted:
                continue
            start, end = places[at][0], places[at + len(wanted) - 1][1]
            if has_capitals and text[start:end].islower() and all(map(everyday, wanted)):
                continue
            yield Span(start=start, end=end, entity=value.entity, score=value.score)


def worth_looking_for(value: str) -> bool:
    """Whether a value is long enough."""
    return sum(map(len, _WORD.findall(value))) >= SHORTEST


def _without(text: str, hidden: Sequence[Span]) -> str:
    starts, ends = [0, *(span.end for span in hidden)], [*(span.start for span in hidden), len(text)]
    return " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))


def _by_first_word(values: Iterable[Value]) -> dict[str, list[tuple[list[str], Value]]]:
    searched: dict[str, list[tuple[list[str], Value]]] = {}
    for value in values:
        words = [_folded(word) for word in _WORD.findall(unicodedata.normalize("NFKC", value.text))]
        if sum(map(len, words)) >= SHORTEST:
            searched.setdefault(words[0], []).append((words, value))
    return searched


def _folded(word: str) -> str:
    return folded(unicodedata.normalize("NFKC", word))
