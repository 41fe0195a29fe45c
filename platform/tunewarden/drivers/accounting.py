"""Mechanisms -> epsilon, by Google's `dp-accounting`. Pure computation: nothing is stored, nothing is random.

The budget is decided by Renyi accounting (Mironov, arXiv 1702.07476; sampled Gaussian: Mironov, Talwar and Zhang,
arXiv 1908.10530), because Renyi divergences add up and stay a valid filter when later trainings are chosen with earlier
ones in view (Feldman and Zrnic, arXiv 2008.11193). The privacy-loss distribution (Doroshenko et al., arXiv 2207.04380)
is tighter and is reported beside it; nobody has shown that it is a filter, so it decides nothing.

Every number is for one person. Where a person has several units (`contributions`), their shares in an update add up to
a mixture (`mixtures.py`): the Renyi divergence of it is computed here, its privacy-loss distribution by the library.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from math import exp

import numpy as np
import numpy.typing as npt
from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from dp_accounting.privacy_accountant import NeighboringRelation
from dp_accounting.rdp import RdpAccountant, compute_epsilon

from tunewarden.domain.errors import Malformed
from tunewarden.domain.privacy import Mechanism, Relation
from tunewarden.drivers.mixtures import binomial, renyi

# It would tell of every order whose series does not converge; such an order is left out, and the bound stays valid.
logging.getLogger("absl").setLevel(logging.ERROR)

_RELATION = {Relation.ADD_OR_REMOVE_ONE: NeighboringRelation.ADD_OR_REMOVE_ONE}
# Every order gives a valid bound, so leaving some out is safe. Those below 2 only help promises too weak to ask for
# (epsilon above 15), and there the series of the sampled Gaussian often fails to converge.
_ORDERS = (*(tenths / 10 for tenths in range(20, 110)), *range(11, 65), 128, 256, 512, 1024)
_LOSS_STEP, _MIXED_LOSS_STEP = (
    1e-4,
    1e-3,
)  # of the grid of losses, a bound on any; mixtures are slow
_EPSILON_STEP = Decimal("0.0001")
_NOISE_STEP = Decimal("0.001")
_MOST_NOISE = 1_000_000  # in steps: a noise multiplier of 1000; more of it no longer lowers epsilon measurably


def epsilon(mechanisms: Sequence[Mechanism], delta: Decimal) -> Decimal:
    """Epsilon of all `mechanisms` together at `delta` by Renyi accounting, rounded up to four decimals.

    The `Accountant` that decides budgets. No updates cost 0; noise too small to be bounded costs Infinity, which no
    limit allows. Raises `Malformed` for a delta outside (0, 1).
    """
    return _epsilon(_renyi, mechanisms, delta)


def epsilon_pld(mechanisms: Sequence[Mechanism], delta: Decimal) -> Decimal:
    """The same promise by privacy-loss distributions: tighter, for reports only. Rounded up to four decimals."""
    return _epsilon(_by_loss_distributions, mechanisms, delta)


def deltas(mechanisms: Sequence[Mechanism], epsilons: Sequence[float]) -> list[float]:
    """The least delta with which each of `epsilons`, of any sign, is kept, by privacy-loss distributions."""
    spent = [mechanism for mechanism in mechanisms if mechanism.updates]
    if not spent:
        return [max(0.0, 1 - exp(epsilon)) for epsilon in epsilons]
    account = _loss_distribution(_relation(spent), spent)
    return [float(account.get_delta(epsilon)) for epsilon in epsilons]


def calibrate(template: Mechanism, epsilon: Decimal, delta: Decimal) -> Mechanism:
    """`template` with the least noise that keeps `epsilon` at `delta` under Renyi accounting, in steps of 0.001.

    Epsilon falls as noise grows, so the least noise is found by bisection. Raises `Malformed` for an epsilon that is
    not a positive number or that no noise reaches, for a delta outside (0, 1), and for a template without updates.
    """
    if not (epsilon.is_finite() and epsilon > 0):
        raise Malformed("epsilon_out_of_range", "Epsilon must be a positive number.", param="epsilon")
    if template.updates == 0:
        raise Malformed("updates_out_of_range", "A training needs at least one update.", param="updates")

    def kept(steps: int) -> bool:
        return _epsilon(_renyi, [_with_noise(template, steps)], delta) <= epsilon

    if not kept(_MOST_NOISE):
        raise Malformed(
            "epsilon_out_of_range",
            f"No noise makes {template.updates} updates keep epsilon {epsilon} at delta {delta}.",
            remedy="Ask for a larger epsilon or for fewer updates.",
            param="epsilon",
        )
    too_little, enough = 0, _MOST_NOISE
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if kept(middle) else (middle, enough)
    return _with_noise(template, enough)


def _with_noise(template: Mechanism, steps: int) -> Mechanism:
    return replace(template, noise_multiplier=steps * _NOISE_STEP)


def _renyi(relation: NeighboringRelation, spent: Sequence[Mechanism], delta: float) -> float:
    composed = np.zeros(len(_ORDERS))
    for mechanism in spent:
        composed += mechanism.updates * _renyi_of_one_update(relation, replace(mechanism, updates=1))
    return float(compute_epsilon(_ORDERS, composed, delta)[0])


@lru_cache(maxsize=1024)
def _renyi_of_one_update(relation: NeighboringRelation, mechanism: Mechanism) -> npt.NDArray[np.float64]:
    """Of one update, by order: float64[orders], not to be changed. Kept, because a ledger asks for the same ones anew
    whenever somebody looks at it, and a thousand updates cost no more than one.
    """
    if mechanism.contributions == 1:
        account = RdpAccountant(_ORDERS, relation)
        account.compose(_event(mechanism))
        divergences = np.array(account.rdp)
    else:
        rate, noise = float(mechanism.sampling_rate), float(mechanism.noise_multiplier)
        divergences = np.array(renyi(rate, noise, mechanism.contributions, _ORDERS))
    divergences.flags.writeable = False
    return divergences


def _by_loss_distributions(relation: NeighboringRelation, spent: Sequence[Mechanism], delta: float) -> float:
    return float(_loss_distribution(relation, spent).get_epsilon(delta))


def _loss_distribution(relation: NeighboringRelation, spent: Sequence[Mechanism]) -> PLDAccountant:
    mixed = any(mechanism.contributions > 1 for mechanism in spent)
    account = PLDAccountant(relation, _MIXED_LOSS_STEP if mixed else _LOSS_STEP)
    for mechanism in spent:
        account.compose(_event(mechanism), mechanism.updates)
    return account


def _epsilon(
    accounted: Callable[[NeighboringRelation, Sequence[Mechanism], float], float],
    mechanisms: Sequence[Mechanism],
    delta: Decimal,
) -> Decimal:
    if not (delta.is_finite() and 0 < delta < 1):
        raise Malformed("delta_out_of_range", "Delta must lie between 0 and 1.", param="delta")
    spent = [mechanism for mechanism in mechanisms if mechanism.updates]
    if not spent:
        return Decimal(0)
    value = Decimal(accounted(_relation(spent), spent, float(delta)))
    return value.quantize(_EPSILON_STEP, ROUND_CEILING) if value.is_finite() else Decimal("Infinity")


def _relation(spent: Sequence[Mechanism]) -> NeighboringRelation:
    (relation,) = {_RELATION[mechanism.relation] for mechanism in spent}
    return relation


def _event(mechanism: Mechanism) -> dp_event.DpEvent:
    """What one update is to the library."""
    rate, noise = float(mechanism.sampling_rate), float(mechanism.noise_multiplier)
    if mechanism.contributions == 1:
        return dp_event.PoissonSampledDpEvent(rate, dp_event.GaussianDpEvent(noise))
    shares = binomial(rate, mechanism.contributions)
    return dp_event.MixtureOfGaussiansDpEvent(noise, range(len(shares)), shares)
