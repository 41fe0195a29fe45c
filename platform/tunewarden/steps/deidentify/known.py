"""The known-identifier sweep: values of the person's own columns, looked for in the person's own texts.

What is known need not be recognised. It is looked for as people write it: parts of names, short forms, initials, other
orders, slips of one letter, dates and numbers in other forms, an address without its house. A search is made once for a
person and kept for the next texts; each asks first whether the text has anything of it at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.known_dates import date_forms, readings
from tunewarden.steps.deidentify.known_names import NameSearch
from tunewarden.steps.deidentify.normalise import Normalised, folded, normalise
from tunewarden.steps.deidentify.person import Known
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.word_lists import everyday

_NEVER = frozenset({EntityType.AGE, EntityType.SEX, EntityType.DEMOGRAPHIC, EntityType.RELATIVE, EntityType.PARTICULAR})
_WORDS = frozenset({EntityType.PLACE, EntityType.ORGANISATION, EntityType.OCCUPATION, EntityType.ADDRESS})
_PHONES = frozenset({EntityType.PHONE, EntityType.FAX})
_LETTERS = 4
_SIGNS = 6
_NATIONAL_DIGITS = 9
_HOUSE = regex.compile(
    r"\b(?:apt|apartment|suite|ste|unit|room|flat|floor|piso|planta|puerta|esc|bajo|no|num|n)\b\.?|[\d#ºª°]\S*|s/n"
)
_KIND = regex.compile(
    r"^(?:c/|(?:calle|cl|avda|avenida|av|paseo|plaza|pza|carretera|ctra|camino|ronda|carrer|rua)\b\.?)\s*(?:del?\s+)?"
    r"(?:(?:la|el|los|las)\s+)?"
)
_SEPARATORS = r"[ \t./()_-]{0,3}"

_Search = tuple[EntityType, str, "regex.Pattern[str]"]
"""(kind, what a text must contain to be searched, folded; pattern on the folded text)"""


def sweep(text: str, known: Sequence[Known]) -> Iterator[Span]:
    """Where the values of `known` stand in `text`, in any of the ways that are stated above; the score is always 1.

    A value that is too short or too common to be looked for is left out (`distinctive`).
    """
    if not known or not text:
        return
    searches, names = _prepared(tuple(known))
    read = normalise(text)
    low = folded(read.text)
    for entity, needed, pattern in searches:
        if needed in low:
            for match in pattern.finditer(low):
                yield _span(read, match.start(), match.end(), entity)
    for start, end in names.find(read.text, low):
        yield _span(read, start, end, EntityType.NAME)


def distinctive(value: str, entity: EntityType = EntityType.PERSON_ID) -> bool:
    """Whether a value of this kind is worth looking for; the others would hide ages, doses and words of prose.

    Ages, sex and other attributes never are. Dates need day, month and year; names a word of two letters, places and
    the like a phrase of four letters that is no word of prose; numbers and codes six signs, or four of which some are
    letters and some digits.
    """
    value = value.strip()
    if entity in _NEVER:
        return False
    if entity is EntityType.DATE:
        return bool(readings(value))
    if entity is EntityType.NAME:
        return any(len(word) > 1 for word in regex.findall(r"\p{L}+", value))
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdecimal, value))
    if entity in _WORDS:
        return letters >= _LETTERS and not everyday(folded(value))
    return letters + digits >= (_LETTERS if letters and digits else _SIGNS)


@lru_cache(maxsize=64)
def _prepared(known: tuple[Known, ...]) -> tuple[tuple[_Search, ...], NameSearch]:
    searches: list[_Search] = []
    for item in known:
        if distinctive(item.value, item.entity) and item.entity is not EntityType.NAME:
            searches += _searches(item.entity, folded(normalise(item.value.strip()).text))
    names = [item.value for item in known if item.entity is EntityType.NAME and distinctive(item.value, item.entity)]
    return tuple(searches), NameSearch(names)


def _searches(entity: EntityType, value: str) -> Iterable[_Search]:
    if entity is EntityType.DATE:
        return [(entity, needed, _bounded(form)) for needed, form in date_forms(value)]
    if entity is EntityType.ADDRESS:
        return [_phrase(entity, part) for part in _address_parts(value)]
    if entity is EntityType.EMAIL:
        local = value.split("@")[0]
        parts = [value, *([local] if distinctive(local) else [])]
        return [_phrase(entity, part) for part in parts]
    if any(map(str.isdecimal, value)) and entity not in _WORDS | {EntityType.URL, EntityType.USERNAME}:
        return [_number(entity, value)]
    return [_phrase(entity, value)]


def _phrase(entity: EntityType, value: str) -> _Search:
    words = value.split()
    return entity, max(words, key=len), _bounded(r"[\s,]+".join(map(regex.escape, words)))


def _number(entity: EntityType, value: str) -> _Search:
    """A number or code with whatever separators; a telephone number with and without its country."""
    signs = [sign for sign in value if sign.isalnum()]
    lead = ""
    if entity in _PHONES and len(signs) >= _NATIONAL_DIGITS:
        kept = 10 if len(signs) == 11 and signs[0] == "1" else max(_NATIONAL_DIGITS, min(10, len(signs) - 2))
        lead = rf"(?:(?:\+|00)?\d{{1,3}}{_SEPARATORS})?\(?0?"
        signs = signs[-kept:]
    body = _SEPARATORS.join(map(regex.escape, signs))
    pattern = regex.compile(rf"(?<![\p{{L}}\d])\(?{lead}{body}(?![\p{{L}}\d])")
    return entity, signs[0], pattern


def _address_parts(value: str) -> list[str]:
    """The address, its street without house and floor (a Spanish one without its kind), and the places behind it."""
    bare = [_KIND.sub("", " ".join(_HOUSE.sub(" ", part).split()).strip(" .-")) for part in value.split(",")]
    parts = [part for part in bare if sum(map(str.isalpha, part)) > _LETTERS and not everyday(part)]
    return list(dict.fromkeys([value, *parts]))


def _bounded(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(rf"(?<![\p{{L}}\d])(?:{pattern})(?![\p{{L}}\d])")


def _span(read: Normalised, start: int, end: int, entity: EntityType) -> Span:
    first, last = read.original(start, end)
    return Span(start=first, end=last, entity=entity, score=1.0)
