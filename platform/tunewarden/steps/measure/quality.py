"""How good a model that tells classes is, beyond how often it is right: which errors it makes and how sure it is.

All figures are of rows, as `utility.accuracy` is, and their intervals of persons. *Precision* of a class: of the rows
that were given it, the share that have it. *F1*: twice the rows that have it and were given it, over the rows that
have it plus those that were given it; 0 where none was given rightly, and never undefined for a class that occurs. The
*macro* figures are unweighted means over the classes that occur among the rows; a class that nobody has takes no part,
and what was wrongly given it counts against the F1 of those who have another one. *Log loss*: the mean of minus the
logarithm of the probability of the true class, nats. *Brier score* (1950, Mon. Weather Rev. 78:1): the mean of the
squared distance between the probabilities and the truth, 0 to 2. *Calibration error* (Guo et al. 2017, arXiv
1706.04599): the rows are put into 15 bins of equal width by the probability of the answer; summed over the bins, the
distance between how often the answers are right and how sure they were, weighted by rows.

Intervals are percentiles of a bootstrap over persons (`resampling.py`), but for the precision of one class, a plain
share, which has Wilson's, and for the calibration error: it is a sum of distances, which chance alone makes larger, and
no percentile of it covers a perfect model's 0. By the triangle inequality it is off by no more than the sum of how far
its bins are off; so its interval is the figure, less and plus the 95 % percentile of that sum. It is rather too wide.

Comparisons are paired: the untrained base answers the same rows; the majority class and the frequencies of the classes
(as probabilities for every row) are taken from the very rows drawn, the best that a constant answer could do. Figures
here are exact; where they may not leave, `noisy_quality` says what the released tables tell of two classes: of those,
who is wrong is known to have been given the other one. Probabilities are not released, so no noisy figure is of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.coarse import coarse, narrowed
from tunewarden.steps.measure.confusion import Confusion, confusion, noisy_confusion
from tunewarden.steps.measure.counted import Counted
from tunewarden.steps.measure.intervals import Figure, Floats, Integers, Interval, critical, share
from tunewarden.steps.measure.noisy import persons_in, share as noisy_share, share_figure
from tunewarden.steps.measure.resampling import enough
from tunewarden.steps.measure.scored import BINS, Scored
from tunewarden.steps.measure.tables import RIGHT, WRONG, Table

_THIS, _OTHER = 0, 1  # who answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassQuality:
    """Of one class that occurs; `label` is its index. None where too few persons were given it or have it.

    Where cells of it are withheld, its precision is coarse, or None, and its F1 None (`coarse.py`).
    """

    label: int
    precision: Figure | None
    f1: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """How much better than another answer to the same rows; of log loss, how much smaller. None: not stated."""

    f1: Figure | None
    log_loss: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What was found; a figure over too few persons is None, and so is one that noisy tables cannot tell.

    Attributes:
        precision, f1: macro. Macro recall is `Utility.balanced_accuracy`.
        bins: of `calibration_error`.
        over_base: over the model before its first update.
        over_constant: over the majority class (F1) and over the frequencies of the classes (log loss).
    """

    persons: int
    precision: Figure | None
    f1: Figure | None
    log_loss: Figure | None
    brier: Figure | None
    calibration_error: Figure | None
    over_base: Gains
    over_constant: Gains
    classes: tuple[ClassQuality, ...]
    confusion: Confusion | None
    bins: int = BINS

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons. What could not be stated is missing."""
        found = {
            "utility.macro_precision": self.precision,
            "utility.macro_f1": self.f1,
            "utility.log_loss": self.log_loss,
            "utility.brier": self.brier,
            "utility.calibration_error": self.calibration_error,
            "utility.f1_gain_over_base": self.over_base.f1,
            "utility.f1_gain_over_majority": self.over_constant.f1,
            "utility.log_loss_gain_over_base": self.over_base.log_loss,
            "utility.log_loss_gain_over_frequencies": self.over_constant.log_loss,
        }
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


def measure_quality(*, labels: Integers, logits: Floats, base_logits: Floats, persons: Integers) -> Quality:
    """From what the adapter and the untrained base said to held-out rows, at least one: float64[rows, classes].

    `labels` and `persons` are int64[rows]. Raises `Refused` for logits that are not finite.
    """
    scored = Scored.of(labels, [logits, base_logits], persons)
    predicted = logits.argmax(axis=1)
    counted = Counted.of(labels, [predicted, base_logits.argmax(axis=1)], persons)
    stated = enough(persons)
    return Quality(
        persons=counted.persons,
        precision=figure(counted.interval(lambda drawn: drawn.precision(_THIS))) if all(counted.enough_given) else None,
        f1=figure(counted.interval(lambda drawn: drawn.f1(_THIS))),
        log_loss=figure(scored.interval(lambda drawn: drawn.log_loss(_THIS))) if stated else None,
        brier=figure(scored.interval(lambda drawn: drawn.brier_score())) if stated else None,
        calibration_error=scored.calibration_error().figure() if stated else None,
        over_base=_gains(counted, scored, stated=stated),
        over_constant=Gains(
            f1=figure(counted.interval(lambda drawn: drawn.f1(_THIS) - drawn.majority_f1())),
            log_loss=figure(scored.interval(lambda drawn: drawn.of_frequencies() - drawn.log_loss(_THIS)))
            if stated
            else None,
        ),
        classes=tuple(_of_class(counted, labels, predicted, persons)),
        confusion=confusion(labels, predicted, persons),
    )


def gains_over(*, labels: Integers, logits: Floats, other_logits: Floats, persons: Integers) -> Gains:
    """How much better than another trained model, paired; arguments as of `measure_quality`, which raises alike."""
    scored = Scored.of(labels, [logits, other_logits], persons)
    counted = Counted.of(labels, [logits.argmax(axis=1), other_logits.argmax(axis=1)], persons)
    return _gains(counted, scored, stated=enough(persons))


def noisy_quality(tables: Sequence[Table], sigma: float) -> Quality:
    """What the second table, `CLASSES`, tells of two classes; of more, who was wrong may have been given any other.

    Two figures of F1 are of the same cells, so they are not independent: their mean's interval is the mean of theirs at
    a confidence at which both hold.
    """
    cells = tables[1].cells
    pairs = [(label, cells[label], cells[1 - label]) for label in range(2)] if len(cells) == 2 else []
    z, both = critical(), critical(2)
    f1s = [_noisy_f1(own, other, sigma, both) for _, own, other in pairs]
    precisions = [noisy_share(own[[RIGHT]], other[[WRONG]], sigma, both) for _, own, other in pairs]
    nothing = Gains(f1=None, log_loss=None)
    return Quality(
        persons=persons_in(tables),
        precision=_mean([None if each is None else each.interval() for each in precisions]),
        f1=_mean(f1s),
        log_loss=None,
        brier=None,
        calibration_error=None,
        over_base=nothing,
        over_constant=nothing,
        classes=tuple(
            ClassQuality(
                label=label,
                precision=share_figure(noisy_share(own[[RIGHT]], other[[WRONG]], sigma, z)),
                f1=figure(_noisy_f1(own, other, sigma, z)),
            )
            for label, own, other in pairs
        ),
        confusion=noisy_confusion(cells),
    )


def figure(interval: Interval | None) -> Figure | None:
    """As it is written down, where there is one."""
    return None if interval is None else interval.figure()


def _gains(counted: Counted, scored: Scored, *, stated: bool) -> Gains:
    return Gains(
        f1=figure(counted.interval(lambda drawn: drawn.f1(_THIS) - drawn.f1(_OTHER))),
        log_loss=figure(scored.interval(lambda drawn: drawn.log_loss(_OTHER) - drawn.log_loss(_THIS)))
        if stated
        else None,
    )


def _of_class(counted: Counted, labels: Integers, predicted: Integers, persons: Integers) -> list[ClassQuality]:
    found, hidden = [], narrowed(labels, predicted, persons)
    for place, label in enumerate(counted.present):
        given, narrow = predicted == label, int(label) in hidden
        right, precision = labels[given] == label, None
        if counted.enough_given[place]:
            exact = share(right, persons[given], critical()).figure()
            precision = coarse(right, persons[given]) if narrow else exact
        f1 = None if narrow else figure(counted.f1_of(place))
        found.append(ClassQuality(label=int(label), precision=precision, f1=f1))
    return found


def _noisy_f1(own: Floats, other: Floats, sigma: float, z: float) -> Interval | None:
    """Of the class whose noisy cells are `own` (right, wrong), while `other` are those of the only other class.

    F1 = 2 J / (1 + J), where J is the share of the rightly given among all who have it or were given it.
    """
    found = noisy_share(own[[RIGHT]], np.array([own[WRONG], other[WRONG]]), sigma, z)
    if found is None:
        return None
    interval = found.interval()
    low, value, high = (2 * j / (1 + j) for j in (min(1.0, max(0.0, e)) for e in _ends(interval)))
    return Interval(low=low, value=value, high=high)


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.value, interval.high


def _mean(parts: Sequence[Interval | None]) -> Figure | None:
    """Of intervals that hold together; None where one is missing or there is none."""
    known = [each for each in parts if each is not None]
    if not known or len(known) < len(parts):
        return None
    low, value, high = (min(1.0, max(0.0, sum(ends) / len(known))) for ends in zip(*map(_ends, known), strict=True))
    return Interval(low=low, value=value, high=high).figure()
