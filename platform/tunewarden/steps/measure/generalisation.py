"""Does what was learnt hold for others, what did it cost, and was it worth more than what was there before?

*Overfitting*: how much better the model does on persons whom it was trained on than on held-out ones, in the share of
answers (of completions: tokens) that is right and in loss. *Overlap*: the share of held-out rows with a near duplicate
on the training side (`overlap.py`), and how often the model is right on the others. Both say something of persons who
were trained on beyond what the training's epsilon covers, so both are made only where the records of both sides are
public. *Forgetting* is asked with texts that are nobody's (`forgetting.py`): it is about the model alone and is stated
in any case. *Over the last promoted version*: see `Previous`.
"""

from dataclasses import dataclass, field

import numpy as np

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest
from tunewarden.steps.measure.forgetting import Forgetting
from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import (
    Booleans,
    Figure,
    Floats,
    Integers,
    bootstrap,
    by_person,
    critical,
    difference,
    person_share,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """How much better on those trained on. None where a side has fewer than 30 persons.

    Attributes:
        trained, held_out: persons on each side.
        right: share that is right on those trained on, less that on held-out persons; everybody counts alike.
        loss: that of held-out persons, less that of those trained on, nats.
    """

    trained: int
    held_out: int
    right: Figure | None
    loss: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Held-out rows with a near duplicate among the texts trained on.

    Attributes:
        share: of rows, everybody counting alike.
        right_apart: share that is right on the other rows; None where fewer than 30 persons have such.
    """

    persons: int
    share: Figure
    right_apart: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The version of the same dataset that was promoted last, on the same rows: how much better this one is, paired.

    Attributes:
        adapter: of that version.
        right: gain in the share that is right, everybody counting alike.
        loss: how much smaller the loss is, nats.
        f1: gain in macro F1; None for completions too.
    """

    adapter: Digest
    persons: int
    right: Figure | None
    loss: Figure | None
    f1: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalisation:
    """What was found. `overfitting` and `overlap` are None where records are not public.

    `previous` is None where figures are noisy, where no version of the dataset was promoted that answers the same
    question, and where it could not be asked: `unasked` is then the code of the error that said so.
    """

    overfitting: Overfitting | None
    overlap: Overlap | None
    forgetting: Forgetting
    previous: Previous | None
    unasked: str | None = field(default=None, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge. What could not be stated is missing."""
        found: list[tuple[str, Figure | None, int]] = []
        if self.overfitting is not None:
            persons = self.overfitting.trained + self.overfitting.held_out
            found.append(("utility.overfitting_gap", self.overfitting.right, persons))
            found.append(("utility.overfitting_loss", self.overfitting.loss, persons))
        if self.overlap is not None:
            found.append(("utility.overlap_share", self.overlap.share, self.overlap.persons))
        if self.previous is not None:
            found.append(("utility.gain_over_promoted", self.previous.right, self.previous.persons))
            found.append(("utility.loss_gain_over_promoted", self.previous.loss, self.previous.persons))
            found.append(("utility.f1_gain_over_promoted", self.previous.f1, self.previous.persons))
        stated = (figure.measured(metric, n) for metric, figure, n in found if figure is not None)
        return (*stated, *self.forgetting.measurements())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a model makes of rows.

    Attributes:
        right: float64[rows], the share of each row that is right: 0 or 1, of a completion that of its tokens.
        losses: float64[rows], nats.
        persons: int64[rows].
    """

    right: Floats
    losses: Floats
    persons: Integers

    def by_person(self) -> tuple[Floats, Floats]:
        """The mean of each over a person's rows: float64[persons] twice."""
        return by_person(self.right, self.persons), by_person(self.losses, self.persons)


def overfitting(trained: Told, held_out: Told) -> Overfitting:
    """From what the adapter makes of rows of both sides, at least one each."""
    z = critical()
    (_, seen), (_, unseen) = trained.by_person(), held_out.by_person()
    enough = min(len(seen), len(unseen)) >= LEAST_PERSONS
    finite = bool(np.isfinite(seen).all() and np.isfinite(unseen).all())
    right, unseen_right = (person_share(each.right, each.persons, z) for each in (trained, held_out))
    return Overfitting(
        trained=len(seen),
        held_out=len(unseen),
        right=difference(right, unseen_right).figure() if enough else None,
        loss=difference(bootstrap(unseen), bootstrap(seen)).figure() if enough and finite else None,
    )


def overlap(found: Booleans, held_out: Told) -> Overlap:
    """`found`, bool[rows], says which of the held-out rows, at least one, have a near duplicate."""
    z, apart = critical(), ~found
    persons = len(np.unique(held_out.persons[apart]))
    return Overlap(
        persons=len(np.unique(held_out.persons)),
        share=person_share(found.astype(np.float64), held_out.persons, z).figure(),
        right_apart=person_share(held_out.right[apart], held_out.persons[apart], z).figure()
        if persons >= LEAST_PERSONS
        else None,
    )


def previous(adapter: Digest, before: Told, after: Told, f1: Figure | None = None) -> Previous:
    """From what the promoted version and this one make of the same rows, at least one."""
    (right_before, loss_before), (right_after, loss_after) = before.by_person(), after.by_person()
    gains, losses = right_after - right_before, loss_before - loss_after
    enough = len(gains) >= LEAST_PERSONS
    return Previous(
        adapter=adapter,
        persons=len(gains),
        right=bootstrap(gains).figure() if enough else None,
        loss=bootstrap(losses).figure() if enough and bool(np.isfinite(losses).all()) else None,
        f1=f1,
    )
