"""What a plan does about unfairness while training: declared, approved with the plan, and the same for everybody.

Both ways use what a training may see, texts and classes, and no protected attribute: those lie where only the measuring
step reads them. So there is no reweighting by group (Kamiran and Calders 2012, Knowl. Inf. Syst. 33:1), which would
need everybody's attribute in training; what it could do of it, by class, it does.

Neither touches the promise made to a person. Weights are numbers of the plan, not of the data, are 1 at most, and
multiply a person's gradient after it was clipped. Copies with a protected term exchanged belong to the person whose
text they are a copy of, and lie among that person's rows before any are drawn and clipped together.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.errors import Malformed

_LEAST_WEIGHT = Decimal("0.01")
_MOST_CLASSES = 1000


class Swap(StrEnum):
    """What is exchanged in a copy of a text: the terms that say of whom it tells. Lists: `steps/swapping.py`."""

    SEX = "sex"
    AGE = "age"
    ORIGIN = "origin"
    NAME = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation:
    """One or both of two ways; never nothing.

    Attributes:
        weights: of each class, in the order of the dataset version's labels: 0.01 to 1, and 1 for one of them at least.
            They have to be chosen without looking at the records that are trained on; nobody can check that, so whoever
            approves the plan answers for it. Empty where all classes count alike.
        swaps: for each, every text that holds such a term has a copy with the other one and the same label; sorted.
    """

    weights: tuple[Decimal, ...] = ()
    swaps: tuple[Swap, ...] = ()

    def __post_init__(self) -> None:
        if not self.weights and not self.swaps:
            raise Malformed("mitigation_empty", "A mitigation has weights of classes, or swaps.", param=_PARAM)
        if list(self.swaps) != sorted(set(self.swaps)):
            raise Malformed("mitigation_out_of_range", "Swaps are in order, and each there once.", param=_PARAM)
        if self.weights and not _in_range(self.weights):
            raise Malformed(
                "mitigation_out_of_range",
                f"There are weights for 2 to {_MOST_CLASSES} classes, each {_LEAST_WEIGHT} to 1; the largest is 1.",
                param=_PARAM,
            )

    def require_classes(self, classes: int) -> None:
        """Raise `Malformed` unless there is a weight for each of so many classes, or none; completions have none."""
        if self.weights and len(self.weights) != classes:
            raise Malformed(
                "weights_not_of_dataset",
                f"There are {len(self.weights)} weights for {classes} classes.",
                remedy="Give one weight for each class, in the order of the dataset version's labels, or none.",
                param=_PARAM,
            )


def _in_range(weights: tuple[Decimal, ...]) -> bool:
    finite = all(weight.is_finite() for weight in weights)
    return finite and 2 <= len(weights) <= _MOST_CLASSES and min(weights) >= _LEAST_WEIGHT and max(weights) == 1


_PARAM = "governance.mitigation"
