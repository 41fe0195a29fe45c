"""Whether an explanation is faithful, tested by erasure (DeYoung et al., arXiv 1911.03429).

*Comprehensiveness* is what the chance of an answer (of a completion, its logarithm) loses without the most important
tokens, *sufficiency* what it loses with nothing but them. Both depend on the model and the task, so each is compared,
text by text, with removing as many tokens drawn at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tunewarden.steps.measure.intervals import Figure, Floats, mean

_REMOVED = (0.1, 0.2, 0.5)  # shares of a text's tokens, averaged over
_RANDOM_ORDERS = 3


class Erasable(Protocol):
    """Some texts of which tokens can be taken away."""

    @property
    def removable(self) -> Tensor:
        """bool[texts, tokens]: the tokens of the text itself."""
        ...

    def sureness(self, kept: Tensor) -> Floats:
        """Of the answer to each text, with only the tokens in `kept`, bool[texts, tokens]; float64[texts]."""
        ...


@dataclass(frozen=True, slots=True)
class Lost:
    """Probabilities lost, float64[texts] each."""

    comprehensive: Floats
    sufficient: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """Probabilities lost by an explanation's order and at random, and how much better it is, paired by text."""

    comprehensiveness: Figure
    random_comprehensiveness: Figure
    comprehensiveness_over_random: Figure
    sufficiency: Figure
    random_sufficiency: Figure
    sufficiency_under_random: Figure


def erase(given: Erasable, weights: Tensor) -> Lost:
    """Remove tokens by descending weight; `weights` is [texts, tokens]."""
    last = torch.where(given.removable, weights.to(given.removable.device), -torch.inf)
    rank = last.argsort(dim=1, descending=True).argsort(dim=1)
    whole = given.sureness(torch.ones_like(given.removable))
    comprehensive, sufficient = np.zeros(len(whole)), np.zeros(len(whole))
    for part in _REMOVED:
        count = (part * given.removable.sum(dim=1, keepdim=True)).ceil()
        top = given.removable & (rank < count)
        comprehensive += whole - given.sureness(~top)
        sufficient += whole - given.sureness(~given.removable | top)
    return Lost(comprehensive / len(_REMOVED), sufficient / len(_REMOVED))


def erase_at_random(given: Erasable, generator: torch.Generator) -> Lost:
    """The mean of a few random orders."""
    drawn = [erase(given, torch.rand(given.removable.shape, generator=generator)) for _ in range(_RANDOM_ORDERS)]
    return Lost(
        np.mean([each.comprehensive for each in drawn], axis=0), np.mean([each.sufficient for each in drawn], axis=0)
    )


def faithfulness(by_weight: Sequence[Lost], at_random: Sequence[Lost]) -> Faithfulness:
    """Of all texts, in batches of the same order; at least two texts."""
    comprehensive, sufficient = _joined(by_weight)
    random_comprehensive, random_sufficient = _joined(at_random)
    return Faithfulness(
        comprehensiveness=mean(comprehensive).figure(),
        random_comprehensiveness=mean(random_comprehensive).figure(),
        comprehensiveness_over_random=mean(comprehensive - random_comprehensive).figure(),
        sufficiency=mean(sufficient).figure(),
        random_sufficiency=mean(random_sufficient).figure(),
        sufficiency_under_random=mean(random_sufficient - sufficient).figure(),
    )


def _joined(parts: Sequence[Lost]) -> tuple[Floats, Floats]:
    return np.concatenate([part.comprehensive for part in parts]), np.concatenate([part.sufficient for part in parts])
