"""Facts about what was let pass that a gate had stopped: a part of the closed set of `events.py`, by its law."""

from dataclasses import dataclass

from tunewarden.domain.names import Digest, ModelId, PromotionId, Role
from tunewarden.domain.overrides import OverrideReason


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOverridden:
    """One of two persons lets a promotion go on that the gate stopped with this `verdict`, deciding in this role."""

    promotion: PromotionId
    model: ModelId
    verdict: Digest
    role: Role
    reason: OverrideReason


OverrideEvent = GateOverridden
