"""The whole step on a real Ray: charged in this process, trained in another, stored, and told truly."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from ray.actor import ActorHandle
from tests.steps.train.conftest import Purse, attempt_for, store_clean, training_of

from tunewarden.domain.canonical import decode, digest_of
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.errors import BudgetExceeded, Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest, RequestId
from tunewarden.domain.training import NoiseForm, Plan, Precision
from tunewarden.drivers.accounting import epsilon, epsilon_pld
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.certificate import Certificate
from tunewarden.steps.train.charging import charge_at, close_desk, hand_in_at, open_desk, report_failure, serve
from tunewarden.steps.train.checkpoint import Belonging
from tunewarden.steps.train.collation import COLLATOR
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainingInterrupted, TrainStep
from tunewarden.steps.train.model import build_classifier, load_adapter, logits
from tunewarden.steps.train.parts import parts_of
from tunewarden.steps.train.places import WEIGHTS
from tunewarden.steps.train.recipe import train
from tunewarden.steps.train.rows import Rows
from tunewarden.usecases.work import Receipt

# Ray Train makes a default context of Ray Data, and that warns of settings nobody here has touched.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.usefixtures("ray_started"),
]

PERSONS, WORKERS = 60, 2
WITHOUT_WAITING_SECONDS = 600  # a worker that waited for a dead one would do so for half an hour


@pytest.fixture(scope="module")
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture(scope="module")
def clean(blobs: MemoryBlobs) -> Digest:
    return store_clean(blobs, PERSONS)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def steps(blobs: MemoryBlobs, base: Path, scratch: Path) -> dict[int, TrainStep]:
    """By the number of workers."""
    return {
        workers: TrainStep(
            blobs,
            locate=lambda _name: base,
            scratch=scratch / str(workers),
            accountant=epsilon,
            reported=epsilon_pld,
            compute=Compute(threads=1, charge_every=2, workers=workers),
        )
        for workers in (1, WORKERS)
    }


@pytest.fixture
def step(steps: dict[int, TrainStep]) -> TrainStep:
    return steps[WORKERS]


def listening() -> set[str]:
    """The addresses at which this process and all that it started can be spoken to."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [each for process in family for each in process.net_connections("inet")]
    return {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize("workers", [1, WORKERS])
def test_a_training_is_charged_in_this_thread_and_its_adapter_can_be_used(
    steps: dict[int, TrainStep], blobs: MemoryBlobs, clean: Digest, base: Path, plan: Plan, workers: int
) -> None:
    step = steps[workers]
    threads, heard = set[int](), set[str]()

    def during(_updates: int) -> None:
        threads.add(threading.get_ident())
        heard.update(listening())

    purse = Purse(during=during)
    bound = replace(plan, collator=COLLATOR)

    result = step(attempt_for(bound, clean, purse, request="req-whole"))

    assert purse.charged == [2, 1]
    assert threads == {threading.get_ident()}
    assert [address for address in heard if not ip_address(address.removeprefix("::ffff:")).is_loopback] == []
    measured = {measurement.metric: measurement for measurement in result.measurements}
    assert measured["privacy.epsilon"].high == epsilon([plan.mechanism], plan.delta)
    assert measured["privacy.epsilon_pld"].high == epsilon_pld([plan.mechanism], plan.delta)
    assert measured["privacy.delta"].value == plan.delta
    assert measured["train.truncated_share"].value == 0
    assert result.counts["updates"] == 3
    details = decode(blobs.read(result.details))
    assert isinstance(details, dict)
    assert details["planned"] == details["executed"]
    assert details["noise"]["checked_updates"] == 3
    assert (details["workers"], details["collator"], details["canaries"]) == (workers, COLLATOR, None)
    certificate = details["conformance"]
    assert certificate["plan"] == bound.digest()
    assert {check["name"] for check in certificate["checks"]} >= {"neighbours", "brute-force"}

    model, tokenizer = build_classifier(base, plan.base_model.digest, plan.recipe, 2)
    untrained = logits(model, tokenizer, ["burn", "cut"], plan.recipe)
    load_adapter(model, blobs.read(result.output), bound)
    assert not np.array_equal(logits(model, tokenizer, ["burn", "cut"], plan.recipe), untrained)

    again = Purse(charged=purse.charged, during=lambda _updates: pytest.fail("charged for what is there"))
    assert step(attempt_for(bound, clean, again, request="req-whole")) == result, (
        "a repeated attempt finds its own work"
    )


def test_a_hardened_training_with_canaries_says_so(
    step: TrainStep, blobs: MemoryBlobs, clean: Digest, plan: Plan
) -> None:
    hardened = replace(plan, recipe=replace(plan.recipe, noise=NoiseForm.DISCRETE_GAUSSIAN, canaries=6))
    result = step(attempt_for(hardened, clean, Purse(), request="req-hardened"))
    details = decode(blobs.read(result.details))
    assert details["noise"]["form"] == "discrete-gaussian"
    assert len(decode(blobs.read(details["canaries"]))["members"]) == 6
    trained_on = details["persons"]
    assert trained_on == result.counts["persons"] < PERSONS, "canaries are no persons, and the held out are not here"


def test_an_exhausted_budget_stops_the_training_and_reaches_the_caller_as_itself(
    step: TrainStep, clean: Digest, plan: Plan
) -> None:
    exhausted = BudgetExceeded("privacy_budget_exhausted", "Nothing is left.")
    purse = Purse()

    def refuse_the_second(_updates: int) -> None:
        if purse.charged:
            raise exhausted

    purse.during = refuse_the_second
    began = time.monotonic()
    with pytest.raises(BudgetExceeded) as raised:
        step(attempt_for(plan, clean, purse, request="req-poor"))
    assert raised.value is exhausted
    assert purse.charged == [2]
    assert time.monotonic() - began < WITHOUT_WAITING_SECONDS, "no worker waits for a word that will never come"


def test_a_killed_worker_fails_the_attempt_and_the_next_one_goes_on_and_tells_all(
    step: TrainStep, blobs: MemoryBlobs, clean: Digest, plan: Plan
) -> None:
    """Whichever it is: each attempt loses another worker at the second block that it pays for, the last one none."""
    purse = Purse()
    longer = replace(plan, mechanism=plan.mechanism.times(5))
    for victim, charged in enumerate(([2, 2], [2, 2, 2, 1])):
        of_before = len(purse.charged)

        def kill_at_the_second(_updates: int, victim: int = victim, of_before: int = of_before) -> None:
            if len(purse.charged) == of_before + 1:
                _kill_a_worker(victim)

        purse.during = kill_at_the_second
        began = time.monotonic()
        with pytest.raises(TrainingInterrupted):
            step(attempt_for(longer, clean, purse, request="req-killed", number=1 + victim))
        assert time.monotonic() - began < WITHOUT_WAITING_SECONDS
        assert purse.charged == charged
    purse.during = lambda _updates: None
    result = step(attempt_for(longer, clean, purse, request="req-killed", number=1 + WORKERS))
    assert purse.charged == [2, 2, 2, 1, 1], "the lost blocks are paid again"
    assert result.counts["updates"] == 8
    spent = next(m.value for m in result.measurements if m.metric == "privacy.epsilon")
    assert spent == epsilon([plan.mechanism.times(8)], plan.delta) > epsilon([longer.mechanism], plan.delta)
    assert decode(blobs.read(result.details))["noise"]["checked_updates"] == 5


def test_an_attempt_trains_and_pays_for_no_part_of_a_curve_that_is_there(
    steps: dict[int, TrainStep],
    blobs: MemoryBlobs,
    clean: Digest,
    plan: Plan,
    base: Path,
    scratch: Path,
    rows_of: Callable[[Sequence[int]], Rows],
) -> None:
    """The attempt before it ended within the second part: the model and the first part were made, and paid."""
    curved = replace(plan, curve=LearningCurve(shares=(Decimal("0.25"), Decimal("0.5")), epsilon=Decimal(20)))
    request, purse, place = RequestId("req-curve"), Purse(), scratch / "1"
    quarter, half = parts_of(curved)
    for of, belonging, there in (
        (curved, Belonging(request=request, plan=curved.digest()), place / request),
        (quarter.plan, quarter.belonging(request), quarter.place(place, request)),
    ):
        there.mkdir(parents=True)
        whole = replace(training_of(of, rows_of([2] * 40), base, there), belonging=belonging)
        train(whole, purse.charge, lambda _certificate, there=there: (there / "certificate.json").write_bytes(b"{}"))

    result = steps[1](attempt_for(curved, clean, purse, request=request, number=2))

    assert purse.charged == [2, 1] * 3
    assert (result.counts["updates"], result.counts["curve_updates"]) == (9, 6)
    made = decode(blobs.read(result.details))["curve"]
    assert made[1]["weights"] == file_digest(half.place(place, request) / WEIGHTS)
    assert made[1]["conformance"]["plan"] == half.plan.digest()
    assert not {part["weights"] for part in made} & set(blobs.stored), "in no blob, so that it cannot be registered"


def test_a_checkpoint_beside_a_ledger_that_was_put_back_or_is_another_one_is_refused(
    step: TrainStep, clean: Digest, base: Path, scratch: Path, plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    place, purse = scratch / str(WORKERS) / "req-1", Purse()
    place.mkdir(parents=True, exist_ok=True)
    train(training_of(plan, rows_of([2] * 20), base, place), purse.charge, lambda _certificate: None)
    assert purse.charged == [2, 1]
    of_before, another, poorer, empty = Purse(charged=[2]), Purse(charged=[1, 3]), Purse(charged=[1, 1]), Purse()
    for ledger in (of_before, another, poorer, empty):
        ledger.during = lambda _updates: pytest.fail("charged")
        with pytest.raises(PlanMismatch) as refused:
            step(attempt_for(plan, clean, ledger))
        assert refused.value.code == "checkpoint_not_in_ledger"
        assert refused.value.remedy


def test_what_cannot_be_trained_is_refused_before_anything_is_charged(
    step: TrainStep, blobs: MemoryBlobs, clean: Digest, plan: Plan
) -> None:
    purse = Purse(during=lambda _updates: pytest.fail("charged"))
    with pytest.raises(PlanMismatch) as changed:
        step(attempt_for(replace(plan, collator=digest_of("other code")), clean, purse))
    assert changed.value.code == "collator_changed"
    impossible = {
        "lora_target_not_linear": (replace(plan, recipe=replace(plan.recipe, lora_targets=("nothing",))), clean),
        "too_few_persons": (plan, store_clean(blobs, 10)),
        "class_without_rows": (plan, store_clean(blobs, PERSONS, labels=(0,))),
        "delta_too_large": (replace(plan, delta=Decimal("0.1")), clean),
    }
    for code, (asked, records) in impossible.items():
        with pytest.raises(Refused) as refused:
            step(attempt_for(asked, records, purse, request="req-impossible"))
        assert refused.value.code == code
        assert refused.value.remedy


def test_an_error_of_the_loop_reaches_the_job_as_the_same_error() -> None:
    desk = open_desk()
    told = Corrupted("noise_missing", "A reason.", remedy="A remedy.", who="administrator", param="a.b")
    ray.get(_fail_at.remote(desk, told.code))
    with pytest.raises(Corrupted) as raised:
        serve(desk, Purse().charge, lambda _certificate: None, lambda: True)
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
    asking, purse = _ask_at.remote(desk), Purse()
    assert ray.wait([asking], timeout=0.5)[0] == []
    serve(desk, purse.charge, lambda _certificate: None, lambda: bool(purse.charged))
    assert ray.get(asking, timeout=30) == Receipt(index=1, leaf_hash=purse.leaf(1)), "the ledger's head comes back"
    assert purse.charged == [3]
    close_desk(desk)


def test_a_certificate_is_handed_in_before_what_is_asked_after_it() -> None:
    desk, happened = open_desk(), list[object]()
    certificate = Certificate(
        plan=digest_of("plan"), code=digest_of("code"), precision=Precision.FLOAT32, device="cpu", checks=()
    )
    asking = _hand_in_and_ask_at.remote(desk, certificate)
    purse = Purse(during=happened.append)
    serve(desk, purse.charge, happened.append, lambda: bool(purse.charged))
    ray.get(asking, timeout=30)
    assert happened == [certificate, 3]
    close_desk(desk)


@ray.remote(num_cpus=0)
def _ask_at(desk: ActorHandle) -> Receipt:
    return charge_at(desk)(3)


@ray.remote(num_cpus=0)
def _hand_in_and_ask_at(desk: ActorHandle, certificate: Certificate) -> None:
    hand_in_at(desk)(certificate)
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


def _kill_a_worker(victim: int) -> None:
    """End a process in which the recipe runs, as the kernel does when memory is short; oldest first."""
    found = [p for p in psutil.Process().children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline())]
    assert len(found) == WORKERS
    sorted(found, key=lambda process: process.create_time())[victim].kill()
