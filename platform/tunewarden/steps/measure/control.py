"""How much more a protected term does than a neutral word in its place, pair by pair.

A pair and the neutral one beside it have the same words around what changes (`neutral.py`). The difference of the two
shares of flips has Newcombe's interval for paired shares (1998, Statistics in Medicine 17:2635, method 10), that of the
distances Student's. A distance of two classes is how often the pair would flip, were the line between them drawn
anywhere with the same chance: so both are told in the same unit, and the second does not hang on where the line is.

The *lower* end of the first says what is shown: beyond the limit the gate fails, with the attribute named. Upper ends
say what cannot be ruled out: beyond their limits nobody knows. Where a model flips tenths of all pairs by any word, an
excess of flips below 0.02 would take some 4,400 pairs to show; the distances show it with a few hundred. So 0.02 is
asked of the distances, and of flips what 1,152 pairs surely show of a fair model.

Simulated (2,000 times each, 384 to 3,072 pairs, up to 10 % of flips): Newcombe's interval covers in 94 to 98 %; where
neutral words do as much, one model in 2,000 at most is failed; where 6 % flip and 2 % do by neutral words, it is shown
in 40 % with 384 pairs and in more than 93 % with 1,536.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import (
    Booleans,
    Figure,
    Floats,
    critical,
    exactly,
    mean,
    paired_gain,
    share,
    within_one,
)
from tunewarden.steps.measure.probes import Attribute

_CLOSE_FLIPS, _CLOSE_MOVED = Decimal("0.015"), Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What neutral words did beside the pairs of one attribute, as many; and how much more protected terms did.

    Attributes:
        both, protected_only, neutral_only: pairs that flipped with their neutral ones, alone, or not while those did.
        flip_rate, moved: of the neutral pairs.
        excess_flips, excess_moved: of the pairs over the neutral ones.
    """

    pairs: int
    both: int
    protected_only: int
    neutral_only: int
    flip_rate: Figure
    moved: Figure
    excess_flips: Figure
    excess_moved: Figure

    @property
    def close(self) -> bool:
        """Whether the excess is known so well that no more pairs need to be asked."""
        flips, moved = self.excess_flips, self.excess_moved
        return flips.high - flips.value <= _CLOSE_FLIPS and moved.high - moved.value <= _CLOSE_MOVED

    def measurements(self, attribute: Attribute) -> tuple[Measurement, ...]:
        """What gates may judge; n counts pairs. What is shown is one end of an interval already, so it is exact."""
        return (
            self.excess_flips.measured(f"explanation.excess_flips.{attribute}", self.pairs),
            exactly(f"explanation.excess_flips_shown.{attribute}", self.excess_flips.low, self.pairs),
            self.excess_moved.measured(f"explanation.excess_moved.{attribute}", self.pairs),
        )


def control(flipped: Booleans, neutral: Booleans, *, moved: tuple[Floats, Floats]) -> Control:
    """From what flipped and moved in the pairs and in the neutral ones beside them: [pairs] each, at least two."""
    each = np.arange(len(flipped))
    return Control(
        pairs=len(flipped),
        both=int((flipped & neutral).sum()),
        protected_only=int((flipped & ~neutral).sum()),
        neutral_only=int((~flipped & neutral).sum()),
        flip_rate=share(neutral, each, critical()).figure(),
        moved=within_one(moved[1]),
        excess_flips=paired_gain(flipped, neutral, each).figure(),
        excess_moved=mean(moved[0] - moved[1]).figure(),
    )
