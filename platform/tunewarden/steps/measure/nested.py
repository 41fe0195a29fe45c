"""Integrated gradients twice from the same steps: by ten of them, and by the twenty-one that these are among.

Gauss's rule of ten points and Kronrod's, which adds eleven and changes the weights (Kronrod 1965, *Nodes and Weights of
Quadrature Formulas*; the numbers are those of QK21 in QUADPACK, Piessens et al. 1983). The first is what Captum's
`IntegratedGradients` gives for ten steps. The second is exact for polynomials of degree 31; Gauss's of twenty steps,
which would be asked for anew, to 39. How much either misses is what `attributing.complete` looks at.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from captum.attr import Saliency
from torch import Tensor, nn

from tunewarden.steps.measure.attributing import Texts, baselines, from_embeddings, rows_at_once

# From the middle outwards; every second one, from the second on, is one of Gauss's.
_NODES = (
    *(0.0, 0.148874338981631211, 0.294392862701460198, 0.433395394129247191, 0.562757134668604683),
    *(0.679409568299024406, 0.780817726586416897, 0.865063366688984511, 0.930157491355708226, 0.973906528517171720),
    0.995657163025808081,
)
_KRONROD = (
    *(0.149445554002916906, 0.147739104901338491, 0.142775938577060081, 0.134709217311473326, 0.123491976262065851),
    *(0.109387158802297642, 0.093125454583697606, 0.075039674810919953, 0.054755896574351996, 0.032558162307964727),
    0.011694638867371874,
)
_GAUSS = (
    *(0.0, 0.295524224714752870, 0.0, 0.269266719309996355, 0.0, 0.219086362515982044, 0.0, 0.149451349150580593, 0.0),
    *(0.066671344308688138, 0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """Weights of the tokens by ten steps and by twenty-one: float32[texts, tokens] each."""

    ten: Tensor
    twenty_one: Tensor


def rule() -> tuple[np.ndarray, np.ndarray]:
    """Places on the way from 0 to 1, float64[21], and their weights in the two sums, float64[2, 21]."""
    nodes = np.array([*(-node for node in reversed(_NODES[1:])), *_NODES])
    weights = np.array([[*reversed(half[1:]), *half] for half in (_GAUSS, _KRONROD)])
    return (1 + nodes) / 2, weights / 2


def nested(given: Texts, embeddings: nn.Module) -> Nested:
    """Of `given`, for what the model predicted; see `attributing.integrate`."""
    with torch.no_grad():
        begin, end = embeddings(baselines(given, given.nothing)), embeddings(given.ids)
    way, method = end - begin, Saliency(from_embeddings(given.forward, embeddings))
    places, weights = (torch.from_numpy(each).to(end) for each in rule())
    sums = end.new_zeros(len(weights), *given.ids.shape)
    at_once = rows_at_once(given) // len(given.ids)
    for some, shares in zip(torch.split(places, at_once), torch.split(weights, at_once, 1), strict=True):
        points = (begin + some.view(-1, 1, 1, 1) * way).flatten(0, 1).requires_grad_()
        slopes = method.attribute(
            points,
            target=given.predicted.repeat(len(some)),
            abs=False,
            additional_forward_args=(given.ids.repeat(len(some), 1), given.mask.repeat(len(some), 1)),
        )
        along = (slopes.view(len(some), *way.shape) * way).sum(dim=-1)
        sums += torch.einsum("rp,pij->rij", shares, along)
    ten, twenty_one = cast(tuple[Tensor, Tensor], sums.unbind())
    return Nested(ten=ten, twenty_one=twenty_one)
