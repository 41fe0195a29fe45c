"""The same text about another person: a protected term exchanged for its opposite, in texts that somebody wrote.

For counterfactual data augmentation (Lu et al. 2018, arXiv 1807.11714) and for asking whether an answer hangs on the
term. The lists are frozen here, so a plan that pins the collator pins them. Which term takes the place of another does
not depend on chance, and on nothing but the text.

Not covered: agreement of other words (Spanish participles keep their ending), terms that are not listed, "her" where
the words around do not say whether it is "his" or "him", ages in words, and everyday senses ("polish" as a verb). A
copy that reads badly is still labelled right.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from unicodedata import combining, normalize

from tunewarden.domain.mitigations import Swap
from tunewarden.steps.records import CleanRecord, prompt_and_completion

Exchange = Callable[[str], str]

_PAIRS = """
man woman|men women|boy girl|boys girls|male female|males females|gentleman lady|gentlemen ladies|father mother
dad mom|daddy mommy|husband wife|husbands wives|brother sister|brothers sisters|sons daughters|grandfather grandmother
grandpa grandma|grandson granddaughter|uncle aunt|nephew niece|boyfriend girlfriend|stepfather stepmother|widower widow
he she|himself herself|mr mrs|sir madam
hombre mujer|hombres mujeres|niño niña|niños niñas|chico chica|padre madre|hermano hermana|hermanos hermanas
esposo esposa|hijo hija|hijos hijas|abuelo abuela|señor señora|tío tía|sobrino sobrina|él ella
"""
_ONE_WAY = "him her|his her|hers his|son daughter|daughter son|ms mr|miss mr|varón mujer|marido mujer|dama señor"
_ARTICLES = {"el": "la", "un": "una", "del": "de la", "al": "a la", "los": "las", "unos": "unas"}
_ARTICLES_BACK = {"la": "el", "una": "un", "de la": "del", "a la": "al", "las": "los", "unas": "unos"}
_SPANISH_NOUNS = (
    *("hombre", "niño", "chico", "padre", "hermano", "esposo", "hijo", "abuelo", "señor", "tío", "sobrino", "varón"),
    *("marido", "hombres", "niños", "hermanos", "hijos", "mujer", "niña", "chica", "madre", "hermana", "esposa"),
    *("hija", "abuela", "señora", "tía", "sobrina", "dama", "mujeres", "niñas", "hermanas", "hijas"),
)
_SAYS_HIM = frozenset(
    "about after again and as at back because before but by down for from had has he home how if in into is it not of "
    "off on or out she that the then there this to today up was what when where which while who why with yesterday a "
    "an".split()
)
_AGES = """
teenager pensioner|teenagers pensioners|teen pensioner|student grandparent|students grandparents|adolescent senior
youth senior|joven anciano|jóvenes ancianos|anciana joven|adolescente jubilado|adolescentes jubilados
jubilada adolescente
"""
_AGE_ADJECTIVES = {"young": "old", "old": "young", "elderly": "young", "younger": "older", "older": "younger"}
_PERSONS = "man|men|woman|women|person|persons|people|lady|gentleman|adult|adults|patient|patients|male|female"
_MIRROR = 18 + 89  # of two digits: 18 becomes 89 and 89 becomes 18; children stay what they are
_ORIGINS = (
    "american british chinese egyptian french german indian iranian irish italian japanese kenyan korean mexican "
    "nigerian pakistani polish russian somali turkish catholic hindu jewish muslim protestant sikh".split(),
    "alemana argentina boliviana colombiana cubana espanola francesa italiana marroqui mexicana nigeriana peruana "
    "rumana turca catolica judia musulmana evangelica".split(),
    "aleman argentino boliviano colombiano cubano espanol frances italiano marroqui mexicano nigeriano peruano rumano "
    "turco catolico judio musulman evangelico".split(),
)
NAME_FILES = ("given_names.txt", "given_names_es.txt", "ambiguous_names.txt")
"""Of the de-identification; the last one has names that are everyday words too, which stay what they are."""

_WORD = re.compile(r"[^\W\d_]+")
_SEX_LETTER = re.compile(r"(?<=\d)(\s?(?:y|yr|yrs|m|mo|w|wk|d)\s?/?\s?o(?:ld)?\s?)([mf])\b", re.IGNORECASE)
_HER = re.compile(r"\bher\b(?=\s+([^\W\d_]+))?", re.IGNORECASE)
_SON = re.compile(r"(?:\b(?:his|her|my|the|a|their|our|your)|'s)\s+(?=son\b)", re.IGNORECASE)
_YEARS = re.compile(
    r"(?<!\d)(\d{2})(?=[ -]?years?[ -]old\b|[ -]?yrs?\b|\s?y/?\s?o(?:[mf]|ld)?\b|\sa(?:ñ|n)os\b)", re.IGNORECASE
)
_OF_AGE = re.compile(rf"\b(young|old|elderly|younger|older)(?=\s+(?:{_PERSONS})\b)", re.IGNORECASE)


def swapped_text(text: str, swap: Swap) -> str | None:
    """`text` with every term of this kind exchanged; None where it holds none, so that no copy says the same."""
    other = _EXCHANGES[swap](text)
    return None if other == text else other


def exchanged(record: CleanRecord, swap: Swap) -> CleanRecord | None:
    """A copy of a record of the same persons with the terms in its text exchanged; None where it holds none.

    A prompt and its completion are exchanged by themselves, so that where the latter begins is still known.
    """
    if record.completion is None:
        text = swapped_text(record.text, swap)
        return None if text is None else replace(record, text=text)
    before, after = prompt_and_completion(record)
    prompt, completion = (swapped_text(part, swap) or part for part in (before, after))
    if (prompt, completion) == (before, after):
        return None
    return replace(record, text=f"{prompt}\n{completion}", completion=len(prompt) + 1)


def _sex(text: str) -> str:
    lettered = _SEX_LETTER.sub(lambda found: found[1] + _cased("f" if found[2] in "mM" else "m", found[2]), text)
    sons = {found.end() for found in _SON.finditer(lettered)}
    hers = {found.start(): found[1] for found in _HER.finditer(lettered)}

    def exchanged(found: re.Match[str]) -> str:
        word = _plain(found[0])
        if found.start() in hers:
            after = hers[found.start()]
            return _cased("him" if after is None or after.lower() in _SAYS_HIM else "his", found[0])
        if word == "son" and found.start() not in sons:
            return found[0]  # "they are", in Spanish
        if found[0].lower() == "el":
            return found[0]  # the article; the pronoun has an accent
        return _cased(_sexes().get(word, found[0]), found[0])

    return _WORD.sub(exchanged, _articles().sub(_with_article, lettered))


def _with_article(found: re.Match[str]) -> str:
    article = {**_ARTICLES, **_ARTICLES_BACK}[re.sub(r"\s+", " ", found[1].lower())]
    masculine = found[1].lower() in _ARTICLES
    if masculine is not (_plain(found[2]) in _masculine()):
        return found[0]
    return f"{_cased(article, found[1])} {found[2]}"


def _age(text: str) -> str:
    text = _YEARS.sub(lambda found: _mirrored(found[1]), text)
    text = _OF_AGE.sub(lambda found: _cased(_AGE_ADJECTIVES[found[1].lower()], found[1]), text)
    return _WORD.sub(lambda found: _cased(_ages().get(_plain(found[0]), found[0]), found[0]), text)


def _mirrored(age: str) -> str:
    return str(_MIRROR - int(age)) if 18 <= int(age) <= 89 else age


def _origin(text: str) -> str:
    for words in _ORIGINS:
        text = _among(text, words, lambda _: True)
    return text


def _name(text: str) -> str:
    return _among(text, _given(), lambda word: word[0].isupper())


def _among(text: str, words: Sequence[str], meant: Callable[[str], bool]) -> str:
    """Each of `words` becomes the one that stands so many places further, which the text decides."""
    places = {word: place for place, word in enumerate(words)}
    ahead = 1 + int.from_bytes(sha256(text.encode()).digest()[:4]) % (len(words) - 1)

    def exchanged(found: re.Match[str]) -> str:
        place = places.get(_plain(found[0]))
        if place is None or not meant(found[0]):
            return found[0]
        return _cased(words[(place + ahead) % len(words)], found[0])

    return _WORD.sub(exchanged, text)


_EXCHANGES: Mapping[Swap, Exchange] = {Swap.SEX: _sex, Swap.AGE: _age, Swap.ORIGIN: _origin, Swap.NAME: _name}


@cache
def _sexes() -> Mapping[str, str]:
    both = [pair.split() for pair in _listed(_PAIRS)]
    one_way = [pair.split() for pair in _listed(_ONE_WAY)]
    found = {_plain(one): other for one, other in both} | {_plain(other): one for one, other in both}
    return found | {_plain(one): other for one, other in one_way}


@cache
def _ages() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one, other in (pair.split() for pair in _listed(_AGES)):
        found.setdefault(_plain(one), other)
        found.setdefault(_plain(other), one)
    return found


@cache
def _masculine() -> frozenset[str]:
    return frozenset(_plain(word) for word in _SPANISH_NOUNS[: _SPANISH_NOUNS.index("mujer")])


@cache
def _articles() -> re.Pattern[str]:
    articles = "|".join(sorted({*_ARTICLES, *_ARTICLES_BACK}, key=len, reverse=True)).replace(" ", r"\s+")
    nouns = "|".join({spelt for noun in _SPANISH_NOUNS for spelt in (noun, _plain(noun))})
    return re.compile(rf"\b({articles})\s+({nouns})\b", re.IGNORECASE)


@cache
def _given() -> tuple[str, ...]:
    """Given names that are no everyday words, sorted."""
    names, others, everyday = (_names(file) for file in NAME_FILES)
    return tuple(sorted((names | others) - everyday))


def _names(file: str) -> frozenset[str]:
    lines = files("tunewarden.steps.deidentify").joinpath(file).read_text(encoding="utf-8").splitlines()
    return frozenset(_plain(name) for line in lines if not line.startswith("#") for name in line.split())


def _listed(pairs: str) -> list[str]:
    return [pair for line in pairs.split("\n") for pair in line.split("|") if pair.strip()]


def _plain(word: str) -> str:
    """In small letters and without accents."""
    return "".join(letter for letter in normalize("NFD", word.lower()) if not combining(letter))


def _cased(word: str, like: str) -> str:
    """`word` in capitals or with one, as `like` is."""
    if like.isupper() and (len(like) > 1 or len(word) == 1):
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
