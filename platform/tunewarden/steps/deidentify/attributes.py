"""Attributes of a person that a text tells: which kinds they are, how far each can be generalised, how values compare.

Of a record's text counts what a reader of the *released* text can see:

- age, sex, place, postcode, organisation, occupation, origin: what stands first, which in most records is about the
  person and not about somebody else in them;
- dates that are kept or cut to the year (of birth, of the stay): all of them, as far as they are readable;
- rare conditions (`rare`) and other recognised circumstances: all of them.

Not counted: what the recognisers miss. Dates that are moved: without the person's key they say nothing of when it was.
But the days between them stay, and somebody who knows a person's stays by their length may recognise them; a profile
for such readers replaces dates. Words for relatives, and that an attribute is mentioned where a placeholder stands for
it: only of a rare condition does that count, because few people have one. Kinds that identify directly count nowhere
here; they are what `residual` is about.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol
from unicodedata import normalize

import regex

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.ages import band, compared, top_code
from tunewarden.steps.deidentify.dates import year
from tunewarden.steps.deidentify.placeholders import ours, placeholder
from tunewarden.steps.deidentify.postcodes import truncate
from tunewarden.steps.deidentify.rare import mentions
from tunewarden.steps.deidentify.spans import Span

Values = tuple[str, ...]
"""What is readable of one attribute of a person: each different value once, in order; empty where nothing is."""

KINDS = (
    EntityType.AGE,
    EntityType.SEX,
    EntityType.PLACE,
    EntityType.POSTCODE,
    EntityType.ORGANISATION,
    EntityType.OCCUPATION,
    EntityType.DEMOGRAPHIC,
    EntityType.DATE,
    EntityType.RARE_CONDITION,
    EntityType.PARTICULAR,
)
SOME_RARE_CONDITION = "some rare condition"
"""What the placeholder of a rare condition still tells."""

_EVERY = frozenset({EntityType.DATE, EntityType.RARE_CONDITION, EntityType.PARTICULAR})
"""Of these every value in a text counts, of the others the first."""
_LADDER: Mapping[EntityType, tuple[Operator, ...]] = MappingProxyType(
    {
        EntityType.AGE: (Operator.KEEP, Operator.TOP_CODE, Operator.BAND, Operator.REPLACE),
        EntityType.POSTCODE: (Operator.KEEP, Operator.TRUNCATE, Operator.REPLACE),
        EntityType.DATE: (Operator.KEEP, Operator.YEAR, Operator.REPLACE),
        EntityType.RARE_CONDITION: (Operator.KEEP, Operator.REPLACE, Operator.REDACT),
    }
)
_OTHERS = (Operator.KEEP, Operator.REPLACE)
_GENERALISES: Mapping[Operator, Callable[[str], str | None]] = MappingProxyType(
    {Operator.TOP_CODE: top_code, Operator.BAND: band, Operator.TRUNCATE: truncate, Operator.YEAR: year}
)
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_FEMALE = frozenset(
    ("f", "female", "woman", "women", "girl", "lady", "femenino", "femenina", "mujer", "niña", "chica", "señora")
)
_MALE = frozenset(("m", "male", "man", "men", "boy", "gentleman", "masculino", "masculina", "hombre", "niño", "varón"))


class Place(Protocol):
    """A part of a released text, as code points."""

    @property
    def start(self) -> int:
        """First."""

    @property
    def end(self) -> int:
        """One after the last."""


def ladder(profile: Profile, kind: EntityType) -> tuple[Operator, ...]:
    """From what the profile does to a kind on to leaving nothing; one rung where nothing is readable anyway."""
    rungs, now = _LADDER.get(kind, _OTHERS), profile.operator(kind)
    return rungs[rungs.index(now) :] if now in rungs else (now,)


def generalised(kind: EntityType, operator: Operator) -> Callable[[str], str | None]:
    """What a compared value becomes when an operator of the kind's ladder is done to what it was read from."""
    if kind is EntityType.RARE_CONDITION and operator is Operator.REPLACE:
        return lambda _: SOME_RARE_CONDITION
    change = _GENERALISES.get(operator)

    def changed(value: str) -> str | None:
        made = None if change is None else change(value)
        return None if made is None else plain(kind, made) or None

    return changed


def readable(
    profile: Profile, text: str, found: Iterable[Span], released: str, spans: Sequence[Span], replaced: Sequence[Place]
) -> list[Values]:
    """The values of each of `KINDS` that a reader of the released text sees. Arguments as of `quasi.Census.see`.

    A kept word that is only partly covered by what was transformed counts as if it could be read whole.
    """
    seen: dict[EntityType, list[tuple[int, str]]] = {kind: [] for kind in KINDS}
    for start, kind, value in _kept(profile, text, found, spans):
        seen[kind].append((start, value))
    for span, place in zip(spans, replaced, strict=True):
        if span.entity in seen and len(ladder(profile, span.entity)) > 1:
            seen[span.entity].append((span.start, plain(span.entity, released[place.start : place.end])))
    return [_of_one_text(kind, seen[kind]) for kind in KINDS]


def plain(kind: EntityType, words: str) -> str:
    """A value as it is compared; empty for a placeholder such as "[AGE]", which tells nothing of it."""
    if words == placeholder(EntityType.RARE_CONDITION):
        return SOME_RARE_CONDITION
    if ours(words):
        return ""
    match kind:
        case EntityType.AGE:
            return compared(words)
        case EntityType.DATE | EntityType.POSTCODE:
            return words.lower().strip()
    folded = _WORD.findall(normalize("NFKC", words).casefold())
    if kind is EntityType.SEX:
        return "f" if _FEMALE & set(folded) else "m" if _MALE & set(folded) else " ".join(folded)
    return " ".join(folded)


def _kept(
    profile: Profile, text: str, found: Iterable[Span], spans: Sequence[Span]
) -> Iterable[tuple[int, EntityType, str]]:
    kept = {kind for kind in KINDS if profile.operator(kind) is Operator.KEEP} - {EntityType.RARE_CONDITION}
    for span in found:
        if span.entity in kept and not _covered(span.start, span.end, spans):
            yield span.start, span.entity, plain(span.entity, text[span.start : span.end])
    if profile.operator(EntityType.RARE_CONDITION) is Operator.KEEP:
        for mention in mentions(text):
            if not _covered(mention.start, mention.end, spans):
                yield mention.start, EntityType.RARE_CONDITION, mention.condition


def _covered(start: int, end: int, spans: Sequence[Span]) -> bool:
    return any(span.start <= start and end <= span.end for span in spans)


def _of_one_text(kind: EntityType, seen: Iterable[tuple[int, str]]) -> Values:
    told = sorted((start, value) for start, value in seen if value)
    return tuple(sorted({value for _, value in (told if kind in _EVERY else told[:1])}))
