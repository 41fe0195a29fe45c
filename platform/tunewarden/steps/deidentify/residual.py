"""What is left after de-identification, measured: a second look at the output, and planted identifiers.

Nothing here replaces people who read a random sample (`domain/sampling.py`): the second look is by the same
recognisers, and what they miss once they mostly miss twice. It shows what the transformation left behind.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from itertools import islice
from random import Random

import regex

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.planted import PLANTED, covered, language_of, planted, put
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.word_lists import PROSE, everyday

RECALL = "deid.planted_recall"
RESCAN = "deid.rescan_hits_per_1000_records"
VALUES = "deid.value_leaks_per_1000_records"

Transformed = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
"""Texts -> what a profile transforms in each, disjoint and in order: `Deidentifier.transformed`."""

CLOSER = 0.5
"""The second look is at this share of both thresholds of the profile."""

_MICRO = Decimal("0.000001")
_CHARACTERS = 4  # anything shorter stands in every text
_BATCH = 256
_EXCERPT = 240  # characters of a text that a plant is put into: more than a sentence on each side
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_GAP = "\x00"  # stands for what was put in the place of an identifier; no word is equal to it
_CLIPPED = frozenset({"ll", "ve", "re"})  # "I'll" is two words here
_DIRECT = frozenset(kind for kinds in SAFE_HARBOR.values() for kind in kinds) - {EntityType.AGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of `n` were hit."""

    hits: int
    n: int


@dataclass(slots=True, kw_only=True)
class Rescan:
    """The released texts looked at again. Two of them can be added; none holds any text.

    Attributes:
        profile: kinds that it keeps are no hits.
        records: looked at.
        records_hit: in which the recognisers, at half the thresholds, found a direct identifier left standing.
        records_leaking: in which an identifier of the same person stands that was transformed somewhere.
        kinds: what they found left standing, by kind, attributes included.
    """

    profile: Profile
    records: int = 0
    records_hit: int = 0
    records_leaking: int = 0
    kinds: Counter[EntityType] = field(default_factory=Counter)

    def look(
        self, text: str, found: Iterable[Span], replaced: Iterable[tuple[int, int]], values: Iterable[str]
    ) -> None:
        """Count one released text.

        Args:
            text: as it is released.
            found: the detector's candidates in it, of every kind, at `CLOSER` times both thresholds.
            replaced: (start, end) of everything in it that stands in the place of an identifier.
            values: originals of the kinds that are `sought`, of what was transformed in any text of this person.
        """
        places = tuple(replaced)
        hits = [span for span in found if self._transforms(span) and left_standing(text, span, places)]
        self.records += 1
        self.records_hit += any(sought(span.entity) for span in hits)
        self.records_leaking += stands_in(text, places, values)
        self.kinds.update(span.entity for span in hits)

    def __add__(self, other: "Rescan") -> "Rescan":
        """Both together. Raises `ValueError` where they are of two profiles."""
        if self.profile != other.profile:
            raise ValueError("looks by two profiles cannot be added")
        return Rescan(
            profile=self.profile,
            records=self.records + other.records,
            records_hit=self.records_hit + other.records_hit,
            records_leaking=self.records_leaking + other.records_leaking,
            kinds=self.kinds + other.kinds,
        )

    def measurements(self) -> tuple[Measurement, Measurement]:
        """Records with a hit, with an interval; records in which a known identifier stands, counted."""
        leaking = Decimal(1000 * self.records_leaking) / max(1, self.records)
        return (
            proportion(RESCAN, Tally(hits=self.records_hit, n=self.records), per=1000),
            exact(VALUES, leaking.quantize(_MICRO, ROUND_CEILING), self.records),
        )

    def _transforms(self, span: Span) -> bool:
        return self.profile.operator(span.entity) is not Operator.KEEP


def sought(entity: EntityType) -> bool:
    """Whether a kind identifies directly: only such originals are searched for, and only such finds are hits.

    Attributes ("nurse", "45") and organisations stand in many texts of anybody; what they tell together is counted in
    `quasi`.
    """
    return entity in _DIRECT


def left_standing(text: str, span: Span, replaced: Sequence[tuple[int, int]]) -> bool:
    """Whether a find in a released text is more than what was put there.

    It is if nothing of it was put there, or if a run of four letters and digits of it was not. Words of prose alone
    ("Oh", "Tetanus", "Mr") are no identifier, whatever a doubtful look takes them for: names that are such words are
    missed by this.
    """
    outside, position = list[str](), span.start
    touched = False
    for start, end in sorted(replaced):
        if start < span.end and span.start < end:
            touched = True
            outside.append(text[position:start] if position < start else "")
            position = max(position, end)
    outside.append(text[position : span.end])
    runs = [run for part in outside for run in _WORD.findall(part)]
    told = [run for run in runs if folded(run) not in PROSE and not (len(run) == 1 or folded(run) in _CLIPPED)]
    return any(len(run) >= _CHARACTERS for run in told) if touched else bool(told)


