"""What the slots of a template become: `fill` draws a value for each."""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis import contact, people
from tunewarden.steps.deidentify.synthesis.people import Person
from tunewarden.steps.deidentify.synthesis.pieces import Piece, Pieces, changed, marked, plain
from tunewarden.steps.deidentify.synthesis.scene import ONE_TEMPLATE, WHOLE_TEXT, Scene
from tunewarden.steps.deidentify.synthesis.splits import Split
from tunewarden.steps.deidentify.synthesis.values import VALUES

SLOT = regex.compile(
    r"\{(?:(?<kind>[a-z-]+)=(?<said>[^{}]+)"
    r"|(?<name>[A-Za-z][A-Za-z0-9]*)(?:\.(?<form>\w+))?(?::(?<low>\d+)-(?<high>\d+))?)\}"
)
_CHOICE = regex.compile(r"«([^«»]*)»")
_NAME = EntityType.NAME
# Language, and what is said of a man and of a woman.
_GENDERED: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {"he": ("he", "she"), "his": ("his", "her"), "him": ("him", "her"), "man": ("man", "woman")}
        ),
        "es": MappingProxyType({"he": ("él", "ella"), "his": ("su", "su"), "o": ("o", "a"), "man": ("varón", "mujer")}),
    }
)
_OTHER_WORDS_FOR_MAN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "en": (("man", "male", "gentleman"), ("woman", "female", "lady")),
        "es": (("varón", "hombre", "varón"), ("mujer", "mujer", "señora")),
    }
)
# Before the form of a name, or after another slot: how it is written there whatever the text around it.
_CASES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"low": str.lower, "caps": str.upper, "C": str.capitalize}
)

ROLES = WHOLE_TEXT | ONE_TEMPLATE
"""Slots that are people."""


def fill(template: str, scene: Scene) -> Pieces:
    """The template with values in its slots; `{name=Hope}` stands for the word itself, marked as that kind.

    Raises `KeyError` for a slot that nothing is known of, `ValueError` for a kind that there is not.
    """
    scene.forget()
    chosen = _CHOICE.sub(lambda match: scene.chance.choice(match[1].split("|")), template).replace("\\n", "\n")
    pieces: list[Piece] = []
    position = 0
    for slot in SLOT.finditer(chosen):
        pieces.extend(plain(chosen[position : slot.start()]) if slot.start() > position else ())
        pieces.extend(_value(slot, scene))
        position = slot.end()
    return (*pieces, *plain(chosen[position:])) if position < len(chosen) else tuple(pieces)


def _value(slot: "regex.Match[str]", scene: Scene) -> Pieces:
    if slot["said"]:
        return marked(slot["said"], EntityType(slot["kind"]))
    name, form = slot["name"], slot["form"] or ""
    if slot["low"]:
        return plain(str(scene.chance.randint(int(slot["low"]), int(slot["high"]))))
    if name in ROLES:
        return _of_person(scene.who(name), form, scene)
    value = VALUES[name](scene)
    return changed(value, _CASES[form]) if form else value


def _of_person(who: Person, form: str, scene: Scene) -> Pieces:
    if form.lower() in _GENDERED[scene.language]:
        return _gendered(who, form, scene)
    chance = scene.chance
    match form:
        case "title":
            return plain(people.titled(who, chance, scene.language))
        case "email":
            return marked(contact.email(who, chance), EntityType.EMAIL)
        case "user":
            return marked(contact.username(who, chance), EntityType.USERNAME)
        case "url":
            return marked(contact.url(who, chance), EntityType.URL)
    name = _name(who, form, chance)
    return marked(name if scene.split is Split.PLANTED else _misspelt(name, chance), _NAME)


def _name(who: Person, form: str, chance: Random) -> str:
    for case, change in _CASES.items():
        if form.startswith(case):
            return change(_written(who, form.removeprefix(case), chance))
    return _written(who, form, chance)


def _written(who: Person, form: str, chance: Random) -> str:
    match form:
        case "":
            return people.full(who, chance)
        case "given":
            return f"{who.given} {who.second}" if who.second and chance.random() < 0.05 else who.given
        case "last":
            return who.surname
        case "surnames":
            return " ".join(who.surnames)
        case "rev":
            return people.reversed_(who, chance)
        case "init":
            return people.initialled(who, chance)
        case "initials":
            return people.initials(who, chance)
        case "spelled":
            return contact.spelled(who.surname, chance)
        case _:
            raise KeyError(form)


def _gendered(who: Person, form: str, scene: Scene) -> Pieces:
    word = _GENDERED[scene.language][form.lower()][who.woman]
    if form.lower() == "man":
        word = scene.chance.choice(_OTHER_WORDS_FOR_MAN[scene.language][who.woman])
    word = word.upper() if form.isupper() and len(form) > 1 else word.capitalize() if form[0].isupper() else word
    # The Spanish clinical convention marks the word for the patient's sex; English prose is full of such words.
    return marked(word, EntityType.SEX) if scene.language == "es" and form.lower() == "man" else plain(word)


def _misspelt(name: str, chance: Random) -> str:
    """One time in forty two letters of a name have changed places or one is missing."""
    if len(name) < 5 or chance.random() > 0.025:
        return name
    at = chance.randint(1, len(name) - 3)
    if not (name[at].isalpha() and name[at + 1].isalpha()):
        return name
    return name[:at] + (name[at + 1] + name[at] if chance.random() < 0.5 else name[at]) + name[at + 2 :]
