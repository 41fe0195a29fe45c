"""How far two figures with intervals are apart, and the interval of that: square and add, as for independent ones.

From R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10, for shares; that it holds for figures of any kind
with intervals of their own: G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693. Where both were measured on
the same persons they go up and down together, and a paired interval would be narrower: it takes what each person's
record was answered with, which is not kept. So an interval that leaves zero out is told, and one that holds zero
decides nothing. Each interval is for its own row: of figures that are the same in truth one in twenty is told as
differing by chance alone. Not checked: that both figures are of the same question; the same metric is.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from tunewarden.domain.gates import Measurement

_STEP = Decimal("0.000001")
_DIGITS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The right figure less the left one, with a 95 % interval; rounded away from the value, to six places."""

    low: Decimal
    value: Decimal
    high: Decimal

    @property
    def is_told(self) -> bool:
        """Whether zero is outside; by chance alone it is in one of twenty."""
        return self.low > 0 or self.high < 0


def gap(left: Measurement, right: Measurement) -> Gap:
    """Of two measurements of one metric about two model versions, each of which has an interval of its own."""
    with localcontext() as exact:
        exact.prec = _DIGITS
        value = right.value - left.value
        below = ((right.value - right.low) ** 2 + (left.high - left.value) ** 2).sqrt()
        above = ((right.high - right.value) ** 2 + (left.value - left.low) ** 2).sqrt()
        low, high = (value - below).quantize(_STEP, ROUND_FLOOR), (value + above).quantize(_STEP, ROUND_CEILING)
        return Gap(low=min(low, value), value=value, high=max(high, value))