def stands_in(text: str, replaced: Sequence[tuple[int, int]], values: Iterable[str]) -> bool:
    """Whether one of `values` (of four letters and digits or more) stands in `text` outside of `replaced`.

    Compared are whole words in a row, in any case, with or without accents, in compatibility form (NFKC). Not
    found: a value that is part of a longer word, and one whose words are all ordinary ones where they stand in lower
    case in a text that has capitals ("Mr. Long said that it takes as long as ever").
    """
    words = _words_outside(text, replaced)
    small = [folded(word) for word in words]
    places: dict[str, list[int]] = {}
    for place, word in enumerate(small):
        places.setdefault(word, []).append(place)
    has_capitals = any(word != word.lower() for word in words)
    for value in values:
        wanted = [folded(word) for word in _words(value)]
        if sum(map(len, wanted)) < _CHARACTERS:
            continue
        is_prose = has_capitals and all(everyday(word) for word in wanted)
        for place in places.get(wanted[0], ()):
            here = slice(place, place + len(wanted))
            if small[here] == wanted and not (is_prose and "".join(words[here]).islower()):
                return True
    return False


def planted_recall(
    transformed: Transformed, texts: Iterable[str], rows: int, seed: Digest, each: int
) -> Mapping[EntityType, Tally]:
    """Plant `each` identifiers of every kind, each into a copy of a random text, and count those found entirely.

    Of a text longer than 240 characters a random part is copied. What counts as found is what the profile transforms
    in that copy alone; what the person's other texts and columns would tell takes no part. Everything random follows
    from `seed`, so that a repeated attempt makes the same evidence. Nobody gains by foreseeing it: the seed is the
    digest of the records.
    """
    chance = Random(int.from_bytes(sha256(f"planted {seed}".encode()).digest()))  # noqa: S311  reproducible on purpose
    found: Counter[EntityType] = Counter()
    waiting = _sown(texts, _scattered(rows, each, chance), chance)
    while batch := list(islice(waiting, _BATCH)):
        hidden = transformed([text for _, text, _, _ in batch])
        for (entity, text, start, end), spans in zip(batch, hidden, strict=True):
            found[entity] += covered(text, start, end, tuple(spans))
    return {entity: Tally(hits=found[entity], n=each) for entity in PLANTED}


def recall_measurements(tallies: Mapping[EntityType, Tally]) -> Iterator[Measurement]:
    """Recall per kind, and over all of them together."""
    for entity, tally in tallies.items():
        yield proportion(f"{RECALL}.{entity}", tally)
    yield proportion(RECALL, together(tallies.values()))


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies."""
    both = [(tally.hits, tally.n) for tally in tallies]
    return Tally(hits=sum(hits for hits, _ in both), n=sum(n for _, n in both))


def proportion(metric: str, tally: Tally, per: int = 1) -> Measurement:
    """hits / n with the exact two-sided 95 % interval of Clopper and Pearson (1934), times `per`, rounded outwards."""
    low, high = exact_interval(tally.hits, tally.n)
    value = Decimal(tally.hits) / Decimal(tally.n) if tally.n else Decimal(0)
    return Measurement(
        metric=metric,
        low=(Decimal(low) * per).quantize(_MICRO, ROUND_FLOOR),
        value=(value * per).quantize(_MICRO, ROUND_HALF_EVEN),
        high=(Decimal(high) * per).quantize(_MICRO, ROUND_CEILING),
        n=tally.n,
    )


def exact(metric: str, value: Decimal, n: int) -> Measurement:
    """A figure that was counted over everything there is: low = value = high."""
    return Measurement(metric=metric, low=value, value=value, high=value, n=n)


def _words_outside(text: str, replaced: Sequence[tuple[int, int]]) -> list[str]:
    """The words of `text`; what was put there is one word that nothing is equal to."""
    words, position = list[str](), 0
    for start, end in sorted(replaced):
        words += [*_words(text[position:start]), _GAP]
        position = max(position, end)
    return words + _words(text[position:])


def _words(text: str) -> list[str]:
    words: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text))
    return words


def _scattered(rows: int, each: int, chance: Random) -> Mapping[int, Sequence[EntityType]]:
    """Which kinds are planted into copies of which text."""
    kinds: dict[int, list[EntityType]] = {}
    for entity in PLANTED:
        for _ in range(each):
            kinds.setdefault(chance.randrange(rows), []).append(entity)
    return kinds


def _sown(
    texts: Iterable[str], kinds: Mapping[int, Sequence[EntityType]], chance: Random
) -> Iterator[tuple[EntityType, str, int, int]]:
    """Every plant with the text it was put into and its place there."""
    for row, text in enumerate(texts):
        for entity in kinds.get(row, ()):
            part = _excerpt(text, chance)
            yield entity, *put(planted(entity, chance, language_of(part)), part, chance)


def _excerpt(text: str, chance: Random) -> str:
    """A random part of a long text, from a space to a space where there are any near by."""
    if len(text) <= _EXCERPT:
        return text
    start = chance.randrange(len(text) - _EXCERPT + 1)
    part = text[start : start + _EXCERPT]
    head, _, rest = part.partition(" ")
    whole = rest if start and len(head) < _EXCERPT // 4 else part
    return whole.rpartition(" ")[0] or whole
