"""How surprising an outcome is: upper bounds on probabilities, as nats, that hold for every number of trials.

A bound of x nats means: what was supposed gives an outcome at least so far off with a probability of at most exp(-x)
on that side. No bound needs a normal approximation.
"""

import math

import torch

CRIES_WOLF = 12 * math.log(10.0)
"""The limit of one figure: exceeded by an honest training with a probability of at most 2 * 10**-12."""


def of_count(found: int, trials: int, chance: float) -> float:
    """Nats that `found` of `trials` independent ones speak against `chance`: Hoeffding 1963, (2.1)."""
    if trials == 0:
        return 0.0
    share = found / trials
    return trials * (_term(share, chance) + _term(1.0 - share, 1.0 - chance))


def of_energy(values: torch.Tensor) -> float:
    """Nats that the sum of squares of `values` speaks against independent standard normal ones: Chernoff's bound."""
    ratio = float(values.double().square().mean())
    if not (math.isfinite(ratio) and ratio > 0.0):
        return math.inf
    return 0.5 * values.numel() * (ratio - 1.0 - math.log(ratio))


def of_mean(values: torch.Tensor) -> float:
    """Nats that the sum of `values` speaks against independent standard normal ones."""
    return 0.5 * float(values.double().sum()) ** 2 / values.numel()


def near_mean(trials: int, chance: float) -> tuple[float, float]:
    """(half width, probability): how far half a standard deviation is, and how often a binomial count is within."""
    mean, width = trials * chance, 0.5 * math.sqrt(trials * chance * (1.0 - chance))
    if chance >= 1.0:
        return 0.0, 1.0
    inside = range(max(0, math.ceil(mean - width)), min(trials, math.floor(mean + width)) + 1)
    return width, min(1.0, math.fsum(math.exp(_log_binomial(count, trials, chance)) for count in inside))


def _term(share: float, chance: float) -> float:
    if share == 0.0:
        return 0.0
    return share * math.log(share / chance) if chance > 0.0 else math.inf


def _log_binomial(count: int, trials: int, chance: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return ways + count * math.log(chance) + (trials - count) * math.log1p(-chance)
