"""The demo's own records: made-up emergency-room notes of made-up persons, with every identifier in them known.

No real person is in them. Persons come from Faker with a seed; the clinical sentences are this file's own. Which team a
patient is for follows from the complaint alone, never from sex or age, and one label in twenty is wrong, as labels
are. The recognisers are not built from Faker's lists, so finding the identifiers is not a foregone conclusion.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType

from faker import Faker

from tunewarden.domain.identifiers import EntityType

LABELS = ("medical", "trauma")
COLUMNS = ("text", "label", "person", "sex", "age")
_LOCALES = ("en_US", "en_US", "en_US", "es_MX", "en_IN", "de_DE", "fr_FR", "en_GB")
_WRONG_LABELS = 0.05
_SEVERE = 0.42
_TRAUMA = 0.45
_INJURIES = frozenset({"a burn", "a fall", "a laceration"})
_UPPER_CASE = 0.1
_TODAY = date(2024, 6, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSpan:
    """An identifier that was put into a note: characters `start` to `end` (exclusive) of its text."""

    start: int
    end: int
    entity: EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One record. `sex` and `age` are columns of their own; `spans` are never part of what the platform is given."""

    text: str
    label: str
    person: str
    sex: str
    age: int
    spans: tuple[GoldSpan, ...]


def generate(persons: int, seed: int) -> list[Note]:
    """Notes of so many persons, one to four each and 1.7 on average, in random order. The same seed, the same notes."""
    chance = Random(seed)  # noqa: S311  reproducible on purpose, nothing is protected by it
    faker = {locale: Faker(locale) for locale in sorted(set(_LOCALES))}
    for source in faker.values():
        source.seed_instance(seed)
    notes = []
    for number in range(1, persons + 1):
        person = _person(number, faker, chance)
        notes += [_note(person, faker, chance) for _ in range(chance.choices((1, 2, 3, 4), (53, 30, 12, 5))[0])]
    chance.shuffle(notes)
    return notes


