"""Places and nationalities by list: countries, states, big cities, peoples, religions. One voice beside the model."""

from collections.abc import Iterator, Mapping

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span, by_first_word, capitals_speak, phrases_in
from tunewarden.steps.deidentify.word_lists import lines

_LISTS = {EntityType.PLACE: "places.txt", EntityType.DEMOGRAPHIC: "demographics.txt"}
_SCORE = 0.5
_EPONYM = regex.compile(
    r"(?<=glasgow)\W{0,3}(?:de\s+)?\d|[- ](?:virus|fever|flu|influenza|disease|encephalitis|hemorrhagic"
    r"|measles|mountain|spotted|equine|coma|scale|units|collar|sprouts|red|yogurt|criteria"
    r"|classification|score|agar|method|sign|syndrome|ginseng|medicine|herbs?|food|bread|fries|toast"
    r"|dressing|needle|gauge"
    r"|catheter|foley|stent|tube|coffee|cheese|cat|walker|cup|ink|shepherd|bulldog|oak|ivy|nile)"
)
"""What follows a place or people that names a thing: "Lyme disease", "French catheter"."""


_MEASURED = regex.compile(r"(?:\d[ -]|fiebre de |rojo |escala de |coma de )$")


def _read() -> Mapping[str, EntityType]:
    return {
        phrase: entity
        for entity, name in _LISTS.items()
        for line in lines(name)
        for phrase in line.split("|")
        if phrase
    }


_ALSO_WORDS = frozenset({"china", "turkey"})
"""In small letters these are things; they count with a capital only."""
_PHRASES = _read()
_BY_FIRST = by_first_word(_PHRASES)


def find_listed(text: str) -> Iterator[Span]:
    """Listed places and peoples: with a capital where capitals say something, else everywhere."""
    low = folded(text)
    speaks = capitals_speak(text)
    for start, end, phrase in phrases_in(low, _BY_FIRST):
        is_thing = _EPONYM.match(low, end) or _MEASURED.search(low, max(0, start - 10), start)
        if (text[start].isupper() or not (speaks or phrase in _ALSO_WORDS)) and not is_thing:
            yield Span(start=start, end=end, entity=_PHRASES[phrase], score=_SCORE)
