"""The learning curve that a plan may declare: trainings on parts of the persons beside the one on all of them.

It answers whether all these records were needed (data minimisation, GDPR Art. 5(1)(c)). A part is trained by the very
mechanism of the model: the same sampling rate, noise multiplier and number of updates, on fewer persons. Whoever is in
a part is in the model and in every larger part too. So all of them together are that mechanism with as many times the
updates, and what it costs is reserved and charged for everybody, although only those in the smallest part lose it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from tunewarden.domain.errors import Malformed

HALF = Decimal("0.5")
_MOST_PARTS = 4
_STEP = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """The points of a curve beside the model itself.

    Attributes:
        shares: of the persons trained on (of the records, where they are the unit, by their persons): 1 to 4 multiples
            of 0.05 below 1, ascending, one half among them.
        epsilon: of the model and of every part together, for one person, at the plan's delta.
    """

    shares: tuple[Decimal, ...]
    epsilon: Decimal

    def __post_init__(self) -> None:
        require_shares(self.shares)


def require_shares(shares: Sequence[Decimal]) -> None:
    """Raise `Malformed` where these are not points of a curve."""
    within = all(share.is_finite() and 0 < share < 1 and share % _STEP == 0 for share in shares)
    if not (within and 1 <= len(shares) <= _MOST_PARTS and HALF in shares and _ascending(shares)):
        raise Malformed(
            "curve_out_of_range",
            f"A learning curve has 1 to {_MOST_PARTS} shares, multiples of {_STEP} below 1, ascending, {HALF} among "
            "them.",
            param="governance.learning_curve",
        )


def _ascending(shares: Sequence[Decimal]) -> bool:
    return all(smaller < larger for smaller, larger in pairwise(shares))
