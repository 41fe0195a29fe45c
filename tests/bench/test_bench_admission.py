"""Admitting a million persons, who are in other cohorts already: how long it takes, and how long others wait for it."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.bench.conftest import Rows, seconds
from tests.conftest import ANN, BOB, DANA, WORKER, Stage, files_of, registration
from tests.usecases.test_jobs import advance
from tests.usecases.test_requests import ask

from tunewarden.domain.cohorts import PersonLimit
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.training import StepName
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.usecases import admission, datasets, requests

pytestmark = pytest.mark.bench
PERSONS = int(os.environ.get("TUNEWARDEN_BENCH_PERSONS", "1000000"))
MRN = PolicyName("hospital-mrn")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("cluster").database()
        return found
    file = f"sqlite:///{tmp_path / 'state.db'}"
    migrate(file)
    return file


def members(first: int) -> Iterator[bytes]:
    """A million persons; a third of them for each step of `first` are others."""
    for number in range(first * PERSONS // 3, first * PERSONS // 3 + PERSONS):
        yield hashlib.sha256(number.to_bytes(8)).digest()


def test_a_million_persons_are_admitted_while_others_go_on_writing(stage: Stage, url: str, rows: Rows) -> None:
    engine = connect(url)
    stage.platform = replace(
        stage.platform,
        work=SqlWork(engine, stage.clock),
        view=SqlViews(engine),
        enrolments=SqlEnrolments(engine),
    )
    stage.policies.limits[MRN] = PersonLimit(namespace=MRN, epsilon=Decimal(8), delta=Decimal("0.0001"))
    waits: list[float] = []
    over = threading.Event()

    def others() -> None:
        """Somebody else's charges go into the same log all the while."""
        while not over.is_set():
            waits.append(seconds(append))
            time.sleep(0.02)

    def append() -> None:
        with stage.platform.work(ANN.id) as unit:
            unit.datasets.all()
            unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
            unit.commit()

    took = []
    thread = threading.Thread(target=others)
    for number in range(4):
        registered, _ = datasets.register(stage.platform, DANA, replace(registration(), namespace=MRN))
        dataset, _ = datasets.add_version(stage.platform, DANA, registered.id, files_of(stage).id)
        request, _ = requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(1)))
        requests.approve(stage.platform, BOB, request.id, request.plan.digest())
        waiting = advance(stage, request.id)
        if number == 3:
            thread.start()
        took.append(
            seconds(lambda: admission.admit(stage.platform, WORKER, waiting, StepName.TRAIN, members(number)))  # noqa: B023
        )
    over.set()
    thread.join()
    engine.dispose()
    name = url.partition(":")[0]
    rows.add(
        f"{name}: admit {PERSONS:,} persons, most of them in 1 to 3 other cohorts",
        took[1:],
        unit="s",
        goal=120,
        bound="at_most",
    )
    rows.add(
        f"{name}: longest wait of another writer meanwhile",
        [max(waits)],
        unit="s",
        goal=10,
        bound="at_most",
        baseline=f"median {sorted(waits)[len(waits) // 2]:.2g} s of {len(waits)}",
    )
