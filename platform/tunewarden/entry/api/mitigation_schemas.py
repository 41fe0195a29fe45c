"""How a plan's mitigation travels over the API."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.entry.api.caller import decimal
from tunewarden.entry.api.numbers import Decimals

_PARAM = "governance.mitigation.weights"


class MitigationIn(BaseModel):
    """What the training is to do about unfairness; unknown members and words are refused."""

    model_config = ConfigDict(extra="forbid")

    weights: list[Decimals] = Field(
        default=[], max_length=1000, description="Of each class, in the order of the version's labels; decimals."
    )
    swaps: list[Swap] = Field(default=[], max_length=len(Swap))


def mitigation_of(asked: MitigationIn | None) -> Mitigation | None:
    """Raises `Malformed`; a value is never repeated."""
    if asked is None:
        return None
    return Mitigation(
        weights=tuple(decimal(weight, _PARAM) for weight in asked.weights), swaps=tuple(sorted(set(asked.swaps)))
    )


def mitigation_out(said: Mitigation | None) -> dict[str, Any] | None:
    """What the plan declares; None where training does nothing about it."""
    if said is None:
        return None
    return {"weights": [str(weight) for weight in said.weights], "swaps": list(said.swaps)}
