"""Quasi-identifiers: what a released text and the protected columns together say about somebody, counted per person.

An age band, a sex, a place and an occupation name nobody; the four of them together may (Sweeney 2002, Int. J. Unc.
Fuzz. Knowl. Syst. 10:557), and a rare disease may with any one of them. Here the attributes that can be read in all
the texts of a person (`attributes` says which) are joined with the columns that go along with the texts. Persons who
are alike in all of it are a class; k is the size of the smallest class.

l is distinct l-diversity (Machanavajjhala et al. 2007, TKDD 1:3): the fewest different labels in any class. A person
has a label for each of their records, so their value is the set of them; and where one label is everybody's, l is 1,
because whoever knows somebody to be in that class knows that label. Where several attributes are sensitive, that paper
looks at each of them with the others among the quasi-identifiers: so the protected columns count when it is about the
label, and in `Census.table` the label and the other columns count when it is about a column.

Not counted: how a label's frequency in a class differs from that in the whole, and which labels resemble each other.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.attributes import KINDS, Place, Values, generalised, ladder, readable
from tunewarden.steps.deidentify.residual import exact
from tunewarden.steps.deidentify.spans import Span

K = "deid.k_anonymity"
BELOW = "deid.persons_below_k_share"
L = "deid.l_diversity"
GENERALISED = "deid.generalised_value_share"

LEAST_K = 5
"""For `deid.persons_below_k_share` where the profile asks for no k; the fewest that statistics offices publish."""

SUPPRESSED = "suppressed"
"""What stands in a protected column where its value had to give way."""

Attribute = EntityType | str
"""A kind of identifier in the texts, or the name of a protected column."""
Suppressions = Mapping[str, Mapping[Attribute, Operator]]
"""Pseudonym -> attribute -> what has to be done to it instead of what the profile says."""
Row = tuple[Values, ...]
"""What is readable of one person: the values of each of `KINDS`, then of each column."""
Step = Callable[[str], str | None]
"""A generalisation of one value; None where nothing is left of it."""

_BUCKETS = (1, 2, 5, 10, 20)
_SHARE = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Persons grouped by what is readable of them.

    Attributes:
        sizes: how many persons are in each class.
        labels: l of each class, in the same order: see `distinct`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """What k cost.

    Attributes:
        readable: attributes that could be read before anything was given up, summed over persons.
        changed: attribute -> what was done to it -> in how many persons.
    """

    readable: int
    changed: Mapping[str, Mapping[str, int]]

    def share(self) -> Decimal:
        """Of the attributes that could be read, how many are generalised or gone; rounded up."""
        changed = sum(sum(done.values()) for done in self.changed.values())
        return (Decimal(changed) / max(1, self.readable)).quantize(_SHARE, ROUND_CEILING)

    def measurement(self) -> Measurement:
        """The share, counted over everything that could be read."""
        return exact(GENERALISED, self.share(), self.readable)


NOTHING_GIVEN_UP = GivenUp(readable=0, changed={})


class Census:
    """What is readable of every person. About 110 bytes for a person who is like many others, 450 for one like nobody.

    Nothing depends on the order of the records or of the persons.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._columns: tuple[str, ...] = ()
        self._persons: dict[bytes, tuple[Row, frozenset[int]]] = {}
        self._shared: dict[tuple[Row, frozenset[int]], tuple[Row, frozenset[int]]] = {}
        self._values: dict[Values, Values] = {}
        self._labels: dict[frozenset[int], frozenset[int]] = {}

    def see(
        self,
        person: str,
        label: int,
        protected: Mapping[str, str],
        text: str,
        found: Iterable[Span],
        released: str,
        spans: Sequence[Span],
        replaced: Sequence[Place],
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
            *readable(self._profile, text, found, released, spans, replaced),
            *(_column(protected.get(column)) for column in self._columns),
        )
        key = bytes.fromhex(person)
        old, labels = self._persons.get(key, (((),) * len(new), frozenset()))
        row = tuple(self._together(before, now) for before, now in zip(old, new, strict=True))
        all_labels = labels | {label}
        known = (row, self._labels.setdefault(all_labels, all_labels))
        self._persons[key] = self._shared.setdefault(known, known)

    def classes(self) -> Classes:
        """Everybody, grouped."""
        labels: dict[Row, list[frozenset[int]]] = {}
        for row, of_person in self._persons.values():
            labels.setdefault(row, []).append(of_person)
        return Classes(
            sizes=tuple(len(several) for several in labels.values()),
            labels=tuple(distinct(several) for several in labels.values()),
        )

    def measurements(self, k: int = LEAST_K) -> tuple[Measurement, Measurement, Measurement]:
        """k, the share of persons in classes smaller than `k`, and l; counted over everybody."""
        classes, n = self.classes(), len(self._persons)
        below = (Decimal(classes.below(k)) / max(1, n)).quantize(_SHARE, ROUND_CEILING)
        return exact(K, Decimal(classes.k), n), exact(BELOW, below, n), exact(L, Decimal(classes.diversity), n)

    def readable_attributes(self) -> int:
        """Attributes that can be read, summed over persons."""
        return sum(bool(values) for row, _ in self._persons.values() for values in row)

    def suppressions(self, k: int, already: Suppressions | None = None) -> Suppressions:
        """What has to give way so that every class has `k` persons or more (`enforce_k`), beside what `already` does.

        The answer holds for this census. Where transforming one thing changes what else is found or hidden, another
        census, of texts transformed by the answer, may ask for more.
        """
        attributes: tuple[Attribute, ...] = (*KINDS, *self._columns)
        ladders = self._ladders()
        rows = [row for row, _ in self._persons.values()]
        levels = enforce_k(rows, [_steps(attribute, ladders[attribute]) for attribute in attributes], k)
        together = {person: dict(done) for person, done in (already or {}).items()}
        for key, climbed in zip(self._persons, levels, strict=True):
            for attribute, level in zip(attributes, climbed, strict=True):
                if level:
                    of_person, rungs = together.setdefault(key.hex(), {}), ladders[attribute]
                    before = of_person.get(attribute, rungs[0])
                    of_person[attribute] = rungs[max(level, rungs.index(before))]
        return together

    def table(self) -> Mapping[str, object]:
        """What the evidence says: sizes of classes and numbers of values, never a value."""
        classes = self.classes()
        names = (*(kind.value for kind in KINDS), *(f"column {column}" for column in self._columns))
        columns = list(zip(*(row for row, _ in self._persons.values()), strict=True))
        return {
            "persons": len(self._persons),
            "classes": len(classes.sizes),
            "k": classes.k,
            "l": classes.diversity,
            "l_of_columns": {
                column: self._diversity_of(place) for place, column in enumerate(self._columns, start=len(KINDS))
            },
            "persons_in_classes_of": {
                _bucket(least): sum(size for size in classes.sizes if _bucket_of(size) == least) for least in _BUCKETS
            },
            "distinct_values": {
                name: len({values for values in of_all if values}) for name, of_all in zip(names, columns, strict=False)
            },
        }

    def _together(self, before: Values, now: Values) -> Values:
        values = tuple(sorted({*before, *now}))
        return self._values.setdefault(values, values)

    def _ladders(self) -> Mapping[Attribute, tuple[Operator, ...]]:
        of_column = (Operator.KEEP, Operator.REPLACE)
        return {
            **{kind: ladder(self._profile, kind) for kind in KINDS},
            **dict.fromkeys(self._columns, of_column),
        }

    def _diversity_of(self, place: int) -> int:
        """l of one column: the label and all other attributes tell who is alike. 0 where nobody's value is told."""
        told: dict[tuple[Row, frozenset[int]], list[frozenset[str]]] = {}
        for row, labels in self._persons.values():
            others = (*row[:place], *row[place + 1 :])
            told.setdefault((others, labels), []).append(frozenset(row[place]))
        return min((distinct(several) for several in told.values() if any(several)), default=0)


