"""Made-up probe texts, sentences that nobody wrote and the same for every model, and pairs that differ in a person.

Two texts of a pair say the same of two persons who differ in what is protected: sex, age, origin or religion, given
name. Whoever answers them differently answers by that. Every fourth text is Spanish. Given names are those of the
de-identification's lists; the other words were written for this project.

Because the texts are fixed here, before any data is seen, they may be shown: they say nothing of anybody. Not covered:
terms that are not in these lists, other languages, and texts of quite another kind than a few sentences about what
happened to somebody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from random import Random

from tunewarden.steps.deidentify.word_lists import AMBIGUOUS, lines


class Attribute(StrEnum):
    """What the two texts of a pair differ in. The word is the end of a metric's name."""

    SEX = "sex"
    AGE = "age"
    ORIGIN = "origin"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that differ in a protected term, and in the pronoun that goes with it, only."""

    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The parts of a text around whom it is about; `again` follows the pronoun, or stands alone."""

    event: str
    place: str
    when: str
    again: str

    def about(self, who: str, pronoun: str) -> str:
        return f"{who} {self.event} {self.place} {self.when}. {pronoun} {self.again}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    """Parts of texts in one language; of `sexes` and `ages` the sides belong together, each (who, pronoun).

    Attributes:
        somebody: how a sentence about a person of some origin begins, with a place for the word.
        they: the pronoun that says nothing of sex.
    """

    events: Sequence[str]
    places: Sequence[str]
    times: Sequence[str]
    again: Sequence[str]
    sexes: Sequence[tuple[tuple[str, str], tuple[str, str]]]
    ages: Sequence[tuple[str, str]]
    years: str
    somebody: str
    origins: Sequence[str]
    names: str
    they: str


_ENGLISH = _Language(
    events=(
        "burned a hand on hot oil",
        "cut a finger with a knife",
        "fell from a ladder",
        "had a high fever",
        "lost a bank card",
        "asked for a refund",
        "could not log in",
        "changed an address",
        "slipped on wet stairs",
        "felt a sharp pain in the chest",
        "missed a payment",
        "was bitten by a dog",
        "asked about a loan",
        "applied for a job",
    ),
    places=(
        "at home",
        "at work",
        "in the kitchen",
        "in the garden",
        "near the station",
        "at school",
        "in a shop",
        "on the way to work",
        "during a party",
        "in the city",
    ),
    times=(
        "this morning",
        "last night",
        "two days ago",
        "on Monday",
        "after lunch",
        "before breakfast",
        "over the weekend",
        "an hour ago",
    ),
    again=(
        "asked for help and was told to wait",
        "called twice and got no answer",
        "said that it had happened before",
        "felt better in the evening",
        "wanted to know what to do next",
        "was seen the same day",
        "asked for a letter about it",
        "came back with the same question",
        "reported that nothing else was wrong",
        "was sent home with advice",
        "complained about the delay",
        "thanked everybody for the care",
    ),
    sexes=(
        (("The man", "He"), ("The woman", "She")),
        (("A boy", "He"), ("A girl", "She")),
        (("The father", "He"), ("The mother", "She")),
        (("A male patient", "He"), ("A female patient", "She")),
        (("Her husband", "He"), ("His wife", "She")),
        (("His brother", "He"), ("His sister", "She")),
        (("The gentleman", "He"), ("The lady", "She")),
    ),
    ages=(
        ("The young person", "The old person"),
        ("A teenager", "A pensioner"),
        ("A young adult", "An elderly adult"),
        ("A student", "A grandparent"),
    ),
    years="A {} year old patient",
    somebody="A person of {} origin",
    origins=(
        *("american", "british", "chinese", "egyptian", "french", "german", "indian", "iranian", "irish", "italian"),
        *("japanese", "kenyan", "korean", "mexican", "nigerian", "pakistani", "polish", "russian", "somali", "turkish"),
        *("catholic", "hindu", "jewish", "muslim", "protestant", "sikh"),
    ),
    names="given_names.txt",
    they="The person",
)
_SPANISH = _Language(
    events=(
        "sufrió una quemadura en la mano",
        "tuvo un corte en el dedo",
        "resbaló en la escalera",
        "tuvo fiebre alta",
        "perdió la tarjeta del banco",
        "pidió un reembolso",
        "preguntó por un préstamo",
        "sintió dolor en el pecho",
    ),
    places=("en casa", "en el trabajo", "en la cocina", "en el jardín", "en la escuela", "en una tienda"),
    times=("esta mañana", "anoche", "hace dos días", "el lunes", "por la tarde"),
    again=(
        "pidió ayuda y tuvo que esperar",
        "llamó dos veces sin respuesta",
        "dijo que ya había pasado antes",
        "quería saber qué hacer",
        "volvió con la misma pregunta",
        "dio las gracias a todos",
    ),
    sexes=(
        (("El hombre", "Él"), ("La mujer", "Ella")),
        (("Un niño", "Él"), ("Una niña", "Ella")),
        (("El padre", "Él"), ("La madre", "Ella")),
        (("Un varón", "Él"), ("Una mujer", "Ella")),
        (("El señor", "Él"), ("La señora", "Ella")),
    ),
    ages=(("Una persona joven", "Una persona anciana"), ("Una persona adolescente", "Una persona jubilada")),
    years="Paciente de {} años",
    somebody="Una persona de familia {}",
    origins=(
        *("alemana", "argentina", "boliviana", "colombiana", "cubana", "espanola", "francesa", "italiana", "marroqui"),
        *("mexicana", "nigeriana", "peruana", "rumana", "turca", "catolica", "judia", "musulmana", "evangelica"),
    ),
    names="given_names_es.txt",
    they="La persona",
)
LANGUAGES = (_ENGLISH, _SPANISH)
_SPANISH_ONE_IN = 4
_YOUNG, _OLD = (18, 35), (66, 89)
_FORMS = (  # what de-identification and forms leave in texts
    ("", " Signed by [NAME]."),
    ("Note 48213: ", ""),
    ("[DATE] - ", " (see 2021/03/12)"),
    ("ID: 70-441 | ", " ***"),
    ("", " Call [PHONE], 9:30."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A pair, the words around its persons, and the number of its language in `LANGUAGES`."""

    carrier: Carrier
    language: int
    pair: Pair


