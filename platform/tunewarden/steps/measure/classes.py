"""Measuring a model that tells classes."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.names import Digest
from tunewarden.domain.training import Recipe, Task
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.attributing import Explained
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.explanation import Explanation, explain
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Answered, exact_figures, noisy_figures
from tunewarden.steps.measure.generalisation import Previous, Told, previous
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.privacy import person_losses, row_losses
from tunewarden.steps.measure.quality import Quality, gains_over, measure_quality
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.scrutiny import Depth, Scrutiny, scrutinise
from tunewarden.steps.measure.task import Common, Given
from tunewarden.steps.measure.utility import Utility
from tunewarden.steps.measure.weights import held
from tunewarden.steps.train.model import TextClassifier


class Classes:
    """Implements `task.Asked`; what the model says are logits, float64[rows, classes]."""

    def __init__(
        self,
        model: TextClassifier,
        tokenizer: PreTrainedTokenizerBase,
        recipe: Recipe,
        explained_texts: int,
        extent: Extent,
    ) -> None:
        """`model` is untrained. `explained_texts` and `extent` bound the time that explaining takes."""
        self.model, self.tokenizer, self.recipe, self._explained = model, tokenizer, recipe, explained_texts
        self._extent, self._untrained = extent, held(model)

    def usable(self, rows: Rows) -> Rows:
        """All of them: a class can be told of any text. Raises `PlanMismatch` for records with completions."""
        rows.require_task(Task.CLASSIFICATION)
        return rows

    def ask(self, rows: Rows) -> Floats:
        """See `answers.logits`."""
        return logits(self.model, self.tokenizer, rows.texts, self.recipe)

    def losses(self, rows: Rows, said: Floats) -> Floats:
        """The cross-entropy of each row's class, by person."""
        return person_losses(said, rows.label_array(), rows.person_array())

    def told(self, rows: Rows, said: Floats) -> Told:
        """Whether the likeliest class is each row's, and its cross-entropy."""
        labels = rows.label_array()
        right = np.asarray(said.argmax(axis=1) == labels, dtype=np.float64)
        return Told(right=right, losses=row_losses(said, labels), persons=rows.person_array())

    def previous(self, adapter: Digest, rows: Rows, promoted: Floats, after: Floats) -> Previous:
        """In accuracy, loss and macro F1. Raises `Refused` for logits that are not finite."""
        labels, persons = rows.label_array(), rows.person_array()
        gains = gains_over(labels=labels, logits=after, other_logits=promoted, persons=persons)
        return previous(adapter, self.told(rows, promoted), self.told(rows, after), f1=gains.f1)

    def document(self, given: Given[Floats], before: Floats, after: Floats, common: Common) -> Details:
        """Utility and fairness by class, and an explanation."""
        utility, fairness, quality = _figures(given, before, after)
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
            quality=quality,
            generalisation=common.generalisation,
            scrutiny=self._scrutiny(),
        )

    def _scrutiny(self) -> Scrutiny:
        depth = Depth(texts=max(2, self._explained), pairs=self._extent.swaps)
        return scrutinise(self.model, self._to_explain(), self._chances, self._untrained, depth)

    def _chances(self, texts: Sequence[str]) -> Floats:
        """Of the classes, float64[texts, classes]."""
        said = torch.from_numpy(logits(self.model, self.tokenizer, texts, self.recipe))
        return np.asarray(said.softmax(dim=-1).numpy(), dtype=np.float64)

    def _to_explain(self) -> Explained:
        return Explained(
            forward=self.model,
            embeddings=cast(PreTrainedModel, self.model.encoder).get_input_embeddings(),
            tokenizer=self.tokenizer,
            tokens=self.recipe.max_tokens,
            lower_case=self.recipe.lower_case,
        )

    def _explanation(self, measured: Rows, *, made_up: bool) -> Explanation | None:
        texts = made_up_texts(self.tokenizer, self._explained) if made_up else measured.one_text_each(self._explained)
        if len(texts) < 2:
            return None
        return explain(self._to_explain(), texts, made_up=made_up)


def _figures(given: Given[Floats], before: Floats, after: Floats) -> tuple[Utility, Fairness, Quality]:
    attempt, labels = given.attempt, given.measured.label_array()
    answered = Answered(
        labels=labels,
        predicted=after.argmax(axis=1),
        base_predicted=before.argmax(axis=1),
        persons=given.measured.person_array(),
        attributes=given.measured.attributes(),
        confidence=_confidence(after),
        promoted=None if given.promoted is None else given.promoted.argmax(axis=1),
    )
    if given.noise is None:
        quality = measure_quality(labels=labels, logits=after, base_logits=before, persons=answered.persons)
        return (*exact_figures(answered, int(np.bincount(labels).argmax()), attempt.plan.fairness), quality)
    return noisy_figures(
        answered,
        classes=len(attempt.labels),
        groups=attempt.groups,
        protected=attempt.protected,
        planned=given.noise,
        declaration=attempt.plan.fairness,
    )


def _confidence(logits: Floats) -> Floats:
    """The largest probability of each row: float64[rows], of float64[rows, classes]."""
    return np.asarray(1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1), dtype=np.float64)
