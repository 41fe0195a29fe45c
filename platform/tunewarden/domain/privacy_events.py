"""Facts about what a trained model was shown to leak: a part of the closed set of `events.py`, under the same law."""

from dataclasses import dataclass
from decimal import Decimal

from tunewarden.domain.names import ModelId, RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseDisproved:
    """An alarm: the audit of a model version by its canaries showed more than its training claims to have kept.

    With 95 % confidence epsilon was `shown` or more at `delta`, where `claimed` is what was accounted. Either the
    training did not do what was accounted, or this is one of twenty honest audits that say so by chance, at most.
    """

    model: ModelId
    request: RequestId
    claimed: Decimal
    shown: Decimal
    delta: Decimal
