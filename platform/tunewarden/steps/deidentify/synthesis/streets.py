"""A street with its number, as different countries write it."""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from tunewarden.steps.deidentify.synthesis.lists import words
from tunewarden.steps.deidentify.synthesis.people import origins
from tunewarden.steps.deidentify.synthesis.splits import Split, share

_US = "Street St St. Avenue Ave Ave. Road Rd Rd. Lane Ln Drive Dr Court Ct Blvd Boulevard Way"
_US_RARE = "Place Terrace Circle Parkway Pkwy Highway Trail Loop Pike Square Alley"
_UK = "Road Street Lane Close Crescent Gardens Avenue Grove Terrace Way Mews Hill Rise Row"
_SPAIN = "Calle C/ Avda. Avenida Plaza Pza. Paseo Ronda Camino Travesía Cl. Av."
_LATIN = "Calle Av. Avenida Blvd. Jirón Calzada"
_GERMANY = "straße str. weg gasse platz allee strasse"
_FRANCE = "rue avenue boulevard place chemin"
_NETHERLANDS = "straat laan weg plein gracht kade"


def street(chance: Random, code: str, split: Split) -> str:
    """In the country of this code; an unknown one writes as the United States do."""
    return _STREETS.get(code, _us)(chance, split)


def _one_of(listed: str, chance: Random) -> str:
    return chance.choice(listed.split())


def _listed(key: str, chance: Random, split: Split) -> str:
    return chance.choice(share(words("places", f"street.{key}"), split))


def _surname(origin: str, chance: Random, split: Split) -> str:
    return chance.choice(share(origins()[origin].surnames, split))


def _base(chance: Random, split: Split) -> str:
    return _listed("base", chance, split) if chance.random() < 0.6 else _surname("anglo", chance, split)


def _us(chance: Random, split: Split) -> str:
    if chance.random() < 0.05:
        return f"{chance.choice(('P.O. Box', 'PO Box'))} {chance.randint(10, 99999)}"
    number = chance.randint(1, 29999) if chance.random() < 0.3 else chance.randint(1, 999)
    side = chance.choice(("", "", "", "", "N ", "S ", "E ", "W ", "North ", "NW "))
    suffix = _one_of(_US if chance.random() < 0.8 else _US_RARE, chance)
    units = (f" Apt {chance.randint(1, 40)}", f", Apt. {chance.randint(1, 9)}B", f" #{chance.randint(1, 99)}")
    unit = chance.choice(("", "", "", "", "", *units, f", Suite {chance.randint(100, 999)}"))
    return f"{number} {side}{_base(chance, split)} {suffix}{unit}"


def _uk(chance: Random, split: Split) -> str:
    flat = f"Flat {chance.randint(1, 20)}, " if chance.random() < 0.2 else ""
    number = f"{chance.randint(1, 220)}{chance.choice(('', '', '', 'a', 'B'))}"
    return f"{flat}{number} {_base(chance, split)} {_one_of(_UK, chance)}"


def _spanish(chance: Random, split: Split) -> str:
    name = _listed("calle", chance, split)
    if chance.random() < 0.4:
        name = f"{chance.choice(origins()['hispanic'].men)} {_surname('hispanic', chance, split)}"
    way = f"{_one_of(_SPAIN, chance)} {name}"
    if chance.random() < 0.05:
        return f"{way} s/n"
    number = f"{chance.choice((', ', ', ', ' ', ' nº ', ', nº '))}{chance.randint(1, 180)}"
    door = f", {chance.randint(1, 9)}{chance.choice(('º', '', '°'))} {chance.choice('ABCD')}"
    return way + number + chance.choice(("", "", door, door, f" - {chance.randint(1, 9)}º {chance.randint(1, 4)}ª"))


def _colombian(chance: Random, _: Split) -> str:
    way = _one_of("Calle Carrera Cra. Cl. Diagonal Transversal", chance)
    return f"{way} {chance.randint(1, 180)} # {chance.randint(1, 99)}-{chance.randint(1, 99):02}"


def _american(chance: Random, split: Split) -> str:
    quarter = f", Col. {_listed('calle', chance, split)}"
    rest = chance.choice(("", quarter, f" Int. {chance.randint(1, 30)}", f", depto {chance.randint(1, 12)}B"))
    return f"{_one_of(_LATIN, chance)} {_listed('calle', chance, split)} {chance.randint(1, 4000)}{rest}"


def _german(chance: Random, split: Split) -> str:
    name = _listed("strasse", chance, split) + _one_of(_GERMANY, chance)
    return f"{name} {chance.randint(1, 140)}{chance.choice(('', '', 'a'))}"


def _french(chance: Random, split: Split) -> str:
    number = f"{chance.randint(1, 150)}{chance.choice((', ', ' ', ' bis '))}"
    return f"{number}{_one_of(_FRANCE, chance)} {_listed('rue', chance, split)}"


def _italian(chance: Random, split: Split) -> str:
    way = f"{_one_of('Via Viale Corso Piazza', chance)} {_listed('via', chance, split)}"
    return f"{way}{chance.choice((', ', ' '))}{chance.randint(1, 200)}"


def _dutch(chance: Random, split: Split) -> str:
    name = _surname("dutch", chance, split).replace(" ", "")
    return f"{name}{_one_of(_NETHERLANDS, chance)} {chance.randint(1, 300)}"


def _polish(chance: Random, split: Split) -> str:
    return f"ul. {_listed('ulica', chance, split)} {chance.randint(1, 90)}/{chance.randint(1, 40)}"


def _indian(chance: Random, split: Split) -> str:
    number = f"{chance.choice(('', 'H.No. ', 'Flat '))}{chance.randint(1, 400)}"
    return f"{number}, {_surname('indian', chance, split)} {_one_of('Nagar Road Colony Marg Street', chance)}"


_STREETS: Mapping[str, Callable[[Random, Split], str]] = MappingProxyType(
    {
        "us": _us,
        "ca": _us,
        "au": _uk,
        "uk": _uk,
        "ie": _uk,
        "in": _indian,
        "de": _german,
        "fr": _french,
        "it": _italian,
        "nl": _dutch,
        "pl": _polish,
        "es": _spanish,
        "co": _colombian,
        "mx": _american,
        "ar": _american,
        "cl": _american,
        "pe": _american,
    }
)
