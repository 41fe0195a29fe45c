"""Several workers on one update. The first leads and is the only one that draws, charges, adds noise and steps.

The others are given rows and weights and give back sums of clipped gradients; nothing of the guarantee lies with them
but the clipping. Each person goes to one worker whole, so that everybody is clipped once. A worker without persons
takes part with zeros: who waited for others to sample something would wait for ever.

Tensors over gloo only, no pickle. Not encrypted: the workers stand in one trusted network, as Ray itself demands.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from tunewarden.steps.train.clipper import Clipper
from tunewarden.steps.train.person_clip import Gradients

_LONGEST_WAIT = timedelta(minutes=30)  # for another worker's part of a sum
Weights = dict[str, nn.Parameter]
_STOP = -1


@contextlib.contextmanager
def met(place: Path, rank: int, workers: int) -> Iterator[None]:
    """Inside it all workers of a training can exchange tensors; the first one has rank 0.

    They find each other by the file `place`, which none of them has used before. PyTorch's other ways have the first
    worker listen to the whole network.
    """
    if workers == 1:
        yield
        return
    dist.init_process_group(
        "gloo", init_method=place.absolute().as_uri(), rank=rank, world_size=workers, timeout=_LONGEST_WAIT
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


class SharedClipper:
    """For the first worker: sums of clipped gradients, computed by all workers of the process group together."""

    def __init__(self, own: Clipper, weights: Weights) -> None:
        """`own` computes this worker's part. Waits for the others to be in `assist`; raises where one never comes."""
        self._own, self._weights = own, weights
        dist.barrier()

    def require_covered(self) -> None:
        """Of this worker's model; they are all built alike."""
        self._own.require_covered()

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """As that of one worker alone, but for the order in which float32 numbers are added."""
        counts = [len(rows) for rows in persons]
        _hand_out(torch.tensor([len(counts), sum(counts)]))
        if counts:
            _hand_out(torch.tensor(counts))
            _hand_out(torch.from_numpy(np.concatenate(persons)))
        return _compute_part(self._own, self._weights, persons)

    def close(self) -> None:
        """Let the others go home. One that is dead needs no word."""
        with contextlib.suppress(RuntimeError):
            _hand_out(torch.tensor([_STOP, 0]))
        self._own.close()


def assist(own: Clipper, weights: Weights) -> None:
    """For every other worker: compute what the first one hands out, until it says that there is no more."""
    dist.barrier()
    while True:
        persons, rows = (int(number) for number in _hand_out(torch.zeros(2, dtype=torch.int64)))
        if persons == _STOP:
            break
        _compute_part(own, weights, _given(persons, rows))
    own.close()


def _given(persons: int, rows: int) -> Sequence[NDArray[np.int64]]:
    if not persons:
        return ()
    counts = _hand_out(torch.zeros(persons, dtype=torch.int64)).numpy()
    flat = _hand_out(torch.zeros(rows, dtype=torch.int64)).numpy()
    return np.split(flat, np.cumsum(counts)[:-1])


def _compute_part(own: Clipper, weights: Weights, persons: Sequence[NDArray[np.int64]]) -> Gradients:
    """The sum over all workers, for the first of them; what the others get means nothing."""
    with torch.no_grad():
        for parameter in weights.values():
            parameter.copy_(_hand_out(parameter.detach().cpu().contiguous()))
    total = own.clipped_sum(persons[dist.get_rank() :: dist.get_world_size()])
    flat = torch.cat([total[name].flatten() for name in weights]).cpu()
    dist.reduce(flat, dst=0)
    parts = torch.split(flat, [parameter.numel() for parameter in weights.values()])
    return {name: part.view(parameter.shape) for part, (name, parameter) in zip(parts, weights.items(), strict=True)}


def _hand_out(tensor: torch.Tensor) -> torch.Tensor:
    """The first worker's `tensor`, for all."""
    dist.broadcast(tensor, src=0)
    return tensor
