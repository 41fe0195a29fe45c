"""What is asked beside the held-out rows: of the training side where records are public, and of what is used today."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from tunewarden.domain.training import Task
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.forgetting import forgetting
from tunewarden.steps.measure.generalisation import Generalisation, Previous, overfitting, overlap
from tunewarden.steps.measure.intervals import Booleans, Floats
from tunewarden.steps.measure.likelihood_ratio import likelihood_ratio, scaled
from tunewarden.steps.measure.parts_asked import AskedPart
from tunewarden.steps.measure.privacy import (
    LikelihoodRatio,
    Membership,
    measure_likelihood_ratio,
    measure_membership,
)
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.task import A, Asked
from tunewarden.steps.train.parts import in_part

ATTACKED_PERSONS = 300
OTHERS = 2_000
"""Held-out persons that those are told from: they are asked anyway, and one in a hundred is known the better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side(Generic[A]):
    """Rows, and what the model says to them as training begins and with the adapter."""

    rows: Rows
    before: A
    after: A


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSide(Generic[A]):
    """Persons of the training side, whose records are public: some are asked about, of all texts overlap is sought.

    Attributes:
        overlapping: bool[held-out rows]; see `overlap.overlapping`.
    """

    some: Side[A]
    overlapping: Booleans


def membership(asked: Asked[A], trained: Side[A], held_out: Side[A], parts: Sequence[AskedPart[A]] = ()) -> Membership:
    """The attacks on persons of the training side, against held-out ones.

    `parts` are the models of the learning curve. Who is in none of them can be attacked by what they say.
    """
    trained_before, trained_after = _losses(asked, trained)
    held_before, held_after = (losses[:OTHERS] for losses in _losses(asked, held_out))
    found = measure_membership(trained_after, held_after, before=(trained_before, held_before))
    return replace(found, likelihood_ratio=_likelihood_ratio(asked, trained, held_out, parts))


def generalisation(
    asked: Asked[A],
    held_out: Side[A],
    training: TrainingSide[A] | None,
    previous: Previous | None,
    extent: Extent,
) -> Generalisation:
    """See `generalisation.py`. Where figures about the held-out rows are noisy, `training` and `previous` are None."""
    told = None if training is None else asked.told(held_out.rows, held_out.after)
    some = None if training is None else asked.told(training.some.rows, training.some.after)
    return Generalisation(
        overfitting=None if some is None or told is None else overfitting(some, told),
        overlap=None if training is None or told is None else overlap(training.overlapping, told),
        forgetting=forgetting(asked.model, asked.tokenizer, asked.recipe, extent.pairs),
        previous=previous,
    )


def _likelihood_ratio(
    asked: Asked[A], trained: Side[A], held_out: Side[A], parts: Sequence[AskedPart[A]]
) -> LikelihoodRatio | None:
    """None where there is no model of a part that was asked about persons of the training side."""
    asked_parts = [(part.some, part.said, part.share) for part in parts if part.some is not None]
    if not asked_parts:
        return None
    largest = max(share for _, _, share in asked_parts)
    outside = np.array([not in_part(person, largest) for person in sorted(set(trained.rows.persons))])
    own = _likelihood(asked, trained.rows, trained.after)[outside]
    own_outs = [_likelihood(asked, trained.rows, some)[outside] for some, _, _ in asked_parts]
    other = _likelihood(asked, held_out.rows, held_out.after)[:OTHERS]
    other_outs = [_likelihood(asked, held_out.rows, said)[:OTHERS] for _, said, _ in asked_parts]
    scores = likelihood_ratio(
        np.concatenate((own, other)), [np.concatenate(both) for both in zip(own_outs, other_outs, strict=True)]
    )
    return measure_likelihood_ratio(len(asked_parts), scores[: len(own)], scores[len(own) :])


def _likelihood(asked: Asked[A], rows: Rows, said: A) -> Floats:
    """How sure a model is of each person, on the scale that is taken as normal: float64[persons]."""
    losses = asked.losses(rows, said)
    return -losses if asked.recipe.task is Task.COMPLETION else scaled(losses)


def _losses(asked: Asked[A], side: Side[A]) -> tuple[Floats, Floats]:
    """Of each person, as training begins and with the adapter."""
    return asked.losses(side.rows, side.before), asked.losses(side.rows, side.after)
