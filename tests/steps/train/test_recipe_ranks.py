"""The loop on two workers: every one of them has to pass the certificate before anything is charged."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.steps.train.conftest import Purse, training_of

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.training import Plan
from tunewarden.steps.train import recipe
from tunewarden.steps.train.ranks import met
from tunewarden.steps.train.recipe import Training
from tunewarden.steps.train.rows import Rows

MakeRows = Callable[[Sequence[int]], Rows]


@pytest.fixture
def training(plan: Plan, rows_of: MakeRows, base: Path, tmp_path: Path) -> Training:
    longer = replace(plan, mechanism=plan.mechanism.times(4))
    return training_of(longer, rows_of((1, 2, 1, 3) * 6), base, tmp_path, workers=2)


def run(training: Training, second: Training, place: Path) -> tuple[str, str, int]:
    """How each of two workers ended, and how many updates were charged."""
    (place / "charged").touch()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_work, args=(of, place, rank)) for rank, of in enumerate((training, second))]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert not any(process.is_alive() for process in processes), "somebody waits"
    ends = [(place / f"end-{rank}").read_text() for rank in (0, 1)]
    return ends[0], ends[1], (place / "charged").stat().st_size


def _work(training: Training, place: Path, rank: int) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)

    def note(updates: int) -> None:
        with (place / "charged").open("ab") as charged:
            charged.write(bytes(updates))

    end = "done"
    try:
        with met(place / "meeting", rank, 2):
            if rank:
                recipe.help_to_train(training)
            else:
                recipe.train(training, Purse(during=note).charge, lambda _certificate: None)
    except TunewardenError as error:
        end = error.code
    except RuntimeError:
        end = "left alone"
    (place / f"end-{rank}").write_text(end)


def test_two_workers_that_both_pass_train(training: Training, tmp_path: Path) -> None:
    assert run(training, training, tmp_path) == ("done", "done", 4)


def test_nothing_is_charged_where_another_worker_does_not_pass_the_certificate(
    training: Training, tmp_path: Path
) -> None:
    targets = (*training.plan.recipe.lora_targets, "pooler.dense")  # nobody's gradient of it could be clipped
    plan = replace(training.plan, recipe=replace(training.plan.recipe, lora_targets=targets))
    second = replace(training, plan=plan)
    assert run(training, second, tmp_path) == ("left alone", "parameter_not_covered", 0)
