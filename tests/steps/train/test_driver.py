"""The whole step on a real Ray: charged in this process, trained in another, stored, and told truly."""

import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from ray.actor import ActorHandle
from tests.steps.train.conftest import attempt_for, store_clean

from tunewarden.domain.canonical import decode
from tunewarden.domain.errors import BudgetExceeded, Corrupted, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan
from tunewarden.drivers.accounting import epsilon, epsilon_pld
from tunewarden.drivers.memory import MemoryBlobs
from tunewarden.steps.train.charging import charge_at, close_desk, open_desk, report_failure, serve
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainingInterrupted, TrainStep
from tunewarden.steps.train.model import build, load_adapter, logits

# Ray Train makes a default context of Ray Data, and that warns of settings nobody here has touched.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.usefixtures("ray_started"),
]

PERSONS = 60


@pytest.fixture(scope="module")
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture(scope="module")
def clean(blobs: MemoryBlobs) -> Digest:
    return store_clean(blobs, PERSONS)


@pytest.fixture(scope="module")
def step(blobs: MemoryBlobs, base: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainStep:
    return TrainStep(
        blobs,
        locate=lambda _name: base,
        scratch=tmp_path_factory.mktemp("scratch"),
        accountant=epsilon,
        reported=epsilon_pld,
        compute=Compute(threads=1, charge_every=2),
    )


def test_a_training_is_charged_in_this_thread_and_its_adapter_can_be_used(
    step: TrainStep, blobs: MemoryBlobs, clean: Digest, base: Path, plan: Plan
) -> None:
    charged: list[tuple[int, int]] = []
    attempt = attempt_for(plan, clean, lambda updates: charged.append((updates, threading.get_ident())))

    result = step(attempt)

    assert charged == [(2, threading.get_ident()), (1, threading.get_ident())]
    measured = {measurement.metric: measurement for measurement in result.measurements}
    assert measured["privacy.epsilon"].high == epsilon([plan.mechanism], plan.delta)
    assert measured["privacy.epsilon_pld"].high == epsilon_pld([plan.mechanism], plan.delta)
    assert measured["privacy.delta"].value == plan.delta
    assert measured["train.truncated_share"].value == 0
    assert result.counts["updates"] == 3
    details = decode(blobs.read(result.details))
    assert isinstance(details, dict)
    assert details["planned"] == details["executed"]

    model, tokenizer = build(base, plan.base_model.digest, plan.recipe, 2)
    untrained = logits(model, tokenizer, ["burn", "cut"], plan.recipe)
    load_adapter(model, blobs.read(result.output), plan)
    assert not np.array_equal(logits(model, tokenizer, ["burn", "cut"], plan.recipe), untrained)

    paid = result.counts["updates"]
    again = step(replace(attempt, charged=paid, charge=lambda _updates: pytest.fail("charged for what is there")))
    assert again == result, "a repeated attempt finds its own work"


def test_an_exhausted_budget_stops_the_training_and_reaches_the_caller_as_itself(
    step: TrainStep, clean: Digest, plan: Plan
) -> None:
    exhausted = BudgetExceeded("privacy_budget_exhausted", "Nothing is left.")
    charged: list[int] = []

    def charge(updates: int) -> None:
        if charged:
            raise exhausted
        charged.append(updates)

    with pytest.raises(BudgetExceeded) as raised:
        step(attempt_for(plan, clean, charge, request="req-poor"))
    assert raised.value is exhausted
    assert charged == [2]


def test_a_killed_worker_fails_the_attempt_and_the_next_one_finishes_it_and_tells_both(
    step: TrainStep, clean: Digest, plan: Plan
) -> None:
    charged: list[int] = []

    def charge_and_kill(updates: int) -> None:
        charged.append(updates)
        if len(charged) == 2:
            _kill_the_worker()

    longer = replace(plan, mechanism=plan.mechanism.times(5))
    attempt = attempt_for(longer, clean, charge_and_kill, request="req-killed")
    with pytest.raises(TrainingInterrupted):
        step(attempt)
    result = step(replace(attempt, number=2, charged=sum(charged), charge=charged.append))
    assert charged == [2, 2, 2, 1], "the lost block is paid again"
    assert result.counts["updates"] == 7
    spent = next(m.value for m in result.measurements if m.metric == "privacy.epsilon")
    assert spent == epsilon([plan.mechanism.times(7)], plan.delta) > epsilon([longer.mechanism], plan.delta)


def test_what_cannot_be_trained_is_refused_before_anything_is_charged(
    step: TrainStep, blobs: MemoryBlobs, clean: Digest, plan: Plan
) -> None:
    impossible = {
        "lora_target_not_linear": (replace(plan, recipe=replace(plan.recipe, lora_targets=("nothing",))), clean),
        "too_few_persons": (plan, store_clean(blobs, 10)),
        "class_without_rows": (plan, store_clean(blobs, PERSONS, labels=(0,))),
        "delta_too_large": (replace(plan, delta=Decimal("0.1")), clean),
    }
    for code, (asked, records) in impossible.items():
        with pytest.raises(Refused) as refused:
            step(attempt_for(asked, records, lambda _updates: pytest.fail("charged"), request="req-impossible"))
        assert refused.value.code == code
        assert refused.value.remedy


def test_an_error_of_the_loop_reaches_the_job_as_the_same_error() -> None:
    desk = open_desk()
    told = Corrupted("noise_missing", "A reason.", remedy="A remedy.", who="administrator", param="a.b")
    ray.get(_fail_at.remote(desk, told.code))
    with pytest.raises(Corrupted) as raised:
        serve(desk, lambda _updates: None, lambda: True)
    assert vars(raised.value) == vars(told)
    close_desk(desk)


def test_nothing_is_paid_at_a_desk_that_is_closed() -> None:
    desk = open_desk()
    asking = _ask_at.remote(desk)
    close_desk(desk)
    with pytest.raises(ray.exceptions.RayError):
        ray.get(asking, timeout=30)


def test_a_question_waits_until_it_is_paid() -> None:
    desk = open_desk()
    asking, charged = _ask_at.remote(desk), list[int]()
    assert ray.wait([asking], timeout=0.5)[0] == []
    serve(desk, charged.append, lambda: bool(charged))
    ray.get(asking, timeout=30)
    assert charged == [3]
    close_desk(desk)


@ray.remote(num_cpus=0)
def _ask_at(desk: ActorHandle) -> None:
    charge_at(desk)(3)


@ray.remote(num_cpus=0)
def _fail_at(desk: ActorHandle, code: str) -> None:
    report_failure(desk, Corrupted(code, "A reason.", remedy="A remedy.", who="administrator", param="a.b"))


def test_the_identity_of_the_step_is_a_digest_that_only_its_code_and_libraries_determine(
    step: TrainStep, blobs: MemoryBlobs, base: Path, tmp_path: Path
) -> None:
    other = TrainStep(
        blobs, locate=lambda _name: base, scratch=tmp_path, accountant=epsilon, reported=epsilon_pld, ray_address="x"
    )
    assert other.identity == step.identity
    assert step.identity.startswith("sha256:")


def _kill_the_worker() -> None:
    """End the process in which the recipe runs, as the kernel does when memory is short."""
    (worker,) = (p for p in psutil.Process().children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline()))
    worker.kill()
