"""How a learning curve travels over the API."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from tunewarden.domain.training import Plan
from tunewarden.entry.api.numbers import Decimals

CurveIn = Annotated[
    list[Decimals],
    Field(
        max_length=4,
        description="Shares of the persons to train on once more, as '0.25', '0.5': multiples of 0.05 below 1, "
        "ascending, 0.5 among them. Each costs as many updates as the model.",
    ),
]
"""Empty where no curve is wanted."""


def curve_out(plan: Plan) -> dict[str, Any] | None:
    """What is declared and what it costs beside the model; None where no curve is.

    `epsilon` is of the model and all parts together; `training_time` how many times as long training takes, about.
    """
    if plan.curve is None:
        return None
    return {
        "shares": [str(share) for share in plan.curve.shares],
        "epsilon": str(plan.curve.epsilon),
        "epsilon_of_the_model": str(plan.epsilon),
        "updates": plan.promised.updates,
        "updates_of_the_model": plan.mechanism.updates,
        "training_time": str(sum(plan.curve.shares, Decimal(1))),
    }
