"""Measuring a model that tells classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.names import Digest
from tunewarden.domain.training import Recipe, Task
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.attributing import Explained
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.explained_membership import (
    Attacked,
    ExplainedMembership,
    Seen,
    attribution_figures,
    explained_membership,
)
from tunewarden.steps.measure.explanation import Explanation, explain
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Answered, exact_figures, noisy_figures
from tunewarden.steps.measure.generalisation import Previous, Told, previous
from tunewarden.steps.measure.in_domain import exchanged
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.mitigated import mitigate
from tunewarden.steps.measure.privacy import LEAST_PERSONS, person_losses, row_losses
from tunewarden.steps.measure.quality import Quality, gains_over, measure_quality
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.scrutiny import Depth, Scrutiny, scrutinise
from tunewarden.steps.measure.tables import Answers, ExactTable, exact_tables
from tunewarden.steps.measure.task import Common, Given
from tunewarden.steps.measure.twins import Beginning, twins
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

    def overall(self, rows: Rows, other: Floats, after: Floats) -> ExactTable:
        """The persons, by who answers rightly."""
        labels = rows.label_array()
        answers = Answers(
            labels=labels,
            right=after.argmax(axis=1) == labels,
            base_right=other.argmax(axis=1) == labels,
            persons=rows.person_array(),
            attributes={},
        )
        return exact_tables(answers, after.shape[1], ())[0]

    def document(self, given: Given[Floats], before: Floats, after: Floats, common: Common) -> Details:
        """Utility and fairness by class, and an explanation."""
        utility, fairness, quality = _figures(given, before, after)
        plan, exact, allowed = given.attempt.plan, given.noise is None, given.attempt.twins
        answered, alone = _answered(given, before, after), given.measured.alone()
        beginning = Beginning(model=self.model, tokenizer=self.tokenizer, weights=self._untrained)
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
            scrutiny=self._scrutiny(given),
            mitigated=mitigate(answered, _chances(after), plan.fairness, fairness.decided, alone=alone)
            if exact
            else None,
            twins=twins(beginning, plan, given.measured) if exact and allowed else None,
            twins_left_out="twins_not_allowed" if plan.twins and not allowed else None,
            curve=common.curve,
        )

    def _scrutiny(self, given: Given[Floats]) -> Scrutiny:
        depth = Depth(texts=max(2, self._explained), pairs=self._extent.swaps)
        found = scrutinise(self.model, self._to_explain(), self._chances, self._untrained, depth)
        return replace(
            found,
            exchanged=exchanged(self._chances, given.measured) if given.noise is None else (),
            membership=self._explained_membership(given),
        )

    def _explained_membership(self, given: Given[Floats]) -> ExplainedMembership | None:
        """Of persons where their records are public, else of canaries."""
        most = self._extent.attacked
        if given.examples is not None:
            sides = [Attacked.persons(rows, most) for rows in (given.examples, given.measured)]
        else:
            sides = [Attacked.canaries(given.canaries, most, present=present) for present in (True, False)]
        if min(len(side.texts) for side in sides) < LEAST_PERSONS:
            return None
        trained, others = (self._seen(side) for side in sides)
        return explained_membership(trained, others, canaries=given.examples is None)

    def _seen(self, some: Attacked) -> Seen:
        said = logits(self.model, self.tokenizer, some.texts, self.recipe)
        figures = attribution_figures(self._to_explain(), some.texts)
        return Seen(losses=row_losses(said, some.labels), figures=figures)

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


def _answered(given: Given[Floats], before: Floats, after: Floats) -> Answered:
    return Answered(
        labels=given.measured.label_array(),
        predicted=after.argmax(axis=1),
        base_predicted=before.argmax(axis=1),
        persons=given.measured.person_array(),
        attributes=given.measured.attributes(),
        confidence=_chances(after).max(axis=1),
        promoted=None if given.promoted is None else given.promoted.argmax(axis=1),
    )


def _figures(given: Given[Floats], before: Floats, after: Floats) -> tuple[Utility, Fairness, Quality]:
    attempt, labels, answered = given.attempt, given.measured.label_array(), _answered(given, before, after)
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


def _chances(logits: Floats) -> Floats:
    """The probability of each class: float64[rows, classes], of as many logits."""
    away = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(away / away.sum(axis=1, keepdims=True), dtype=np.float64)
