"""The part of the certificate that concerns chance: who is drawn, what noise is added, what the sum is divided by."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import NoiseForm, Plan
from tunewarden.steps.train import chance
from tunewarden.steps.train.certificate import Check, CheckName, passed, worst
from tunewarden.steps.train.person_clip import Gradients
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.specimens import crowd

Draw = Callable[[Rows], Sequence[NDArray[np.int64]]]
"""One draw of an update: the rows of each person that takes part."""

Release = Callable[[Gradients, int], Gradients]
"""(clean sum, persons drawn) -> what the optimizer gets: noise added, divided."""

Noise = list[torch.Tensor]
"""The noise of one update over its deviation: float64, flat, a tensor for each parameter."""

_DRAWS = 64
_DRAWN_EXPECTED = 32  # persons in a draw: enough that a draw of a fixed size cannot pass for a random one
_MOST_PERSONS = 200_000
_LONELY_DRAWS = 256
_LOUD = 10_000.0  # how far above the noise the sum is whose divisor is looked for
_DIVISOR_TOLERANCE = 1e-3
_GRID = 2e-3  # how much larger discrete noise may be


def check_draws(plan: Plan, draw: Draw) -> Iterator[Check]:
    """Whether persons are drawn independently with the plan's rate, and at most so many rows of each.

    Not seen: a dependence over more than two draws or two persons, and a wrong rate so small that it draws less than
    one of the made-up persons.
    """
    rate = float(plan.mechanism.sampling_rate)
    by_person = plan.mechanism.unit is PrivacyUnit.PERSON
    most = plan.recipe.rows_per_person if by_person else 1
    persons = min(_MOST_PERSONS, max(64, math.ceil(_DRAWN_EXPECTED / rate)))
    rows = crowd(persons, most + 2 if by_person else 1)  # where a row is the unit, "person" means row from here on
    present = np.zeros((_DRAWS, rows.persons), dtype=bool)
    excess = 0
    for update in range(_DRAWS):
        for theirs in draw(rows):
            person = int(np.searchsorted(rows.starts, theirs[0], side="right")) - 1
            excess = max(excess, _excess(theirs, rows.of(person), most), int(present[update, person]))
            present[update, person] = True
    yield passed(CheckName.ROWS_PER_PERSON, excess, 0)

    lonely = crowd(1, 1)
    company = sum(len(draw(lonely)) for _ in range(_LONELY_DRAWS))
    frequencies = (
        chance.of_count(int(present.sum()), present.size, rate),
        chance.of_count(company, _LONELY_DRAWS, rate),
    )
    yield passed(CheckName.SAMPLING_RATE, worst(frequencies), chance.CRIES_WOLF)
    yield passed(CheckName.SAMPLING_INDEPENDENCE, worst(_dependences(present, rate)), chance.CRIES_WOLF)


def check_release(plan: Plan, shapes: Mapping[str, torch.Tensor], release: Release) -> Iterator[Check]:
    """Whether the noise is normal, fresh and of the plan's size on every tensor, and the divisor the plan's constant.

    `shapes` has the names and shapes of what is trained. Not seen: a dependence between noise that lies further apart
    than these checks look, and low bits that betray what the noise was added to.
    """
    constant = plan.recipe.expected_units
    deviation = float(plan.mechanism.noise_multiplier * plan.recipe.clip)

    def released(value: float, drawn: int) -> list[torch.Tensor]:
        total = {name: torch.full_like(shape, value).detach() for name, shape in shapes.items()}
        result = release(total, drawn)
        return [result[name].cpu().double().flatten() * constant for name in shapes]

    loud = _LOUD * deviation
    divided = (float(torch.cat(released(loud, drawn)).mean()) / loud for drawn in (0, constant + 1))
    yield passed(CheckName.NORMALISER, worst(abs(ratio - 1.0) for ratio in divided), _DIVISOR_TOLERANCE)

    first, second = ([noise / deviation for noise in released(0.0, drawn)] for drawn in (0, constant + 1))
    if plan.recipe.noise is NoiseForm.DISCRETE_GAUSSIAN:
        first, second = _without_grid(first), _without_grid(second)
    limit = chance.CRIES_WOLF + math.log(len(shapes))  # as many more figures are looked at
    yield passed(CheckName.NOISE_SCALE, worst(_sizes(first, second)), limit)
    yield passed(CheckName.NOISE_FRESHNESS, worst(_repetitions(first, second)), limit)


def _excess(theirs: NDArray[np.int64], allowed: NDArray[np.int64], most: int) -> int:
    """How many rows too many: beyond `most`, drawn twice, or of somebody else."""
    own = np.intersect1d(theirs, allowed)  # each once
    return max(0, len(theirs) - most) + len(theirs) - len(own)


def _dependences(present: NDArray[np.bool_], rate: float) -> Iterator[float]:
    """Nats against independence; `present` is bool[draws, persons], an even number of both is looked at."""
    persons = present.shape[1] // 2 * 2
    of_draws = present[0::2] & present[1::2]
    neighbours = present[:, 0:persons:2] & present[:, 1:persons:2]
    halves = present[:, : persons // 2] & present[:, persons // 2 : persons]
    for both in (of_draws, neighbours, halves):
        yield chance.of_count(int(both.sum()), both.size, rate**2)
    width, probability = chance.near_mean(present.shape[1], rate)
    near = np.abs(present.sum(axis=1) - present.shape[1] * rate) <= width
    yield chance.of_count(int(near.sum()), len(near), probability)


def _without_grid(noise: Noise) -> Noise:
    """Discrete noise is a little larger, for a rounded gradient is a little longer; more noise costs nobody privacy."""
    found = float(torch.cat(noise).square().mean().sqrt())
    scale = min(max(1.0, found), 1.0 + _GRID)
    return [tensor / scale for tensor in noise]


def _sizes(first: Noise, second: Noise) -> Iterator[float]:
    """Nats against standard normal values: all energy, that of each tensor, the mean, and how many are small."""
    whole = torch.cat([*first, *second])
    yield chance.of_energy(whole)
    for one, other in zip(first, second, strict=True):
        yield chance.of_energy(torch.cat([one, other]))
    yield chance.of_mean(whole)
    inner = math.erf(1.0 / math.sqrt(2.0))  # of a normal value within one deviation
    yield chance.of_count(int((whole.abs() < 1.0).sum()), whole.numel(), inner)


def _repetitions(first: Noise, second: Noise) -> Iterator[float]:
    """Nats against independence of two updates, of the halves of one, and of tensors that follow one another."""
    yield _together(torch.cat(first), torch.cat(second))
    for update in (first, second):
        whole = torch.cat(update)
        yield _together(whole[: len(whole) // 2], whole[len(whole) // 2 :])
        for begin in (0, 1):
            for one, other in zip(update[begin::2], update[begin + 1 :: 2], strict=False):
                yield _together(one, other)


def _together(one: torch.Tensor, other: torch.Tensor) -> float:
    """Nats: the sum of two independent values has twice the energy of one; of the same value twice, four times."""
    shorter = min(len(one), len(other))
    return chance.of_energy((one[:shorter] + other[:shorter]) / math.sqrt(2.0))
