"""Planted identifiers: made-up ones are put into copies of real texts, and it is counted how many are found.

This measures what the recognisers do on texts like these, for identifiers written like those of `synthesis`. It bounds
nothing about identifiers written in other ways: only people who read a random sample of the output can do that. The
carrying sentences and most surnames are used for nothing else; two persons in five have a surname of invented
syllables, which stands in no list. Given names are common ones, as real ones are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.synthesis.filling import fill
from tunewarden.steps.deidentify.synthesis.scene import new_scene
from tunewarden.steps.deidentify.synthesis.splits import Split
from tunewarden.steps.deidentify.synthesis.templates import sections

PLANTED: tuple[EntityType, ...] = tuple(EntityType(name) for name in sections("en", Split.PLANTED))
"""The kinds that are planted: all that a row of Safe Harbor stands on, but `PERSON_ID`, which is a value of the
record's own column and is searched for by that value."""

_LEAST_LETTERS = 12
_MOSTLY = 0.85
_ENGLISH = "the of and to was were with is are he she it for on in at by had has his her this that not"
_SPANISH = "el la los las de del un una y en con por para que se su al fue es no lo sin como desde"
_STOP_WORDS = {"en": frozenset(_ENGLISH.split()), "es": frozenset(_SPANISH.split())}
_WORD = regex.compile(r"\p{L}+")
_SENTENCE_END = regex.compile(r"(?<=[.;!?])\s|\n")
_LOOKED_AT = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A made-up identifier of one kind and the sentence that carries it."""

    entity: EntityType
    before: str
    value: str
    after: str


def planted(entity: EntityType, chance: Random, language: str = "en") -> Plant:
    """A fresh identifier of this kind in a sentence of the language, `en` or `es`.

    Raises `KeyError` for a kind outside `PLANTED` and for another language.
    """
    template = chance.choice(sections(language, Split.PLANTED)[entity])
    pieces = fill(template, new_scene(chance, language, Split.PLANTED))
    (place,) = (place for place, piece in enumerate(pieces) if piece.entity is entity)
    return Plant(
        entity=entity,
        before="".join(piece.text for piece in pieces[:place]),
        value=pieces[place].text,
        after="".join(piece.text for piece in pieces[place + 1 :]),
    )


def language_of(text: str) -> str:
    """`es` where more of the first words are Spanish stop words than English ones, else `en`; a guess."""
    words = [match.group() for match in _WORD.finditer(text[:_LOOKED_AT].lower())]
    found = {language: sum(word in stops for word in words) for language, stops in _STOP_WORDS.items()}
    return "es" if found["es"] > found["en"] else "en"


def put(plant: Plant, text: str, chance: Random) -> tuple[str, int, int]:
    """`text` with the plant's sentence at a random place: (new text, start and end of the identifier in it).

    Where sentences end if any do, else between two words. In a text of capitals, or of none, the plant is so too.
    """
    plant = _in_case_of(text, plant)
    places = [match.end() for match in _SENTENCE_END.finditer(text)]
    places = places or [match.end() for match in regex.finditer(r"\s+", text)] or [len(text)]
    at = chance.choice(places)
    head = text[:at] if not at or text[at - 1].isspace() else text[:at] + " "
    start = len(head) + len(plant.before)
    return head + plant.before + plant.value + plant.after + " " + text[at:], start, start + len(plant.value)


def covered(text: str, start: int, end: int, spans: Iterable[Span]) -> bool:
    """Whether every letter and digit of `text[start:end]` lies in one of `spans`."""
    hidden = {position for span in spans for position in range(max(start, span.start), min(end, span.end))}
    return all(position in hidden for position in range(start, end) if text[position].isalnum())


def _in_case_of(text: str, plant: Plant) -> Plant:
    upper = sum(character.isupper() for character in text)
    letters = upper + sum(character.islower() for character in text)
    if letters < _LEAST_LETTERS or 0 < upper < _MOSTLY * letters:
        return plant
    write = str.upper if upper else str.lower
    return replace(plant, before=write(plant.before), value=write(plant.value), after=write(plant.after))
