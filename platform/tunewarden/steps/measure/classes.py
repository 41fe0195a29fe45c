"""Measuring a model that tells classes."""

from typing import cast

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe, Task
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.explanation import Explanation, explain
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Answered, exact_figures, noisy_figures
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.privacy import person_losses
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.task import Common, Given
from tunewarden.steps.measure.utility import Utility
from tunewarden.steps.train.model import TextClassifier


class Classes:
    """Implements `task.Asked`; what the model says are logits, float64[rows, classes]."""

    def __init__(
        self, model: TextClassifier, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, explained_texts: int
    ) -> None:
        """`explained_texts` bounds the time that explaining takes."""
        self.model, self.tokenizer, self._recipe, self._explained = model, tokenizer, recipe, explained_texts

    def usable(self, rows: Rows) -> Rows:
        """All of them: a class can be told of any text. Raises `PlanMismatch` for records with completions."""
        rows.require_task(Task.CLASSIFICATION)
        return rows

    def ask(self, rows: Rows) -> Floats:
        """See `answers.logits`."""
        return logits(self.model, self.tokenizer, rows.texts, self._recipe)

    def losses(self, rows: Rows, said: Floats) -> Floats:
        """The cross-entropy of each row's class, by person."""
        return person_losses(said, rows.label_array(), rows.person_array())

    def document(self, given: Given, before: Floats, after: Floats, common: Common) -> Details:
        """Utility and fairness by class, and an explanation."""
        utility, fairness = _figures(given, before, after)
        return Details(
            adapter=common.adapter,
            utility=utility,
            fairness=fairness,
            explanation=self._explanation(given.measured, made_up=given.noise is not None),
            membership=common.membership,
            libraries=common.libraries,
            noisy=common.noisy,
            audit=common.audit,
            self_check=common.self_check,
        )

    def _explanation(self, measured: Rows, *, made_up: bool) -> Explanation | None:
        texts = made_up_texts(self.tokenizer, self._explained) if made_up else measured.one_text_each(self._explained)
        if len(texts) < 2:
            return None
        return explain(
            forward=self.model,
            embeddings=cast(PreTrainedModel, self.model.encoder).get_input_embeddings(),
            tokenizer=self.tokenizer,
            texts=[text.lower() for text in texts] if self._recipe.lower_case else texts,
            tokens=self._recipe.max_tokens,
            made_up=made_up,
        )


def _figures(given: Given, before: Floats, after: Floats) -> tuple[Utility, Fairness]:
    attempt, labels = given.attempt, given.measured.label_array()
    answered = Answered(
        labels=labels,
        predicted=after.argmax(axis=1),
        base_predicted=before.argmax(axis=1),
        persons=given.measured.person_array(),
        attributes=given.measured.attributes(),
    )
    if given.noise is None:
        return exact_figures(answered, majority=int(np.bincount(labels).argmax()))
    return noisy_figures(
        answered, classes=len(attempt.labels), groups=attempt.groups, protected=attempt.protected, planned=given.noise
    )
