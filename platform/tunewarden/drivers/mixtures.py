"""Renyi divergence of an update in which one person has several units, each drawn and clipped for itself.

A person with k units puts a sum of J clipped gradients into an update, J ~ Binomial(k, q); its norm is at most J times
the clip. In units of the clip, the worst pair of outputs is P = sum over j of Pr[J = j] N(j, sigma^2) against
Q = N(0, sigma^2) (mixture of Gaussians: Choquette-Choo et al., arXiv 2310.15526; for persons with several examples:
Charles et al., arXiv 2407.07737).

A cruder bound lies above it: whoever takes part at all (rate 1 - (1-q)^k) is counted with the largest norm possible, as
if the noise multiplier were sigma / k. It holds because Renyi divergence is jointly quasi-convex (van Erven and
Harremoes, arXiv 1206.2459, theorem 13): a mixture over the non-empty draws is no further away than its worst part. It
is not used, being several times to hundreds of times too large; tests compare with it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlog1py, xlogy

_STEPS = 8  # of the integral, for each standard deviation; four are exact to the last digit already
_REACH = 14.0  # standard deviations beyond the outermost peak: what is left out is below 1e-40 of the whole
_WIDEST = 1024


@lru_cache(maxsize=256)
def renyi(
    sampling_rate: float, noise_multiplier: float, contributions: int, orders: tuple[float, ...]
) -> Sequence[float]:
    """The larger of the divergences of P from Q and of Q from P in one update, for each of `orders`.

    An order is left out (infinity, which is a valid bound) where order x contributions is above 1024 x min(1, sigma^2):
    there the integral is too wide to be worth its time, and such an order is never the best one.

    Not covered: a person with more units than `contributions`; whoever draws has to see to that.
    """
    width = _WIDEST * min(1.0, noise_multiplier**2)
    within = [order for order in orders if order * contributions <= width]
    if not within:
        return (float("inf"),) * len(orders)
    grid, ratio = _log_ratio(sampling_rate, noise_multiplier, contributions, max(within))
    base = np.log(grid[1] - grid[0]) - grid**2 / (2 * noise_multiplier**2)
    base -= np.log(noise_multiplier * np.sqrt(2 * np.pi))
    found = {order: max(logsumexp(order * ratio + base), logsumexp((1 - order) * ratio + base)) for order in within}
    return tuple(max(0.0, float(found[order])) / (order - 1) if order in found else float("inf") for order in orders)


def binomial(sampling_rate: float, contributions: int) -> NDArray[np.float64]:
    """Pr[J = j] for j = 0 to `contributions`: how many of a person's units take part."""
    return np.exp(_log_binomial(sampling_rate, contributions))


def _log_binomial(q: float, k: int) -> NDArray[np.float64]:
    j = np.arange(k + 1)
    choose = gammaln(k + 1) - gammaln(j + 1) - gammaln(k - j + 1)
    weights: NDArray[np.float64] = choose + xlogy(j, q) + xlog1py(k - j, -q)
    return weights


def _log_ratio(q: float, sigma: float, k: int, highest: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A grid over x and log P(x)/Q(x) on it.

    Between its zeros, which lie pi sigma^2 from the axis (the binomial's polynomial has real roots only, and keeps that
    under the factors exp(-j^2 / 2 sigma^2)), the ratio is analytic. So the trapezoid rule on a step of that order is
    exact but for rounding (Trefethen and Weideman 2014, SIAM Review 56:385).
    """
    step = min(sigma, sigma**2) / _STEPS
    first, last = -(highest - 1) * k - _REACH * sigma, highest * k + _REACH * sigma
    grid = np.arange(first, last + step, step)
    ratio = np.full_like(grid, -np.inf)
    for j, weight in enumerate(_log_binomial(q, k)):
        ratio = np.logaddexp(ratio, weight + j * (2 * grid - j) / (2 * sigma**2))
    return grid, ratio
