"""Planted identifiers: made-up ones are put into copies of real texts, and it is counted how many are found.

This measures what the recognisers do on texts like these, for identifiers written like those below. It bounds nothing
about identifiers written in other ways: only people who read a random sample of the output can do that. The makers
and sentences here are this project's own; no list that the recognisers use feeds them, except that half of the
planted persons have a frequent given name, as real ones do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import regex

from tunewarden.domain.deidentification import EntityType
from tunewarden.steps.deidentify.names import GIVEN
from tunewarden.steps.deidentify.spans import Span

_GIVEN = tuple(sorted(GIVEN))
_ONSETS = ("b", "br", "ch", "d", "dr", "f", "g", "h", "j", "k", "kh", "l", "m", "n", "p", "r", "s", "sh", "t", "v", "z")
_MIDDLES = ("a", "ai", "e", "ee", "i", "o", "ou", "u", "y")
_ENDS = (
    "bak",
    "den",
    "ford",
    "kin",
    "lan",
    "man",
    "nova",
    "ra",
    "rell",
    "rou",
    "sen",
    "ski",
    "ston",
    "vich",
    "wara",
    "za",
)
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_STREETS = ("Street", "St", "Avenue", "Ave", "Road", "Rd", "Lane", "Drive", "Court", "Blvd", "Way", "Place")
_STATES = ("AZ", "CA", "FL", "GA", "IL", "MA", "NY", "OH", "PA", "TX", "WA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A made-up identifier of one kind and the sentence that carries it."""

    entity: EntityType
    before: str
    value: str
    after: str


def planted(entity: EntityType, chance: Random) -> Plant:
    """A fresh identifier of this kind. Raises `KeyError` for a kind outside `PLANTED`."""
    sentence = chance.choice(_SENTENCES[entity])
    value = _MAKERS[entity](sentence, chance)
    before, _, after = sentence.partition("{}")
    return Plant(entity=entity, before=before, value=value, after=after)


def put(plant: Plant, text: str, chance: Random) -> tuple[str, int, int]:
    """`text` with the plant's sentence at a random place: (new text, start and end of the identifier in it).

    Where sentences end if any do, else between two words. In an upper-case text the plant is upper-case too.
    """
    if text.isupper():
        plant = Plant(
            entity=plant.entity, before=plant.before.upper(), value=plant.value.upper(), after=plant.after.upper()
        )
    places = [match.end() for match in regex.finditer(r"(?<=[.;!?])\s|\n", text)]
    places = places or [match.end() for match in regex.finditer(r"\s+", text)] or [len(text)]
    at = chance.choice(places)
    head = text[:at] if not at or text[at - 1].isspace() else text[:at] + " "
    start = len(head) + len(plant.before)
    return head + plant.before + plant.value + plant.after + " " + text[at:], start, start + len(plant.value)


def covered(text: str, start: int, end: int, spans: Iterator[Span] | tuple[Span, ...]) -> bool:
    """Whether every letter and digit of `text[start:end]` lies in one of `spans`."""
    hidden = {position for span in spans for position in range(max(start, span.start), min(end, span.end))}
    return all(position in hidden for position in range(start, end) if text[position].isalnum())


def _digits(count: int, chance: Random) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _invented(chance: Random) -> str:
    return (chance.choice(_ONSETS) + chance.choice(_MIDDLES) + chance.choice(_ENDS)).capitalize()


def _name(sentence: str, chance: Random) -> str:
    given = chance.choice(_GIVEN).capitalize() if chance.random() < 0.5 else _invented(chance)
    surname = _invented(chance)
    if sentence.startswith(("Mr. ", "Seen by Dr. ")):
        return surname
    if sentence.startswith("Daughter"):
        return given
    return f"{surname}, {given}" if sentence.startswith("Name") else f"{given} {surname}"


def _date(sentence: str, chance: Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1935, 2025)
    word = _MONTHS[month - 1]
    full = (
        f"{month:02}/{day:02}/{year}",
        f"{month}-{day}-{year % 100:02}",
        f"{year}-{month:02}-{day:02}",
        f"{day}.{month}.{year}",
        f"{word} {day}, {year}",
        f"{day} {word[:3]} {year}",
        f"{word[:3]} {day} {year}",
        f"{day}th of {word}, {year}",
    )
    short = (f"{month}/{day}", f"{word} {day}", f"{day} {word}")
    return chance.choice(full if sentence.startswith("DOB") or chance.random() < 0.7 else short)


def _phone(sentence: str, chance: Random) -> str:
    area, rest = f"{chance.randint(2, 9)}{_digits(2, chance)}", f"{chance.randint(2, 9)}{_digits(2, chance)}"
    line = _digits(4, chance)
    forms = [f"({area}) {rest}-{line}", f"{area}-{rest}-{line}", f"{area}.{rest}.{line}", f"+1 {area} {rest} {line}"]
    if not sentence.startswith("Sister"):  # bare digits mean something only after a label
        forms += [f"{area}{rest}{line}", f"{area}-{rest}-{line} x{_digits(3, chance)}", f"{rest}-{line}"]
    return chance.choice(forms)


