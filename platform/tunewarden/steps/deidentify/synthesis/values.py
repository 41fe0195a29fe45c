"""The slots that are no people, by name: what is drawn for each, and which kind of identifier it is."""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from tunewarden.domain.identifiers import EntityType as E
from tunewarden.steps.deidentify.synthesis import contact, issued, places, times
from tunewarden.steps.deidentify.synthesis.lists import words
from tunewarden.steps.deidentify.synthesis.people import Origin, origins
from tunewarden.steps.deidentify.synthesis.pieces import Pieces, marked, plain
from tunewarden.steps.deidentify.synthesis.scene import Scene
from tunewarden.steps.deidentify.synthesis.splits import share
from tunewarden.steps.deidentify.synthesis.streets import street

Value = Callable[[Scene], Pieces]


def _issued(entity: E, *makers: Callable[[Random], str]) -> Value:
    """A number that one of the makers makes."""
    return lambda scene: marked(scene.chance.choice(makers)(scene.chance), entity)


def _said(entity: E, make: Callable[[Scene], str]) -> Value:
    return lambda scene: marked(make(scene), entity)


def _listed(entity: E | None, file: str, key: str) -> Value:
    """A word of a list of the text's language."""

    def value(scene: Scene) -> Pieces:
        word = scene.chance.choice(words(file, f"{key}.{scene.language}"))
        return marked(word, entity) if entity else plain(word)

    return value


def _condition(scene: Scene) -> Pieces:
    """A complaint or a disease, one time in three one that is called after somebody or somewhere."""
    kind = "eponym" if scene.chance.random() < 0.33 else "cond"
    return plain(scene.chance.choice(words("medicine", f"{kind}.{scene.language}")))


def _age(scene: Scene) -> Pieces:
    number = times.age(scene.chance)
    return marked(f"{number} años" if scene.language == "es" else str(number), E.AGE)


def _age_in_words(scene: Scene) -> Pieces:
    number = times.age(scene.chance)
    said = times.in_words(number, scene.language)
    if scene.language == "es":
        return marked(f"{said} años", E.AGE)
    return marked(scene.chance.choice((said, said.replace("-", " "), str(number))), E.AGE)


def _sex_mark(scene: Scene) -> Pieces:
    marks = ("H", "M", "V", "Mujer", "Hombre", "Varón") if scene.language == "es" else _ENGLISH_SEX
    return marked(scene.chance.choice(marks), E.SEX)


def _town(scene: Scene) -> str:
    return places.town(scene.chance, scene.country)


def _state(scene: Scene) -> str:
    if scene.country == "us" and scene.chance.random() < 0.5:
        return scene.chance.choice(words("places", "us.short"))
    return places.region(scene.chance, scene.country, scene.language)


def _money(scene: Scene) -> str:
    chance = scene.chance
    amount = chance.choice((chance.randint(5, 999), chance.randint(1, 99) * 1000, chance.randint(1000, 999_999)))
    if scene.language == "es":
        number = f"{amount:,}".replace(",", ".") + chance.choice(("", "", ",50", ",00"))
        return chance.choice((f"{number} euros", f"{number} €", f"{number} EUR", f"${number}", f"{number} pesos"))
    number = f"{amount:,}" + chance.choice(("", "", "", ".50", ".00"))
    forms = (
        f"${number}",
        f"${number}",
        f"£{number}",
        f"€{number}",
        f"EUR {number}",
        f"{number} euros (EUR)",
        f"{number} dollars",
    )
    more = (
        f"{number} Turkish liras",
        f"{number} pounds sterling (GBP)",
        f"USD {number}",
        f"{amount} euros",
        f"PLN {number}",
    )
    return chance.choice((*forms, *more))


def _duration(scene: Scene) -> str:
    number = scene.chance.randint(2, 20)
    count = scene.chance.choice((str(number), times.in_words(number, "en")))
    return f"{count} {scene.chance.choice(('years', 'months', 'days', 'weeks', 'years and six months'))}"


def _national_id(chance: Random) -> str:
    makers = (issued.dni, issued.nhs, issued.sin, issued.pesel, issued.cpf, issued.rut, issued.aadhaar, issued.curp)
    return chance.choice(makers)(chance)


def _council(chance: Random) -> str:
    """The number that a Spanish college of physicians gives."""
    return chance.choice((" ", "", "/")).join(
        (f"{chance.randint(1, 52):02}", f"{chance.randint(1, 52):02}", issued.digits(5, chance))
    )


def _photo(chance: Random) -> str:
    stem = chance.choice(("IMG_", "DSC", "photo_", "PHOTO-", "face_", "portrait-", "scan", "foto_"))
    return f"{stem}{issued.digits(4, chance)}{chance.choice(('.jpg', '.JPG', '.png', '.jpeg', '.heic', ''))}"