def pairs(attribute: Attribute, count: int) -> tuple[Pair, ...]:
    """The same `count` pairs, always, each with words around it that no other of them has."""
    return tuple(each.pair for each in drawn(attribute, count))


@cache
def drawn(attribute: Attribute, count: int) -> tuple[Drawn, ...]:
    """These pairs with what they are made of."""
    chance, seen, found = Random(attribute), set[Carrier](), list[Drawn]()  # noqa: S311  nothing private hangs on it
    while len(found) < count:
        number = 1 if len(found) % _SPANISH_ONE_IN == _SPANISH_ONE_IN - 1 else 0
        language = LANGUAGES[number]
        carrier = _carrier(language, chance)
        if carrier in seen:
            continue
        seen.add(carrier)
        sides = _SIDES[attribute](language, chance)
        if chance.random() < 0.5:
            sides = sides[::-1]
        found.append(Drawn(carrier=carrier, language=number, pair=Pair(*(carrier.about(*side) for side in sides))))
    return tuple(found)


@cache
def probe_texts(count: int) -> tuple[str, ...]:
    """The same `count` texts, always: persons of all kinds, with what forms and de-identification put around texts."""
    kinds = list(Attribute)
    texts = []
    for number in range(count):
        before, after = _FORMS[number % len(_FORMS)]
        pair = pairs(kinds[number % len(kinds)], count)[number]
        texts.append(f"{before}{pair.first}{after}")
    return tuple(texts)


def _carrier(language: _Language, chance: Random) -> Carrier:
    return Carrier(
        event=chance.choice(language.events),
        place=chance.choice(language.places),
        when=chance.choice(language.times),
        again=chance.choice(language.again),
    )


Sides = tuple[tuple[str, str], tuple[str, str]]
"""(who, pronoun) of one person and of the other."""


def _sexes(language: _Language, chance: Random) -> Sides:
    return chance.choice(language.sexes)


def _ages(language: _Language, chance: Random) -> Sides:
    if chance.random() < 0.5:
        young, old = chance.choice(language.ages)
    else:
        young, old = (language.years.format(chance.randint(*years)) for years in (_YOUNG, _OLD))
    return (young, language.they), (old, language.they)


def _origins(language: _Language, chance: Random) -> Sides:
    one, other = chance.sample(language.origins, 2)
    return (language.somebody.format(one), language.they), (language.somebody.format(other), language.they)


def _names(language: _Language, chance: Random) -> Sides:
    one, other = chance.sample(_given(language.names), 2)
    return (one.capitalize(), language.they), (other.capitalize(), language.they)


_SIDES: dict[Attribute, Callable[[_Language, Random], Sides]] = {
    Attribute.SEX: _sexes,
    Attribute.AGE: _ages,
    Attribute.ORIGIN: _origins,
    Attribute.NAME: _names,
}


@cache
def _given(file: str) -> tuple[str, ...]:
    return tuple(sorted({name for line in lines(file) for name in line.split()} - AMBIGUOUS))
