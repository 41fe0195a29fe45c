"""Several workers give the sums of one, and none of them waits for one that has nothing to do or is dead."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from tunewarden.steps.train.person_clip import Gradients
from tunewarden.steps.train.ranks import SharedClipper, assist

ROWS = torch.arange(40.0).view(20, 2)
WEIGHTS = {"a": (2,), "b": (1, 1)}


class Counting:
    """A clipper whose sums show who was summed, with which weights, and how many it did itself."""

    def __init__(self, weights: dict[str, nn.Parameter], tell: Connection, dies: bool = False) -> None:
        self.weights, self.tell, self.dies = weights, tell, dies

    def require_covered(self) -> None:
        pass

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        self.tell.send([rows.tolist() for rows in persons])
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        chosen = torch.stack([ROWS[rows].mean(dim=0) for rows in persons]) if persons else torch.zeros(0, 2)
        return {"a": chosen.sum(dim=0) * self.weights["a"].detach(), "b": torch.full((1, 1), float(len(persons)))}

    def close(self) -> None:
        self.tell.send("closed")


def _join(place: str, rank: int, ranks: int) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{place}/meeting", rank=rank, world_size=ranks, timeout=timedelta(seconds=60)
    )


def _weights(value: float) -> dict[str, nn.Parameter]:
    return {name: nn.Parameter(torch.full(shape, value)) for name, shape in WEIGHTS.items()}


def _lead(place: str, ranks: int, tell: Connection, updates: Sequence[Sequence[NDArray[np.int64]]]) -> None:
    _join(place, 0, ranks)
    weights = _weights(3.0)
    clipper = SharedClipper(Counting(weights, tell), weights)
    try:
        for persons in updates:
            total = clipper.clipped_sum(persons)
            tell.send({name: tensor.tolist() for name, tensor in total.items()})
            with torch.no_grad():
                weights["a"].add_(1.0)
    except RuntimeError:
        tell.send("broken")
    clipper.close()


def _follow(place: str, ranks: int, tell: Connection, rank: int, dies: bool = False) -> None:
    _join(place, rank, ranks)
    weights = _weights(-1.0 - rank)  # as a fresh adapter, that is other numbers than those of the first worker
    assist(Counting(weights, tell, dies), weights)


def run(place: Path, updates: Sequence[Sequence[NDArray[np.int64]]], ranks: int, dies: bool = False) -> list[list]:
    """What each worker told."""
    context = multiprocessing.get_context("fork")
    ears, works = [], list[Callable[[], None]]()
    for rank in range(ranks):
        ear, tell = context.Pipe(duplex=False)
        ears.append(ear)
        follow = partial(_follow, str(place), ranks, tell, rank, dies)
        works.append(follow if rank else partial(_lead, str(place), ranks, tell, updates))
    processes = [context.Process(target=work) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=50)
    assert not any(process.is_alive() for process in processes), "somebody waits"
    return [_heard(ear) for ear in ears]


def _heard(ear: Connection) -> list:
    heard = []
    while ear.poll():
        heard.append(ear.recv())
    return heard


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_sum_of_several_is_that_of_one_with_the_first_workers_weights(tmp_path: Path, ranks: int) -> None:
    everybody = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5]), np.array([6]), np.array([7, 19])]
    first, *others = run(tmp_path, [everybody, everybody[:1], [], everybody[2:]], ranks)
    sums = [message for message in first if isinstance(message, dict)]
    for weight, persons, total in zip((3, 4, 5, 6), (everybody, everybody[:1], [], everybody[2:]), sums, strict=True):
        expected = sum((ROWS[rows].mean(dim=0) for rows in persons), torch.zeros(2)) * weight
        assert total["a"] == pytest.approx(expected.tolist())
        assert total["b"] == [[len(persons)]]
    shares = [[message for message in heard if isinstance(message, list)] for heard in (first, *others)]
    for update, persons in enumerate((everybody, everybody[:1], [], everybody[2:])):
        given = [rows for share in shares for rows in share[update]]
        assert sorted(given) == sorted(rows.tolist() for rows in persons), "each person whole, and at one worker only"
    assert all(heard[-1] == "closed" for heard in (first, *others))


def test_a_worker_that_dies_breaks_the_update_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    first, _ = run(tmp_path, [[np.array([0]), np.array([1])]] * 3, ranks=2, dies=True)
    assert "broken" in first
    assert not any(isinstance(message, dict) for message in first), "half a sum is no sum"
    assert time.monotonic() - began < 600, "waiting for the dead one would take half an hour"
