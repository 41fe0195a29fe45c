"""Is a name of one origin or gender found less often than another? The same sentences with names of different groups.

Every group gets the same sentences in the same order and the names in the same forms, so only the names differ. They
are common names of each origin as they are romanised; surnames are those that no training text uses where an origin has
enough of them. Nothing is left out because a list of the recogniser has it: what such a list does for one group and not
for another is a part of the gap.

What this does not measure: names as single people write them (rare ones, other scripts, diacritics left out), groups
that are not among the origins, gender itself (a list says `men`, a person may not), other kinds of identifiers, and
texts unlike these sentences. A group that does as well as the others here may still be missed more often in real
records, where the words around a name differ too. Origins with short lists repeat their names, so that the texts of a
group are not independent of each other and an interval that takes them so is too narrow.
"""

from collections.abc import Iterator
from random import Random

from tunewarden.steps.deidentify.synthesis.filling import fill
from tunewarden.steps.deidentify.synthesis.people import Origin, Person, origins
from tunewarden.steps.deidentify.synthesis.pieces import gold
from tunewarden.steps.deidentify.synthesis.scene import new_scene
from tunewarden.steps.deidentify.synthesis.splits import Split, share
from tunewarden.steps.deidentify.synthesis.templates import cohort_sentences
from tunewarden.steps.deidentify.tagger.gold import GoldText

ORIGINS: tuple[str, ...] = (
    *("anglo", "hispanic", "chinese", "indian", "arabic", "yoruba", "akan", "vietnamese"),
    *("korean", "japanese", "polish", "turkish", "russian", "pakistani", "filipino", "german"),
)
"""The origins that are compared, each for the names of women and of men."""

GENDERS = ("women", "men")


def cohort_texts(each: int, seed: int, language: str = "en") -> Iterator[tuple[str, str, GoldText]]:
    """`each` texts for every origin and gender: (origin, gender, a text and where the one name in it stands)."""
    sentences = _sentences(each, seed, language)
    for origin in ORIGINS:
        for gender in GENDERS:
            chance = _chance("names", seed, origin, gender)
            for place, sentence in enumerate(sentences):
                scene = new_scene(_chance("forms", seed, place), language, Split.PLANTED)
                scene.cast["patient"] = _somebody(origins()[origin], gender, chance)
                yield origin, gender, gold(fill(sentence, scene))


def _chance(*parts: object) -> Random:
    return Random("cohort " + " ".join(map(str, parts)))  # noqa: S311  reproducible on purpose


def _sentences(each: int, seed: int, language: str) -> list[str]:
    """All of them in turn, so that none is used much more often than another."""
    found = list(cohort_sentences(language))
    chance = _chance("sentences", seed)
    chance.shuffle(found)
    return [found[place % len(found)] for place in range(each)]


def _somebody(origin: Origin, gender: str, chance: Random) -> Person:
    """One given name and one surname, so that no group has longer names for its customs; and no "Jr." for some only."""
    given = chance.choice(origin.women if gender == "women" else origin.men)
    unseen = share(origin.surnames, Split.PLANTED) + share(origin.surnames, Split.HELD_OUT)
    surname = chance.choice(unseen)
    return Person(woman=True, origin="", given=given, second="", surnames=(surname,))
