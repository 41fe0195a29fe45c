"""A training that a bench kills: a platform over a SQLite file, tiny, in a process of its own.

`python -m tests.bench.killing HOME BASE prepare|train|look [REQUEST]`. What ran is counted in HOME/ran-REQUEST: a byte
for each step of the optimizer, written in its own hook in the Ray worker.
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import ray
from tests.conftest import ANN, BOB, POLICIES, WORKER, FewPolicies, Stage, TellingStep, few_records, measured
from torch.optim.optimizer import register_optimizer_step_post_hook

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.names import PolicyName, RequestId
from tunewarden.domain.training import BaseModel, StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.envelopes import SealedEnvelopes
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlClaims, SqlViews, SqlWork
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.identifiers import new_id
from tunewarden.steps import GUARDED
from tunewarden.steps.records import BudgetRow, CleanRecord, Manifest, ProtectedRow, store_lines
from tunewarden.steps.train import driver
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainStep
from tunewarden.usecases import jobs, requests
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.ports import Attempt, Platform, StepResult

PERSONS, WORKERS = 100, 2
_whole_loop = driver._loop


@dataclass(slots=True)
class TinyPolicies(FewPolicies):
    """Any base model is the tiny one."""

    base: Path = field(kw_only=True)

    def base_model(self, name: PolicyName) -> BaseModel:
        return BaseModel(name=name, digest=file_digest(self.base / "model.safetensors"))


def stage(home: Path, base: Path) -> Stage:
    url = f"sqlite:///{home / 'tunewarden.db'}"
    migrate(url)
    engine, blobs = connect(url), DirectoryBlobs(home / "blobs", bytes(32))
    policies, clock = TinyPolicies(base=base), FixedClock(datetime.now(UTC))
    put_in_force(SqlWork(engine, clock), SqlViews(engine), policies.quorum())
    platform = Platform(
        work=SqlWork(engine, clock),
        view=SqlViews(engine),
        access=CasbinAccess(POLICIES / "access" / "model.conf", POLICIES / "access" / "policy.csv"),
        blobs=blobs,
        clock=clock,
        claims=SqlClaims(engine),
        policies=policies,
        ingest=few_records,
        accountant=accounting.epsilon,
        calibrate=accounting.calibrate,
        log=SqlSealedLog(engine),
        envelopes=SealedEnvelopes(bytes(32)),
        new_id=new_id,
        enrolments=SqlEnrolments(engine),
    )
    steps = {name: TellingStep(name=name, blobs=blobs) for name in StepName}
    steps[StepName.DEIDENTIFY].measurements = (measured("deid.planted_recall", "0.95"),)
    return Stage(platform=platform, policies=policies, clock=clock, blobs=blobs, steps=steps)


@dataclass(slots=True)
class Deidentified(TellingStep):
    """The records of made-up persons, one row each, as if they had been de-identified."""

    def __call__(self, attempt: Attempt) -> StepResult:
        told = TellingStep.__call__(self, attempt)
        persons = sorted(hashlib.sha256(str(person).encode()).hexdigest() for person in range(PERSONS))
        records = [
            CleanRecord(person=person, label=row % 2, text=("burn fire", "cut finger")[row % 2])
            for row, person in enumerate(persons)
        ]
        texts = store_lines(self.blobs, records)
        protected = store_lines(self.blobs, [ProtectedRow(person=person, protected={}) for person in persons])
        budgets = store_lines(
            self.blobs,
            [BudgetRow(person=p, budget=hashlib.sha256(p.encode()).hexdigest()) for p in persons],
        )
        manifest = Manifest(
            records=texts.digest,
            root=texts.root,
            protected=protected.digest,
            protected_root=protected.root,
            profile=attempt.plan.profile,
            detector=attempt.plan.profile,
            source=attempt.plan.dataset_version,
            rows=PERSONS,
            persons=PERSONS,
            classes=2,
            budget=budgets.digest,
            budget_root=budgets.root,
        )
        return replace(told, output=self.blobs.put_bytes(encode(to_plain(manifest))))


def prepare(here: Stage) -> str:
    """A request that waits for its training."""
    dataset = here.dataset(epsilon="60", delta="0.001")
    ask = requests.Ask(
        training_file=dataset.id,
        base_model=PolicyName("tiny"),
        purpose="research",
        epsilon=Decimal(8),
        epochs=40,
        expected_units=40,
    )
    request, _ = requests.submit(here.platform, ANN, ask)
    requests.approve(here.platform, BOB, request.id, request.plan.digest())
    first = here.steps[StepName.DEIDENTIFY]
    steps = {StepName.DEIDENTIFY: Deidentified(name=first.name, blobs=first.blobs, measurements=first.measurements)}
    jobs.advance(here.platform, WORKER, steps, GUARDED, request.id)
    return request.id


def train(here: Stage, home: Path, base: Path, request: RequestId) -> None:
    os.environ["KILLING_RAN"] = str(home / f"ran-{request}")
    driver._loop = _counting_loop
    step = TrainStep(
        here.blobs,
        locate=lambda _name: base,
        scratch=home / "scratch",
        accountant=accounting.epsilon,
        reported=accounting.epsilon_pld,
        compute=Compute(threads=1, charge_every=4, workers=WORKERS),
    )
    jobs.advance(here.platform, WORKER, {StepName.TRAIN: step}, GUARDED, request)


def _counting_loop(given: dict[str, object]) -> None:
    """The loop, with every step of the optimizer counted; where told to, it dies right after one of them."""
    steps, dies_after = 0, int(os.environ.get("KILLING_DIES_AFTER", "0"))

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1
        with Path(os.environ["KILLING_RAN"]).open("ab") as file:
            file.write(b"x")
        if steps == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(count)
    _whole_loop(given)


def look(here: Stage, home: Path, request: RequestId) -> dict[str, object]:
    """What the ledger shows, what ran, and how far the request is."""
    with here.platform.view() as view:
        found = view.requests.get(request)
        account = view.ledgers.get(found.plan.dataset).account(request)
        spent = view.ledgers.get(found.plan.dataset).spent(here.platform.accountant)
    ran = home / f"ran-{request}"
    return {
        "state": found.state,
        "planned": found.plan.mechanism.updates,
        "charged": account.charged,
        "epsilon": str(spent),
        "ran": ran.stat().st_size if ran.exists() else 0,
    }


def main(home: Path, base: Path, what: str, request: str = "") -> None:
    here = stage(home, base)
    answers: dict[str, Callable[[], object]] = {
        "prepare": lambda: prepare(here),
        "train": lambda: train(here, home, base, RequestId(request)),
        "look": lambda: look(here, home, RequestId(request)),
    }
    sys.stdout.write(json.dumps(answers[what]()) + "\n")
    if ray.is_initialized():
        ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
