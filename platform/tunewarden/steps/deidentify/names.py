"""Names of persons by the words around them: titles, labels, relations, credentials, and lists of frequent names.

No model is used, so a name that none of these marks is missed; `domain.deidentification.KNOWN_GAPS` says so and the
planted recall measures it. In a text that is all upper case the rules that rest on capital letters do not apply: a
title or a label counts there only up to the first word of clinical prose.
"""

from collections.abc import Iterator
from importlib.resources import files

import regex
from spacy.lang.en.stop_words import STOP_WORDS

from tunewarden.domain.deidentification import EntityType
from tunewarden.steps.deidentify.spans import Span


def _read(name: str) -> frozenset[str]:
    lines = files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


GIVEN = _read("given_names.txt")
AMBIGUOUS = _read("ambiguous_names.txt")
SURNAMES = _read("surnames.txt")
PROSE = (frozenset(STOP_WORDS) | _read("words.txt")) - GIVEN

# Lengths are bounded, so that time grows with the length of a text and not with its square.
_WORD = r"\p{Lu}[\p{L}\p{M}]{0,39}+(?:['\u2019-]\p{L}[\p{L}\p{M}]{0,39}+){0,3}+"
_ANY_WORD = r"\p{L}[\p{L}\p{M}]{0,39}+(?:['\u2019-]\p{L}[\p{L}\p{M}]{0,39}+){0,3}+"
_PARTICLE = r"(?:van|von|de|del|della|der|den|la|le|bin|ibn|al|da|dos|du|st\.)"
_GAP = r"[ \t]{1,3}"
_INITIALS = r"(?:\p{Lu}\.[ \t]{0,2}){0,3}+"
_SEQUENCE = rf"{_INITIALS}{_WORD}(?:{_GAP}(?:{_PARTICLE}{_GAP}){{0,2}}(?:{_WORD}|\p{{Lu}}\.)){{0,3}}"
_LOOSE = rf"{_ANY_WORD}(?:{_GAP}(?:{_ANY_WORD}|\p{{L}}\.)){{0,2}}"
_CREDENTIAL = r"(?:M\.?D|D\.?O|R\.?N|N\.?P|P\.?A(?:-C)?|LPN|Ph\.?D|EMT(?:-P)?|DDS|FNP|APRN)\b"

_TITLE = r"(?:(?:mr|mrs|ms|mx|dr|prof|rev|sgt)\b\.?|(?:miss|professor|reverend)\b)"
_ROLE_TITLE = r"(?:doctor|nurse|officer|sister|father|brother|deputy|aunt|uncle|paramedic)"
_LABEL = (
    r"(?:(?:patient|pt|full|last|first|emergency\s+contact|guardian)?(?:'s)?\s*names?|patient|pt|attending(?:\s+physician)?"
    r"|physician|provider|nurse|rn|contact|emergency\s+contact|next\s+of\s+kin|nok|guardian|pcp|surgeon"
    r"|spouse|wife|husband|mother|father|mom|dad|son|daughter|brother|sister|friend|partner|caregiver"
    r"|(?:(?:electronically\s+)?signed|dictated|seen|referred|reviewed|authored)(?:\s+by)?)"
)
_RELATION = (
    r"(?:wife|husband|spouse|mother|father|mom|dad|son|daughter|brother|sister|friend|partner|caregiver|neighbou?r"
    r"|roommate|grandmother|grandfather|aunt|uncle|cousin|colleague|coworker|fianc[ée]e?|named|patient|pt)"
)

_TITLED = regex.compile(rf"\b(?i:{_TITLE}){_GAP}(?<v>(?:{_PARTICLE}{_GAP}){{0,2}}{_SEQUENCE})")
_TITLED_LOOSE = regex.compile(rf"\b(?i:(?:mr|mrs|dr)\b\.?|ms\.){_GAP}(?<v>{_ANY_WORD}(?:{_GAP}{_ANY_WORD})?)")
_ROLE = regex.compile(rf"\b(?i:{_ROLE_TITLE}){_GAP}(?<v>{_SEQUENCE})")
_LABELLED = regex.compile(rf"\b(?i:{_LABEL})[ \t]*[:=][ \t]*(?<v>{_WORD},[ \t]*{_SEQUENCE}|{_SEQUENCE})")
_LABELLED_LOOSE = regex.compile(rf"\b(?i:{_LABEL})[ \t]*[:=][ \t]*(?<v>{_ANY_WORD},[ \t]*{_ANY_WORD}|{_LOOSE})")
_RELATED = regex.compile(rf"\b(?i:{_RELATION}),?{_GAP}(?:\((?=\p{{Lu}}))?(?<v>{_SEQUENCE})")
_QUALIFIED = regex.compile(
    rf"\b(?<v>{_WORD}(?:{_GAP}(?:{_WORD}|\p{{Lu}}\.)){{0,2}})(?:,[ \t]?{_CREDENTIAL}|{_GAP}(?:MD|M\.D\.|RN|PA-C|FNP)\b)"
)
_BEFORE_RECORD = regex.compile(rf"\b(?<v>{_WORD}(?:{_GAP}(?:{_WORD}|\p{{Lu}}\.)){{1,3}}),?\s*\(?(?:MRN|DOB|D\.O\.B)\b")
_CAPITALS = regex.compile(_SEQUENCE)
_REVERSED = regex.compile(rf"(?<a>{_WORD}),[ \t]?(?<b>{_WORD})(?:{_GAP}\p{{Lu}}\b\.?)?")
_WORDS = regex.compile(_ANY_WORD)


