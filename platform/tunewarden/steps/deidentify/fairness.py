"""Does the recogniser find the names of some people less often than those of others?

The same sentences are read with names of each origin and gender (`synthesis/cohorts.py`, which says what that leaves
out). Each origin and each gender is compared with everybody else; all comparisons hold together with 95 % (Bonferroni).
Texts with the same name count as one observation at worst (`measure/intervals.py`), as lists of some origins are short.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.planted import covered
from tunewarden.steps.deidentify.residual import Transformed
from tunewarden.steps.deidentify.synthesis.cohorts import cohort_texts
from tunewarden.steps.deidentify.tagger.gold import GoldText
from tunewarden.steps.measure.intervals import Booleans, Figure, Integers, critical, difference, share

GAP = "deid.name_recall_gap"

_BATCH = 256

Cohort = tuple[str, str, GoldText]
"""Origin, gender, and a text with the names that stand in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How the names of one origin or gender fare.

    Attributes:
        attribute: "origin" or "gender".
        found: of `texts` texts, in how many every letter of the name was covered.
        shortfall: how much lower their recall is than that of the rest.
    """

    attribute: str
    group: str
    found: int
    texts: int
    shortfall: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFairness:
    """All groups, at least two."""

    groups: tuple[Group, ...]

    def measurement(self) -> Measurement:
        """The largest shortfall; because all of them hold together, so does the largest of their ends."""
        shortfalls = [group.shortfall for group in self.groups]
        worst = Figure(
            low=max(each.low for each in shortfalls),
            value=max(each.value for each in shortfalls),
            high=max(each.high for each in shortfalls),
        )
        texts = sum(group.texts for group in self.groups if group.attribute == self.groups[0].attribute)
        return worst.measured(GAP, texts)

    def table(self) -> list[Mapping[str, object]]:
        """What the evidence says, the worst group first."""
        ordered = sorted(self.groups, key=lambda group: (-group.shortfall.value, group.attribute, group.group))
        return [
            {
                "attribute": group.attribute,
                "group": group.group,
                "found": group.found,
                "texts": group.texts,
                "shortfall": {
                    "low": group.shortfall.low,
                    "value": group.shortfall.value,
                    "high": group.shortfall.high,
                },
            }
            for group in ordered
        ]


def name_fairness(transformed: Transformed, languages: Sequence[str], seed: Digest, each: int) -> NameFairness:
    """Read `each` texts for every origin and gender in each language. The same `seed` makes the same texts."""
    number = int.from_bytes(sha256(f"cohorts {seed}".encode()).digest()[:8])
    texts = (cohort for language in languages for cohort in cohort_texts(each, number, language))
    return compared(transformed, texts)


def compared(transformed: Transformed, cohorts: Iterable[Cohort]) -> NameFairness:
    """Read all texts and compare each group with the rest. Needs two origins and two genders at least."""
    read = list(_read(transformed, cohorts))
    hits: Booleans = np.array([hit for _, _, _, hit in read], dtype=np.bool_)
    persons: Integers = np.unique([name for _, _, name, _ in read], return_inverse=True)[1].astype(np.int64)
    columns = {
        "origin": np.array([origin for origin, _, _, _ in read]),
        "gender": np.array([gender for _, gender, _, _ in read]),
    }
    compared_groups = [
        (attribute, str(group), values == group) for attribute, values in columns.items() for group in np.unique(values)
    ]
    z = critical(len(compared_groups))
    return NameFairness(
        groups=tuple(
            Group(
                attribute=attribute,
                group=group,
                found=int(hits[members].sum()),
                texts=int(members.sum()),
                shortfall=difference(
                    share(hits[~members], persons[~members], z), share(hits[members], persons[members], z)
                ).figure(),
            )
            for attribute, group, members in compared_groups
        )
    )


def _read(transformed: Transformed, cohorts: Iterable[Cohort]) -> Iterator[tuple[str, str, str, bool]]:
    """Origin, gender, the name, and whether it was covered whole, for each name of each text."""
    waiting = iter(cohorts)
    while batch := list(islice(waiting, _BATCH)):
        hidden = transformed([gold.text for _, _, gold in batch])
        for (origin, gender, gold), spans in zip(batch, hidden, strict=True):
            for span in gold.spans:
                if span.entity is EntityType.NAME:
                    name = gold.text[span.start : span.end].casefold()
                    yield origin, gender, name, covered(gold.text, span.start, span.end, tuple(spans))
