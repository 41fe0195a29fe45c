"""What becomes of identifiers: spans in, a text without them out, and where in it something of ours stands.

The text is put together here and not by Presidio's anonymiser: its operators know no person, it draws a fresh salt
for every hash, and it merges neighbouring spans of one kind, so that what it reports cannot be laid beside what it
was given.

Doing a profile again to its own output changes nothing, except where a surrogate or a shifted date stands: these look
like originals on purpose, so the second time they become others. A release is therefore never made from a release.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.ages import band, top_code
from tunewarden.steps.deidentify.dates import offset, shift, year
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.placeholders import placeholder
from tunewarden.steps.deidentify.postcodes import truncate
from tunewarden.steps.deidentify.revealing import keyed_digest, pseudonym
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.surrogates import Surrogates


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A text after its profile.

    Attributes:
        text: what is released.
        spans: what was transformed, in code points of the text as it was before; disjoint and in order.
        replaced: for each of these, in order, where in `text` stands what became of it; empty where nothing does.
    """

    text: str
    spans: tuple[Span, ...]
    replaced: tuple[Span, ...]


class Transformer:
    """The operators of one profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def apply(self, text: str, spans: Sequence[Span], person: Person) -> Cleaned:
        """`text` with each of `spans`, which are disjoint, in order and of kinds that are not kept, transformed.

        What an operator cannot treat (a date that it cannot read) is replaced by its type: nothing is left by accident.
        """
        pieces, replaced, position, length = list[str](), list[Span](), 0, 0
        surrogates = Surrogates(person)
        for span in spans:
            before = text[position : span.start]
            value = text[span.start : span.end]
            made = self._made(value, span.entity, person, surrogates)
            if not made:
                # Of the spaces on both sides of what is taken out one side's stay.
                last = next((piece[-1] for piece in (before, *reversed(pieces)) if piece), " ")
                position = span.end + (last.isspace() and text[span.end : span.end + 1] == " ")
            else:
                position = span.end
            length += len(before)
            replaced.append(Span(start=length, end=length + len(made), entity=span.entity, score=span.score))
            length += len(made)
            pieces += [before, made]
        return Cleaned(text="".join([*pieces, text[position:]]), spans=tuple(spans), replaced=tuple(replaced))

    def _made(self, value: str, entity: EntityType, person: Person, surrogates: Surrogates) -> str:
        first = self._profile.languages[0]
        made: str | None
        match self._profile.operator(entity):
            case Operator.REDACT:
                return ""
            case Operator.MASK:
                return "".join("*" if character.isalnum() else character for character in value)
            case Operator.SURROGATE if entity is EntityType.DATE:
                made = shift(value, offset(person.key), day_first=first != "en")
            case Operator.SURROGATE:
                made = surrogates.of(value, entity)
            case Operator.SHIFT:
                made = shift(value, offset(person.key), day_first=first != "en")
            case Operator.HMAC:
                return keyed_digest(value, entity, person.key)
            case Operator.PSEUDONYM:
                return pseudonym(value, entity, person.key)
            case operator:
                made = _SIMPLE[operator](value) if operator in _SIMPLE else None
        return placeholder(entity) if made is None else made


_SIMPLE: Mapping[Operator, Callable[[str], str | None]] = MappingProxyType(
    {Operator.YEAR: year, Operator.TOP_CODE: top_code, Operator.BAND: band, Operator.TRUNCATE: truncate}
)
"""Operators that need nothing but the value; None from one means that it could not treat it."""
