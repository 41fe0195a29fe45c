"""Names of persons by the words around them: titles, labels, relations, credentials, and lists of frequent names.

These rules are one voice beside the model, which reads whole sentences; a name that none of them marks may still be
found by it. In a text that is all upper case the rules that rest on capital letters do not apply: a title or a label
counts there only up to the first word of clinical prose. English and Spanish rules are tried in every text.
"""

from collections.abc import Iterable, Iterator

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span, capitals_speak
from tunewarden.steps.deidentify.tables import KIND_OF_HEAD
from tunewarden.steps.deidentify.word_lists import AMBIGUOUS, GIVEN, OFFICE, PARTICLES, PROSE, STOP, SURNAMES

__all__ = ["GIVEN", "find_names"]

# Lengths are bounded, so that time grows with the length of a text and not with its square.
_WORD = r"\p{Lu}[\p{L}\p{M}]{0,39}+(?:['\u2019-]\p{L}[\p{L}\p{M}]{0,39}+){0,3}+"
_ANY_WORD = r"\p{L}[\p{L}\p{M}]{0,39}+(?:['\u2019-]\p{L}[\p{L}\p{M}]{0,39}+){0,3}+"
_PARTICLE = r"(?:van|von|de|del|della|der|den|la|las|los|le|bin|ibn|al|da|dos|du|y|i|e|st\.)"
_GAP = r"[ \t]{1,3}"
_INITIALS = r"(?:\p{Lu}\.[ \t]{0,2}){0,3}+"
_SEQUENCE = rf"{_INITIALS}{_WORD}(?:{_GAP}(?:{_PARTICLE}{_GAP}){{0,2}}(?:{_WORD}|\p{{Lu}}\.)){{0,5}}"
_LOOSE = rf"{_ANY_WORD}(?:{_GAP}(?:{_ANY_WORD}|\p{{L}}\.)){{0,2}}"
_CREDENTIAL = r"(?:M\.?D|D\.?O|R\.?N|N\.?P|P\.?A(?:-C)?|LPN|Ph\.?D|EMT(?:-P)?|DDS|FNP|APRN)\b"

_TITLE = (
    r"(?:(?:mr|mrs|ms|mx|dr|drs|prof|rev|sgt|capt|lt|col|hon|dra|sr|sra|srta|dna|dña|excmo|ilmo|fdo)\b\.?"
    r"|(?:miss|professor|reverend|madam|sir|don|do[nñ]a|se[nñ]or|se[nñ]ora|se[nñ]orita|doctora|judge"
    r"|justice|herr|frau|monsieur"
    r"|madame|signor|signora)\b|(?-i:D|Dª|Da|Dn|Dra|M)\.[ªao]?)"
)
_ROLE_TITLE = (
    r"(?:doctor|nurse|officer|sister|father|brother|deputy|aunt|uncle|paramedic|detective|inspector"
    r"|sergeant|captain|coach"
    r"|enfermer[oa]|profesor|profesora|padre|hermano|hermana|juez|jueza|abogado|abogada|letrad[oa]|t[ií][oa])"
)
_LABEL = (
    r"(?:(?:patient|pt|full|last|first|emergency\s+contact|guardian)?(?:'s)?\s*names?|patient|pt|attending"
    r"(?:\s+physician)?"
    r"|physician|provider|nurse|rn|contact|emergency\s+contact|next\s+of\s+kin|nok|guardian|pcp|surgeon"
    r"|spouse|wife|husband|mother|father|mom|dad|son|daughter|brother|sister|friend|partner|caregiver"
    r"|(?:(?:electronically\s+)?signed|dictated|seen|referred|reviewed|authored|prepared|ordered|transcribed)(?:\s+by)?"
    r"|(?:first|last|middle|maiden|sur|given|family|legal|preferred|customer|client|member|account\s+holder"
    r"|card\s*holder"
    r"|employee|student|applicant|beneficiary|insured)\s*(?:'s\s+)?names?|surname|from|to|cc|attn|regards"
    r"|sincerely|applicant"
    r"|claimant|defendant|plaintiff|witness|author|manager|teacher|lawyer|consultant|anesthetist"
    r"|radiologist|pathologist"
    r"|nombre(?:\s+(?:y\s+apellidos?|completo|del\s+paciente|de\s+pila|del\s+titular))?|(?:primer\s+"
    r"|segundo\s+)?apellidos?"
    r"|m[eé]dic[oa](?:\s+(?:responsable|peticionario|tratante|de\s+familia|adjunt[oa]|solicitante))?"
    r"|facultativ[oa]|(?<!del[ ])paciente"
    r"|doctora?|cirujan[oa]|enfermer[oa]|responsable(?:\s+cl[ií]nico)?|remitid[oa](?:\s+por)?|firmad[oa]"
    r"(?:\s+por)?|fdo\.?"
    r"|atendid[oa]\s+por|informad[oa]\s+por|solicitad[oa]\s+por|realizad[oa]\s+por|autor(?:es)?"
    r"|correspondencia|contacto"
    r"|persona\s+de\s+contacto|familiar|tutor|tutora|titular|asegurad[oa]|alumn[oa]|emplead[oa]|cliente"
    r"|esposa|espos[oa]|marido"
    r"|mujer|madre|padre|hij[oa]|herman[oa]|cuidadora?)"
)
_RELATION = (
    r"(?:wife|husband|spouse|mother|father|mom|dad|son|daughter|brother|sister|friend|partner|caregiver|neighbou?r"
    r"|roommate|grandmother|grandfather|aunt|uncle|cousin|colleague|coworker|fianc[ée]e?|named|called"
    r"|patient|pt|nephew|niece|grandson|granddaughter|girlfriend|boyfriend"
    r"|applicant|i\s+am|i'm|my\s+name\s+is|name\s+is|this\s+is|se\s+llama|me\s+llamo|llamad[oa]"
    r"|mi\s+nombre\s+es|espos[oa]|marido"
    r"|mujer|madre|padre|hij[oa]|herman[oa]|amig[oa]|vecin[oa]|compa[nñ]er[oa]|ti[oa]|prim[oa]|sobrin[oa]"
    r"|abuel[oa]|niet[oa]|novi[oa]"
    r"|paciente|hola|hello|hi|dear|hey|estimad[oa]|querid[oa]|saludos|regards|sincerely|thanks|gracias|atentamente)"
)
_SPEAKING = (
    r"(?:my\s+name\s+is|name\s+is|name's|named|this\s+is\s+(?:dr|doctor|nurse|mr|mrs|ms)|me\s+llamo|se\s+llama"
    r"|mi\s+nombre\s+es)"
)