def find_names(text: str) -> Iterator[Span]:
    """Every candidate with its score: 0.85 by title, 0.8 by label or credential, 0.75 two listed names, 0.6 by a
    relation, 0.5 one listed name, 0.45 a run of capitalised words."""
    yield from _marked(text, _LABELLED, 0.8)
    yield from _marked(text, _TITLED_LOOSE, 0.6, at_most=2)
    yield from _followed(text, _QUALIFIED, 0.8)
    yield from _followed(text, _BEFORE_RECORD, 0.7)
    capitals_speak = _mixed_case(text)
    if capitals_speak:
        yield from _marked(text, _TITLED, 0.85, first_is_name=True)
        yield from _marked(text, _ROLE, 0.8)
        yield from _marked(text, _RELATED, 0.6)
        yield from _capitalised(text)
    else:
        yield from _marked(text, _LABELLED_LOOSE, 0.7)
    yield from _listed(text, capitals_speak)


def _mixed_case(text: str) -> bool:
    """Whether a capital letter says something here: both cases occur, and capitals are the minority."""
    upper = sum(character.isupper() for character in text)
    lower = sum(character.islower() for character in text)
    return 0 < upper < lower


def _marked(
    text: str, rule: "regex.Pattern[str]", score: float, *, first_is_name: bool = False, at_most: int = 4
) -> Iterator[Span]:
    """What follows a title or label, up to the first word of prose; `first_is_name` takes the first word regardless."""
    for match in rule.finditer(text, overlapped=True):
        start, end = match.span("v")
        kept = _until_prose(text, start, end, first_is_name=first_is_name, at_most=at_most)
        if kept > start:
            yield Span(start=start, end=kept, entity=EntityType.NAME, score=score)


def _until_prose(text: str, start: int, end: int, *, first_is_name: bool, at_most: int) -> int:
    """Where the name that begins at `start` ends. After its first word, a word of prose may be a listed surname."""
    kept = start
    for position, match in enumerate(_WORDS.finditer(text, start, end)):
        word = match.group()
        trusted = first_is_name if position == 0 else word.lower() in SURNAMES
        if position >= at_most or (_is_prose(match) and not trusted):
            break
        kept = match.end()
    return kept


def _followed(text: str, rule: "regex.Pattern[str]", score: float) -> Iterator[Span]:
    """The last words before a credential, a record number or a date of birth, back to the first word of prose."""
    for match in rule.finditer(text, overlapped=True):
        runs = list(_runs(text, *match.span("v")))
        if runs and runs[-1][1] == match.end("v"):
            yield Span(start=runs[-1][0], end=runs[-1][1], entity=EntityType.NAME, score=score)


def _capitalised(text: str) -> Iterator[Span]:
    """Two to four capitalised words in a row that are no prose, two of them not all capitals (that is an acronym).

    Not a heading such as `Review of Systems:`.
    """
    for match in _CAPITALS.finditer(text):
        for start, end in _runs(text, match.start(), match.end()):
            spelled = sum(not word.group().isupper() for word in _WORDS.finditer(text, start, end))
            if spelled >= 2 and text[end : end + 1] != ":":
                yield Span(start=start, end=end, entity=EntityType.NAME, score=0.45)


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Maximal runs of words that are not prose within a sequence: (start, end)."""
    run: list[tuple[int, int]] = []
    for match in _WORDS.finditer(text, start, end):
        if not _is_prose(match):
            run.append(match.span())
        elif run:
            yield run[0][0], run[-1][1]
            run = []
    if run:
        yield run[0][0], run[-1][1]


def _listed(text: str, capitals_speak: bool) -> Iterator[Span]:
    """Names of the lists: a given name with what follows it, `Surname, Given`, and given names that are no words."""
    words = list(_WORDS.finditer(text))
    for position, match in enumerate(words):
        word = match.group()
        given = word.lower()
        if (capitals_speak and not word[0].isupper()) or not (given in GIVEN or given in AMBIGUOUS):
            continue
        end = _surname_end(text, words, position, capitals_speak)
        if end:
            yield Span(start=match.start(), end=end, entity=EntityType.NAME, score=0.75)
        elif given in GIVEN and word[0].isupper():
            yield Span(start=match.start(), end=match.end(), entity=EntityType.NAME, score=0.5)
    for match in _REVERSED.finditer(text):
        surname, given = match["a"].lower(), match["b"].lower()
        listed = (surname in SURNAMES) + (given in GIVEN or given in AMBIGUOUS)
        if listed == 2 or (listed == 1 and capitals_speak and PROSE.isdisjoint((surname, given))):
            yield Span(start=match.start(), end=match.end(), entity=EntityType.NAME, score=0.35 + 0.2 * listed)


def _surname_end(text: str, words: "list[regex.Match[str]]", position: int, capitals_speak: bool) -> int:
    """Where the surname after a given name ends; 0 if none follows. One initial may stand between."""
    if position + 1 >= len(words):
        return 0
    following = words[position + 1]
    if len(following.group()) == 1 and position + 2 < len(words):
        following = words[position + 2]
    between = text[words[position].end() : following.start()]
    surname = following.group()
    if not regex.fullmatch(r"[ \t]+(?:\p{L}\.?[ \t]+)?", between):
        return 0
    # In upper case an ambiguous given name ("ROSE") needs a listed surname beside it.
    enough = surname.lower() in SURNAMES or (
        surname[0].isupper()
        and not _is_prose(following)
        and (capitals_speak or words[position].group().lower() in GIVEN)
    )
    return following.end() if enough and (surname[0].isupper() or not capitals_speak) else 0


def _is_prose(match: "regex.Match[str]") -> bool:
    """Whether a word belongs to prose; a single letter before a full stop is an initial."""
    word = match.group().lower()
    if len(word) == 1 and match.string[match.end() : match.end() + 1] == ".":
        return False
    return word in PROSE or word.removesuffix("'s").removesuffix("\u2019s") in PROSE
