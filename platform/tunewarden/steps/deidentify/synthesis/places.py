"""Made-up addresses, postcodes and organisations; real towns and countries."""

from collections.abc import Mapping
from functools import cache
from random import Random
from types import MappingProxyType

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.lists import keys, words
from tunewarden.steps.deidentify.synthesis.people import origins
from tunewarden.steps.deidentify.synthesis.pieces import Piece, Pieces, joined, marked, plain
from tunewarden.steps.deidentify.synthesis.splits import Split, share, unique
from tunewarden.steps.deidentify.synthesis.streets import street

_ADDRESS, _PLACE, _POSTCODE = EntityType.ADDRESS, EntityType.PLACE, EntityType.POSTCODE
_HOME: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = MappingProxyType(
    {
        "en": (("us", "uk", "ca", "au", "ie", "in", "de", "fr", "it", "nl", "pl"), (58, 14, 5, 5, 3, 3, 4, 3, 2, 2, 1)),
        "es": (("es", "mx", "ar", "co", "cl", "pe"), (62, 14, 8, 8, 4, 4)),
    }
)


def country(chance: Random, language: str) -> str:
    """Where a text was written, as a two-letter word."""
    codes, weights = _HOME[language]
    return chance.choices(codes, weights)[0]


def town(chance: Random, code: str) -> str:
    """A town of the country, or one of the world."""
    key = f"{code}.town" if chance.random() < 0.75 else "world.town"
    if chance.random() < 0.08:
        key = f"{chance.choice(_HOME['en'][0] + _HOME['es'][0])}.town"
    return chance.choice(words("places", key))


@cache
def towns() -> tuple[str, ...]:
    """All of them."""
    return unique(name for key in keys("places") if key.endswith(".town") for name in words("places", key))


def region(chance: Random, code: str, language: str) -> str:
    """A state, a county, a part of the country or of a town."""
    if code in {"us", "uk", "es"} and chance.random() < 0.7:
        return chance.choice(words("places", f"{code}.state"))
    return _without_article(chance.choice(words("places", f"region.{language}")))


def nation(chance: Random, language: str) -> Pieces:
    """A country; its article is no part of it."""
    return _with_article(chance.choice(words("places", f"country.{language}")), _PLACE)