_TITLED = regex.compile(
    rf"\b(?i:{_TITLE})(?:{_GAP}|:[ \t]{{0,3}}|(?<=\.))(?<v>(?:{_PARTICLE}{_GAP}){{0,2}}{_SEQUENCE})"
)
_TITLED_LOOSE = regex.compile(rf"\b(?i:(?:mr|mrs|dr)\b\.?|ms\.){_GAP}(?<v>{_ANY_WORD}(?:{_GAP}{_ANY_WORD})?)")
_ROLE = regex.compile(rf"\b(?i:{_ROLE_TITLE}){_GAP}(?<v>{_SEQUENCE})")
# Labels are many and the marks behind them few, so these are tried at the marks and look back for the label.
_SEPARATOR = regex.compile(r"[:=|]")
_LABEL_BEFORE = regex.compile(rf"\b(?i:{_LABEL})[\"'*_]{{0,3}}[ \t]*(?=[:=|])")
_LABELLED = regex.compile(
    rf"(?<=\b(?i:{_LABEL})[\"'*_]{{0,3}}[ \t]*)[:=|][ \t|\"'*_]{{0,6}}(?<v>{_WORD},[ \t]*{_SEQUENCE}|{_SEQUENCE})"
)
_LABELLED_LINE = regex.compile(  # whatever the words are: the label says names and the line ends behind them
    rf"(?<=\b(?i:(?:first|last|full|middle|maiden|patient|given|family|legal)?(?:'s)?[ ]?names?|surname|nombre"
    rf"(?:[ ]y[ ]apellidos)?|apellidos?"
    rf"|m[eé]dic[oa]|facultativo)[\"'*_]{{0,3}}[ \t]*)[:=|][ \t|\"'*_]{{0,6}}(?<v>{_SEQUENCE})(?=[ \t]*(?:"
    rf"[.,;|\"]?[ \t]*(?:\n|$)|[ \t]{{2}}|[ ](?i:n[oº.]?\s?col)|\.[ ]\p{{L}}+:))"
)
_LABELLED_LOOSE = regex.compile(rf"(?<=\b(?i:{_LABEL})[ \t]*)[:=][ \t]*(?<v>{_ANY_WORD},[ \t]*{_ANY_WORD}|{_LOOSE})")
_SPOKEN = regex.compile(rf"\b(?i:{_SPEAKING}){_GAP}(?<v>{_ANY_WORD}(?:{_GAP}{_ANY_WORD}){{0,2}})")
_RELATED = regex.compile(rf"(?=\p{{Lu}})(?<=\b(?i:{_RELATION}),?{_GAP}\(?)(?<v>{_SEQUENCE})")
_QUALIFIED = regex.compile(
    rf"\b(?<v>{_WORD}(?:{_GAP}(?:{_WORD}|\p{{Lu}}\.)){{0,2}})(?:,[ \t]?{_CREDENTIAL}|{_GAP}(?:MD|M\.D\.|RN|PA-C|FNP)\b)"
)
_BEFORE_RECORD = regex.compile(rf"\b(?<v>{_WORD}(?:{_GAP}(?:{_WORD}|\p{{Lu}}\.)){{1,3}}),?\s*\(?(?:MRN|DOB|D\.O\.B)\b")
_CAPITALS = regex.compile(_SEQUENCE)
_REVERSED = regex.compile(rf"(?<a>{_WORD}),[ \t]?(?<b>{_WORD})(?:{_GAP}\p{{Lu}}\b\.?)?")
_WORDS = regex.compile(_ANY_WORD)
_ONE_WORD = regex.compile(r"[\p{L}\p{M}'\u2019-]+")
_SPEAKER = regex.compile(
    r"(?:patient|pt|dr|dra|doctor|nurse|paciente|enfermer[oa]|m[eé]dic[oa]|doctora|mother|father|mom|dad"
    r"|wife|husband|caregiver|provider"
    r"|customer|client|member|cliente|familiar|physician|madre|padre)\s*:",
    regex.IGNORECASE,
)
_GOES_ON = regex.compile(r",?[ \t]+(?:\p{Ll}|I\b)")


