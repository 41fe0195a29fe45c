"""Measuring a model that completes texts."""

import numpy as np
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe, Task
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.completion_utility import CompletionUtility, Predicted
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Completed, exact_completion_figures, noisy_completion_figures
from tunewarden.steps.measure.intervals import Floats, by_person
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.task import Common, Given
from tunewarden.steps.train.model import TextCompleter
from tunewarden.steps.train.texts import completable, tokenize_pairs


class Completions:
    """Implements `task.Asked`; what the model says is how it predicts each token of a completion."""

    def __init__(self, model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> None:
        self.model, self.tokenizer, self._recipe = model, tokenizer, recipe

    def usable(self, rows: Rows) -> Rows:
        """Those with something to complete and something before it. Raises `PlanMismatch` for records of classes."""
        rows.require_task(Task.COMPLETION)
        return rows.only(completable(self.tokenizer, rows.texts, rows.completions, self._recipe))

    def ask(self, rows: Rows) -> Predicted:
        """See `answers.predictions`."""
        if not rows.texts:
            return Predicted(right=np.zeros(0, dtype=np.bool_), starts=np.zeros(1, dtype=np.int64), losses=np.zeros(0))
        tokens, begins = tokenize_pairs(self.tokenizer, rows.texts, rows.completions, self._recipe)
        return predictions(self.model, tokens, begins, self._recipe.max_tokens)

    def losses(self, rows: Rows, said: Predicted) -> Floats:
        """The mean loss of each row's completion, by person."""
        return by_person(said.losses, rows.person_array())

    def document(self, given: Given, before: Predicted, after: Predicted, common: Common) -> CompletionDetails:
        """Utility and fairness by token. How a completion comes about is not explained."""
        completions, fairness = _figures(given, before, after)
        return CompletionDetails(
            adapter=common.adapter,
            completions=completions,
            left_out=given.left_out if given.noise is None else None,
            fairness=fairness,
            membership=common.membership,
            libraries=common.libraries,
            noisy=common.noisy,
            audit=common.audit,
            self_check=common.self_check,
            extraction=common.extraction,
        )


def _figures(given: Given, before: Predicted, after: Predicted) -> tuple[CompletionUtility, Fairness]:
    completed = Completed(
        before=before,
        after=after,
        persons=given.measured.person_array(),
        attributes=given.measured.attributes(),
    )
    if given.noise is None:
        return exact_completion_figures(completed)
    attempt = given.attempt
    return noisy_completion_figures(completed, groups=attempt.groups, protected=attempt.protected, planned=given.noise)
