"""A text in the making: pieces, each of one kind or of none, that can still be changed without losing what they are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some characters and what they are; None for no identifier."""

    text: str
    entity: EntityType | None = None


Pieces = tuple[Piece, ...]


def plain(text: str) -> Pieces:
    """Characters that identify nobody."""
    return (Piece(text=text),)


def marked(text: str, entity: EntityType) -> Pieces:
    """An identifier."""
    return (Piece(text=text, entity=entity),)


def joined(parts: Iterable[Pieces], by: str) -> Pieces:
    """All parts in a row with `by` between two of them; parts without a character are left out."""
    pieces: list[Piece] = []
    for part in parts:
        if not any(piece.text for piece in part):
            continue
        if pieces and by:
            pieces.append(Piece(text=by))
        pieces.extend(part)
    return tuple(pieces)


def changed(pieces: Pieces, change: Callable[[str], str]) -> Pieces:
    """The same pieces with other characters."""
    return tuple(replace(piece, text=change(piece.text)) for piece in pieces)


def gold(pieces: Pieces) -> GoldText:
    """The finished text. Pieces of one kind that touch become one span, and so do a given name and the surname after
    it; spaces at the edges of a span are left out."""
    text, spans = "", list[GoldSpan]()
    for piece in pieces:
        start = len(text) + len(piece.text) - len(piece.text.lstrip())
        text += piece.text
        end = len(text.rstrip())
        if piece.entity is None or start >= end:
            continue
        if spans and spans[-1].entity is piece.entity and _together(piece.entity, text[spans[-1].end : start]):
            start = spans.pop().start
        spans.append(GoldSpan(start=start, end=end, entity=piece.entity))
    return GoldText(text=text, spans=tuple(spans))


def _together(entity: EntityType, between: str) -> bool:
    return not between or (between == " " and entity is EntityType.NAME)
