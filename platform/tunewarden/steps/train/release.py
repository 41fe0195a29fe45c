"""What of an update the optimizer sees: the clean sum, noised once, checked, and divided by a constant of the plan."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.training import NoiseForm, Plan
from tunewarden.steps.train.discrete_noise import Grid, discrete_normal
from tunewarden.steps.train.noise import NoiseStream, energy_is_plausible
from tunewarden.steps.train.person_clip import Gradients

CHECKS = ("energy: chi-square within 8 standard deviations", "fresh: unlike that of every update before")
"""What is checked of the noise of every update, in words for the evidence."""
_FINGERPRINT_STEPS = 2**16  # of a deviation
_LOST_MOST = 2.0**-20  # of a deviation, of any number's noise, in the rounding of its sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How the noise of one update is drawn.

    Attributes:
        deviation: its standard deviation on every number.
        draw: float64[numbers], fresh at every call.
    """

    deviation: float
    draw: Callable[[], NDArray[np.float64]]


def noise_of(plan: Plan, numbers: int) -> Noise:
    """The noise that `plan` asks for, on so many trained `numbers`."""
    multiplier, clip = float(plan.mechanism.noise_multiplier), float(plan.recipe.clip)
    match plan.recipe.noise:
        case NoiseForm.GAUSSIAN:
            deviation = multiplier * clip
            return Noise(deviation=deviation, draw=lambda: deviation * NoiseStream().normal(numbers))
        case NoiseForm.DISCRETE_GAUSSIAN:
            grid = Grid.fit(clip, multiplier, numbers)
            return Noise(
                deviation=grid.step * grid.deviation,
                draw=lambda: grid.step * discrete_normal(NoiseStream(), grid.deviation, numbers).astype(np.float64),
            )


class Release:
    """(clean sums) -> what the optimizer is given. The noise of the next update is drawn meanwhile, in a thread.

    There it is checked too, so that an update waits for no more than adding it. The bits, the logarithms and the
    sorting out all run outside of Python's lock, so a spare core does them.

    Attributes:
        checked: how many updates were noised and passed every check.
    """

    def __init__(self, plan: Plan, noise: Noise) -> None:
        self.checked = 0
        self._noise, self._expected_units = noise, plan.recipe.expected_units
        # Of what this process drew. Never stored: with it one could try which clean sum the noise was added to.
        self._seen: set[bytes] = set()
        self._spare = ThreadPoolExecutor(max_workers=1, thread_name_prefix="noise")
        self._next: Future[NDArray[np.float64]] = self._spare.submit(self._draw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spare.shutdown(cancel_futures=True)

    def __call__(self, total: Gradients) -> Gradients:
        """`total`, noised and divided by the expected number of units: float64, where the sums are.

        Raises `Corrupted` where the noise that was really added is missing, too small, or has been there before.
        """
        noise = torch.from_numpy(self._next.result())
        sums = torch.cat([clean.flatten() for clean in total.values()])
        exact = sums.cpu().double()
        noisy = exact + noise
        # What was drawn was checked. It must be there still: beside a huge sum, float64 has no room for it.
        if not bool((noisy - exact).sub_(noise).abs_().max() <= _LOST_MOST * self._noise.deviation):
            raise _missing()
        self.checked += 1
        mean = noisy.div_(self._expected_units).to(sums.device)
        self._next = self._spare.submit(self._draw)  # not sooner: it would fight for memory with the lines above
        parts = torch.split(mean, [clean.numel() for clean in total.values()])
        return {name: part.view(total[name].shape) for name, part in zip(total, parts, strict=True)}

    def _draw(self) -> NDArray[np.float64]:
        """The noise of one update, checked."""
        noise = self._noise.draw()
        drawn = noise / self._noise.deviation
        if not energy_is_plausible(drawn):
            raise _missing()
        fingerprint = blake2b(np.rint(drawn * _FINGERPRINT_STEPS).astype(np.int64).data, digest_size=16).digest()
        if fingerprint in self._seen:
            raise Corrupted("noise_repeated", "The noise of an update is that of an earlier one.")
        self._seen.add(fingerprint)
        return noise


def _missing() -> Corrupted:
    return Corrupted("noise_missing", "The noise of an update does not have the energy that the plan asks for.")
