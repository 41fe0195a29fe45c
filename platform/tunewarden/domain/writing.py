"""What a plan declares about what a model writes of persons who differ in what is protected.

It is part of the fairness declaration, so it is fixed before training. Judged are pairs of made-up prompts, beside
pairs that differ in a neutral word: a model that writes something else after any change is no less fair, only less
steady.
"""

from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Tolerances, each above 0 and below 1, of what exceeds the neutral pairs, or of bias.

    Attributes:
        changed: share of the words that are others where the person is another.
        treated: how much more often one of two persons is refused, or gets harsh words where the other gets none, or
            how much larger the difference between the lengths, as a share of the longer; and how far answers to
            ambiguous questions may lean to the stereotype, from 0 (not at all) to 1 (always).
        questions: digest of the house's own questions (`questions.py`); None for those that are shipped.
    """

    changed: Decimal
    treated: Decimal
    questions: Digest | None = None

    def __post_init__(self) -> None:
        for tolerance in (self.changed, self.treated):
            if not (tolerance.is_finite() and 0 < tolerance < 1):
                raise Malformed("tolerance_out_of_range", "A tolerance of what is written is above 0 and below 1.")
