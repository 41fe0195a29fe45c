"""Measuring a model that completes texts."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.fairness import FairnessDeclaration
from tunewarden.domain.names import Digest
from tunewarden.domain.questions import Question
from tunewarden.domain.training import Recipe, Task
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.asking import ask_questions
from tunewarden.steps.measure.completion_explanation import explain_completions, scrutinise_completions
from tunewarden.steps.measure.completion_utility import CompletionUtility, Predicted
from tunewarden.steps.measure.counterfactuals import Counterfactuals, counterfactuals
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Completed, exact_completion_figures, noisy_completion_figures
from tunewarden.steps.measure.generalisation import Previous, Told, previous
from tunewarden.steps.measure.generations import generations
from tunewarden.steps.measure.intervals import Floats, by_person
from tunewarden.steps.measure.question_bias import QuestionBias
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.tables import ExactTable, completion_tables
from tunewarden.steps.measure.task import Common, Given
from tunewarden.steps.measure.writing import FewShot, Written, few_shot, written
from tunewarden.steps.train.model import TextCompleter
from tunewarden.steps.train.texts import completable, tokenize_pairs


class Completions:
    """Implements `task.Asked`; what the model says is how it predicts each token of a completion."""

    def __init__(
        self,
        model: TextCompleter,
        tokenizer: PreTrainedTokenizerBase,
        recipe: Recipe,
        extent: Extent,
        questions: Sequence[Question],
    ) -> None:
        """`extent` bounds the time that writing and explaining take; `questions` are asked where the plan says so."""
        self.model, self.tokenizer, self.recipe, self._extent = model, tokenizer, recipe, extent
        self._questions = questions

    def usable(self, rows: Rows) -> Rows:
        """Those with something to complete and something before it. Raises `PlanMismatch` for records of classes."""
        rows.require_task(Task.COMPLETION)
        return rows.only(completable(self.tokenizer, rows.texts, rows.completions, self.recipe))

    def ask(self, rows: Rows) -> Predicted:
        """See `answers.predictions`."""
        if not rows.texts:
            return Predicted(right=np.zeros(0, dtype=np.bool_), starts=np.zeros(1, dtype=np.int64), losses=np.zeros(0))
        tokens, begins = tokenize_pairs(self.tokenizer, rows.texts, rows.completions, self.recipe)
        return predictions(self.model, tokens, begins, self.recipe.max_tokens)

    def losses(self, rows: Rows, said: Predicted) -> Floats:
        """The mean loss of each row's completion, by person."""
        return by_person(said.losses, rows.person_array())

    def told(self, rows: Rows, said: Predicted) -> Told:
        """The share of each completion's tokens that is right, and their mean loss."""
        return Told(right=said.shares(), losses=said.losses, persons=rows.person_array())

    def previous(self, adapter: Digest, rows: Rows, promoted: Predicted, after: Predicted) -> Previous:
        """In tokens and loss."""
        return previous(adapter, self.told(rows, promoted), self.told(rows, after))

    def overall(self, rows: Rows, other: Predicted, after: Predicted) -> ExactTable:
        """The persons, by who predicts their tokens rightly."""
        both = Completed(before=other, after=after, persons=rows.person_array(), attributes={})
        return completion_tables(both.counted(), ())[0]

    def document(
        self, given: Given[Predicted], before: Predicted, after: Predicted, common: Common
    ) -> CompletionDetails:
        """Utility and fairness by token, and an explanation."""
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
            generalisation=common.generalisation,
            written=self._written(given),
            few_shot=self._few_shot(given, after),
            generations=generations(self.model, self.tokenizer, self.recipe.max_tokens, self._extent.sampled),
            explanation=explain_completions(*self._to_explain()),
            scrutiny=scrutinise_completions(*self._to_explain()),
            curve=common.curve,
            counterfactuals=self._counterfactuals(given.attempt.plan.fairness),
            questions=self._answered(given.attempt.plan.fairness),
        )

    def _to_explain(self) -> tuple[TextCompleter, PreTrainedTokenizerBase, Recipe, int]:
        return self.model, self.tokenizer, self.recipe, self._extent.prompts

    def _counterfactuals(self, declared: FairnessDeclaration | None) -> Counterfactuals | None:
        if declared is None or declared.writing is None:
            return None
        asked = self.model, self.tokenizer, self.recipe
        return counterfactuals(*asked, declared.writing, self._extent.continued)

    def _answered(self, declared: FairnessDeclaration | None) -> QuestionBias | None:
        if declared is None or declared.writing is None:
            return None
        return ask_questions(self.model, self.tokenizer, self.recipe, self._questions, declared.writing.treated)

    def _written(self, given: Given[Predicted]) -> Written | None:
        if given.noise is not None:
            return None
        return written(self.model, self.tokenizer, self.recipe, given.measured, self._extent.written)

    def _few_shot(self, given: Given[Predicted], after: Predicted) -> FewShot | None:
        if given.examples is None:
            return None
        asked = {"examples": given.examples, "rows": given.measured}
        return few_shot(self.model, self.tokenizer, self.recipe, **asked, after=after)


def _figures(given: Given[Predicted], before: Predicted, after: Predicted) -> tuple[CompletionUtility, Fairness]:
    completed = Completed(
        before=before,
        after=after,
        persons=given.measured.person_array(),
        attributes=given.measured.attributes(),
        promoted=given.promoted,
    )
    if given.noise is None:
        return exact_completion_figures(completed, given.attempt.plan.fairness)
    attempt = given.attempt
    return noisy_completion_figures(
        completed,
        groups=attempt.groups,
        protected=attempt.protected,
        planned=given.noise,
        declaration=attempt.plan.fairness,
    )
