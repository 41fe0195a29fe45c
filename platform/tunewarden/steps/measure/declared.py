"""Whether the plan's declaration is one that can be measured as it stands."""

from tunewarden.domain.errors import PlanMismatch
from tunewarden.usecases.declaring import measurable
from tunewarden.usecases.ports import Attempt


def require_declaration(attempt: Attempt) -> None:
    """Raise `PlanMismatch` for other attributes than the dataset has, or metrics that would not be found out.

    What is measured is what was approved, all of it and nothing else. A plan of before declares nothing: its model is
    described, and no gate can clear it.
    """
    said = attempt.plan.fairness
    if said is None:
        return
    possible = measurable(attempt.plan.recipe.task, noisy=attempt.plan.metrics is not None)
    if set(said.attributes) != set(attempt.protected) or not {each.metric for each in said.tolerances} <= possible:
        raise PlanMismatch(
            "fairness_of_another_plan",
            "The plan declares other comparisons between groups than can be made of this dataset.",
            remedy="Ask again; the new plan will declare those of today.",
            who="requester",
        )