def _biometric(chance: Random) -> str:
    return chance.choice(
        (
            f"FP-{issued.digits(5, chance)}",
            issued.digits(6, chance),
            f"IRIS{issued.digits(4, chance)}",
            f"{issued.letters(2, chance)}{issued.digits(6, chance)}",
        )
    )


def _wallet(chance: Random) -> str:
    body = "".join(chance.choice("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") for _ in range(33))
    return f"1{body}" if chance.random() < 0.6 else "0x" + f"{chance.getrandbits(160):040x}"


def _word_given(scene: Scene) -> str:
    """A given name that is a word too, as `Hope`; three times in four one whose word is in every other text."""
    if scene.chance.random() < 0.75:
        return scene.chance.choice(words("traits", f"wordname.{scene.language}"))
    origin = _word_origin(scene)
    return scene.chance.choice(scene.chance.choice((origin.women, origin.men)))


def _word_surname(scene: Scene) -> str:
    """A surname that is a word too, as `Rico`."""
    return scene.chance.choice(share(_word_origin(scene).surnames, scene.split))


def _word_origin(scene: Scene) -> Origin:
    return origins()["palabra" if scene.language == "es" else "word"]


def _isbn(chance: Random) -> str:
    return "-".join(("978", *(issued.digits(count, chance) for count in (1, 4, 4, 1))))


def _organisation(scene: Scene) -> str:
    """Any kind: a court, a club, a school or a firm."""
    chance, language, near = scene.chance, scene.language, _town(scene)
    return chance.choice(
        (
            places.company(chance, language, scene.split),
            places.association(chance, language, near),
            places.court(chance, language, near),
            places.school(chance, language, scene.split, near),
        )
    )


def _company(scene: Scene) -> str:
    return (
        _organisation(scene)
        if scene.chance.random() < 0.15
        else places.company(scene.chance, scene.language, scene.split)
    )


_ENGLISH_SEX = ("M", "F", "M", "F", "male", "female", "Male", "Female", "MALE", "FEMALE")

