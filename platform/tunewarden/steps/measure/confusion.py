"""Which classes are taken for which: a table of rows, in which no cell tells of a few persons.

Cells of fewer than 10 persons are withheld; so is another cell of each line and column that has one withheld only,
since totals could give that one away (`groups.py` has the same rule). Figures of a class with withheld cells
are coarse (`coarse.py`). Not covered: what exact figures over all classes tell together with this table. They leave
only where the steward declared that exact ones about these persons may.
"""

from dataclasses import dataclass

import numpy as np

from tunewarden.steps.measure.groups import LEAST_SHOWN
from tunewarden.steps.measure.intervals import Booleans, Floats, Integers

_MOST_CLASSES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """The table.

    Attributes:
        labels: the classes that occur or were answered, as indices: lines and columns.
        cells: a line for each class that rows have, a column for each that they were given; None is withheld.
        noisy: whether cells count persons, with noise, instead of rows.
    """

    labels: tuple[int, ...]
    cells: tuple[tuple[int | None, ...], ...]
    noisy: bool = False


def confusion(labels: Integers, predicted: Integers, persons: Integers) -> Confusion | None:
    """Of rows, all int64[rows], at least one. None for more classes than a person reads, 50."""
    classes = np.unique(np.concatenate([labels, predicted]))
    if len(classes) > _MOST_CLASSES:
        return None
    line, column = np.searchsorted(classes, labels), np.searchsorted(classes, predicted)
    size = len(classes)
    rows = np.bincount(line * size + column, minlength=size * size).reshape(size, size)
    pairs = np.unique(np.stack([line, column, np.unique(persons, return_inverse=True)[1]], axis=1), axis=0)
    whose = np.bincount(pairs[:, 0] * size + pairs[:, 1], minlength=size * size).reshape(size, size)
    hidden = withheld(whose)
    return Confusion(
        labels=tuple(int(label) for label in classes),
        cells=tuple(tuple(None if hidden[i, j] else int(rows[i, j]) for j in range(size)) for i in range(size)),
    )


def noisy_confusion(classes: Floats) -> Confusion | None:
    """Of two classes, from the released table of both, float64[2, 2] (right, wrong); None for more.

    What is released with noise may be told as it is.
    """
    if classes.shape != (2, 2):
        return None
    cells = [max(0, round(float(cell))) for cell in (classes[0, 0], classes[0, 1], classes[1, 1], classes[1, 0])]
    return Confusion(labels=(0, 1), cells=((cells[0], cells[1]), (cells[2], cells[3])), noisy=True)


def withheld(persons: Integers) -> Booleans:
    """Which cells of a table of persons, int64[lines, columns], must not be told. Empty cells tell of nobody.

    A line or column with one withheld cell loses another: not an empty one if it can be, rather one that is crossed by
    a line with a withheld cell already, and of these the smallest; until no withheld cell is alone.
    """
    hidden: Booleans = (persons > 0) & (persons < LEAST_SHOWN)
    alone = _alone(hidden)
    while alone is not None:
        lines, people = (hidden, persons) if alone[0] == 0 else (hidden.T, persons.T)
        crossed, counts = np.flatnonzero(lines.any(axis=0)), people[alone[1]]
        others = np.flatnonzero(~lines[alone[1]])
        lines[alone[1], min(others, key=lambda place: (counts[place] == 0, place not in crossed, counts[place]))] = True
        alone = _alone(hidden)
    return np.asarray(hidden, dtype=np.bool_)


def _alone(hidden: Booleans) -> tuple[int, int] | None:
    """(0, line) or (1, column) with one withheld cell and others; None where there is none."""
    for axis, lines in enumerate((hidden, hidden.T)):
        for number, cells in enumerate(lines):
            if cells.sum() == 1 and len(cells) > 1:
                return axis, number
    return None