def postcode(chance: Random, code: str) -> str:
    """As the country writes them; not checked against the town."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    if code == "us":
        return f"{chance.randint(501, 99950):05}" + (f"-{chance.randint(1, 9999):04}" if chance.random() < 0.15 else "")
    if code == "uk":
        area = chance.choice(("B", "M", "L", "LS", "SW", "EC", "NE", "EH", "CF", "BT", "OX", "SE", "N", "W", "YO"))
        end = f"{chance.randint(1, 9)}{chance.choice('ABDEFGHJLNPQRSTUWXYZ')}{chance.choice('ABDEFGHJLNPQRSTUWXYZ')}"
        return f"{area}{chance.randint(1, 20)} {end}"
    if code == "ca":
        pick = chance.choice
        front = f"{pick('ABCEGHJKLMNPRSTVXY')}{chance.randint(0, 9)}{pick(letters)}"
        return f"{front} {chance.randint(0, 9)}{pick(letters)}{chance.randint(0, 9)}"
    if code == "nl":
        return f"{chance.randint(1000, 9999)} {chance.choice(letters)}{chance.choice(letters)}"
    if code == "pl":
        return f"{chance.randint(0, 99):02}-{chance.randint(0, 999):03}"
    if code == "ie":
        area, rest = chance.choice("ACDEFHKNPRTVWXY"), chance.choice("ACDEFHKN")
        return f"{area}{chance.randint(10, 99)} {rest}{chance.randint(100, 999)}"
    if code in {"in", "co"}:
        return str(chance.randint(110001, 855999))
    if code == "au":
        return str(chance.randint(2000, 7999))
    if code == "es":
        return f"{chance.randint(1, 52):02}{chance.randint(1, 999):03}"
    return f"{chance.randint(1001, 99998):05}"


def address(chance: Random, code: str, split: Split) -> Pieces:
    """Street, town and postcode, each of its own kind, together on one line or several."""
    line = marked(street(chance, code, split), _ADDRESS)
    home = marked(chance.choice(words("places", f"{code}.town")), _PLACE)
    number = marked(postcode(chance, code), _POSTCODE)
    gap = chance.choice((", ", ", ", "\n", " "))
    if code in {"us", "ca", "au"}:
        state = marked(chance.choice(words("places", f"{code}.short")), _PLACE)
        if code == "us" and chance.random() < 0.15:
            state = marked(chance.choice(words("places", "us.state")), _PLACE)
        tail = joined((home, joined((state, number), " ")), chance.choice((", ", ", ", " ")))
    elif code in {"uk", "ie", "in"}:
        tail = joined((home, number), chance.choice((", ", " ", gap)))
    elif code in {"es", "mx", "de", "fr", "it", "nl", "pl"}:
        tail = joined((number, home), " ")
    else:
        tail = joined((home, number) if chance.random() < 0.5 else (home,), ", ")
    return joined((line, tail), gap)


def hospital(chance: Random, language: str, split: Split, near: str) -> str:
    """Somewhere that people are treated."""
    if language == "es":
        kind = chance.choice(words("work", "hospital.es"))
        return f"{kind} {near if kind.endswith(' de') else chance.choice(words('work', 'hospital.saint'))}"
    pick = chance.random()
    if pick < 0.5:
        name = chance.choice(words("work", "hospital.name"))
    else:
        name = near if pick < 0.75 else chance.choice(share(origins()["anglo"].surnames, split))
    return f"{name} {chance.choice(words('work', 'hospital.kind'))}"


def company(chance: Random, language: str, split: Split) -> str:
    """A firm, mostly a made-up one."""
    if chance.random() < 0.18:
        return _without_article(chance.choice(words("work", "known.org")))
    surnames = share(origins()["hispanic" if language == "es" else "anglo"].surnames, split)
    word = chance.choice(share(words("work", "company.word"), split))
    if language == "es":
        first, last = chance.choice(words("work", "company.esfirst")), chance.choice(words("work", "company.es"))
        name = chance.choice((word, chance.choice(surnames)))
        return chance.choice((f"{first} {name}", f"{name} {last}", f"{first} {name} {last}", f"{first} {name}"))
    kind = chance.choice(words("work", "company.kind"))
    one, other = chance.choice(surnames), chance.choice(surnames)
    forms = (f"{word} {kind}", f"{word} {kind}", f"{one} {kind}", f"{one} & {other}", f"{one}, {other} and Sons")
    more = (
        f"{word}{chance.choice(('Soft', 'Tech', 'Med', 'Net', 'Works', 'ly'))}",
        f"{one} {word} {kind}",
        f"{one}-{other}",
    )
    return chance.choice((*forms, *more, word))


def school(chance: Random, language: str, split: Split, near: str) -> str:
    """Somewhere that people learn."""
    if language == "es":
        kind = chance.choice(words("work", "school.es"))
        saint = chance.choice(words("work", "hospital.saint"))
        return f"{kind} {near if kind.endswith(' de') else saint}"
    surname = chance.choice(share(origins()["anglo"].surnames, split))
    name = chance.choice((near, surname, chance.choice(words("places", "street.base"))))
    return f"{name} {chance.choice(words('work', 'school.kind'))}"


def court(chance: Random, language: str, near: str) -> str:
    """Somewhere that the state decides."""
    if language == "es":
        return f"{chance.choice(words('work', 'court.es'))} {near}"
    if chance.random() < 0.2:
        return chance.choice(words("work", "court.world"))
    return f"{near} {chance.choice(words('work', 'court.en'))}"


def association(chance: Random, language: str, near: str) -> str:
    """A club, a church, a museum."""
    if language == "es":
        return f"{chance.choice(words('work', 'public.es'))} {near}"
    return f"{near} {chance.choice(words('work', 'public.en'))}"


def coordinates(chance: Random) -> str:
    """Latitude and longitude in degrees."""
    north, east = chance.uniform(-60, 70), chance.uniform(-179, 179)
    if chance.random() < 0.3:
        sides = "N" if north > 0 else "S", "E" if east > 0 else "W"
        return f"{abs(north):.4f}° {sides[0]}, {abs(east):.4f}° {sides[1]}"
    digits = chance.choice((4, 5, 6))
    return f"{north:.{digits}f},{chance.choice(('', ' '))}{east:.{digits}f}"


def _with_article(name: str, entity: EntityType) -> Pieces:
    bare = _without_article(name)
    article = plain(name[: len(name) - len(bare)]) if bare != name else ()
    return (*article, Piece(text=bare, entity=entity))


def _without_article(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest if first in {"the", "el", "la", "las", "los"} and rest else name
