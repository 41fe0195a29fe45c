"""Gold texts changed so that what is learnt carries over: other names, other case, less punctuation."""

from collections.abc import Callable
from random import Random

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.pools import cities, pick_origin
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText

_WORD = regex.compile(r"\p{Lu}[\p{L}\p{M}'\u2019]+")
_TITLE = regex.compile(r"(?:mr|mrs|ms|dr|dra|sr|sra|prof|judge|lord|lady|sir|don|doña|d|dña)\.?$", regex.IGNORECASE)
_PUNCTUATION = regex.compile(r"[.,;:!?¿¡\"()]+(?=\s|$)|(?<=\s|^)[¿¡\"(]+")

_MISREAD = 0.06
_ALIKE = {"l": "1", "1": "l", "O": "0", "0": "O", "I": "l", "m": "rn", "e": "c", "S": "5", "5": "S", "B": "8", "i": "1"}


def changed(gold: GoldText, chance: Random) -> GoldText:
    """`gold`, or one of its variants with the same identifiers at their new places."""
    if chance.random() < 0.5:
        gold = _other_values(gold, chance)
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
    """The same text about other people: every word of a name becomes another, the same word always the same."""
    renamed: dict[str, str] = {}
    origin = pick_origin(chance, chance.choice(("en", "es")))
    places = chance.random() < 0.5

    def name(match: "regex.Match[str]") -> str:
        word: str = match.group()
        if _TITLE.match(word):
            return word
        if word.lower() not in renamed:
            pool = chance.choice((origin.women, origin.men, origin.surnames, origin.surnames))
            renamed[word.lower()] = chance.choice(pool)
        new = renamed[word.lower()]
        return new.upper() if word.isupper() else new

    def value(piece: str, span: GoldSpan) -> str:
        if span.entity is EntityType.NAME:
            return str(_WORD.sub(name, piece))
        if span.entity is EntityType.PLACE and places and _WORD.fullmatch(piece):
            return chance.choice(cities())
        return piece

    return _spliced(gold, lambda piece: piece, value)


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
