"""Gold texts changed so that what is learnt carries over: other names, other case, less punctuation."""

from collections.abc import Callable, Iterable
from random import Random

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.people import invented, pick_origin
from tunewarden.steps.deidentify.synthesis.places import towns
from tunewarden.steps.deidentify.synthesis.splits import Split, share
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText

_WORD = regex.compile(r"\p{Lu}[\p{L}\p{M}'\u2019]+")
_TITLE = regex.compile(r"(?:mr|mrs|ms|dr|dra|sr|sra|prof|judge|lord|lady|sir|don|doña|d|dña)\.?$", regex.IGNORECASE)
_PUNCTUATION = regex.compile(r"[.,;:!?¿¡\"()]+(?=\s|$)|(?<=\s|^)[¿¡\"(]+")
_LINE = regex.compile(r"[^\n]+")
_AFTER_STOP = regex.compile(r"(?<=[.,;:]) (?=\S|$)")
_COLUMN = regex.compile(r"([.,;:]) (?=\S|$)")
_BETWEEN_NAMES = frozenset({" and ", " y ", ", ", " e "})

_MISREAD = 0.06
_ALIKE = {"l": "1", "1": "l", "O": "0", "0": "O", "I": "l", "m": "rn", "e": "c", "S": "5", "5": "S", "B": "8", "i": "1"}


def changed(gold: GoldText, chance: Random) -> GoldText:
    """`gold`, or one of its variants with the same identifiers at their new places."""
    if chance.random() < 0.5:
        gold = _other_values(gold, chance)
    if chance.random() < 0.24:
        gold = chance.choice((_shouted, _shouted, _glued, _laid_out))(gold, chance)
    fate = chance.random()
    if fate < 0.06:
        return _replaced(gold, chance)
    if fate < 0.62:
        return gold
    if fate < 0.74:
        return _rewritten(gold, str.lower)
    if fate < 0.82:
        return _rewritten(gold, str.upper)
    if fate < 0.86:
        return _rewritten(gold, str.title)
    if fate < 0.90:
        return _rewritten(gold, lambda piece: _misread(piece, chance))
    without = _rewritten(gold, lambda piece: _PUNCTUATION.sub("", piece))
    return _rewritten(without, str.lower) if chance.random() < 0.8 else without


def _other_values(gold: GoldText, chance: Random) -> GoldText:
    """The same text about other people: every word of a name becomes another, the same word always the same.

    Surnames are of the training split; in one text of five most are invented, so that names in no list are learnt.
    """
    renamed: dict[str, str] = {}
    origin = pick_origin(chance, chance.choice(("en", "es")))
    surnames = share(origin.surnames, Split.TRAIN)
    unlisted = 0.7 if chance.random() < 0.2 else 0.0
    places = chance.random() < 0.5

    def name(match: "regex.Match[str]") -> str:
        word: str = match.group()
        if _TITLE.match(word):
            return word
        if word.lower() not in renamed:
            pool = chance.choice((origin.women, origin.men, surnames, surnames))
            new = invented(chance, Split.TRAIN) if chance.random() < unlisted else chance.choice(pool)
            renamed[word.lower()] = new
        new = renamed[word.lower()]
        return new.upper() if word.isupper() else new

    def value(piece: str, span: GoldSpan) -> str:
        if span.entity is EntityType.NAME:
            return str(_WORD.sub(name, piece))
        if span.entity is EntityType.PLACE and places and _WORD.fullmatch(piece):
            return chance.choice(towns())
        return piece

    return _spliced(gold, lambda piece: piece, value)


def _shouted(gold: GoldText, chance: Random) -> GoldText:
    """Capitals for some of it only: all names (`Mr. SMITH`), the last word of each (`John SMITH`), or some lines."""
    fate = chance.random()
    if fate < 0.6:
        names = [(span.start, span.end) for span in gold.spans if span.entity is EntityType.NAME]
        if fate < 0.25:
            names = [(max(start, gold.text.rfind(" ", start, end) + 1), end) for start, end in names]
        return _capitalised(gold, names)
    lines = [(line.start(), line.end()) for line in _LINE.finditer(gold.text)]
    return _capitalised(gold, [line for line in lines if chance.random() < 0.4])


