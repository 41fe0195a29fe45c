"""The figures about held-out persons, exact or noisy, whichever the plan allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from tunewarden.domain.datasets import Groups, HeldOut
from tunewarden.domain.errors import PlanMismatch, Refused
from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.domain.privacy import Mechanism, PrivacyUnit
from tunewarden.steps.measure.completion_utility import (
    CompletionUtility,
    Predicted,
    completion_utility,
    noisy_completion_utility,
)
from tunewarden.steps.measure.fairness import Fairness, completion_fairness, measure_fairness
from tunewarden.steps.measure.intervals import Floats, Integers
from tunewarden.steps.measure.noisy import noisy_fairness, noisy_utility
from tunewarden.steps.measure.quality import Quality, noisy_quality
from tunewarden.steps.measure.tables import (
    RIGHT,
    WRONG,
    Answers,
    CompletedTexts,
    completion_tables,
    exact_tables,
)
from tunewarden.steps.measure.utility import Utility, measure_utility
from tunewarden.usecases.measuring import releases
from tunewarden.usecases.ports import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the models said about the held-out rows; arrays are int64[rows]. `attributes` as in `Answers`.

    Attributes:
        confidence: float64[rows], the probability that the adapter gives its own answer.
        promoted: what the model version says that was promoted last; None where there is none to ask.
    """

    labels: Integers
    predicted: Integers
    base_predicted: Integers
    persons: Integers
    attributes: Mapping[str, Sequence[str]]
    confidence: Floats | None = None
    promoted: Integers | None = None

    def before(self) -> dict[GroupMetric, Integers]:
        """What the adapter is held against, group by group."""
        known = {GroupMetric.LOSS: self.base_predicted, GroupMetric.REGRESSION: self.promoted}
        return {guard: said for guard, said in known.items() if said is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What the models made of the completions of the held-out rows. `persons` is int64[rows].

    `promoted` is what the model version makes of them that was promoted last; None where there is none to ask.
    """

    before: Predicted
    after: Predicted
    persons: Integers
    attributes: Mapping[str, Sequence[str]]
    promoted: Predicted | None = None

    def shares_before(self) -> dict[GroupMetric, Floats]:
        """What the adapter is held against, group by group: the share of each row's tokens that is right."""
        known = {GroupMetric.LOSS: self.before, GroupMetric.REGRESSION: self.promoted}
        return {guard: said.shares() for guard, said in known.items() if said is not None}

    def counted(self) -> CompletedTexts:
        """The tokens of each row, by who predicts them."""
        tokens = np.zeros((len(self.persons), 2, 2), dtype=np.int64)
        row = np.repeat(np.arange(len(self.persons)), np.diff(self.after.starts))
        places = (np.where(each.right, RIGHT, WRONG) for each in (self.before, self.after))
        np.add.at(tokens, (row, *places), 1)
        return CompletedTexts(tokens=tokens, persons=self.persons, attributes=self.attributes)


def noise_of(attempt: Attempt) -> Mechanism | None:
    """The mechanism of the noisy figures; None where exact ones may leave.

    Raises `Refused` where neither was approved, and `PlanMismatch` for a mechanism that is not what would be run.
    """
    planned = attempt.plan.metrics
    if planned is None:
        if attempt.held_out is HeldOut.PRIVATE:
            raise Refused(
                "metrics_not_planned",
                "The plan has no budget for figures about held-out persons, and exact ones may not leave.",
                remedy="Ask again: the new plan will have one. Or have the held-out persons' consent registered.",
                who="requester",
            )
        return None
    tables = releases(attempt.groups, len(attempt.plan.parts))
    run = replace(planned, unit=PrivacyUnit.PERSON, sampling_rate=Decimal(1), updates=tables)
    if planned != run:
        raise PlanMismatch(
            "metrics_of_another_plan",
            f"The plan accounts for {planned.updates} releases over {planned.sampling_rate} of the {planned.unit}s; "
            f"there are {run.updates}, over all held-out persons.",
            remedy="Ask again; the new plan will account for them.",
        )
    return planned


def exact_figures(
    answered: Answered, majority: int, declaration: FairnessDeclaration | None = None
) -> tuple[Utility, Fairness]:
    """Both, from rows of which there is at least one. They may leave only where the steward says so."""
    return (
        measure_utility(
            labels=answered.labels,
            predicted=answered.predicted,
            base_predicted=answered.base_predicted,
            majority=majority,
            persons=answered.persons,
        ),
        measure_fairness(
            labels=answered.labels,
            predicted=answered.predicted,
            persons=answered.persons,
            attributes=answered.attributes,
            before=answered.before(),
            confidence=answered.confidence,
            declaration=declaration,
        ),
    )


def noisy_figures(
    answered: Answered,
    *,
    classes: int,
    groups: Sequence[Groups],
    protected: Sequence[str],
    planned: Mechanism,
    declaration: FairnessDeclaration | None = None,
) -> tuple[Utility, Fairness, Quality]:
    """All, from `planned.updates` releases, which have been paid for. There may be no row.

    `protected` are the columns of the dataset, not what records have.
    """
    answers = Answers(
        labels=answered.labels,
        right=answered.predicted == answered.labels,
        base_right=answered.base_predicted == answered.labels,
        persons=answered.persons,
        attributes=answered.attributes,
    )
    sigma = float(planned.noise_multiplier)
    tables = [table.noisy(sigma) for table in exact_tables(answers, classes, groups)]
    return (
        noisy_utility(tables, sigma),
        noisy_fairness(tables, groups, protected, sigma, declaration=declaration),
        noisy_quality(tables, sigma),
    )


def exact_completion_figures(
    completed: Completed, declaration: FairnessDeclaration | None = None
) -> tuple[CompletionUtility, Fairness]:
    """As `exact_figures`, of completions; there is at least one row."""
    return (
        completion_utility(before=completed.before, after=completed.after, persons=completed.persons),
        completion_fairness(
            right=completed.after.shares(),
            persons=completed.persons,
            attributes=completed.attributes,
            before=completed.shares_before(),
            declaration=declaration,
        ),
    )


def noisy_completion_figures(
    completed: Completed,
    *,
    groups: Sequence[Groups],
    protected: Sequence[str],
    planned: Mechanism,
    declaration: FairnessDeclaration | None = None,
) -> tuple[CompletionUtility, Fairness]:
    """As `noisy_figures`, of completions."""
    sigma = float(planned.noise_multiplier)
    tables = [table.noisy(sigma) for table in completion_tables(completed.counted(), groups)]
    return (
        noisy_completion_utility(tables, sigma),
        noisy_fairness(tables, groups, protected, sigma, tokens=True, declaration=declaration),
    )