def find_names(text: str) -> Iterator[Span]:
    """Every candidate with its score: 0.85 by title, 0.8 by label or credential, 0.75 two listed names, 0.6 by a
    relation or in speech, 0.5 one listed name or a run of capitalised words that ends with a listed surname, 0.3
    another such run."""
    yield from _labelled(text, _LABELLED, 0.8)
    yield from _marked(text, _TITLED_LOOSE, 0.6, at_most=2)
    yield from _followed(text, _QUALIFIED, 0.8)
    yield from _followed(text, _BEFORE_RECORD, 0.7)
    yield from _marked(text, _SPOKEN, 0.6, at_most=3)
    speaks = capitals_speak(text)
    if speaks:
        yield from _marked(text, _TITLED, 0.85, first_is_name=True)
        yield from _marked(text, _ROLE, 0.8)
        yield from (
            Span(start=match.start("v"), end=match.end("v"), entity=EntityType.NAME, score=0.8)
            for separator in _SEPARATOR.finditer(text)
            if (match := _LABELLED_LINE.match(text, separator.start())) is not None
        )
        yield from _marked(text, _RELATED, 0.6)
        yield from _capitalised(text)
    else:
        yield from _labelled(text, _LABELLED_LOOSE, 0.7)
    yield from _listed(text, speaks)


def _marked(
    text: str, rule: "regex.Pattern[str]", score: float, *, first_is_name: bool = False, at_most: int = 6
) -> Iterator[Span]:
    """What follows a title or label, up to the first word of prose; `first_is_name` takes the first word regardless."""
    for match in rule.finditer(text, overlapped=True):
        start, end = match.span("v")
        kept = _until_prose(text, start, end, first_is_name=first_is_name, at_most=at_most)
        if kept > start and folded(text[start:kept]) not in KIND_OF_HEAD:
            doubtful = _one_word_of_a_speaker(text, start, kept, [match.start()])
            yield Span(start=start, end=kept, entity=EntityType.NAME, score=0.35 if doubtful else score)


def _labelled(text: str, rule: "regex.Pattern[str]", score: float) -> Iterator[Span]:
    """What follows a label and its separator, up to the first word of prose."""
    behind = 0  # the separator before: no label reaches over it
    for separator in _SEPARATOR.finditer(text):
        match = rule.match(text, separator.start())
        if match is not None:
            start, end = match.span("v")
            kept = _until_prose(text, start, end, first_is_name=False, at_most=6)
            if kept > start and folded(text[start:kept]) not in KIND_OF_HEAD:
                labels = _LABEL_BEFORE.finditer(text, behind, separator.end(), overlapped=True)
                doubtful = _one_word_of_a_speaker(text, start, kept, (label.start() for label in labels))
                yield Span(start=start, end=kept, entity=EntityType.NAME, score=0.35 if doubtful else score)
        behind = separator.end()


