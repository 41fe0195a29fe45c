"""Made-up ways to reach a person: telephone numbers, mail and web addresses, user names."""

import unicodedata
from random import Random

from tunewarden.steps.deidentify.synthesis.issued import digits
from tunewarden.steps.deidentify.synthesis.people import Person
from tunewarden.steps.deidentify.synthesis.times import in_words

_HOSTS = [
    "mail",
    "inbox",
    "webpost",
    "netpost",
    "quickmail",
    "familymail",
    "workbox",
    "citynet",
    "healthnet",
    "stmarys",
    "clinica",
    "hospital",
    "salud",
    "uni",
    "company",
    "firm",
    "bufete",
    "lawoffice",
    "northwind",
    "bluebird",
    "evergreen",
    "school",
    "campus",
    "town",
    "county",
]
_ENDS = ("com", "com", "com", "org", "net", "edu", "co.uk", "es", "de", "fr", "com.mx", "io", "info", "gov", "ca")
_USUAL = ("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "yahoo.es", "telefonica.net", "aol.com")


def phone(chance: Random, country: str) -> str:
    """A number of the country or of one abroad; the groups are its own, the subscriber is made up."""
    if chance.random() < 0.12:
        country = chance.choice(("us", "uk", "es", "de", "fr", "mx"))
    forms = _phone_forms(country)
    form = chance.choice(forms)
    return "".join(_mark(mark, chance) for mark in form)


def spoken_phone(chance: Random, language: str) -> str:
    """A number as it is said digit by digit."""
    said = [in_words(int(digit), language) for digit in digits(chance.choice((7, 10, 9)), chance)]
    zero = "oh" if language == "en" and chance.random() < 0.6 else in_words(0, language)
    return " ".join(zero if word in {"zero", "cero"} else word for word in said)


def spelled(word: str, chance: Random) -> str:
    """A word as it is spelled aloud: `s m i t h`, `S-M-I-T-H`, `S as in Sam` is not among them."""
    return chance.choice((" ", "-", " ", ". ")).join(word)


def email(who: Person, chance: Random) -> str:
    """An address made of the name, at a made-up or a usual host."""
    first, last = ascii_of(who.given), ascii_of(who.surname)
    number = digits(2, chance) if chance.random() < 0.35 else ""
    local = chance.choice(
        (f"{first}.{last}", f"{first}{last}", f"{first[0]}{last}", f"{first}_{last}", f"{last}.{first}", last, first)
    )
    host = chance.choice(_USUAL)
    if chance.random() < 0.55:
        host = f"{chance.choice((chance.choice(_HOSTS), last + chance.choice(_HOSTS)))}.{chance.choice(_ENDS)}"
    text = f"{local}{number}@{host}"
    return text.title() if chance.random() < 0.02 else text


def username(who: Person, chance: Random) -> str:
    """A name somewhere on the internet, made of the person's own or of words."""
    first, last = ascii_of(who.given), ascii_of(who.surname)
    word = chance.choice(
        ["blue", "red", "dark", "happy", "lucky", "crazy", "super", "mega", "tiny", "old", "real", "the", "its"]
    )
    noun = chance.choice(
        [
            "cat",
            "fox",
            "rider",
            "panda",
            "tiger",
            "gamer",
            "dragon",
            "star",
            "runner",
            "chef",
            "wolf",
            "moon",
            "mom",
            "dad",
        ]
    )
    forms = (f"{first}{last}{digits(2, chance)}", f"{first}_{last}", f"{first}{digits(chance.randint(2, 4), chance)}")
    more = (
        f"{word}{noun}{digits(2, chance)}",
        f"{word}_{noun}",
        f"{first[0]}{last}{digits(1, chance)}",
        f"{last}.{first[0]}",
    )
    return chance.choice((*forms, *more))


def url(who: Person, chance: Random) -> str:
    """A page, mostly of somebody."""
    first, last = ascii_of(who.given), ascii_of(who.surname)
    host = chance.choice(
        (f"{first}{last}", last, f"{chance.choice(_HOSTS)}{last}", chance.choice(_HOSTS), f"{first}-{last}")
    )
    path = chance.choice(
        ("", "", f"/{first}", f"/u/{digits(5, chance)}", f"/profile?id={digits(6, chance)}", f"/~{last}", "/index.html")
    )
    scheme = chance.choice(("https://", "http://", "www.", "https://www.", ""))
    return f"{scheme}{host}.{chance.choice(_ENDS)}{path}"


def ascii_of(word: str) -> str:
    """Its letters in lower case without accents; "x" where none is left."""
    folded = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return "".join(character for character in folded if character.isalpha()) or "x"


def _mark(mark: str, chance: Random) -> str:
    """`d` is any digit, `n` one from 2 to 9; every other character is itself."""
    return {"d": digits(1, chance), "n": chance.choice("23456789")}.get(mark, mark)


def _phone_forms(country: str) -> tuple[str, ...]:
    match country:
        case "us" | "ca":
            return (
                *("(ndd) ndd-dddd", "ndd-ndd-dddd", "ndd-ndd-dddd", "ndd.ndd.dddd", "+1 ndd ndd dddd", "nddndddddd"),
                *(
                    "1-ndd-ndd-dddd",
                    "(ndd)ndd-dddd",
                    "ndd ndd dddd",
                    "ndd-ndd-dddd x ddd",
                    "+1-ndd-ndd-dddd",
                    "ndd-dddd",
                ),
            )
        case "uk" | "ie":
            return (
                "07ddd dddddd",
                "020 7ddd dddd",
                "+44 7ddd dddddd",
                "0n1n dddd ddd",
                "+44 (0)20 7ddd dddd",
                "01ddd dddddd",
                "+353 8n ddd dddd",
            )
        case "es":
            return (
                *("6dd ddd ddd", "6dd dd dd dd", "6dddddddd", "9nd ddd ddd", "9n ddd dd dd", "+34 6dd ddd ddd"),
                *(
                    "9nddddddd",
                    "+34 9nd dd dd dd",
                    "(34) 9n ddd dd dd",
                    "0034 6dddddddd",
                    "7dd-ddd-ddd",
                    "9n.ddd.dd.dd",
                ),
            )
        case "de":
            return ("+49 30 ddddddd", "030/ddddddd", "0171 ddddddd", "+49 (0)89 dddddd", "0n21-dddddd")
        case "fr":
            return ("06 dd dd dd dd", "01 dd dd dd dd", "+33 6 dd dd dd dd", "04.dd.dd.dd.dd")
        case "mx":
            return ("55 dddd dddd", "+52 55 dddd dddd", "(33) dddd-dddd", "+52 1 81 dddd dddd")
        case "co" | "cl" | "pe" | "ar":
            return (
                "3dd ddd dddd",
                "+57 3dd ddd dddd",
                "+56 9 dddd dddd",
                "9dd ddd ddd",
                "+54 9 11 dddd-dddd",
                "(011) 4ddd-dddd",
            )
        case "in":
            return ("+91 9dddd ddddd", "9ddddddddd", "080-dddddddd")
        case "au":
            return ("04dd ddd ddd", "(02) 9ddd dddd", "+61 4dd ddd ddd")
        case _:
            return ("+39 06 dddddddd", "+31 20 ddd dddd", "+48 nd ddd dd dd", "0nd-ddddddd", "+41 44 ddd dd dd")
