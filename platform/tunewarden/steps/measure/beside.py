"""What is asked beside the held-out rows: of the training side where records are public, and of what is used today."""

from dataclasses import dataclass
from typing import Generic

from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.forgetting import forgetting
from tunewarden.steps.measure.generalisation import Generalisation, Previous, overfitting, overlap
from tunewarden.steps.measure.intervals import Booleans, Floats
from tunewarden.steps.measure.privacy import Membership, measure_membership
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.task import A, Asked

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


def membership(asked: Asked[A], trained: Side[A], held_out: Side[A]) -> Membership:
    """The attack on persons of the training side, against held-out ones."""
    trained_before, trained_after = _losses(asked, trained)
    held_before, held_after = (losses[:OTHERS] for losses in _losses(asked, held_out))
    return measure_membership(trained_after, held_after, before=(trained_before, held_before))


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


def _losses(asked: Asked[A], side: Side[A]) -> tuple[Floats, Floats]:
    """Of each person, as training begins and with the adapter."""
    return asked.losses(side.rows, side.before), asked.losses(side.rows, side.after)
