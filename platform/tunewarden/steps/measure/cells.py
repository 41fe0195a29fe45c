"""Rates of groups and their intervals from confusion cells: four numbers a group hold all that the rates need.

A rate over nobody is NaN, never 0.0: what nobody could show is unknown. Fairlearn's rates (0.15) say 0.0 there;
wherever somebody could, the values here equal its `MetricFrame`'s, which a test holds them to.

Intervals are by percentile bootstrap (Efron 1979). A rate sees no more of a row than its cell, so resampling rows is
drawing the four cells from one multinomial, and 2,000 replicates cost about as much as one look at the rows. Where
persons have several rows, fewer are drawn: so many that below the line of a rate there are on average as many as those
rows are worth at least (`intervals.effective_size`), which makes the interval wider. A bootstrap of a share that is 0
or 1 has no width; there Wilson's interval stands instead.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, Integers, Interval, critical, wilson

TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE = range(4)
REPLICATES = 2_000

_RATES = {
    "selected": ((TRUE_POSITIVE, FALSE_POSITIVE), (TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE)),
    "true_positive": ((TRUE_POSITIVE,), (TRUE_POSITIVE, FALSE_NEGATIVE)),
    "false_positive": ((FALSE_POSITIVE,), (FALSE_POSITIVE, TRUE_NEGATIVE)),
    "error": ((FALSE_NEGATIVE, FALSE_POSITIVE), (TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE)),
}
"""Rate -> the cells above and the cells below the line. `error` is of the one class against the others."""


def confusion(of_class: Booleans, taken: Booleans, groups: Integers, count: int) -> Integers:
    """int64[count, 4]: the cells of each group, in the order of the constants above.

    bool[rows] each: who has the class, and who is taken for it; `groups` is int64[rows], -1 for rows in none.
    """
    cell = np.where(of_class, np.where(taken, TRUE_POSITIVE, FALSE_NEGATIVE), np.where(taken, FALSE_POSITIVE, 3))
    inside = groups >= 0
    counted = np.bincount(groups[inside] * 4 + cell[inside], minlength=4 * count)
    return counted.reshape(count, 4).astype(np.int64)


def rates(cells: npt.NDArray[np.int64] | Floats) -> dict[str, Floats]:
    """Rate -> float64[...], of cells [..., 4]; NaN over nobody."""
    return {name: _rate(cells, above, below) for name, (above, below) in _RATES.items()}


def replicates(cells: Integers, sizes: Floats, number: int = REPLICATES) -> Integers:
    """int64[groups, number, 4]: cells drawn anew for each group, from a fixed seed, so that a figure can be had again.

    `cells` is int64[groups, 4], none of them empty; `sizes` is float64[groups], how many rows each group is worth.
    """
    dice = np.random.default_rng(0)
    shares = cells / cells.sum(axis=1, keepdims=True)
    draws = np.maximum(1, np.floor(sizes)).astype(np.int64)
    return dice.multinomial(draws[:, None], shares[:, None, :], size=(len(cells), number))


def rate_figures(cells: Integers, worth: Mapping[str, Floats]) -> dict[str, list[Figure | None]]:
    """Rate -> its 95 % interval in each group; None over nobody, and where a replicate has nobody to count.

    `worth` has the rates that are wanted: how many independent rows are below the line, float64[groups], 0 for nobody.
    """
    stated, found = rates(cells), dict[str, list[Figure | None]]()
    for name, below in worth.items():
        counted = cells[:, list(_RATES[name][1])].sum(axis=1)
        sizes = np.divide(below * cells.sum(axis=1), counted, out=np.ones(len(cells)), where=counted > 0)
        drawn = rates(replicates(cells, sizes))[name]
        found[name] = [_figure(stated[name][group], drawn[group], below[group]) for group in range(len(cells))]
    return found


def _rate(cells: npt.NDArray[np.int64] | Floats, above: tuple[int, ...], below: tuple[int, ...]) -> Floats:
    whole = cells[..., list(below)].sum(axis=-1)
    part = cells[..., list(above)].sum(axis=-1)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0), dtype=np.float64)


def _figure(value: float, drawn: Floats, size: float) -> Figure | None:
    if np.isnan(value) or bool(np.isnan(drawn).any()):
        return None
    if value in {0.0, 1.0}:
        return wilson(float(value), float(size), critical()).figure()
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(low=min(float(low), float(value)), value=float(value), high=max(float(high), float(value))).figure()