def _email(_: str, chance: Random) -> str:
    local = _invented(chance).lower() + chance.choice((".", "_", "")) + _invented(chance).lower()
    domain = _invented(chance).lower() + chance.choice((".com", ".org", ".co.uk", ".local"))
    return f"{local}{chance.choice(('', _digits(2, chance)))}@{domain}"


def _ssn(sentence: str, chance: Random) -> str:
    groups = (f"{chance.randint(100, 665)}", f"{chance.randint(10, 99)}", f"{chance.randint(1000, 9999)}")
    return ("-" if sentence.startswith("Also") else chance.choice(("-", " ", ""))).join(groups)


def _code(_: str, chance: Random) -> str:
    forms = (
        _digits(chance.randint(5, 9), chance),
        f"{chance.choice('ABHKMXZ')}{_digits(chance.randint(5, 8), chance)}",
        f"{_digits(3, chance)}-{_digits(4, chance)}",
        f"{chance.choice(('AB', 'HX', 'ZKM'))}-{_digits(6, chance)}",
    )
    return chance.choice(forms)


def _address(_: str, chance: Random) -> str:
    street = f"{chance.randint(1, 9999)} {_invented(chance)} {chance.choice(_STREETS)}"
    place = f"{_invented(chance)}, {chance.choice(_STATES)} {chance.randint(10000, 99999)}"
    unit = f", Apt {chance.randint(1, 40)}"
    return chance.choice(
        (street, f"{street}, {place}", f"{street}{unit}, {place}", f"P.O. Box {chance.randint(10, 9999)}, {place}")
    )


def _vehicle(_: str, chance: Random) -> str:
    return "".join(chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(10)) + "7" + _digits(6, chance)


def _url(_: str, chance: Random) -> str:
    host = f"{_invented(chance).lower()}.{chance.choice(('com', 'org', 'net'))}"
    return chance.choice(
        (f"https://{host}/u/{_digits(5, chance)}", f"www.{host}", f"{host}/{_invented(chance).lower()}")
    )


def _ip(_: str, chance: Random) -> str:
    return ".".join(str(chance.randint(1, 254)) for _ in range(4))


_MAKERS: Mapping[EntityType, Callable[[str, Random], str]] = MappingProxyType(
    {
        EntityType.NAME: _name,
        EntityType.ADDRESS: _address,
        EntityType.DATE: _date,
        EntityType.PHONE: _phone,
        EntityType.EMAIL: _email,
        EntityType.SSN: _ssn,
        EntityType.MEDICAL_RECORD: _code,
        EntityType.HEALTH_PLAN: _code,
        EntityType.ACCOUNT: _code,
        EntityType.LICENCE: _code,
        EntityType.VEHICLE: _vehicle,
        EntityType.DEVICE: _code,
        EntityType.URL: _url,
        EntityType.IP: _ip,
    }
)

PLANTED: tuple[EntityType, ...] = tuple(_MAKERS)
"""The kinds that are planted."""

_SENTENCES: Mapping[EntityType, tuple[str, ...]] = MappingProxyType(
    {
        EntityType.NAME: (
            "Patient: {}.",
            "Pt name: {}, ambulatory.",
            "Name: {}.",
            "Seen by Dr. {} at bedside.",
            "Dr. {} consulted.",
            "Mr. {} agrees with the plan.",
            "Accompanied by wife {} today.",
            "Discussed with {}, RN.",
            "Emergency contact: {}.",
            "Daughter {} at bedside.",
            "{} asked for a work note.",
            "Plan was reviewed with {} by the team.",
        ),
        EntityType.ADDRESS: ("Lives at {}.", "Home address: {}.", "Picked up at {} by EMS.", "Mail results to {}."),
        EntityType.DATE: ("DOB {}.", "Last seen on {}.", "Symptoms since {}.", "Tetanus given on {}.", "Dated {}."),
        EntityType.PHONE: ("Phone {}.", "Call back at {}.", "Cell: {}.", "Sister lives nearby, {}.", "Tel. {}."),
        EntityType.EMAIL: ("Email {}.", "Send records to {}.", "Contact: {}."),
        EntityType.SSN: ("SSN {}.", "SSN: {}.", "Social security number {}.", "Also gave {} at registration."),
        EntityType.MEDICAL_RECORD: ("MRN: {}.", "MRN {}.", "MRN#{}.", "Medical record number {}.", "Chart # {}."),
        EntityType.HEALTH_PLAN: ("Member ID {}.", "Insurance policy no. {}.", "Medicaid # {}.", "Subscriber: {}."),
        EntityType.ACCOUNT: ("Account number {}.", "Acct# {}.", "Billed to account {}."),
        EntityType.LICENCE: ("License no. {}.", "DEA {}.", "Driver's license {}."),
        EntityType.VEHICLE: ("VIN {}.", "Driver of car with VIN: {}.", "Hit by car {} on the road."),
        EntityType.DEVICE: ("Pacemaker serial number {}.", "Pump S/N {}.", "Device id: {}."),
        EntityType.URL: ("See {} for photos.", "Posted on {}.", "Portal: {}."),
        EntityType.IP: ("Telehealth visit from {}.", "IP {}."),
    }
)