def write_csv(path: Path, notes: Sequence[Note]) -> None:
    """A UTF-8 table with the columns `COLUMNS`."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows((note.text, note.label, note.person, note.sex, note.age) for note in notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    id: str
    given: str
    surname: str
    sex: str
    age: int
    born: date
    record: str
    phone: str
    email: str
    address: str


@dataclass(slots=True)
class _Draft:
    """A text under construction, with the places of its identifiers."""

    text: str = ""
    spans: list[GoldSpan] = field(default_factory=list)

    def say(self, template: str, **identifiers: tuple[EntityType, str]) -> None:
        """Append `template`; each `{name}` in it becomes an identifier whose place is kept."""
        for piece in template.replace("}", "{").split("{"):
            if piece in identifiers:
                entity, value = identifiers[piece]
                self.spans.append(GoldSpan(start=len(self.text), end=len(self.text) + len(value), entity=entity))
                self.text += value
            else:
                self.text += piece


def _person(number: int, faker: Mapping[str, Faker], chance: Random) -> _Person:
    sex = "female" if chance.random() < 0.52 else "male"
    names = faker[chance.choice(_LOCALES)]
    given = names.first_name_female() if sex == "female" else names.first_name_male()
    surname, age = names.last_name(), min(99, int(chance.triangular(18, 97, 38)))
    home = faker["en_US"]
    unit = f", Apt {chance.randint(1, 60)}" if chance.random() < 0.3 else ""
    street = f"{home.building_number()} {home.street_name()}{unit}"
    return _Person(
        id=f"P-{number:06}",
        given=given,
        surname=surname,
        sex=sex,
        age=age,
        born=_TODAY - timedelta(days=age * 365 + chance.randint(100, 360)),
        record=chance.choice(
            (f"{chance.randint(10**6, 10**7)}", f"{chance.choice('EHK')}{chance.randint(10**5, 10**6)}")
        ),
        phone=home.numerify(chance.choice(("(5##) 5##-####", "5##-5##-####", "5##.5##.####", "+1 5## 5## ####"))),
        email=home.email(),
        address=f"{street}, {home.city()}, {home.state_abbr(include_territories=False)} {home.zipcode()}",
    )


def _note(person: _Person, faker: Mapping[str, Faker], chance: Random) -> Note:
    severe, injured = chance.random() < _SEVERE, chance.random() < _TRAUMA
    draft = _Draft()
    seen = _TODAY - timedelta(days=chance.randint(0, 900))
    _header(draft, person, seen, chance)
    _story(draft, person, severe, injured, chance)
    for tail in chance.sample(_TAILS, k=chance.choice((2, 3, 3, 4))):
        tail(draft, person, faker, seen, chance)
    label = LABELS[injured != (chance.random() < _WRONG_LABELS)]
    upper = draft.text.upper()
    # Where upper case has another length (a sharp s), the places of identifiers would move: such a text stays mixed.
    shouted = chance.random() < _UPPER_CASE and len(upper) == len(draft.text)
    return Note(
        text=upper if shouted else draft.text,
        label=label,
        person=person.id,
        sex=person.sex,
        age=person.age,
        spans=tuple(draft.spans),
    )


def _header(draft: _Draft, person: _Person, seen: date, chance: Random) -> None:
    title = "Ms." if person.sex == "female" else "Mr."
    whole = (EntityType.NAME, f"{person.given} {person.surname}")
    draft.say(
        chance.choice(
            (
                "Patient: {name}, MRN {record}. ",
                "{name} (MRN: {record}). ",
                "MRN {record}, {date}. ",
                "Pt {name}, DOB {born}. ",
                f"{title} {{surname}}, seen {{date}}. ",
                "Name: {name}. ",
                "",
            )
        ),
        name=whole,
        surname=(EntityType.NAME, person.surname),
        record=(EntityType.MEDICAL_RECORD, person.record),
        date=(EntityType.DATE, _written(seen, chance)),
        born=(EntityType.DATE, _written(person.born, chance)),
    )


def _story(draft: _Draft, person: _Person, severe: bool, injured: bool, chance: Random) -> None:
    short = person.sex[0].upper()
    complaint = chance.choice([named for named in _FINDINGS if (named in _INJURIES) == injured])
    findings = _FINDINGS[complaint]
    said = chance.sample(findings[not severe], k=3)
    if chance.random() < 0.15:  # one misleading finding, as in life
        said[2] = chance.choice(findings[severe])
    age = chance.choice(("{age} yo", "{age}yo", "{age} y/o", "{age}-year-old"))
    identifier = (EntityType.AGE, str(person.age))
    opening = chance.choice((f"{age} {short} c/o ", f"{age} {short} presents with ", f"{age} {person.sex} with "))
    if person.age > 89:
        draft.say(opening, age=identifier)
    else:
        draft.say(opening.replace("{age}", str(person.age)))
    draft.say(f"{complaint} {chance.choice(_ONSETS)}. {', '.join(said)}. {_vitals(severe, chance)} ")
    draft.say("".join(chance.sample(_NEUTRAL, k=2)))


def _vitals(severe: bool, chance: Random) -> str:
    """Vital signs that differ with how severe it is, with an overlap as wide as in life."""
    pulse = int(chance.gauss(108 if severe else 84, 14))
    systolic = int(chance.gauss(108 if severe else 128, 17))
    oxygen = min(100, int(chance.gauss(92 if severe else 97.5, 2.2)))
    return f"BP {systolic}/{systolic * 6 // 10}, HR {pulse}, SpO2 {oxygen}%."


def _written(day: date, chance: Random) -> str:
    forms = (
        f"{day:%m/%d/%Y}",
        f"{day.month}/{day.day}/{day:%y}",
        f"{day:%Y-%m-%d}",
        f"{day:%d %b %Y}",
        f"{day:%B} {day.day}, {day.year}",
    )
    return chance.choice(forms)


Tail = Callable[[_Draft, _Person, Mapping[str, Faker], date, Random], None]


def _phone(draft: _Draft, person: _Person, _: Mapping[str, Faker], __: date, chance: Random) -> None:
    sentence = chance.choice(("Call back at {phone}. ", "Phone {phone}. ", "Cell: {phone}. ", "Reachable on {phone}. "))
    draft.say(sentence, phone=(EntityType.PHONE, person.phone))


def _email(draft: _Draft, person: _Person, _: Mapping[str, Faker], __: date, chance: Random) -> None:
    sentence = chance.choice(("Results to {email}. ", "Email {email}. ", "Portal login {email}. "))
    draft.say(sentence, email=(EntityType.EMAIL, person.email))


def _address(draft: _Draft, person: _Person, _: Mapping[str, Faker], __: date, chance: Random) -> None:
    sentence = chance.choice(("Lives at {address}. ", "Address: {address}. ", "EMS pickup from {address}. "))
    draft.say(sentence, address=(EntityType.ADDRESS, person.address))


def _clinician(draft: _Draft, _: _Person, faker: Mapping[str, Faker], __: date, chance: Random) -> None:
    names = faker[chance.choice(_LOCALES)]
    surname, given = names.last_name(), names.first_name()
    whole, family = (EntityType.NAME, f"{given} {surname}"), (EntityType.NAME, surname)
    sentence = chance.choice(
        (
            "Seen by Dr. {family}. ",
            "D/w Dr. {whole}. ",
            "{whole}, RN at bedside. ",
            "Attending: {whole}. ",
            "Dr {family} aware. ",
        )
    )
    draft.say(sentence, whole=whole, family=family)


def _relative(draft: _Draft, person: _Person, faker: Mapping[str, Faker], _: date, chance: Random) -> None:
    given = faker[chance.choice(_LOCALES)].first_name()
    whole, alone = (EntityType.NAME, f"{given} {person.surname}"), (EntityType.NAME, given)
    relation = chance.choice(("wife", "husband", "mother", "son", "daughter", "friend"))
    sentence = chance.choice(
        (f"Brought in by {relation} {{whole}}. ", f"Spoke with {relation} {{alone}}. ", "Emergency contact: {whole}. ")
    )
    draft.say(sentence, whole=whole, alone=alone)


def _returns(draft: _Draft, person: _Person, _: Mapping[str, Faker], seen: date, chance: Random) -> None:
    earlier = seen - timedelta(days=chance.randint(20, 900))
    family = (EntityType.NAME, person.surname)
    title = "Ms." if person.sex == "female" else "Mr."
    sentence = chance.choice(("Last visit {date}. ", f"{title} {{family}} was here on {{date}}. ", "Tetanus {date}. "))
    draft.say(sentence, family=family, date=(EntityType.DATE, _written(earlier, chance)))


_TAILS: tuple[Tail, ...] = (_phone, _email, _address, _clinician, _relative, _returns)

_ONSETS = (
    "since this morning",
    "x2 days",
    "for 3 hrs",
    "since last night",
    "x1 week",
    "on and off for days",
    "after work",
)

_NEUTRAL = (
    "Labs sent. ",
    "IV placed, labs drawn. ",
    "Hx of HTN. ",
    "No known drug allergies. ",
    "Pain control given. ",
    "Takes metformin. ",
    "Nonsmoker. ",
    "Family updated. ",
)

_FINDINGS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "chest pain": (
            (
                "ST elevation in inferior leads",
                "troponin raised",
                "diaphoretic and pale",
                "pain radiates to jaw, new LBBB",
            ),
            (
                "pain reproducible on palpation",
                "ECG normal",
                "troponin negative x2",
                "worse with cough, otherwise well",
            ),
        ),
        "shortness of breath": (
            ("accessory muscle use", "cannot speak in sentences", "bilateral infiltrates on CXR", "needs BiPAP"),
            ("speaks full sentences", "mild wheeze cleared after one neb", "CXR clear", "walks without desaturation"),
        ),
        "abd pain": (
            ("rigid abdomen with rebound", "free air on CT", "lactate raised", "guarding, WBC 22"),
            ("abdomen soft", "tolerating fluids", "CT unremarkable", "pain gone after antacid"),
        ),
        "headache": (
            ("thunderclap onset", "neck stiff, photophobia", "CT shows subarachnoid blood", "new left weakness"),
            ("usual migraine", "neuro exam normal", "better after fluids", "no neck stiffness"),
        ),
        "a fall": (
            ("hip fracture on x-ray", "GCS 11", "subdural on CT", "unable to bear weight, leg shortened"),
            ("walks without pain", "x-ray negative", "no head strike", "small bruise on forearm"),
        ),
        "fever": (
            ("hypotensive despite fluids", "lactate 5", "mottled skin", "confused, source unclear"),
            ("viral symptoms", "rapid strep negative", "well appearing", "fever settled with acetaminophen"),
        ),
        "syncope": (
            ("complete heart block on ECG", "runs of VT on monitor", "hemoglobin 6", "recurrent episode in triage"),
            (
                "felt faint after standing",
                "ECG normal",
                "orthostatics improved with fluids",
                "ate nothing today, feels fine now",
            ),
        ),
        "a burn": (
            (
                "30% TBSA full thickness",
                "soot in airway, hoarse voice",
                "circumferential burn of arm",
                "intubated for airway edema",
            ),
            (
                "superficial redness of finger",
                "small blister",
                "1% TBSA, dressing applied",
                "pain controlled with ibuprofen",
            ),
        ),
        "a laceration": (
            (
                "tendon exposed, no distal pulse",
                "heavy bleeding, tourniquet on",
                "needs OR for repair",
                "hemorrhagic shock",
            ),
            (
                "wound superficial",
                "closed with 4 sutures",
                "bleeding stopped with pressure",
                "sensation and pulses intact",
            ),
        ),
        "an allergic reaction": (
            (
                "stridor and tongue swelling",
                "epinephrine drip started",
                "hypotensive after 2 doses of epi",
                "airway swelling increasing",
            ),
            ("hives only", "itching gone after antihistamine", "lungs clear", "no swelling of lips or tongue"),
        ),
    }
)
"""Complaint -> findings of the severe kind, findings of the mild kind."""
