"""One text in the making: its language, where it is from, and who has been named in it."""

from dataclasses import dataclass, field
from random import Random

from tunewarden.steps.deidentify.synthesis import people, places
from tunewarden.steps.deidentify.synthesis.people import Person
from tunewarden.steps.deidentify.synthesis.splits import Split

WHOLE_TEXT = frozenset({"patient", "doctor", "nurse", "kin1", "kin2"})
"""Roles that stay the same person in all templates of one text."""

ONE_TEMPLATE = frozenset({"person", "other", "third", "fourth"})
"""Roles that are mostly somebody new in the next template."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """One text in the making: its language, where it was written, and who has been named so far."""

    language: str
    split: Split
    chance: Random
    country: str
    cast: dict[str, Person] = field(default_factory=dict)

    def who(self, role: str) -> Person:
        """The person in this role, the same one again within the text."""
        if role not in self.cast:
            self.cast[role] = people.person(self.chance, self.split, self.language)
        return self.cast[role]

    def forget(self) -> None:
        """Roles that are new in every template; one time in four they stay the same people."""
        if self.chance.random() < 0.75:
            for role in ONE_TEMPLATE & self.cast.keys():
                del self.cast[role]


def new_scene(chance: Random, language: str, split: Split) -> Scene:
    """A text somewhere that its language is spoken."""
    return Scene(language=language, split=split, chance=chance, country=places.country(chance, language))
