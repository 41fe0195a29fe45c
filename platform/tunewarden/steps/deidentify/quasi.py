"""Quasi-identifiers: what a released text and the protected columns together say about somebody, counted per person.

An age band, a sex, a place and an occupation name nobody; the four of them together may (Sweeney 2002, Int. J. Unc.
Fuzz. Knowl. Syst. 10:557). Here the recognised attributes that the profile leaves readable are joined with the columns
that go along with the texts. Persons who are alike in all of it are a class; k is the size of the smallest class, and
l the fewest different labels in any of them (Machanavajjhala et al. 2007, TKDD 1:3).

Of each kind counts what stands first in a person's texts, which in most records is about the person and not about
somebody else in them. Not counted: what the recognisers miss, dates that a profile keeps or shifts, circumstances that
are no recognised kind (a rare disease by its name), and a label as such.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from types import MappingProxyType
from typing import Protocol
from unicodedata import normalize

import regex

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.residual import exact
from tunewarden.steps.deidentify.spans import Span

K = "deid.k_anonymity"
BELOW = "deid.persons_below_k_share"
L = "deid.l_diversity"

LEAST_K = 5
"""For `deid.persons_below_k_share` where the profile asks for no k; the fewest that statistics offices publish."""

Attribute = EntityType | str
"""A kind of identifier in the texts, or the name of a protected column."""
Suppressions = Mapping[str, Mapping[Attribute, Operator]]
"""Pseudonym -> attribute -> what has to be done to it instead of what the profile says."""

KINDS = (
    EntityType.AGE,
    EntityType.SEX,
    EntityType.PLACE,
    EntityType.POSTCODE,
    EntityType.OCCUPATION,
    EntityType.DEMOGRAPHIC,
)
_LADDER: Mapping[EntityType, tuple[Operator, ...]] = MappingProxyType(
    {
        EntityType.AGE: (Operator.KEEP, Operator.TOP_CODE, Operator.BAND, Operator.REPLACE),
        EntityType.POSTCODE: (Operator.KEEP, Operator.TRUNCATE, Operator.REPLACE),
    }
)
_OTHERS = (Operator.KEEP, Operator.REPLACE)
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_NUMBER = regex.compile(r"\d{1,3}")
_YOUNGEST = regex.compile(r"month|week|day|mes|semana|d[ií]a")
_FEMALE = frozenset(
    ("f", "female", "woman", "women", "girl", "lady", "femenino", "femenina", "mujer", "niña", "chica", "señora")
)
_MALE = frozenset(("m", "male", "man", "men", "boy", "gentleman", "masculino", "masculina", "hombre", "niño", "varón"))
_OLDEST = 90
_BUCKETS = (1, 2, 5, 10, 20)
_SHARE = Decimal("0.000001")

Row = tuple[str | None, ...]
"""What is readable of one person: one value for each of `KINDS`, then for each column; None where nothing is."""


class Replaced(Protocol):
    """A part of a released text, as code points."""

    @property
    def start(self) -> int:
        """First."""

    @property
    def end(self) -> int:
        """One after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Persons grouped by what is readable of them.

    Attributes:
        sizes: how many persons are in each class.
        labels: how many different labels each class has, in the same order.
    """

    sizes: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def k(self) -> int:
        """Size of the smallest class; 0 without persons."""
        return min(self.sizes, default=0)

    @property
    def diversity(self) -> int:
        """The fewest labels in a class."""
        return min(self.labels, default=0)

    def below(self, k: int) -> int:
        """Persons in classes of fewer than `k`."""
        return sum(size for size in self.sizes if size < k)


class Census:
    """What is readable of every person. About 200 bytes a person; persons who are alike share theirs."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._columns: tuple[str, ...] = ()
        self._persons: dict[bytes, tuple[Row, frozenset[int]]] = {}
        self._shared: dict[tuple[Row, frozenset[int]], tuple[Row, frozenset[int]]] = {}

    def see(
        self,
        person: str,
        label: int,
        protected: Mapping[str, str],
        text: str,
        found: Iterable[Span],
        released: str,
        spans: Sequence[Span],
        replaced: Sequence[Replaced],
    ) -> None:
        """Take one record in.

        Args:
            person: the pseudonym, 64 hexadecimal digits.
            text, found: the source text, and every candidate in it.
            released, spans, replaced: the text that is released, what was transformed in the source text, and where in
                the released one that stands now, one for one.
        """
        self._columns = self._columns or tuple(sorted(protected))
        new = (
            *_readable(self._profile, text, found, released, spans, replaced),
            *(protected.get(column) or None for column in self._columns),
        )
        key = bytes.fromhex(person)
        old, labels = self._persons.get(key, ((None,) * len(new), frozenset()))
        row = tuple(first if first is not None else then for first, then in zip(old, new, strict=True))
        known = (row, labels | {label})
        self._persons[key] = self._shared.setdefault(known, known)

    def classes(self) -> Classes:
        """Everybody, grouped."""
        sizes: Counter[Row] = Counter()
        labels: dict[Row, set[int]] = {}
        for row, of_person in self._persons.values():
            sizes[row] += 1
            labels.setdefault(row, set()).update(of_person)
        return Classes(sizes=tuple(sizes.values()), labels=tuple(len(labels[row]) for row in sizes))

    def measurements(self, k: int = LEAST_K) -> tuple[Measurement, Measurement, Measurement]:
        """k, the share of persons in classes smaller than `k`, and l; counted over everybody."""
        classes, n = self.classes(), len(self._persons)
        below = (Decimal(classes.below(k)) / max(1, n)).quantize(_SHARE, ROUND_CEILING)
        return exact(K, Decimal(classes.k), n), exact(BELOW, below, n), exact(L, Decimal(classes.diversity), n)

    def suppressions(self, k: int) -> Suppressions:
        """What has to give way so that every class has `k` persons or more: see `enforce_k`."""
        rows = [row for row, _ in self._persons.values()]
        ladders = [_ladder(self._profile, kind) for kind in KINDS] + [(Operator.KEEP, Operator.REPLACE)] * len(
            self._columns
        )
        attributes: tuple[Attribute, ...] = (*KINDS, *self._columns)
        levels = enforce_k(rows, [tuple(_generalised(operator) for operator in ladder[1:]) for ladder in ladders], k)
        return {
            key.hex(): {attributes[place]: ladders[place][level] for place, level in enumerate(climbed) if level}
            for key, climbed in zip(self._persons, levels, strict=True)
            if any(climbed)
        }

    def table(self) -> Mapping[str, object]:
        """What the evidence says: sizes of classes and numbers of values, never a value."""
        classes = self.classes()
        attributes = (*(kind.value for kind in KINDS), *(f"column {column}" for column in self._columns))
        columns = list(zip(*(row for row, _ in self._persons.values()), strict=True))
        return {
            "persons": len(self._persons),
            "classes": len(classes.sizes),
            "k": classes.k,
            "l": classes.diversity,
            "persons_in_classes_of": {
                _bucket(least): sum(size for size in classes.sizes if _bucket_of(size) == least) for least in _BUCKETS
            },
            "distinct_values": {
                attribute: len({value for value in values if value is not None})
                for attribute, values in zip(attributes, columns, strict=False)
            },
        }


