"""Made-up people: where their names come from, and how a name is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from random import Random
from types import MappingProxyType

from tunewarden.steps.deidentify.synthesis.lists import keys, words
from tunewarden.steps.deidentify.synthesis.splits import Split, share, split_of, unique

# Origins whose lists come from locales of Faker (MIT): common names, as its contributors collected them.
_LOCALES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "anglo": ("en_US", "en_GB"),
        "irish": ("en_IE",),
        "hispanic": ("es_ES", "es_MX", "es_CO", "es_AR"),
        "french": ("fr_FR",),
        "german": ("de_DE",),
        "italian": ("it_IT",),
        "dutch": ("nl_NL",),
        "scandinavian": ("sv_SE", "no_NO", "da_DK"),
        "finnish": ("fi_FI",),
        "portuguese": ("pt_BR",),
        "turkish": ("tr_TR",),
        "polish": ("pl_PL",),
        "romanian": ("ro_RO",),
        "hungarian": ("hu_HU",),
        "czech": ("cs_CZ",),
        "croatian": ("hr_HR",),
        "indonesian": ("id_ID",),
        "yoruba": ("yo_NG",),
        "igbo": ("ig_NG",),
        "hausa": ("ha_NG",),
        "akan": ("tw_GH",),
        "zulu": ("zu_ZA",),
        "kenyan": ("en_KE",),
        "indian": ("en_IN",),
    }
)
_NO_ORIGIN = frozenset({"particle", "nick"})
_TWO_SURNAMES = frozenset({"hispanic", "palabra"})
_SURNAME_FIRST = frozenset({"chinese", "korean", "vietnamese", "hungarian"})
_ONSETS = ("b", "br", "ch", "d", "dr", "f", "g", "h", "j", "k", "kh", "l", "m", "n", "p", "r", "s", "sh", "t", "v", "z")
_VOWELS = ("a", "ai", "e", "ee", "i", "o", "ou", "u", "y")
_ENDS = ("bak", "den", "ford", "kin", "lan", "man", "nova", "ra", "rell", "rou", "sen", "ski", "ston", "vich", "wara")
_TITLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "en": (("Mrs.", "Ms.", "Ms", "Mrs", "Miss"), ("Mr.", "Mr", "Mr.")),
        "es": (("Sra.", "Doña", "Dª", "Srta.", "la señora"), ("Sr.", "Don", "D.", "el señor")),
    }
)
_SUFFIXES = (" Jr.", ", Jr.", " Sr.", " III", " II")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Given names of women and of men, and surnames, of one origin."""

    name: str
    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody made up.

    Attributes:
        second: a second given name or an initial with a full stop; may be empty.
        surnames: one, or two where that is the custom.
    """

    woman: bool
    origin: str
    given: str
    second: str
    surnames: tuple[str, ...]

    @property
    def surname(self) -> str:
        """The one that a title stands before."""
        return self.surnames[0]


@cache
def origins() -> Mapping[str, Origin]:
    """All of them by name."""
    listed = [key.removesuffix(".surnames") for key in keys("people") if key.endswith(".surnames")]
    names = unique([*_LOCALES, *(name for name in listed if name not in _NO_ORIGIN)])
    return MappingProxyType({name: _origin(name) for name in names})


def person(chance: Random, split: Split, language: str) -> Person:
    """Somebody with a name that is likely, or not so likely, where `language` is spoken."""
    who = person_of(pick_origin(chance, language), chance.random() < 0.5, chance, split)
    if split is Split.PLANTED and chance.random() < 0.4:
        return replace(who, surnames=(invented(chance, split),))
    return who


def invented(chance: Random, split: Split) -> str:
    """A surname of syllables that stands in no list, or does so by chance; no other split invents it."""
    while True:
        name = "".join((chance.choice(_ONSETS), chance.choice(_VOWELS), chance.choice(_ENDS))).capitalize()
        if split_of(name) is split:
            return name


def person_of(origin: Origin, woman: bool, chance: Random, split: Split) -> Person:
    """Somebody of this origin and gender."""
    given = chance.choice(origin.women if woman else origin.men)
    if chance.random() < 0.04:
        given = chance.choice(words("people", "nick.women" if woman else "nick.men"))
    other = chance.choice(origin.women if woman else origin.men)
    initial = chance.choice("ABCDEFGHJKLMNPRSTVW") + "."
    second = chance.choices(("", initial, other), (70, 18, 12))[0]
    surnames = share(origin.surnames, split)
    count = 2 if origin.name in _TWO_SURNAMES and chance.random() < 0.7 else 1
    picked = [chance.choice(surnames) for _ in range(count)]
    if chance.random() < 0.03:
        picked[0] = chance.choice(share(words("people", "particle.surnames"), split))
    elif count == 1 and chance.random() < 0.03:
        picked[0] += f"-{chance.choice(surnames)}"
    return Person(woman=woman, origin=origin.name, given=given, second=second, surnames=tuple(picked))


def pick_origin(chance: Random, language: str) -> Origin:
    """Of four in ten English and seven in ten Spanish texts the one at home there; of the others any, the better filled
    lists more often."""
    known = origins()
    pick = chance.random()
    if language == "es":
        home = "hispanic" if pick < 0.62 else "palabra" if pick < 0.7 else ""
    else:
        home = "anglo" if pick < 0.3 else "word" if pick < 0.36 else "hispanic" if pick < 0.42 else ""
    return known[home] if home else known[chance.choices(tuple(known), _sizes())[0]]


def full(who: Person, chance: Random) -> str:
    """Given and family names in one of the orders and lengths in use."""
    surnames = " ".join(who.surnames)
    if who.origin in _SURNAME_FIRST and chance.random() < 0.4:
        return f"{who.surname} {who.given}"
    pick = chance.random()
    if pick < 0.45:
        return f"{who.given} {who.surname}"
    if pick < 0.75:
        return " ".join(part for part in (who.given, who.second, surnames) if part)
    if pick < 0.92:
        return f"{who.given} {surnames}"
    if pick < 0.95:
        return f"{who.given} {who.surname}{chance.choice(_SUFFIXES) if not who.woman else ''}"
    return initialled(who, chance)


def initialled(who: Person, chance: Random) -> str:
    """`J. Smith`, `J.R. Smith`, `JR Smith`."""
    first, other = who.given[0], (who.second or chance.choice("ABCDEJKLMPRST"))[0]
    forms = (f"{first}. ", f"{first}. ", f"{first}.{other}. ", f"{first}. {other}. ", f"{first}{other} ", f"{first} ")
    return chance.choice(forms) + who.surname


def reversed_(who: Person, chance: Random) -> str:
    """`Smith, John R.`"""
    second = f" {who.second}" if who.second and chance.random() < 0.6 else ""
    comma = chance.choice((", ", ", ", ","))
    surname = " ".join(who.surnames)
    return f"{surname.upper() if chance.random() < 0.2 else surname}{comma}{who.given}{second}"


def initials(who: Person, chance: Random) -> str:
    """`J.S.`, `JS`."""
    letters = [part[0].upper() for part in (who.given, *who.surnames)]
    return "".join(letters) if chance.random() < 0.4 else "".join(f"{letter}." for letter in letters)


def titled(who: Person, chance: Random, language: str) -> str:
    """Only the title: `Mrs.`."""
    return chance.choice(_TITLES[language][0 if who.woman else 1])


@cache
def _sizes() -> tuple[float, ...]:
    return tuple(len(origin.surnames) ** 0.5 for origin in origins().values())


def _origin(name: str) -> Origin:
    found: dict[str, list[str]] = {"women": [], "men": [], "surnames": []}
    for locale in _LOCALES.get(name, ()):
        provider = import_module(f"faker.providers.person.{locale}").Provider
        found["women"].extend(_written(provider.first_names_female))
        found["men"].extend(_written(provider.first_names_male))
        found["surnames"].extend(_written(provider.last_names) if len(provider.last_names) > 1 else ())
    for part, values in found.items():
        if f"{name}.{part}" in keys("people"):
            values.extend(words("people", f"{name}.{part}"))
    return Origin(
        name=name,
        women=unique(found["women"]),
        men=unique(found["men"]),
        surnames=unique(found["surnames"]),
    )


def _written(names: object) -> list[str]:
    """Those of a provider's names that are names, in its order: no brackets, and a letter first."""
    listed = list(names) if isinstance(names, Mapping | tuple | list) else sorted(names)  # type: ignore[call-overload]
    return [name for name in listed if len(name) > 1 and name[0].isalpha() and not set(name) & set("()/.")]
