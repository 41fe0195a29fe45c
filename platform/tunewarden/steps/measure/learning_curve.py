"""The learning curve: how good models are that were trained on parts of the persons, and what the last half gained.

Asked of the same held-out persons as the model, so that every gain is paired by person. If the last half of the data
gained nothing that matters, less would have been enough for the purpose (data minimisation, GDPR Art. 5(1)(c)). One
training on each part, under noise: how much another draw of the noise or of the part would move the curve is in none of
the intervals, which are about who happened to be held out.

Gains are bootstrapped over persons (`intervals.bootstrap`). What none of n persons shows no resample can show either:
a kind of person of whom there is none among n may still be 1 - 0.025^(1/n) of all (Clopper and Pearson 1934, Biometrika
26:404), and could gain or lose one whole answer. So a gain in right answers is never stated more closely than that.
Losses have no such bound; theirs are plain. Where figures are noisy, one table for each part is released and the gain
is that of `noisy.gain_over_base`, with the part in the place of the base.
"""

from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.curve import HALF
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import ALPHA, Figure, Floats, Interval, bootstrap

GONE = "curve_weights_gone"
"""Why nothing is said of a curve that was trained: its models lay in the scratch folder of another worker, or of one
that is gone. What it cost stays charged; nothing is measured in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A model of the curve, the measured one (share 1) among them; None where too few persons are known.

    Attributes:
        trained_on: how many persons that was, of a part to two digits.
        right: share that is right, everybody counting alike.
        gain, loss_gain: how much better the measured model is, paired; None of itself. Loss where figures are exact.
    """

    share: Decimal
    trained_on: int
    right: Figure | None
    gain: Figure | None = None
    loss_gain: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """What was found: points by share, ascending. Empty where the models were gone: `unasked` is then a code."""

    persons: int
    points: tuple[Point, ...]
    unasked: str | None = None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts held-out persons. What could not be stated is missing."""
        found = [
            (metric, figure)
            for point in self.points
            if point.share == HALF
            for metric, figure in (
                ("learning_curve.gain_of_last_half", point.gain),
                ("learning_curve.loss_gain_of_last_half", point.loss_gain),
            )
        ]
        return tuple(figure.measured(metric, self.persons) for metric, figure in found if figure is not None)


def gain(each: Floats) -> Interval | None:
    """The interval of the mean of gains in [-1, 1], float64[persons]; None of fewer than 30 persons."""
    people = len(each)
    if people < LEAST_PERSONS:
        return None
    drawn, unseen = bootstrap(each), 1 - (ALPHA / 2) ** (1 / people)
    return Interval(
        low=max(-1.0, min(drawn.low, drawn.value - unseen)),
        value=drawn.value,
        high=min(1.0, max(drawn.high, drawn.value + unseen)),
    )