def enforce_k(
    rows: Sequence[Row], steps: Sequence[Sequence[Callable[[str], str | None]]], k: int
) -> list[tuple[int, ...]]:
    """How far each attribute of each person has to be generalised until every class has `k` persons or more.

    `steps[attribute]` are its generalisations, from the finest to the last, which leaves nothing readable (None). The
    answer has one number for each attribute of each row: 0 as it is, 1 after the first step, and so on.

    Greedy: of those who are in too small a class, the attribute with the most different values takes one step, until
    nobody is. Who is left alone when nothing is readable any more takes the smallest class that is large enough along.
    Not the fewest suppressions that would do (that is NP-hard: Meyerson and Williams 2004, PODS). With fewer than `k`
    persons nothing stays readable, and k is not reached.
    """
    levels = [[0] * len(steps) for _ in rows]
    current = list(rows)

    def climb(person: int, attribute: int) -> None:
        level = levels[person][attribute]
        value = rows[person][attribute]
        levels[person][attribute] = level + 1
        changed = list(current[person])
        changed[attribute] = None if value is None else steps[attribute][level](value)
        current[person] = tuple(changed)

    while small := _in_small_classes(current, k):
        attribute = _most_telling(current, levels, steps, small)
        if attribute is not None:
            for person in small:
                if levels[person][attribute] < len(steps[attribute]):
                    climb(person, attribute)
            continue
        companions = _smallest_other_class(current, small)
        if not companions:
            break  # there are fewer than k persons
        for person in companions:
            for place, ladder in enumerate(steps):
                while levels[person][place] < len(ladder):
                    climb(person, place)
    return [
        # A step on nothing changes nothing, and need not be taken.
        tuple(0 if value is None else level for value, level in zip(row, climbed, strict=True))
        for row, climbed in zip(rows, levels, strict=True)
    ]


