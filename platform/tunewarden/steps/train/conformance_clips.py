"""The part of the certificate that concerns gradients: what one person can move, tried on the real model.

The brute force in here is written anew from the definition; it shares no code with the clippers or their row losses.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray

from tunewarden.domain.errors import Refused
from tunewarden.domain.training import NoiseForm, Precision, Recipe
from tunewarden.steps.train.certificate import Check, CheckName, passed, worst
from tunewarden.steps.train.clipper import Clipper
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.specimens import Specimens, poisoned

Persons = Sequence[NDArray[np.int64]]
"""The rows of each."""


MakeClipper = Callable[[Rows, float, Compute], Clipper]
"""(rows, clip, compute) -> a clipper of the model that is trained."""

_GRID = 2e-3  # discrete noise rounds each clipped gradient to a grid, and is as much larger as this lengthens it


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What rounding may do, over the clip.

    Attributes:
        beyond: how far one person may move the sum beyond the clip.
        distance: how far the sum over the made-up persons may be from brute force.
    """

    beyond: float
    distance: float


def tolerance(recipe: Recipe) -> Tolerance:
    """What is allowed in the precision and with the noise of `recipe`."""
    grid = _GRID if recipe.noise is NoiseForm.DISCRETE_GAUSSIAN else 0.0
    # Honest clippers were found 0.000 003 and 0.02 from brute force on MiniLM: bfloat16 has 8 bits, and what is lost
    # depends on the shape of the batch. Nobody's own contribution is longer for that.
    match recipe.precision:
        case Precision.FLOAT32:
            return Tolerance(beyond=1e-3 + grid, distance=2e-4 + 3 * grid)
        case Precision.BFLOAT16:
            return Tolerance(beyond=1e-3 + grid, distance=0.1 + 3 * grid)
    assert_never(recipe.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One model on made-up persons.

    Attributes:
        model: its trainable weights are made up already, none of them zero.
        compute: how the training will cut persons into micro-batches.
    """

    model: TextModel
    specimens: Specimens
    recipe: Recipe
    compute: Compute


def check_clips(trial: Trial, make: MakeClipper, second: MakeClipper | None) -> Iterator[Check]:
    """Whether `make` clips every person once and alone, and whether `second` agrees where it covers the model.

    Tried at the plan's clip and at two that shorten the gradients of half and of all made-up persons: with a clip that
    nobody reaches nothing could be seen. Not seen: what happens only with very many persons or very long texts.
    """
    allowed, persons = tolerance(trial.recipe), trial.specimens.persons
    gradients = [_by_brute_force(trial, theirs) for theirs in persons]
    weights = [_weight(trial.specimens.rows, theirs) for theirs in persons]
    norms = sorted(float(gradient.norm()) for gradient in gradients)
    every, half, planned = 0.5 * norms[0], norms[len(norms) // 2], float(trial.recipe.clip)

    def distance(found: torch.Tensor, clip: float, expected: Sequence[torch.Tensor] = gradients) -> float:
        return float((found - _clipped_sum(expected, weights, clip)).norm()) / clip

    whole = _sum(trial, make, every, persons, trial.compute)
    alone = replace(trial.compute, micro_batch_rows=1, persons_at_once=2)
    distances = (
        distance(whole, every),
        distance(_sum(trial, make, planned, persons, trial.compute), planned),
        distance(_sum(trial, make, half, persons, alone), half),
    )
    yield passed(CheckName.BRUTE_FORCE, worst(distances), allowed.distance)

    yield passed(CheckName.NEIGHBOURS, worst(_moves(trial, make, every, whole)), 1.0 + allowed.beyond)

    found = _sum_where_covered(trial, second, half, persons)
    if found is not None:
        yield passed(CheckName.SECOND_WAY, distance(found, half), allowed.distance)

    cut_apart = replace(trial.compute, micro_batch_rows=3)
    with poisoned(trial.model, trial.specimens.poison):
        found = _sum(trial, make, half, persons, cut_apart)
    yield passed(CheckName.NOT_FINITE, distance(found, half, gradients[:-1]), allowed.distance)


def _moves(trial: Trial, make: MakeClipper, clip: float, whole: torch.Tensor) -> Iterator[float]:
    """How far a person moves the sum, over the clip: each one added to all others, and one added to nobody."""
    persons = trial.specimens.persons
    for person in range(len(persons)):
        others = [*persons[:person], *persons[person + 1 :]]
        yield float((whole - _sum(trial, make, clip, others, trial.compute)).norm()) / clip
    first, nobody = (_sum(trial, make, clip, some, trial.compute) for some in (persons[:1], ()))
    yield float((first - nobody).norm()) / clip


def _sum(trial: Trial, make: MakeClipper, clip: float, persons: Persons, compute: Compute) -> torch.Tensor:
    """What the clipper makes of `persons`: float64, all parameters after one another."""
    clipper = make(trial.specimens.rows, clip, compute)
    try:
        total = clipper.clipped_sum(persons)
    finally:
        clipper.close()
    return torch.cat([total[name].cpu().double().flatten() for name in trial.model.trainable()])


def _sum_where_covered(trial: Trial, make: MakeClipper | None, clip: float, persons: Persons) -> torch.Tensor | None:
    if make is None:
        return None
    try:
        return _sum(trial, make, clip, persons, trial.compute)
    except Refused as refused:
        if refused.code != "parameter_not_covered":
            raise
        return None


def _by_brute_force(trial: Trial, rows: NDArray[np.int64]) -> torch.Tensor:
    """The gradient of one person's mean loss, row by row without padding: float64."""
    weights = trial.model.trainable()
    losses = torch.stack([_loss(trial, int(row)) for row in rows])
    gradients = torch.autograd.grad(losses.mean(), list(weights.values()))
    return torch.cat([gradient.cpu().double().flatten() for gradient in gradients])


def _loss(trial: Trial, row: int) -> torch.Tensor:
    """Minus the logarithm of the probability of the row's class, or the mean of it over the tokens to complete."""
    rows, device = trial.specimens.rows, trial.model.device
    ids = torch.from_numpy(rows.tokens.ids[rows.tokens.starts[row] : rows.tokens.starts[row + 1]]).long().to(device)
    scores = trial.model(ids[None], torch.ones_like(ids)[None])[0].float().log_softmax(dim=-1)
    if rows.completions is None:
        return torch.neg(scores[int(rows.labels[row])])
    begin = int(rows.completions[row])
    return torch.stack([-scores[place - 1, ids[place]] for place in range(begin, len(ids))]).mean()


def _weight(rows: Rows, own: NDArray[np.int64]) -> float:
    """The mean weight of the classes of one person's rows; never more than 1, or it would lengthen what was clipped."""
    if not rows.class_weights:
        return 1.0
    return sum(min(1.0, rows.class_weights[int(rows.labels[row])]) for row in own) / len(own)


def _clipped_sum(gradients: Sequence[torch.Tensor], weights: Sequence[float], clip: float) -> torch.Tensor:
    total = torch.zeros_like(gradients[0])
    for gradient, weight in zip(gradients, weights, strict=False):
        total += gradient * weight * min(1.0, clip / float(gradient.norm()))
    return total
