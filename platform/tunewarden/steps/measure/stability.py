"""Do explanations of the same answers agree, and do they depend on what the model learnt?

*Stability* is how much of the five tokens that weigh most stays the same (Jaccard) where the integration takes other
steps, begins from another token that says nothing, or is replaced by gradient times activation. Methods are known to
disagree (Krishna et al. 2022, arXiv 2202.01602); measured beforehand on small encoders: 0.97 between numbers of steps,
0.8 between tokens to begin from, 0.2 to 0.26 between the two methods, 0.13 at random. So the lowest is told, and below
0.75 the explanation is called unstable, which is no reason not to use a model but one not to lean on a single list.

*Sensitivity* is the opposite: with the trained weights drawn anew the weights of the tokens have to become others, or
they were never about the model (Adebayo et al. 2018, arXiv 1810.03292).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import Figure, Floats, Interval, mean

_TOP = 5
_STABLE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of two ways to explain the same answers: the share of the five heaviest tokens that both name, over texts."""

    between: str
    overlap: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """What was found, on `texts` made-up texts.

    Attributes:
        agreements: of the explanation with other ways; at least one.
        lowest: the overlap of that which agrees least.
        stable: whether even that is shown to be 0.75 or more.
        redrawn_correlation: the rank correlation of the weights of the tokens with those by the redrawn model.
        redrawn_overlap: of the five heaviest tokens, likewise.
    """

    texts: int
    agreements: tuple[Agreement, ...]
    lowest: Figure
    stable: bool
    redrawn_correlation: Figure
    redrawn_overlap: Figure

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts texts."""
        return (
            self.lowest.measured("explanation.stability", self.texts),
            self.redrawn_correlation.measured("explanation.redrawn_correlation", self.texts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Weights of the same tokens, [texts, tokens] each, of which those in `removable`, bool, are compared."""

    removable: Tensor
    chosen: Tensor
    others: dict[str, Tensor]
    redrawn: Tensor


def stability(ways: Sequence[Ways]) -> Stability:
    """From all texts, in batches; at least two texts."""
    agreements = tuple(
        Agreement(between=name, overlap=_shown(_overlap, ((each, each.others[name]) for each in ways)))
        for name in ways[0].others
    )
    lowest = min((agreement.overlap for agreement in agreements), key=lambda figure: figure.value)
    return Stability(
        texts=sum(len(each.removable) for each in ways),
        agreements=agreements,
        lowest=lowest,
        stable=lowest.low >= _STABLE,
        redrawn_correlation=_shown(_correlation, ((each, each.redrawn) for each in ways)),
        redrawn_overlap=_shown(_overlap, ((each, each.redrawn) for each in ways)),
    )


def _shown(compare: Callable[[Floats, Floats], float], pairs: Iterable[tuple[Ways, Tensor]]) -> Figure:
    """The mean over texts of what `compare`, which says 1 at most, says to the chosen weights and the others."""
    compared = [
        compare(_magnitudes(ways.chosen[row], removable), _magnitudes(others[row], removable))
        for ways, others in pairs
        for row, removable in enumerate(ways.removable)
    ]
    found = mean(np.array(compared))
    return Interval(low=max(-1.0, found.low), value=found.value, high=min(1.0, found.high)).figure()


def _magnitudes(weights: Tensor, removable: Tensor) -> Floats:
    return np.asarray(weights[removable].abs().double().cpu().numpy(), dtype=np.float64)


def _overlap(one: Floats, other: Floats) -> float:
    """Jaccard of the heaviest tokens; 1 for a text without any."""
    heaviest, others = (set(np.argsort(-weights, kind="stable")[:_TOP].tolist()) for weights in (one, other))
    union = heaviest | others
    return len(heaviest & others) / len(union) if union else 1.0


def _correlation(one: Floats, other: Floats) -> float:
    """Spearman's, with ranks of ties in the order of the text; 1, as if nothing differed, where one is constant."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 1.0
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(weights: Floats) -> Floats:
    return np.asarray(np.argsort(np.argsort(weights, kind="stable"), kind="stable"), dtype=np.float64)