def _in_small_classes(rows: Sequence[Row], k: int) -> list[int]:
    sizes = Counter(rows)
    return [person for person, row in enumerate(rows) if sizes[row] < k]


def _most_telling(
    rows: Sequence[Row], levels: Sequence[Sequence[int]], steps: Sequence[Sequence[object]], small: Sequence[int]
) -> int | None:
    """The attribute with the most different values among these persons, of those that can still give way."""
    values = [
        {rows[person][place] for person in small if levels[person][place] < len(ladder)} - {None}
        for place, ladder in enumerate(steps)
    ]
    best = max(range(len(steps)), key=lambda place: len(values[place]), default=None)
    return best if best is not None and values[best] else None


def _smallest_other_class(rows: Sequence[Row], small: Sequence[int]) -> list[int]:
    alone = set(small)
    classes: dict[Row, list[int]] = {}
    for person, row in enumerate(rows):
        if person not in alone:
            classes.setdefault(row, []).append(person)
    return min(classes.values(), key=len, default=[])


def _ladder(profile: Profile, kind: EntityType) -> tuple[Operator, ...]:
    """From what the profile does to a kind on to leaving nothing; one rung where nothing is readable anyway."""
    ladder, now = _LADDER.get(kind, _OTHERS), profile.operator(kind)
    return ladder[ladder.index(now) :] if now in ladder else (now,)


def _generalised(operator: Operator) -> Callable[[str], str | None]:
    match operator:
        case Operator.TOP_CODE:
            return _top_coded
        case Operator.BAND:
            return _band
        case Operator.TRUNCATE:
            return lambda value: value[:3]
        case _:
            return lambda _: None


def _readable(
    profile: Profile,
    text: str,
    found: Iterable[Span],
    released: str,
    spans: Sequence[Span],
    replaced: Sequence[Replaced],
) -> list[str | None]:
    """One value for each of `KINDS`: what a reader of the released text sees first of it."""
    first: dict[EntityType, tuple[int, str]] = {}
    for span in found:
        if span.entity in KINDS and profile.operator(span.entity) is Operator.KEEP and not _hidden(span, spans):
            _note(first, span, text[span.start : span.end])
    for span, place in zip(spans, replaced, strict=True):
        if span.entity in KINDS and len(_ladder(profile, span.entity)) > 1:
            _note(first, span, released[place.start : place.end])
    return [first[kind][1] if kind in first else None for kind in KINDS]


def _note(first: dict[EntityType, tuple[int, str]], span: Span, words: str) -> None:
    value = _plain(span.entity, words)
    if value and (span.entity not in first or span.start < first[span.entity][0]):
        first[span.entity] = (span.start, value)


def _hidden(span: Span, spans: Sequence[Span]) -> bool:
    return any(other.start < span.end and span.start < other.end for other in spans)


def _plain(kind: EntityType, words: str) -> str:
    """A value as it is compared; empty for a placeholder such as "[AGE]"."""
    if words.startswith("["):
        return ""
    folded = _WORD.findall(normalize("NFKC", words).casefold())
    if kind is EntityType.SEX:
        return "f" if _FEMALE & set(folded) else "m" if _MALE & set(folded) else " ".join(folded)
    if kind is EntityType.AGE and words.strip().endswith("+"):
        return words.strip()
    return " ".join(folded)


def _top_coded(age: str) -> str:
    years = _NUMBER.search(age)
    return f"{_OLDEST}+" if years and int(years[0]) >= _OLDEST else age


def _band(age: str) -> str:
    """Five years; as it is where it is no single number of years. Months, weeks and days are of the first five."""
    years = _NUMBER.findall(age)
    if len(years) != 1:
        return age
    lowest = 0 if _YOUNGEST.search(age) else int(years[0]) // 5 * 5
    return f"{_OLDEST}+" if lowest >= _OLDEST else f"{lowest} {lowest + 4}"


def _bucket_of(size: int) -> int:
    return max(least for least in _BUCKETS if least <= size)


def _bucket(least: int) -> str:
    after = [other for other in _BUCKETS if other > least]
    return f"{least} or more" if not after else str(least) if after[0] == least + 1 else f"{least}-{after[0] - 1}"
