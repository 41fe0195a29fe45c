"""Utility: is the adapter right on persons it never saw, and how much more often than without any training.

Two answers are put beside the adapter's. The *untrained base* is the same encoder with the same kind of head, exactly
as training begins: what was gained is then due to training alone. The *majority* always answers the class most frequent
among the very persons that are measured on, the best that a constant answer can do. Both are compared on the same rows,
so their intervals are paired.

The figures here are exact, so they leave only where the steward declared that exact ones may; else see `noisy.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.coarse import coarse, narrowed
from tunewarden.steps.measure.intervals import Figure, Integers, Interval, critical, mean_of, paired_gain, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Of one class: the share of its held-out rows that were recognised. `label` is its index."""

    label: int
    recall: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """What is measured. `recalls` leaves out classes that no held-out row has, and those that may not be told of.

    Where figures are noisy, some may be None: they are not known well enough to be stated.

    Attributes:
        rows, persons: held out; noisy figures count persons only.
        balanced_accuracy: the mean of the recalls of all classes; these count alike however rare.
        gain_over_majority, gain_over_base: differences of accuracy, paired.
    """

    rows: int | None
    persons: int
    accuracy: Figure | None
    balanced_accuracy: Figure | None
    base_accuracy: Figure | None
    majority_accuracy: Figure | None
    gain_over_majority: Figure | None
    gain_over_base: Figure | None
    recalls: tuple[Recall, ...]

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons. What could not be stated is missing."""
        found = {
            "utility.accuracy": self.accuracy,
            "utility.balanced_accuracy": self.balanced_accuracy,
            "utility.gain_over_majority": self.gain_over_majority,
            "utility.gain_over_base": self.gain_over_base,
        }
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


def measure_utility(
    *, labels: Integers, predicted: Integers, base_predicted: Integers, majority: int, persons: Integers
) -> Utility:
    """Compare the adapter's answers with the labels, the untrained base and the majority class.

    All arrays are int64[rows] over held-out rows, at least one; classes are indices, `persons` tells persons apart.
    """
    z = critical()
    right, base_right, majority_right = predicted == labels, base_predicted == labels, labels == majority
    present = [int(label) for label in np.unique(labels)]
    recalls = [share(right[labels == label], persons[labels == label], z) for label in present]
    return Utility(
        rows=len(labels),
        persons=len(np.unique(persons)),
        accuracy=share(right, persons, z).figure(),
        balanced_accuracy=mean_of(recalls).figure(),
        base_accuracy=share(base_right, persons, z).figure(),
        majority_accuracy=share(majority_right, persons, z).figure(),
        gain_over_majority=paired_gain(right, majority_right, persons).figure(),
        gain_over_base=paired_gain(right, base_right, persons).figure(),
        recalls=tuple(_told(labels, predicted, persons, dict(zip(present, recalls, strict=True)))),
    )


def _told(
    labels: Integers, predicted: Integers, persons: Integers, recalls: Mapping[int, Interval]
) -> Iterator[Recall]:
    """Those of classes with withheld cells are coarse (`coarse.py`), or left out."""
    hidden = narrowed(labels, predicted, persons)
    for label, recall in recalls.items():
        own = labels == label
        told = coarse(predicted[own] == label, persons[own]) if label in hidden else recall.figure()
        if told is not None:
            yield Recall(label=label, recall=told)
