"""Two workers add one noise; killed at any moment they go on, and the ledger never shows less than what ran.

What ran is counted beside the training, in the optimizer's own hook: a byte for each step it made.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors import safe_open
from tests.steps.train.conftest import training_of
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunewarden.domain.training import Plan
from tunewarden.drivers.accounting import epsilon
from tunewarden.steps.train.checkpoint import standing_at
from tunewarden.steps.train.recipe import Training, help_to_train, train
from tunewarden.steps.train.rows import Rows
from tunewarden.usecases.work import Receipt

UPDATES, WORKERS = 40, 2
_PATIENCE_SECONDS = 60


@pytest.fixture
def training(plan: Plan, rows_of: Callable[[Sequence[int]], Rows], base: Path, tmp_path: Path) -> Training:
    longer = replace(plan, mechanism=plan.mechanism.times(UPDATES))
    return training_of(longer, rows_of((1, 2, 1, 3) * 6), base, tmp_path, charge_every=4, workers=WORKERS)


class Ledger:
    """Two files of bytes: one for each update that was charged, one for each that ran."""

    def __init__(self, place: Path) -> None:
        self.paid, self.ran = place / "paid", place / "ran"
        self.paid.touch()
        self.ran.touch()

    def charge(self, updates: int) -> Receipt:
        with self.paid.open("ab") as file:
            file.write(bytes(updates))
        return Receipt(index=size(self.paid), leaf_hash="0" * 64)


def size(path: Path) -> int:
    return path.stat().st_size


def _work(training: Training, ledger: Ledger, rank: int, meeting: Path, dies_after: int) -> None:
    """One worker. It kills itself right after so many steps, between the noise and the checkpoint."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=WORKERS, timeout=timedelta(seconds=30)
    )
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        with ledger.ran.open("ab") as file:
            file.write(b"x")
        if steps == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(count)
    if rank:
        with suppress(RuntimeError):  # the first worker is gone
            help_to_train(training)
    else:
        train(training, ledger.charge, lambda _certificate: None)


def start(training: Training, ledger: Ledger, attempt: int, dies_after: int = 0) -> list[BaseProcess]:
    context = multiprocessing.get_context("fork")
    meeting = training.checkpoint.with_name(f"meeting-{attempt}")
    workers = [
        context.Process(target=_work, args=(training, ledger, rank, meeting, dies_after)) for rank in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    return workers


def end(workers: Sequence[BaseProcess]) -> list[int | None]:
    """Their exit codes; nobody may go on waiting for the others."""
    for worker in workers:
        worker.join(_PATIENCE_SECONDS)
    assert not any(worker.is_alive() for worker in workers)
    return [worker.exitcode for worker in workers]


def done(training: Training) -> int:
    standing = standing_at(training.checkpoint, training.belonging)
    return standing.update if standing else 0


def finish_and_check(training: Training, ledger: Ledger, before: int) -> None:
    """Let it finish; it must have paid for what it did anew, and cost no less than before."""
    assert end(start(training, ledger, attempt=99)) == [0, 0]
    assert done(training) == UPDATES <= size(ledger.ran) <= size(ledger.paid)
    cost = [epsilon([training.plan.mechanism.times(paid)], training.plan.delta) for paid in (before, size(ledger.paid))]
    assert cost[0] <= cost[1]
    standing = standing_at(training.checkpoint, training.belonging)
    assert standing is not None
    assert standing.checked == UPDATES, "every update that is in the weights was checked"
    assert standing.paid.index == size(ledger.paid)


def test_two_workers_add_the_noise_of_the_plan_once_and_one_without_persons_does_not_stop_the_other(
    training: Training, tmp_path: Path
) -> None:
    """With nobody drawn the second moments hold nothing but noise, as in the training of one worker."""
    nobody = replace(training.plan.mechanism, sampling_rate=Decimal("1e-15"))
    plan = replace(training.plan, mechanism=nobody)
    training = replace(training, plan=plan, belonging=replace(training.belonging, plan=plan.digest()))
    assert end(start(training, Ledger(tmp_path), attempt=1)) == [0, 0]
    with safe_open(training.checkpoint, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("exp_avg_sq/")]  # noqa: SIM118
        moments = torch.cat([file.get_tensor(name).flatten() for name in names]).double()
    deviation = float(nobody.noise_multiplier * plan.recipe.clip) / plan.recipe.expected_units
    expected = (1 - 0.999**UPDATES) * deviation**2  # Kingma and Ba, arXiv 1412.6980, section 3
    six_deviations = 6 * (2 / (UPDATES * len(moments))) ** 0.5  # a false alarm in 500 million
    assert abs(float(moments.mean()) / expected - 1) < six_deviations


@pytest.mark.parametrize("dies_after", [1, 6, 8])
def test_killed_between_noise_and_checkpoint_it_pays_again_for_what_it_repeats(
    training: Training, tmp_path: Path, dies_after: int
) -> None:
    ledger = Ledger(tmp_path)
    first, _ = end(start(training, ledger, attempt=1, dies_after=dies_after))
    assert first == -signal.SIGKILL
    assert size(ledger.ran) == dies_after <= size(ledger.paid)
    lost = size(ledger.paid) - done(training)
    assert lost == 4, "a block that was paid and whose checkpoint was never written"
    finish_and_check(training, ledger, before=size(ledger.paid))
    assert size(ledger.paid) == UPDATES + lost


def test_killed_at_random_moments_it_finishes_and_the_ledger_never_shows_less_than_what_ran(
    training: Training, tmp_path: Path
) -> None:
    ledger, before = Ledger(tmp_path), 0
    for attempt in range(4):
        workers = start(training, ledger, attempt)
        time.sleep(random.uniform(0.1, 2.0))
        random.choice(workers).kill()
        end(workers)
        assert done(training) <= size(ledger.ran) <= size(ledger.paid)
        assert before <= size(ledger.paid), "nothing is ever given back"
        before = size(ledger.paid)
    finish_and_check(training, ledger, before)
