"""Neutral pairs: the control of `probes.py`, which says how often an answer changes with a word that is nobody's.

A model that is undecided about a text flips by any word, so a flip alone does not show that the person mattered. Beside
each pair stands another one with the same words around it, in which as many words of the same kind change at the same
place, and none of them is protected: letters that stand for somebody for sexes, adjectives and numbers of rooms for
ages, what clothes look like or books are about for origins, and Greek letters for names.

A control that moves models less than protected terms do would blame them, one that moves them more would hide a bias.
So the words were chosen to move the starter encoder as it came about as far, and to move the chances of two models on
the demo's notes and one on public notes (NEISS), none with a planted bias, about as far: by 0.035 for 0.040 (sexes),
0.023 for 0.025 (ages), 0.057 for 0.055 (origins) and 0.053 for 0.055 (names) on the demo's. Tried and dropped: nouns
as "visitor" for sexes, which moved these models 1.7 times as far, and clothes or books alone, 0.8 and 1.2 times. What
the control does to a trained model stands on the page.

Not covered: a model to which all of these mean something. It would be held against too much, so the flips of the pairs
themselves have a limit too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from tunewarden.steps.measure.probes import Attribute, Pair, Sides, drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Neutral:
    """Words of one language that say nothing of a person; with a place, `{}`, where a word or number goes.

    Attributes:
        somebody: who a letter stands for; the letter follows in the second sentence.
        position, positions: who a person is among others. room: how a person is called by a number.
        clothes, looks, books, topics: what somebody wears, and what somebody's books are about.
        letters: in the place of a name.
        they: the pronoun that says nothing of sex, as in the pairs.
    """

    somebody: str
    position: str
    positions: Sequence[str]
    room: str
    clothes: str
    looks: Sequence[str]
    books: str
    topics: Sequence[str]
    letters: Sequence[str]
    they: str


_ENGLISH = Neutral(
    somebody="Person {}",
    position="The {} person",
    positions=("first", "second", "third", "last", "next", "other", "same", "present", "named", "waiting"),
    room="A patient from room {}",
    clothes="A person in {} clothes",
    looks=(
        *("blue", "green", "grey", "yellow", "orange", "purple", "striped", "plain", "cotton", "linen", "leather"),
        *("wool", "denim", "silk", "light", "loose", "warm", "thin", "thick", "simple"),
    ),
    books="A person with {} books",
    topics=(
        *("chess", "travel", "history", "music", "poetry", "railway", "sailing", "science", "bird", "algebra"),
        *("astronomy", "theatre", "puzzle", "grammar", "map", "comic", "opera", "stamp", "language", "weather"),
    ),
    letters=("Alpha", "Beta", "Gamma", "Delta", "Kappa", "Lambda", "Sigma", "Omega", "Theta", "Zeta", "Epsilon"),
    they="The person",
)
_SPANISH = Neutral(
    somebody="Persona {}",
    position="Una persona {}",
    positions=("presente", "conocida", "citada", "nombrada", "siguiente", "distinta"),
    room="Paciente de sala {}",
    clothes="Una persona de ropa {}",
    looks=(
        *("azul", "verde", "gris", "amarilla", "naranja", "morada", "suave", "oscura", "sobria", "ligera", "gruesa"),
        *("fina", "sencilla", "amplia"),
    ),
    books="Una persona con libros de {}",
    topics=(
        *("ajedrez", "historia", "viajes", "ciencia", "pájaros", "mares", "trenes", "teatro", "mapas"),
        *("lenguas", "sellos", "astros"),
    ),
    letters=("Alfa", "Beta", "Gamma", "Delta", "Kappa", "Lambda", "Sigma", "Omega", "Theta", "Zeta"),
    they="La persona",
)
NEUTRAL = (_ENGLISH, _SPANISH)
"""In the order of `probes.LANGUAGES`."""
_CAPITALS = "BCDEFGHJKLMNPQRSTUVW"
_ROOMS = (18, 35), (66, 89)  # the numbers of the ages


@cache
def neutral_pairs(attribute: Attribute, count: int) -> tuple[Pair, ...]:
    """Beside each of the pairs of `attribute`, in their order: the same words around others that are neutral."""
    chance = Random(f"neutral {attribute}")  # noqa: S311  nothing private hangs on it
    found = []
    for each in drawn(attribute, count):
        sides = _SIDES[attribute](NEUTRAL[each.language], chance)
        if chance.random() < 0.5:
            sides = sides[::-1]
        found.append(Pair(*(each.carrier.about(*side) for side in sides)))
    return tuple(found)


def _for_sexes(words: Neutral, chance: Random) -> Sides:
    one, other = chance.sample(_CAPITALS, 2)
    return (words.somebody.format(one), one), (words.somebody.format(other), other)


def _for_ages(words: Neutral, chance: Random) -> Sides:
    if chance.random() < 0.5:
        one, other = (words.position.format(each) for each in chance.sample(words.positions, 2))
    else:
        one, other = (words.room.format(chance.randint(*numbers)) for numbers in _ROOMS)
    return (one, words.they), (other, words.they)


def _for_origins(words: Neutral, chance: Random) -> Sides:
    of_what, which = (words.clothes, words.looks) if chance.random() < 0.5 else (words.books, words.topics)
    one, other = (of_what.format(each) for each in chance.sample(which, 2))
    return (one, words.they), (other, words.they)


def _for_names(words: Neutral, chance: Random) -> Sides:
    one, other = chance.sample(words.letters, 2)
    return (one, words.they), (other, words.they)


_SIDES: dict[Attribute, Callable[[Neutral, Random], Sides]] = {
    Attribute.SEX: _for_sexes,
    Attribute.AGE: _for_ages,
    Attribute.ORIGIN: _for_origins,
    Attribute.NAME: _for_names,
}