def _one_word_of_a_speaker(text: str, start: int, end: int, marks: Iterable[int]) -> bool:
    """Whether a capitalised word behind a label only begins what somebody says ("Pt: Tell me"), or is an acronym.

    `marks`: where what marks the word begins; of "nombre del paciente:" both words do, and only one is a speaker.
    """
    word = text[start:end]
    if not _ONE_WORD.fullmatch(word) or folded(word) in GIVEN or folded(word) in SURNAMES:
        return False
    if word.isupper() and len(word) <= 4 and not text.isupper():
        return True
    return _GOES_ON.match(text, end) is not None and all(_SPEAKER.match(text, mark) is not None for mark in marks)


def _until_prose(text: str, start: int, end: int, *, first_is_name: bool, at_most: int) -> int:
    """Where the name that begins at `start` ends. After its first word, a word of prose may be a listed surname."""
    kept, counted = start, 0
    for match in _WORDS.finditer(text, start, end):
        word = folded(match.group())
        if word in PARTICLES and (counted or match.start() == start):
            continue
        trusted = first_is_name if not counted else word in SURNAMES or _capitalised_function_word(match, word)
        if counted >= at_most or (_is_prose(match) and not trusted):
            break
        kept, counted = match.end(), counted + 1
    return kept


def _capitalised_function_word(match: "regex.Match[str]", word: str) -> bool:
    """Whether a word of prose behind a name is part of it by its capital: "Gabriel de Arriba"."""
    written = match.group()
    return written[0].isupper() and not written.isupper() and word in STOP and word not in OFFICE


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
                last = folded(_WORDS.findall(text, start, end)[-1])
                score = 0.5 if last in SURNAMES and last not in GIVEN else 0.3
                yield Span(start=start, end=end, entity=EntityType.NAME, score=score)


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Maximal runs of words that are not prose within a sequence: (start, end)."""
    run: list[tuple[int, int]] = []
    for match in _WORDS.finditer(text, start, end):
        if not _is_prose(match):
            run.append(match.span())
        elif run and folded(match.group()) not in PARTICLES:
            yield run[0][0], run[-1][1]
            run = []
    if run:
        yield run[0][0], run[-1][1]


def _listed(text: str, speaks: bool) -> Iterator[Span]:
    """Names of the lists: a given name with what follows it, `Surname, Given`, and given names that are no words."""
    words = list(_WORDS.finditer(text))
    for position, match in enumerate(words):
        word = match.group()
        given = folded(word)
        if (speaks and not word[0].isupper()) or not (given in GIVEN or given in AMBIGUOUS):
            continue
        end = _surname_end(text, words, position, speaks)
        if end:
            yield Span(start=match.start(), end=end, entity=EntityType.NAME, score=0.75)
        elif given in GIVEN and word[0].isupper() and not (speaks and word.isupper()):
            yield Span(start=match.start(), end=match.end(), entity=EntityType.NAME, score=0.5)
    for match in _REVERSED.finditer(text):
        surname, given = folded(match["a"]), folded(match["b"])
        listed = (surname in SURNAMES) + (given in GIVEN or given in AMBIGUOUS)
        if listed == 2 or (listed == 1 and speaks and PROSE.isdisjoint((surname, given))):
            yield Span(start=match.start(), end=match.end(), entity=EntityType.NAME, score=0.35 + 0.2 * listed)


def _surname_end(text: str, words: "list[regex.Match[str]]", position: int, speaks: bool) -> int:
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
    enough = folded(surname) in SURNAMES or (
        surname[0].isupper() and not _is_prose(following) and (speaks or folded(words[position].group()) in GIVEN)
    )
    return following.end() if enough and (surname[0].isupper() or not speaks) else 0


def _is_prose(match: "regex.Match[str]") -> bool:
    """Whether a word belongs to prose; a single letter before a full stop is an initial."""
    word = folded(match.group())
    if len(word) == 1 and match.string[match.end() : match.end() + 1] == ".":
        return False
    return word in PROSE or word.removesuffix("'s").removesuffix("\u2019s") in PROSE
