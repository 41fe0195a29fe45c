"""The persons that one record belongs to, while it is de-identified: what is known of any of them counts for all.

What stands in a record of two persons may be about either. So everything that is known of one of them is looked for in
it, and what is found in it is known of both from then on: more is hidden than for one person, never less.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.attributes import ladder
from tunewarden.steps.deidentify.carried import Carried
from tunewarden.steps.deidentify.elsewhere import Value
from tunewarden.steps.deidentify.person import Known, Person
from tunewarden.steps.deidentify.quasi import Attribute, Suppressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The persons of a record.

    Attributes:
        pseudonyms: of each, 64 hexadecimal digits, all different; at least one.
        key: the data key of the first, which surrogates are made with; None once anybody's key was destroyed, and the
            record goes then. Dates move by the first one's offset: between records of one person that begin with
            different persons they do not move alike.
    """

    pseudonyms: tuple[str, ...]
    key: bytes | None = field(repr=False)

    @property
    def first(self) -> str:
        """The person whose key is used."""
        return self.pseudonyms[0]

    @property
    def others(self) -> tuple[str, ...]:
        """Everybody but the first."""
        return self.pseudonyms[1:]

    def __iter__(self) -> Iterator[bytes]:
        """The pseudonyms, 32 bytes each."""
        return map(bytes.fromhex, self.pseudonyms)


def whole(owners: Owners, key: bytes, carried: Carried) -> Person:
    """All of them as one, with the first one's `key` and everything that is known of any."""
    names: dict[str, float] = {}
    known: dict[Known, None] = {}
    for owner in owners:
        known.update(dict.fromkeys(carried.known(owner)))
        for name, score in carried.names(owner):
            names[name] = max(score, names.get(name, 0.0))
    return Person(pseudonym=owners.first, key=key, known=tuple(known), names=tuple(sorted(names.items())))


def values_of(owners: Iterable[bytes], carried: Carried) -> tuple[Value, ...]:
    """Every identifier of any of them that was transformed anywhere, each once, with its best score."""
    best: dict[tuple[EntityType, str], Value] = {}
    for owner in owners:
        for value in carried.values(owner):
            known = best.setdefault((value.entity, value.text), value)
            if value.score > known.score:
                best[value.entity, value.text] = value
    return tuple(best.values())


def strictest(owners: Owners, suppressions: Suppressions, profile: Profile) -> dict[Attribute, Operator]:
    """What has to give way in a record of theirs: whatever has to for one of them, as far as it has to for any."""
    given_up: dict[Attribute, Operator] = {}
    for owner in owners.pseudonyms:
        for attribute, operator in suppressions.get(owner, {}).items():
            before = given_up.get(attribute, operator)
            if isinstance(attribute, EntityType):
                operator = max(before, operator, key=ladder(profile, attribute).index)
            given_up[attribute] = operator
    return given_up