VALUES: Mapping[str, Value] = MappingProxyType(
    {
        "age": _age,
        "agenumber": lambda scene: marked(str(times.age(scene.chance)), E.AGE),
        "oldage": _said(E.AGE, lambda scene: str(scene.chance.randint(90, 109))),
        "agew": _age_in_words,
        "young": _said(E.AGE, lambda scene: times.young(scene.chance, scene.language)),
        "sexmark": _sex_mark,
        "sexletter": _issued(E.SEX, lambda chance: chance.choice("MF")),
        "town": _said(E.PLACE, _town),
        "state": _said(E.PLACE, _state),
        "region": _said(E.PLACE, lambda scene: places.region(scene.chance, scene.country, scene.language)),
        "country": lambda scene: places.nation(scene.chance, scene.language),
        "coordinates": _issued(E.COORDINATES, places.coordinates),
        "street": _said(E.ADDRESS, lambda scene: street(scene.chance, scene.country, scene.split)),
        "address": lambda scene: places.address(scene.chance, scene.country, scene.split),
        "postcode": _said(E.POSTCODE, lambda scene: places.postcode(scene.chance, scene.country)),
        "hospital": _said(
            E.ORGANISATION, lambda scene: places.hospital(scene.chance, scene.language, scene.split, _town(scene))
        ),
        "company": _said(E.ORGANISATION, _company),
        "school": _said(
            E.ORGANISATION, lambda scene: places.school(scene.chance, scene.language, scene.split, _town(scene))
        ),
        "court": _said(E.ORGANISATION, lambda scene: places.court(scene.chance, scene.language, _town(scene))),
        "club": _said(E.ORGANISATION, lambda scene: places.association(scene.chance, scene.language, _town(scene))),
        "nationality": _listed(E.DEMOGRAPHIC, "traits", "nationality"),
        "religion": _listed(E.DEMOGRAPHIC, "traits", "religion"),
        "ethnicity": _listed(E.DEMOGRAPHIC, "traits", "ethnicity"),
        "civil": _listed(E.DEMOGRAPHIC, "traits", "civil"),
        "occupation": _listed(E.OCCUPATION, "work", "occupation"),
        "relative": _listed(E.RELATIVE, "traits", "kin"),  # Spanish texts only: their convention marks relatives
        "circumstance": _listed(E.DEMOGRAPHIC, "traits", "circumstance"),
        "education": _listed(E.DEMOGRAPHIC, "traits", "education"),
        "feature": _listed(E.DEMOGRAPHIC, "traits", "feature"),
        "rank": _listed(E.OCCUPATION, "traits", "rank"),
        "affair": _listed(E.PARTICULAR, "traits", "affair"),
        "quantity": _listed(E.PARTICULAR, "traits", "quantity"),
        "wordgiven": _said(E.NAME, _word_given),
        "wordsurname": _said(E.NAME, _word_surname),
        "weekday": _said(E.DATE, lambda scene: scene.chance.choice(words("traits", f"weekday.{scene.language}"))),
        "season": _said(E.DATE, lambda scene: scene.chance.choice(words("traits", f"season.{scene.language}"))),
        "eponym": _listed(None, "medicine", "eponym"),
        "kin": _listed(None, "traits", "kin"),
        "date": _said(E.DATE, lambda scene: times.date(scene.chance, scene.language)),
        "day": _said(E.DATE, lambda scene: times.day(scene.chance, scene.language)),
        "dob": _said(E.DATE, lambda scene: times.day(scene.chance, scene.language, 1925, 2024)),
        "month": _said(E.DATE, lambda scene: times.month(scene.chance, scene.language, 1950)),
        "year": _said(E.DATE, lambda scene: str(scene.chance.randint(1935, 2025))),
        "saydate": _said(E.DATE, lambda scene: times.spoken(scene.chance, scene.language)),
        "monthname": lambda scene: plain(scene.chance.choice(times.MONTHS[scene.language])),
        "duration": _said(E.DATE, _duration),
        "phone": _said(E.PHONE, lambda scene: contact.phone(scene.chance, scene.country)),
        "sayphone": _said(E.PHONE, lambda scene: contact.spoken_phone(scene.chance, scene.language)),
        "fax": _said(E.FAX, lambda scene: contact.phone(scene.chance, scene.country)),
        "url": _said(E.URL, lambda scene: contact.url(scene.who("other"), scene.chance)),
        "ssn": _issued(E.SSN, issued.ssn),
        "nhs": _issued(E.NATIONAL_ID, issued.nhs),
        "dni": _issued(E.NATIONAL_ID, issued.dni),
        "nie": _issued(E.NATIONAL_ID, issued.nie),
        "sin": _issued(E.NATIONAL_ID, issued.sin),
        "nationalid": _issued(E.NATIONAL_ID, _national_id),
        "passport": _issued(E.PASSPORT, issued.passport),
        "mrn": _issued(E.MEDICAL_RECORD, issued.code),
        "plan": _issued(E.HEALTH_PLAN, issued.code),
        "mbi": _issued(E.HEALTH_PLAN, issued.mbi),
        "nass": _issued(E.HEALTH_PLAN, issued.nass),
        "account": _issued(E.ACCOUNT, issued.code, lambda chance: issued.digits(chance.randint(8, 14), chance)),
        "wallet": _issued(E.ACCOUNT, _wallet),
        "card": _issued(E.CARD, issued.card),
        "iban": _issued(E.IBAN, issued.iban),
        "driving": _issued(E.LICENCE, issued.driving),
        "npi": _issued(E.LICENCE, issued.npi),
        "dea": _issued(E.LICENCE, issued.dea),
        "col": _issued(E.LICENCE, _council),
        "vin": _issued(E.VEHICLE, issued.vin),
        "plate": _issued(E.VEHICLE, issued.plate),
        "serial": _issued(E.DEVICE, issued.serial),
        "imei": _issued(E.DEVICE, issued.imei),
        "ip": _issued(E.IP, issued.ip),
        "mac": _issued(E.MAC, issued.mac),
        "biometric": _issued(E.BIOMETRIC, _biometric),
        "photo": _issued(E.PHOTOGRAPH, _photo),
        "otherid": _issued(E.OTHER_ID, issued.code),
        "uuid": _issued(E.OTHER_ID, issued.uuid),
        "case": _issued(E.OTHER_ID, issued.case),
        "money": _said(E.PARTICULAR, _money),
        "cond": _condition,
        "drug": _listed(None, "medicine", "drug"),
        "body": _listed(None, "medicine", "body"),
        "sign": _listed(None, "medicine", "sign"),
        "lab": _listed(None, "medicine", "lab"),
        "department": _listed(None, "medicine", "department"),
        "heading": _listed(None, "medicine", "heading"),
        "device": _listed(None, "medicine", "device"),
        "bp": lambda scene: plain(f"{scene.chance.randint(88, 190)}/{scene.chance.randint(48, 104)}"),
        "temp": lambda scene: plain(
            scene.chance.choice((f"{scene.chance.uniform(36, 40):.1f}", f"{scene.chance.uniform(97, 103):.1f} F"))
        ),
        "isbn": lambda scene: plain(_isbn(scene.chance)),
        "letter": lambda scene: plain(scene.chance.choice("abcdefghijklmnoprstvwz")),
        "letterid": _issued(E.NAME, lambda chance: issued.letters(1, chance)),
    }
)
"""Slots by name."""
