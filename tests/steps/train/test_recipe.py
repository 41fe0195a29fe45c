"""The loop: paid before it happens, resumed only for the same plan, and never cheaper after a crash."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tests.steps.train.conftest import Purse, training_of

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import BudgetExceeded, Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import Plan
from tunewarden.steps.train import checkpoint, recipe
from tunewarden.steps.train.recipe import Training
from tunewarden.steps.train.rows import Rows

MakeRows = Callable[[Sequence[int]], Rows]


@pytest.fixture
def training(plan: Plan, rows_of: MakeRows, base: Path, tmp_path: Path) -> Training:
    longer = replace(plan, mechanism=plan.mechanism.times(7))
    return training_of(longer, rows_of((1, 2, 1, 3) * 6), base, tmp_path)


def done(training: Training) -> int:
    standing = checkpoint.standing_at(training.checkpoint, training.belonging)
    return standing.update if standing else 0


def train(training: Training, during: Callable[[int], None] = lambda _updates: None) -> list[int]:
    """What was charged."""
    purse = Purse(during=during)
    recipe.train(training, purse.charge, lambda _certificate: None)
    return purse.charged


def test_every_block_is_charged_before_anything_of_it_exists(training: Training) -> None:
    finished: list[int] = []
    assert train(training, lambda _updates: finished.append(done(training))) == [2, 2, 2, 1]
    assert finished == [0, 2, 4, 6], "earlier blocks are finished, the one that is paid has not begun"
    assert done(training) == 7


def test_a_charge_that_is_refused_stops_the_training_at_once(training: Training) -> None:
    def charge(_updates: int) -> None:
        if done(training) == 2:
            raise BudgetExceeded("privacy_budget_exhausted", "Nothing is left.")

    with pytest.raises(BudgetExceeded):
        train(training, charge)
    assert done(training) == 2


def test_an_update_in_which_nobody_is_drawn_is_noised_like_any_other_and_counted(training: Training) -> None:
    """The second moments then hold nothing but noise: multiplier times clip over the constant number of persons."""
    nobody = replace(training.plan.mechanism, sampling_rate=Decimal("1e-15"))
    training = replace(training, plan=replace(training.plan, mechanism=nobody))
    train(training)
    assert done(training) == 7
    with safe_open(training.checkpoint, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("exp_avg_sq/")]  # noqa: SIM118
        moments = torch.cat([file.get_tensor(name).flatten() for name in names]).double()
    deviation = float(nobody.noise_multiplier * training.plan.recipe.clip) / training.plan.recipe.expected_units
    expected = (1 - 0.999**7) * deviation**2  # Kingma and Ba, arXiv 1412.6980, section 3
    six_deviations = 6 * (2 / (7 * len(moments))) ** 0.5  # a false alarm in 500 million
    assert abs(float(moments.mean()) / expected - 1) < six_deviations


def test_a_checkpoint_is_safetensors_and_holds_weights_and_moments_only(training: Training) -> None:
    train(training)
    with safe_open(training.checkpoint, framework="pt") as file:
        kinds = {name.split("/")[0] for name in file.keys()}  # noqa: SIM118
        header = file.metadata()
    assert kinds == {"weight", "exp_avg", "exp_avg_sq", "step"}, "no state of a random generator, nothing else"
    assert header == {
        "canaries": "",
        "checked": "7",
        "form": "tunewarden-checkpoint-2",
        "paid_index": "4",
        "paid_leaf": Purse(charged=[2, 2, 2, 1]).leaf(4),
        "plan": training.plan.digest(),
        "request": "req-1",
        "update": "7",
    }


def test_the_same_training_with_the_same_seed_gives_another_model(training: Training, tmp_path: Path) -> None:
    results = []
    for name in ("one", "other"):
        torch.manual_seed(0)
        once = replace(training, checkpoint=tmp_path / name)
        train(once)
        with safe_open(once.checkpoint, framework="pt") as file:
            results.append(file.get_tensor("weight/head.weight"))
    assert not torch.equal(*results)


def test_a_training_goes_on_after_its_checkpoint_and_pays_only_for_the_rest(training: Training) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(training, _stop_after(training, 4))
    assert train(training) == [2, 1]


def test_moments_survive_a_resumption(training: Training) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(training, _stop_after(training, 4))
    train(training)
    with safe_open(training.checkpoint, framework="pt") as file:
        assert file.get_tensor("step/head.weight").item() == 7


def test_a_finished_training_pays_for_nothing(training: Training) -> None:
    train(training)
    before = training.checkpoint.read_bytes()
    train(training, lambda _updates: pytest.fail("charged again"))
    assert training.checkpoint.read_bytes() == before


def test_a_checkpoint_of_another_plan_or_request_is_refused_and_nothing_is_charged(training: Training) -> None:
    train(training)
    mine = training.belonging
    others = (
        replace(mine, plan=replace(training.plan, epsilon=Decimal(3)).digest()),
        replace(mine, plan=replace(training.plan, mechanism=training.plan.mechanism.times(99)).digest()),
        replace(mine, request=RequestId("req-2")),
        replace(mine, canaries=digest_of("canaries")),
    )
    for other in (replace(training, belonging=belonging) for belonging in others):
        with pytest.raises(PlanMismatch):
            train(other, lambda _updates: pytest.fail("charged"))


def test_a_trained_layer_that_the_answer_does_not_depend_on_is_refused_by_name_and_nothing_is_charged(
    training: Training,
) -> None:
    """Of BERT's pooler, nothing reaches the mean of the tokens; nobody's gradient of it could be clipped."""
    targets = (*training.plan.recipe.lora_targets, "pooler.dense")
    plan = replace(training.plan, recipe=replace(training.plan.recipe, lora_targets=targets))
    purse = Purse()
    with pytest.raises(Refused, match="pooler") as refused:
        recipe.train(replace(training, plan=plan), purse.charge, lambda _certificate: None)
    assert refused.value.code == "parameter_not_covered"
    assert purse.charged == []


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_damaged_checkpoint_stops_the_training_and_nothing_is_charged(training: Training, keep: int) -> None:
    train(training)
    training.checkpoint.write_bytes(training.checkpoint.read_bytes()[:keep])
    with pytest.raises(Corrupted):
        train(training, lambda _updates: pytest.fail("charged"))


def _stop_after(training: Training, updates: int) -> Callable[[int], None]:
    def charge(_updates: int) -> None:
        if done(training) == updates:
            raise KeyboardInterrupt

    return charge


def _train_and_die(training: Training, spent: Path, at: int) -> None:
    """In a process of its own: kills itself right after the ledger has taken charge number `at`."""
    charges = 0

    def charge(updates: int) -> None:
        nonlocal charges
        with spent.open("ab") as ledger:
            ledger.write(bytes(updates))  # one byte for each update
        charges += 1
        if charges == at:
            os.kill(os.getpid(), signal.SIGKILL)

    train(training, charge)


def _in_a_process(training: Training, spent: Path, at: int = 0) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=_train_and_die, args=(training, spent, at))
    process.start()
    return process


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_block_that_was_paid_and_lost_in_a_crash_is_paid_again(training: Training, tmp_path: Path, at: int) -> None:
    killed = _in_a_process(training, tmp_path / "spent", at)
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    lost = (tmp_path / "spent").stat().st_size - done(training)
    assert lost > 0
    again = _in_a_process(training, tmp_path / "spent")
    again.join()
    assert again.exitcode == 0
    assert done(training) == 7
    assert (tmp_path / "spent").stat().st_size == 7 + lost


def test_killed_at_random_moments_it_finishes_and_never_shows_less_than_what_ran(
    training: Training, tmp_path: Path
) -> None:
    longer = replace(training.plan, mechanism=training.plan.mechanism.times(60))
    training = replace(training, plan=longer)
    (tmp_path / "spent").touch()
    for _ in range(5):
        process = _in_a_process(training, tmp_path / "spent")
        time.sleep(random.uniform(0.05, 0.6))
        process.kill()
        process.join()
        assert done(training) <= (tmp_path / "spent").stat().st_size
    last = _in_a_process(training, tmp_path / "spent")
    last.join()
    assert last.exitcode == 0
    assert done(training) == 60 <= (tmp_path / "spent").stat().st_size
