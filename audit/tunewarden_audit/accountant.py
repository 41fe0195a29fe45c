"""Epsilon of what the log says was run, computed apart from the platform and without any library.

The Renyi divergence of the Poisson-sampled Gaussian mechanism under add-or-remove-one (Mironov, Talwar and Zhang, arXiv
1908.10530) adds up over updates, and becomes epsilon at a delta by Proposition 12 of Canonne, Kamath and Steinke (arXiv
2004.00010). Every order gives a valid bound; the least is taken.

Where a record is the unit, one person has up to k of them, each drawn and clipped for itself: how many take part is
binomial, and what they add to an update is a mixture of Gaussians (Choquette-Choo et al., arXiv 2310.15526). Its
divergence is taken in the worse of the two directions. Every epsilon here is a person's.

Not checked, here or anywhere after the fact: that noise of this size was really drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

_FRACTIONAL = tuple(tenths / 10 for tenths in range(21, 110) if tenths % 10)
_WHOLE = (*range(2, 65), 128, 256, 512, 1024)
ORDERS: tuple[float, ...] = (*_FRACTIONAL, *_WHOLE)
"""Orders above 1. Below 2 only promises gain that nobody should make (epsilon above 15)."""

_MOST_UNITS, _WIDEST = 64, 1024
_STEPS = 16  # of the integral, for each standard deviation
_REACH = 14.0  # standard deviations beyond the outermost peak: what is left out is below 1e-40 of the whole


class NotAccountable(ValueError):
    """A mechanism that this accountant has no formula for."""


class Spending:
    """Renyi divergences of everything spent so far, one for each of `ORDERS`."""

    def __init__(self) -> None:
        self._renyi = [0.0] * len(ORDERS)

    def add(self, sampling_rate: float, noise_multiplier: float, updates: int, contributions: int = 1) -> None:
        """`updates` more of the mechanism, of which a person has so many units. Raises NotAccountable."""
        if updates:
            once = renyi(sampling_rate, noise_multiplier, contributions)
            self._renyi = [spent + updates * one for spent, one in zip(self._renyi, once, strict=True)]

    def add_all(self, other: Spending) -> None:
        """Everything that was spent elsewhere too."""
        self._renyi = [mine + theirs for mine, theirs in zip(self._renyi, other._renyi, strict=True)]

    def epsilon(self, delta: float) -> float:
        """The least epsilon at `delta` that any order shows; 0 where nothing was spent."""
        if not any(self._renyi):
            return 0.0
        return max(0.0, min(map(lambda order, spent: _epsilon(order, spent, delta), ORDERS, self._renyi)))


def epsilon(mechanisms: Iterable[tuple[float, float, int] | tuple[float, float, int, int]], delta: float) -> float:
    """Of all (sampling rate, noise multiplier, updates, contributions or 1) together, at `delta`.

    Raises NotAccountable.
    """
    spending = Spending()
    for mechanism in mechanisms:
        spending.add(*mechanism)
    return spending.epsilon(delta)


@lru_cache(maxsize=1024)
def renyi(sampling_rate: float, noise_multiplier: float, contributions: int = 1) -> tuple[float, ...]:
    """The Renyi divergence of one update, for each of `ORDERS`; infinite for orders left out. Raises NotAccountable."""
    if not (0 < sampling_rate <= 1 and 0.1 <= noise_multiplier < math.inf):
        raise NotAccountable("a sampling rate lies in (0, 1], and a noise multiplier is at least 0.1")
    if contributions != 1:
        return _of_mixture(sampling_rate, noise_multiplier, contributions)
    if sampling_rate == 1:  # the Gaussian mechanism itself
        return tuple(order / (2 * noise_multiplier**2) for order in ORDERS)
    fractional = (_log_moment(order, sampling_rate, noise_multiplier) for order in _FRACTIONAL)
    whole = (_log_moment_whole(order, sampling_rate, noise_multiplier) for order in _WHOLE)
    return tuple(moment / (order - 1) for order, moment in zip(ORDERS, (*fractional, *whole), strict=True))


def _epsilon(order: float, spent: float, delta: float) -> float:
    if delta**2 + math.expm1(-spent) > 0:  # so little that delta alone covers it (Bretagnolle and Huber's inequality)
        return 0.0
    return spent + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)


def _log_moment_whole(order: int, q: float, sigma: float) -> float:
    """log E[(1 - q + q L)^order], L the likelihood ratio: a finite sum (arXiv 1908.10530, section 3.3)."""
    return _log_sum(
        math.lgamma(order + 1)
        - math.lgamma(k + 1)
        - math.lgamma(order - k + 1)
        + (order - k) * math.log1p(-q)
        + k * math.log(q)
        + k * (k - 1) / (2 * sigma**2)
        for k in range(order + 1)
    )


def _log_moment(order: float, q: float, sigma: float) -> float:
    """The same for an order that is not whole, from the definition: an integral over x ~ N(0, sigma^2).

    The trapezoid rule converges faster than any power of the step where the integrand is analytic near the axis, as it
    is here as far as pi sigma^2; so the step shrinks with sigma^2.
    """
    step = min(sigma, sigma**2) / _STEPS
    first, last = -_REACH * sigma, order + _REACH * sigma
    log_keep, log_q = math.log1p(-q), math.log(q)

    def log_density(x: float) -> float:
        ratio = log_q + (2 * x - 1) / (2 * sigma**2)
        larger, smaller = max(ratio, log_keep), min(ratio, log_keep)
        return order * (larger + math.log1p(math.exp(smaller - larger))) - x**2 / (2 * sigma**2)

    points = range(int((last - first) / step) + 1)
    scale = math.log(step / (sigma * math.sqrt(2 * math.pi)))
    return _log_sum(log_density(first + point * step) for point in points) + scale


def _of_mixture(q: float, sigma: float, units: int) -> tuple[float, ...]:
    """Of sum over j of Binomial(units, q)(j) N(j, sigma^2) from N(0, sigma^2) or back, whichever is larger.

    By the trapezoid rule too; the ratio of the two densities is analytic as far as pi sigma^2 from the axis. An order
    is left out where order x units is above 1024 x min(1, sigma^2): it is never the best, and the integral is wide.
    """
    widest = _WIDEST * min(1.0, sigma**2)
    within = [order for order in ORDERS if order * units <= widest]
    if not (1 < units <= _MOST_UNITS and within):
        raise NotAccountable("a person has 1 to 64 units, and noise that is large enough beside their number")
    step, far = min(sigma, sigma**2) / 4, _REACH * sigma
    weights = [
        (j, _log_chance(j, units, q) - j * j / (2 * sigma**2))
        for j in range(units + 1)
        if _log_chance(j, units, q) > -math.inf
    ]

    def log_ratio(point: int) -> float:
        return _log_sum(weight + j * point * step / sigma**2 for j, weight in weights)

    ends = range(-int((max(within) * units + far) / step), int((max(within) * units + far) / step) + 1)
    densities = [(point * step, log_ratio(point), -((point * step) ** 2) / (2 * sigma**2)) for point in ends]
    scale = math.log(step / (sigma * math.sqrt(2 * math.pi)))

    def divergence(order: float) -> float:
        reach = order * units + far
        near = [(ratio, log_normal) for x, ratio, log_normal in densities if abs(x) <= reach]
        there = _log_sum(order * ratio + log_normal for ratio, log_normal in near)
        back = _log_sum((1 - order) * ratio + log_normal for ratio, log_normal in near)
        return max(0.0, there + scale, back + scale) / (order - 1)

    return tuple(divergence(order) if order in within else math.inf for order in ORDERS)


def _log_chance(j: int, units: int, q: float) -> float:
    """log of the binomial probability that `j` of `units` take part."""
    if q == 1:
        return 0.0 if j == units else -math.inf
    choose = math.lgamma(units + 1) - math.lgamma(j + 1) - math.lgamma(units - j + 1)
    return choose + j * math.log(q) + (units - j) * math.log1p(-q)


def _log_sum(logarithms: Iterable[float]) -> float:
    """log of the sum of exp, without overflow."""
    terms = list(logarithms)
    largest = max(terms)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
