"""The tables that noisy figures are made of: each released once, with noise, and nothing else of the records is.

A table counts persons in disjoint cells, in whole parts of a person. The rows of a person share that person between
the cells that they fall in, so that nobody adds more than `WHOLE` parts over all cells, and none of them is negative:
adding or removing anybody moves a table by a vector whose L2 norm is at most `WHOLE`, whatever that person's records
say and whatever anybody else's do. With noise of deviation sigma * WHOLE on each cell, a table is a Gaussian mechanism
of noise multiplier sigma for the person (Dwork and Roth 2014, theorem A.1), and tables compose as updates of rate 1 do.

Counts and noise are whole numbers (the discrete Gaussian, Canonne, Kamath and Steinke, arXiv 2004.00030), so that no
rounding tells what the noise was added to; `steps/train/discrete_noise.py` says why accounting is that of the Gaussian.
Which cells there are is fixed by the labels of the dataset and by the groups that its steward named, not by the
records. All else is computed from the noisy cells.

Where texts are completed, the tokens of a row share that row as rows share a person, so that the same holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from tunewarden.domain.datasets import Groups
from tunewarden.steps.measure.intervals import Booleans, Floats, Integers
from tunewarden.steps.train.discrete_noise import discrete_normal
from tunewarden.steps.train.noise import NoiseStream

WHOLE = 2**16
"""Parts of one person: enough that noise multipliers up to 1,000 are whole deviations."""

OVERALL, CLASSES, WHOLE_TEXTS = "overall", "classes", "whole-texts"
RIGHT, WRONG = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The held-out rows as the tables need them; arrays have one item a row, and there may be no row.

    Attributes:
        labels: int64, in [0, classes).
        right, base_right: whether the adapter and the untrained base answer rightly.
        persons: int64, tells persons apart.
        attributes: protected attribute -> value of every row.
    """

    labels: Integers
    right: Booleans
    base_right: Booleans
    persons: Integers
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedTexts:
    """The held-out rows as the tables need them where texts are completed; there may be no row.

    Attributes:
        tokens: int64[rows, 2, 2], how many tokens of the completion, by whether the untrained base and whether the
            adapter predicts them rightly (`RIGHT`, `WRONG`); at least one a row.
        persons, attributes: as in `Answers`.
    """

    tokens: Integers
    persons: Integers
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTable:
    """Parts of persons by two properties, int64[first, 2]; must not leave.

    The second property is always whether the adapter is right (`RIGHT`, `WRONG`). The first is, overall and of whole
    texts, whether the base is; by class, the label; for an attribute, the group: those that were named, then everybody
    else.
    """

    name: str
    parts: Integers

    def noisy(self, multiplier: float) -> "Table":
        """This table with noise of `multiplier` persons on every cell, from a fresh key. May leave once it is paid."""
        noise = discrete_normal(NoiseStream(), ceil(multiplier * WHOLE), self.parts.size).reshape(self.parts.shape)
        return Table(name=self.name, cells=(self.parts + noise) / WHOLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that was released: persons, with noise, float64[first, 2]."""

    name: str
    cells: Floats


def exact_tables(answers: Answers, classes: int, groups: Sequence[Groups]) -> list[ExactTable]:
    """What is to be released with noise: two tables, and one for each item of `groups`."""
    firsts = [
        (OVERALL, np.where(answers.base_right, RIGHT, WRONG), 2),
        (CLASSES, answers.labels, classes),
        *(
            (each.column, _group_of(answers.attributes, each, len(answers.labels)), len(each.values) + 1)
            for each in groups
        ),
    ]
    parts, second = _parts(answers.persons), np.where(answers.right, RIGHT, WRONG)
    tables = []
    for name, first, size in firsts:
        cells = np.zeros((size, 2), dtype=np.int64)
        np.add.at(cells, (first, second), parts)
        tables.append(ExactTable(name=name, parts=cells))
    return tables


def completion_tables(texts: CompletedTexts, groups: Sequence[Groups]) -> list[ExactTable]:
    """As `exact_tables`, of completions: tokens, whole completions, and tokens by each item of `groups`.

    A completion is right as a whole where each of its tokens is.
    """
    tokens, rows = texts.tokens, len(texts.persons)
    parts, sizes = _parts(texts.persons)[:, None], tokens.sum(axis=(1, 2))
    whole = np.stack([tokens.sum(axis=2)[:, RIGHT] == sizes, tokens.sum(axis=1)[:, RIGHT] == sizes])
    base_whole, own_whole = np.where(whole, RIGHT, WRONG)
    by_row = parts * tokens.sum(axis=1) // np.maximum(1, sizes)[:, None]  # each row's part, by whether a token is right
    overall = (parts[:, :, None] * tokens // np.maximum(1, sizes)[:, None, None]).sum(axis=0)
    cells = np.zeros((2, 2), dtype=np.int64)
    np.add.at(cells, (base_whole, own_whole), parts[:, 0])
    tables = [ExactTable(name=OVERALL, parts=overall), ExactTable(name=WHOLE_TEXTS, parts=cells)]
    for each in groups:
        cells = np.zeros((len(each.values) + 1, 2), dtype=np.int64)
        np.add.at(cells, _group_of(texts.attributes, each, rows), by_row)
        tables.append(ExactTable(name=each.column, parts=cells))
    return tables


def _parts(persons: Integers) -> Integers:
    """What each row is of its person: int64[rows]; nothing where a person has more than `WHOLE` rows."""
    _, person, rows = np.unique(persons, return_inverse=True, return_counts=True)
    return np.asarray(WHOLE // rows[person], dtype=np.int64)


def _group_of(attributes: Mapping[str, Sequence[str]], groups: Groups, rows: int) -> Integers:
    """The place of every row's value among the named ones; one more where it is none of them."""
    places = {value: place for place, value in enumerate(groups.values)}
    values = attributes.get(groups.column, [""] * rows)
    return np.array([places.get(value, len(places)) for value in values], dtype=np.int64)
