"""What we write in the place of identifiers, and where it stands in a text that was de-identified before."""

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.spans import Span

_OURS = regex.compile(
    rf"\[(?:{'|'.join(entity.value.upper() for entity in EntityType)})(?:-[0-9a-f]{{8}}|~[A-Z2-7]{{28,}})?\]"
)


def placeholder(entity: EntityType) -> str:
    """What stands in the place of a replaced identifier."""
    return f"[{entity.value.upper()}]"


def ours(text: str) -> list[tuple[int, int]]:
    """Where placeholders, keyed digests and reversible pseudonyms stand in `text`: (start, end), in order.

    Not checked: that we wrote them. Somebody who types `[NAME]` has hidden a name; nothing but eight hexadecimal digits
    or a base-32 word can hide in the longer forms.
    """
    return [match.span() for match in _OURS.finditer(text)] if "[" in text else []


def outside(span: Span, text: str, places: list[tuple[int, int]]) -> list[Span]:
    """The parts of `span` that lie outside `places` and hold a letter or a digit."""
    pieces, start = [], span.start
    for begin, end in [place for place in places if place[0] < span.end and span.start < place[1]] + [
        (span.end, span.end)
    ]:
        piece = text[start:begin]
        if any(map(str.isalnum, piece)):
            left = start + len(piece) - len(piece.lstrip())
            right = begin - len(piece) + len(piece.rstrip())
            pieces.append(Span(start=left, end=right, entity=span.entity, score=span.score))
        start = max(start, end)
    return pieces