def _capitalised(gold: GoldText, parts: Iterable[tuple[int, int]]) -> GoldText:
    """Letters whose capital is more than one character stay as they are, so that nothing moves."""
    letters = list(gold.text)
    for start, end in parts:
        letters[start:end] = (each.upper() if len(each.upper()) == 1 else each for each in letters[start:end])
    return GoldText(text="".join(letters), spans=gold.spans)


def _glued(gold: GoldText, chance: Random) -> GoldText:
    """Without the spaces after full stops and commas, `Smith/Jones` for `Smith and Jones`, now and then `Smith2`."""

    def outside(piece: str) -> str:
        if piece in _BETWEEN_NAMES:
            return "/"
        return str(_AFTER_STOP.sub(lambda space: "" if chance.random() < 0.7 else space.group(), piece))

    def inside(piece: str, span: GoldSpan) -> str:
        if span.entity is not EntityType.NAME:
            return piece
        return piece.replace(", ", ",") + (str(chance.randint(1, 99)) if chance.random() < 0.1 else "")

    return _spliced(gold, outside, inside)


def _laid_out(gold: GoldText, chance: Random) -> GoldText:
    """As other systems store it: lines that end as on Windows, tabs, columns, a line for every sentence."""
    fate = chance.random()
    if fate < 0.4:
        gold = _spliced(gold, lambda piece: piece.replace(". ", ".\n"), lambda piece, _: piece)
    elif fate < 0.8:
        wide = chance.choice(("\t", "   ", "\t\t", "      ", " | "))
        gold = _spliced(
            gold, lambda piece: str(_COLUMN.sub(lambda sign: f"{sign[1]}{wide}", piece)), lambda piece, _: piece
        )
    return _rewritten(gold, lambda piece: piece.replace("\r\n", "\n").replace("\n", "\r\n"))


def _misread(piece: str, chance: Random) -> str:
    """Now and then a letter that a scanner took for another, or that a hurried hand left out or wrote twice."""
    written = []
    for character in piece:
        fate = chance.random()
        if fate < _MISREAD and character in _ALIKE:
            written.append(_ALIKE[character])
        elif fate < _MISREAD / 4 and character.isalpha():
            written.append(chance.choice(("", character * 2)))
        else:
            written.append(character)
    return "".join(written)


def _replaced(gold: GoldText, chance: Random) -> GoldText:
    """The same text after it was de-identified, with a few identifiers missed: what stands in their place is none."""
    gone = {span for span in gold.spans if span.entity is not None and chance.random() < 0.85}

    def placeholder(piece: str, span: GoldSpan) -> str:
        return f"[{span.entity.upper()}]" if span.entity is not None and span in gone else piece

    written = _spliced(gold, lambda piece: piece, placeholder)
    missed = (new for new, old in zip(written.spans, gold.spans, strict=True) if old not in gone)
    return GoldText(text=written.text, spans=tuple(missed))


def _rewritten(gold: GoldText, write: Callable[[str], str]) -> GoldText:
    return _spliced(gold, write, lambda piece, _: write(piece))


def _spliced(gold: GoldText, outside: Callable[[str], str], inside: Callable[[str, GoldSpan], str]) -> GoldText:
    """A text made anew piece by piece; an identifier of which nothing is left is dropped."""
    text, spans, position = "", list[GoldSpan](), 0
    for span in gold.spans:
        text += outside(gold.text[position : span.start])
        piece = inside(gold.text[span.start : span.end], span)
        if piece:
            spans.append(GoldSpan(start=len(text), end=len(text) + len(piece), entity=span.entity))
        text += piece
        position = span.end
    return GoldText(text=text + outside(gold.text[position:]), spans=tuple(spans))
