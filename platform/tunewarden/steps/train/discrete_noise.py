"""The hardened form of noise: whole numbers only, so that no floating-point rounding tells what it was added to.

A person's clipped gradient is rounded to a grid, whole gradients are added as whole numbers, and so is noise from the
discrete Gaussian distribution (Canonne, Kamath and Steinke, arXiv 2004.00030), drawn exactly, with integers.

Sensitivity. Rounding moves each of d numbers by half a step at most, so a person's rounded gradient is at most
`clip/step + sqrt(d)/2` steps long. The grid is fine enough that this is under 0.1 % more than the clip (3 % where noise
is very strong), the noise is the stronger for it, and a gradient that were longer would count as zero. Each person is
computed alone: what others in the same batch do to the last bits of a gradient would else be a way around the bound.
That makes this form slow on small models.

Accounting is that of the Gaussian with the same noise multiplier. Where the distribution has a deviation s of 100 steps
and more, which it has here, sums of exp(-(x - t)**2 / 2s**2) over whole x are the same for all real t but for a factor
that differs from 1 by about 2 exp(-2 (pi s)**2) (Poisson summation), less than 10**-80000; so every moment by which the
sampled Gaussian mechanism is bounded (Mironov, Talwar and Zhang, arXiv 1908.10530) is that of the continuous one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tunewarden.domain.errors import Refused
from tunewarden.steps.train.clipper import Clipper
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.person_clip import Gradients

_FINENESS = (1024, 256, 64, 16)  # the coarser ones where noise is so strong that its numbers would not fit else
_SLACK = 1e-5  # of the clip: what float32 may get wrong in the norm that a person is clipped to
_SMALLEST_DEVIATION = 100  # steps; see above
_LARGEST_DEVIATION = 2**26  # then (_FAR * s)**2 is below 2**63
_FAR = 40  # deviations; what lies beyond is kept with a probability below 10**-330, and here as if it lay there


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Multiples of a power of two, on which sums of float64 are exact.

    Attributes:
        step: the distance of two points, a power of two.
        longest: a person's rounded gradient has at most this norm, in steps.
        deviation: of the noise, in steps.
    """

    step: float
    longest: int
    deviation: int

    @classmethod
    def fit(cls, clip: float, multiplier: float, numbers: int) -> "Grid":
        """For gradients of so many `numbers` clipped to `clip`, and noise of `multiplier` times a person's norm.

        Raises `Refused` for noise so strong that its numbers would not fit.
        """
        for fineness in _FINENESS:
            step = 2.0 ** math.floor(math.log2(clip / (fineness * math.sqrt(numbers))))
            longest = math.ceil(clip * (1 + _SLACK) / step + math.sqrt(numbers) / 2)
            deviation = max(_SMALLEST_DEVIATION, math.ceil(longest * multiplier))
            if deviation <= _LARGEST_DEVIATION:
                return cls(step=step, longest=longest, deviation=deviation)
        raise Refused(
            "noise_too_strong",
            f"A noise multiplier of {multiplier:.3g} is too strong for noise in whole numbers.",
            remedy="Ask for more epsilon, or for noise of the form 'gaussian'.",
            param="governance.privacy",
        )


class GridClipper:
    """Sums of clipped gradients on a grid: float64 whole multiples of its step, exactly."""

    def __init__(self, own: Clipper, grid: Grid) -> None:
        self._own, self._grid = own, grid

    def require_covered(self) -> None:
        """As of the clipper beneath."""
        self._own.require_covered()

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """As the clipper beneath, but each person computed alone and rounded before anything is added."""
        total = {name: zeros.double() for name, zeros in self._own.clipped_sum(()).items()}
        for rows in persons:
            alone = self._own.clipped_sum([rows])
            steps = {name: torch.round(gradient.double() / self._grid.step) for name, gradient in alone.items()}
            if sum(float(g.square().sum()) for g in steps.values()) <= self._grid.longest**2:
                for name, whole in steps.items():
                    total[name] += whole * self._grid.step
        return total

    def close(self) -> None:
        """As of the clipper beneath."""
        self._own.close()


def discrete_normal(stream: NoiseStream, deviation: int, count: int) -> NDArray[np.int64]:
    """int64[count] of the discrete Gaussian with parameter `deviation` (a whole number, at most 2**26), independent.

    Algorithm 3 of arXiv 2004.00030 with t = deviation: a draw from the discrete Laplace distribution is kept with
    probability exp(-(|y| - s)**2 / 2 s**2).
    """
    if not 1 <= deviation <= _LARGEST_DEVIATION:
        raise ValueError("the deviation is out of range")
    kept = np.empty(0, dtype=np.int64)
    while len(kept) < count:
        drawn = _discrete_laplace(stream, deviation, int((count - len(kept)) * 1.4) + 16)
        square = np.square(np.minimum(np.abs(drawn), _FAR * deviation) - deviation)
        kept = np.concatenate((kept, drawn[_coins(stream, square, 2 * deviation**2)]))
    return kept[:count]


def _discrete_laplace(stream: NoiseStream, scale: int, about: int) -> NDArray[np.int64]:
    """Some values, `about` so many before rejection, with probability proportional to exp(-|x|/scale): algorithm 2."""
    low = _below(stream, scale, 2 * about).astype(np.int64)
    low = low[_small_coins(stream, low, scale)]
    ones = np.ones(len(low), dtype=np.int64)
    size = low + scale * _runs(stream, ones)
    negative = (stream.words(len(size)) & np.uint64(1)).astype(bool)
    kept = ~(negative & (size == 0))  # zero has one sign only
    signed: NDArray[np.int64] = np.where(negative, -size, size)[kept]
    return signed


def _runs(stream: NoiseStream, ones: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often in a row a coin that shows heads with probability exp(-1) does, for each of `ones`."""
    runs = np.zeros(len(ones), dtype=np.int64)
    going = np.arange(len(ones))
    while len(going):
        going = going[_small_coins(stream, ones[: len(going)], 1)]
        runs[going] += 1
    return runs


def _coins(stream: NoiseStream, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
    """bool[...], each True with probability exp(-numerator/denominator), exactly: algorithm 1."""
    whole, part = np.divmod(numerators, denominator)
    heads = _small_coins(stream, part, denominator)
    while len(going := np.flatnonzero(heads & (whole > 0))):
        whole[going] -= 1
        heads[going] = _small_coins(stream, np.ones(len(going), dtype=np.int64), 1)
    return heads


def _small_coins(stream: NoiseStream, numerators: NDArray[np.int64], denominator: int) -> NDArray[np.bool_]:
    """The same for fractions of at most 1: whether the first coin of chance fraction/k that fails has an odd k."""
    heads = np.zeros(len(numerators), dtype=np.bool_)
    going, k = np.arange(len(numerators)), 0
    while len(going):
        k += 1
        passed = _below(stream, denominator * k, len(going)) < numerators[going].astype(np.uint64)
        heads[going[~passed]] = k % 2 == 1
        going = going[passed]
    return heads


def _below(stream: NoiseStream, bound: int, count: int) -> NDArray[np.uint64]:
    """uint64[count], each of 0 to bound - 1 equally likely: words past the last multiple of it are drawn again."""
    if bound == 1:
        return np.zeros(count, dtype=np.uint64)
    last = np.uint64(2**64 // bound * bound - 1)
    words = stream.words(count)
    while len(beyond := np.flatnonzero(words > last)):
        words = words.copy()
        words[beyond] = stream.words(len(beyond))
    return words % np.uint64(bound)