def distinct(values: Sequence[frozenset[int]] | Sequence[frozenset[str]]) -> int:
    """Distinct l of a class: how many different sets its persons have; 1 where all of them share something."""
    in_common = set[object](values[0]).intersection(*values)
    return 1 if in_common else len(set(values))


def given_up(suppressions: Suppressions, of: int) -> GivenUp:
    """What suppressions cost, of so many attributes that could be read."""
    changed: dict[str, Counter[str]] = {}
    for of_person in suppressions.values():
        for attribute, operator in of_person.items():
            name = attribute.value if isinstance(attribute, EntityType) else f"column {attribute}"
            changed.setdefault(name, Counter())[operator.value] += 1
    return GivenUp(readable=of, changed={name: dict(sorted(changed[name].items())) for name in sorted(changed)})


def enforce_k(rows: Sequence[Row], steps: Sequence[Sequence[Step]], k: int) -> list[tuple[int, ...]]:
    """How far each attribute of each person has to be generalised until every class has `k` persons or more.

    `steps[attribute]` are its generalisations, from the finest to the last, which leaves nothing readable. Each is done
    to the values of a row as they are given. The answer has one number for each attribute of each row: 0 as it is, 1
    after the first step, and so on.

    Greedy: of those who are in too small a class, the attribute with the most different values takes one step, until
    nobody is. Who is left alone when nothing is readable any more takes the smallest class that is large enough along.
    Not the fewest suppressions that would do (that is NP-hard: Meyerson and Williams 2004, PODS). With fewer than `k`
    persons nothing stays readable, and k is not reached. The order of the rows decides nothing.
    """
    levels = [[0] * len(steps) for _ in rows]
    current = list(rows)

    def climb(person: int, attribute: int) -> None:
        level = levels[person][attribute]
        levels[person][attribute] = level + 1
        changed = list(current[person])
        changed[attribute] = _after(steps[attribute][level], rows[person][attribute])
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
            for place, ladder_of in enumerate(steps):
                while levels[person][place] < len(ladder_of):
                    climb(person, place)
    return [
        # A step on nothing changes nothing, and need not be taken.
        tuple(level if values else 0 for values, level in zip(row, climbed, strict=True))
        for row, climbed in zip(rows, levels, strict=True)
    ]


