"""What the loop asks of whoever computes gradients."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunewarden.steps.train.person_clip import Gradients


class Clipper(Protocol):
    """Sums of gradients, each person's clipped once."""

    def require_covered(self) -> None:
        """Raise `Refused` unless every trainable parameter gets a gradient of each person."""

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """The sum over `persons`, given by the rows of each (at least one), of their clipped gradients.

        Adding or removing one person changes it by at most the clip. Nobody at all gives zeros.
        """

    def close(self) -> None:
        """Leave the model as it was found."""
