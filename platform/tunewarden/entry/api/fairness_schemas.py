"""How a fairness declaration travels over the API."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.entry.api.numbers import Decimals


class FairnessIn(BaseModel):
    """Smaller tolerances than the policy's, or ones that it does not name; unknown members and metrics are refused."""

    model_config = ConfigDict(extra="forbid")

    tolerances: dict[GroupMetric, Decimals] = Field(
        default={}, description="Decimals; send them as strings to keep every digit."
    )


def fairness_out(declared: FairnessDeclaration | None) -> dict[str, Any] | None:
    """What the plan declares; None for a plan of before there were declarations."""
    if declared is None:
        return None
    return {
        "digest": declared.digest(),
        "attributes": list(declared.attributes),
        "tolerances": {each.metric: str(each.at_most) for each in declared.tolerances},
        "reference": declared.reference,
        "split": declared.split,
        "minimum_persons": declared.minimum,
        "least_persons": declared.least,
        "alpha": str(declared.alpha),
        "depth": declared.depth,
        "policy": declared.policy,
        "added": list(declared.added),
    }
