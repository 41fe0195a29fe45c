"""Fifty that ask at once for what is enough for a few: exactly so many get it, on each kind of state."""

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from tests.conftest import ANN, BOB, DANA, MEMBERS, WORKER, Stage, files_of, registration
from tests.usecases.test_jobs import advance
from tests.usecases.test_requests import ask

from tunewarden.domain.cohorts import PersonLimit, cohort_id
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.errors import BudgetExceeded, Conflict, Unavailable
from tunewarden.domain.events import BudgetCharged, BudgetReserved, CohortAdmitted
from tunewarden.domain.names import PolicyName
from tunewarden.domain.privacy import Spend
from tunewarden.domain.training import StepName
from tunewarden.usecases import admission, charging, datasets, requests
from tunewarden.usecases.counting import put_in_force

MRN = PolicyName("hospital-mrn")
TRIES, ENOUGH_FOR = 50, 7


@pytest.fixture
def house(stage: Stage, backend: Any) -> Stage:
    """The stage, on whichever state is asked for."""
    numbers, lock = iter(range(10**6)), threading.Lock()

    def new_id(prefix: str) -> str:
        with lock:
            return f"{prefix}-{next(numbers):032x}"

    stage.platform = replace(
        stage.platform, work=backend.work, view=backend.view, enrolments=backend.enrolments, new_id=new_id
    )
    stage.policies.restart = partial(put_in_force, stage.platform.work, stage.platform.view)
    return stage


def at_once(do: Callable[[int], object]) -> list[bool]:
    """Whether each of fifty that begin together succeeded; others than the budget's refusals are not expected."""
    barrier = threading.Barrier(TRIES)

    def one(number: int) -> bool:
        barrier.wait()
        while True:
            try:
                do(number)
            except BudgetExceeded:
                return False
            except Unavailable:  # the line was too long
                continue
            return True

    with ThreadPoolExecutor(TRIES) as threads:
        return list(threads.map(one, range(TRIES)))


def test_fifty_that_reserve_the_same_budget_at_once_get_exactly_what_is_there(house: Stage) -> None:
    dataset = house.dataset(epsilon=str(ENOUGH_FOR))
    done = at_once(lambda _: requests.submit(house.platform, ANN, ask(dataset, epsilon=Decimal(1))))
    assert sum(done) == ENOUGH_FOR
    assert sum(isinstance(entry.event, BudgetReserved) for entry in house.entries()) == ENOUGH_FOR
    assert datasets.budget(house.platform, DANA, dataset.id).left == 0


def test_fifty_trainings_on_datasets_that_share_persons_get_exactly_what_one_person_may_lose(house: Stage) -> None:
    house.policies.limits[MRN] = PersonLimit(namespace=MRN, epsilon=Decimal(ENOUGH_FOR), delta=Decimal("0.0001"))
    waiting = []
    for _ in range(TRIES):
        dataset = shared(house)
        request, _ = requests.submit(house.platform, ANN, ask(dataset, epsilon=Decimal(1)))
        requests.approve(house.platform, BOB, request.id, request.plan.digest())
        waiting.append(advance(house, request.id))
    # Everybody trains on some persons that all have in common, and on some of their own.
    own = [tuple(hashlib.sha256(b"%d %d" % (number, one)).digest() for one in range(20)) for number in range(TRIES)]

    def train(number: int) -> None:
        admission.admit(house.platform, WORKER, waiting[number], StepName.TRAIN, MEMBERS[:20] + own[number])
        charging.charge(house.platform, WORKER, waiting[number], StepName.TRAIN, 1)

    done = at_once(train)
    assert sum(done) == ENOUGH_FOR
    for kind in (CohortAdmitted, BudgetCharged):
        assert sum(isinstance(entry.event, kind) for entry in house.entries()) == ENOUGH_FOR
    with house.platform.view() as view:
        winners = [request for request, won in zip(waiting, done, strict=True) if won]
        assert {one.id for one in view.cohorts.all()} == {cohort_id(one.id, Spend.TRAINING) for one in winners}


def test_the_same_training_carried_out_twice_at_once_admits_its_persons_once_and_whole(house: Stage) -> None:
    request, _ = requests.submit(house.platform, ANN, ask(house.dataset(), epsilon=Decimal(1)))
    requests.approve(house.platform, BOB, request.id, request.plan.digest())
    waiting = advance(house, request.id)

    def train(number: int) -> None:
        members = random.Random(number).sample(MEMBERS, len(MEMBERS))
        admission.admit(house.platform, WORKER, waiting, StepName.TRAIN, members)

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(train, number) for number in range(12)]:
            assert future.exception() is None or isinstance(future.exception(), Conflict)
    train(99)
    (admitted,) = [entry.event for entry in house.entries() if isinstance(entry.event, CohortAdmitted)]
    assert admitted.persons == len(MEMBERS)
    with house.platform.work(WORKER.id) as work:
        assert sum(work.combinations(cohort_id(request.id, Spend.TRAINING)).values()) == len(MEMBERS)


def shared(house: Stage) -> Dataset:
    registered, _ = datasets.register(house.platform, DANA, replace(registration(), namespace=MRN))
    return datasets.add_version(house.platform, DANA, registered.id, files_of(house).id)[0]
