"""Texts whose identifiers are known."""

from dataclasses import dataclass

from tunewarden.domain.identifiers import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSpan:
    """Characters `start` to `end` (exclusive, in code points) of a text, and what they are.

    `entity` is None where a corpus marks something of a kind that says nothing here: neither an identifier nor none.
    """

    start: int
    end: int
    entity: EntityType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldText:
    """A text and its identifiers, in order and disjoint."""

    text: str
    spans: tuple[GoldSpan, ...]
