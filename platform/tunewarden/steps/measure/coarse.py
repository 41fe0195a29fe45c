"""Figures of one class beside a table of confusions in which cells of it are withheld: too coarse to give these away.

A recall is a fraction of whole numbers, so with four decimals it tells how many errors there are, and with that the
cell that the table withholds; so do the ends of its interval. Here all that is told of such a share is between which
two steps it lies, each of ten persons below the line or more, and steps begin at 1: 0 to 10 errors say the same. Where
a step would be wider than 0.1 the figure is left out instead; so is F1, by which the others could be narrowed down.

Not covered: where a step ends among what is possible, one learns on which side of it the number is. Recall and
precision of a class are two such facts, about the errors in its line and in its column, and other cells of both are
told. Nor what the figures over all classes tell, each of which a gate may judge and is exact. Of two classes,
accuracy and balanced accuracy together tell both kinds of error. They leave, as all exact figures do, only where the
steward declared that those persons agreed or that the records are public; a bound is proven of noisy figures only.
"""

from decimal import Decimal

import numpy as np

from tunewarden.steps.measure.confusion import withheld
from tunewarden.steps.measure.groups import LEAST_SHOWN
from tunewarden.steps.measure.intervals import Booleans, Figure, Integers, critical, effective_size, wilson

_STEPS = (1000, 500, 200, 100, 50, 20, 10)
"""How many there may be between 0 and 1."""


def narrowed(labels: Integers, predicted: Integers, persons: Integers) -> frozenset[int]:
    """The classes with a withheld cell in their line or column of the table; all are int64[rows], at least one."""
    classes = np.unique(np.concatenate([labels, predicted]))
    size = len(classes)
    cells = np.searchsorted(classes, labels) * size + np.searchsorted(classes, predicted)
    person = np.unique(persons, return_inverse=True)[1]
    once = np.unique(cells * (int(person.max()) + 1) + person) // (int(person.max()) + 1)
    hidden = withheld(np.bincount(once, minlength=size * size).reshape(size, size))
    return frozenset(int(label) for label in classes[hidden.any(axis=0) | hidden.any(axis=1)])


def coarse(hits: Booleans, persons: Integers) -> Figure | None:
    """Of the share of true rows, where it lies between two steps; None where too few persons are below its line.

    Both are [rows], at least one. The value is the middle, the ends are Wilson's of the two steps, over as many
    persons as a step of this width takes: all three follow from the place, and hold what the exact figure does.
    """
    size = effective_size(persons)
    steps = next((steps for steps in _STEPS if size >= steps * LEAST_SHOWN), None)
    if steps is None:
        return None
    place = min(steps - 1, int(hits.sum()) * steps // len(hits))
    below, above = (wilson(end / steps, steps * LEAST_SHOWN, critical()).figure() for end in (place, place + 1))
    return Figure(low=below.low, value=(place + Decimal("0.5")) / steps, high=above.high)
