"""Rare diseases, procedures and circumstances by list: few people have them, and with an age and a town they tell who.

They are no identifiers of 45 CFR 164.514(b)(2)(i), and mostly what a text is about; so no recogniser of the engine
looks for them. They are looked for where a profile transforms them, and wherever it is counted what a text tells of a
person (`attributes`). The list and what counts as rare: `rare_conditions.txt`.

Words in a row are compared, in small letters without accents; short forms count in capitals only. Not found:
misspellings, other languages, and what is described without its name. Not told: whether the person has it. A condition
that is denied, suspected or a relative's counts as if it were theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded, normalise
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.word_lists import lines

NAME = "list of rare conditions"
"""What looks for them, in words for the report."""

_SCORE = 0.9
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_GAP = regex.compile(r"[\s\-'/]{1,3}")
"""What may stand between two words of a name, once other dashes and quotes are made these."""
_FORMS: Mapping[str, Sequence[str]] = {
    "disease of ": ("{} disease", "{}'s disease", "{}s disease", "enfermedad de {}"),
    "syndrome of ": ("{} syndrome", "{}'s syndrome", "{}s syndrome", "sindrome de {}"),
}


@dataclass(frozen=True, slots=True)
class Mention:
    """A rare condition in a text: code points `start` to `end` (exclusive), and the first of its names on the list."""

    start: int
    end: int
    condition: str


@dataclass(frozen=True, slots=True)
class _Name:
    words: tuple[str, ...]
    condition: str
    short_form: str
    """As it has to be written, or in capitals throughout; empty for a name that may be written in any letters."""


def mentions(text: str) -> Iterator[Mention]:
    """Every rare condition that `text` names, disjoint and in order; of two that begin together the longer one."""
    read = normalise(text)
    low = folded(read.text)
    words = _WORD.findall(low)
    if _BY_FIRST.keys().isdisjoint(words):
        return
    places = [match.span() for match in _WORD.finditer(low)]
    after = 0
    for at, word in enumerate(words):
        names = _BY_FIRST.get(word, ()) if at >= after else ()
        found = next((name for name in names if _stands(name, read.text, words, places, at)), None)
        if found is not None:
            after = at + len(found.words)
            start, end = read.original(places[at][0], places[after - 1][1])
            yield Mention(start, end, found.condition)


def find_rare(text: str) -> Iterator[Span]:
    """The same as candidates."""
    for mention in mentions(text):
        yield Span(start=mention.start, end=mention.end, entity=EntityType.RARE_CONDITION, score=_SCORE)


def _stands(name: _Name, text: str, words: Sequence[str], places: Sequence[tuple[int, int]], at: int) -> bool:
    last = at + len(name.words)
    if tuple(words[at:last]) != name.words:
        return False
    written = text[places[at][0] : places[last - 1][1]]
    if name.short_form and written not in (name.short_form, name.short_form.upper()):
        return False
    return all(
        _GAP.fullmatch(text, left[1], right[0])
        for left, right in zip(places[at : last - 1], places[at + 1 : last], strict=True)
    )


def _read() -> Iterator[_Name]:
    for line in lines("rare_conditions.txt"):
        names = line.split("|")
        for name in names:
            short_form = name if name != name.lower() else ""  # nothing else on the list has a capital
            for form in _forms(name):
                yield _Name(tuple(_WORD.findall(folded(form))), folded(names[0]), short_form)


def _forms(name: str) -> Iterator[str]:
    for prefix, forms in _FORMS.items():
        if name.startswith(prefix):
            yield from (form.format(name.removeprefix(prefix)) for form in forms)
            return
    yield name


def _by_first_word(names: Sequence[_Name]) -> Mapping[str, Sequence[_Name]]:
    by_first: dict[str, list[_Name]] = {}
    for name in sorted(names, key=lambda name: len(name.words), reverse=True):
        by_first.setdefault(name.words[0], []).append(name)
    return by_first


_NAMES = tuple(_read())
_BY_FIRST = _by_first_word(_NAMES)