def _after(step: Step, values: Values) -> Values:
    return tuple(sorted({made for value in values if (made := step(value)) is not None}))


def _in_small_classes(rows: Sequence[Row], k: int) -> list[int]:
    sizes = Counter(rows)
    return [person for person, row in enumerate(rows) if sizes[row] < k]


def _most_telling(
    rows: Sequence[Row], levels: Sequence[Sequence[int]], steps: Sequence[Sequence[object]], small: Sequence[int]
) -> int | None:
    """The attribute with the most different values among these persons, of those that can still give way."""
    values = [
        {rows[person][place] for person in small if levels[person][place] < len(of_attribute)} - {()}
        for place, of_attribute in enumerate(steps)
    ]
    best = max(range(len(steps)), key=lambda place: len(values[place]), default=None)
    return best if best is not None and values[best] else None


def _smallest_other_class(rows: Sequence[Row], small: Sequence[int]) -> list[int]:
    """Of classes of the same size the first in the order of what is readable."""
    alone = set(small)
    classes: dict[Row, list[int]] = {}
    for person, row in enumerate(rows):
        if person not in alone:
            classes.setdefault(row, []).append(person)
    smallest = min(classes, key=lambda row: (len(classes[row]), row), default=None)
    return [] if smallest is None else classes[smallest]


def _steps(attribute: Attribute, rungs: Sequence[Operator]) -> Sequence[Step]:
    if isinstance(attribute, EntityType):
        return [generalised(attribute, operator) for operator in rungs[1:]]
    return [lambda _: None for _ in rungs[1:]]


def _column(value: str | None) -> Values:
    return (value,) if value and value != SUPPRESSED else ()


def _bucket_of(size: int) -> int:
    return max(least for least in _BUCKETS if least <= size)


def _bucket(least: int) -> str:
    after: Iterator[int] = (other for other in _BUCKETS if other > least)
    following = next(after, None)
    return (
        f"{least} or more"
        if following is None
        else str(least)
        if following == least + 1
        else f"{least}-{following - 1}"
    )
