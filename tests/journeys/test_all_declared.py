"""A plan that declares everything at once: a learning curve, swaps, class weights and twins, from upload to auditor.

All steps are the real ones, on an encoder of random weights that is made here; identifiers are found by patterns only.
The Ray worker is killed within the first part of the curve: everything below holds although an attempt was cut short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastapi.testclient import TestClient
from tests.conftest import POLICIES, FewPolicies
from tests.journeys.script import DATASET, Props
from tests.journeys.theatre import CAST, Theatre, in_folder
from tests.steps.conftest import ray_started
from tests.steps.deidentify.test_step import LITTLE, PATTERNS
from tests.steps.measure.injuries import SMALL
from tests.steps.train.conftest import store_encoder

from tunewarden.domain.allowed import BaseFit
from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.events import BudgetCharged, GateJudged, KeyCreated, StepFailed, StepFinished
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.gates import Bound, Gate, Outcome, Rule
from tunewarden.domain.names import Digest, PolicyName, PrincipalId, RequestId
from tunewarden.domain.training import BaseModel, StepName, Task
from tunewarden.drivers import accounting
from tunewarden.drivers.keyfiles import load_key
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry.api.app import create_app
from tunewarden.entry.leftovers import remove_ended
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainStep
from tunewarden.steps.train.places import requests_with_parts
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.ports import Attempt, StepResult
from tunewarden.usecases.work import Receipt
from tunewarden_audit.__main__ import main

assert ray_started  # the fixture
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.usefixtures("ray_started"),
]

PERSONS = 900
LEAST = 10
"""Of 45 expected in a group on either half of the held-out persons; fewer than 10 are there once in 10**10 runs."""
WORDS = tuple(
    "burn fire hot cut knife hand finger foot left right at home work today man woman old young in kitchen".split()
)
SAID = ("burn hot fire", "cut knife")
GOVERNANCE = {
    "purpose": "research",
    "privacy": {"epsilon": "8"},
    "learning_curve": ["0.25", "0.5"],
    "mitigation": {"weights": ["0.8", "1"], "swaps": ["sex", "age"]},
    "twins": True,
    "fairness": {"tolerances": {"calibration": "0.9"}},
}
JUDGED = {
    "utility.accuracy": (Bound.AT_LEAST, "0"),
    "privacy.epsilon": (Bound.AT_MOST, "100"),
    "privacy.epsilon_model": (Bound.AT_MOST, "100"),
    "learning_curve.gain_of_last_half": (Bound.AT_LEAST, "-1"),
    "fairness.privacy_price": (Bound.AT_MOST, "1"),
    "fairness.privacy_excess": (Bound.AT_MOST, "2"),
    "fairness.confirmed_gaps": (Bound.AT_MOST, "1000"),
}
"""That each of these is in the evidence is what is asked: what is missing is unknown, and stops a promotion."""


def table() -> bytes:
    """Made-up notes; the class follows from the words, and one in two tells of a man or a woman."""
    rows = []
    for number in range(PERSONS):
        label, sex, age = number % 2, "fm"[number // 2 % 2], ("young", "old")[number // 4 % 2]
        who = ("man", "woman")[sex == "f"] if number % 3 else "left hand"
        rows.append(
            f"{age} {who} {SAID[label]} at {('home', 'work')[number % 5 == 0]},{'yn'[label]},P-{number},{sex},{age}"
        )
    return "\n".join(["note,burn,patient,sex,age", *rows, ""]).encode()


class Tiny(FewPolicies):
    """The encoder of this file is allowed, under its digest."""

    base = Path()

    def base_model(self, name: PolicyName) -> BaseModel:
        return BaseModel(name=name, digest=file_digest(self.base / "model.safetensors"))


@dataclass(slots=True)
class KilledWithin:
    """The training step, whose Ray worker dies once: when the second block of a part is to be paid."""

    step: TrainStep
    killed_at: int = 0

    @property
    def identity(self) -> Digest:
        return self.step.identity

    def __call__(self, attempt: Attempt) -> StepResult:
        charged = attempt.charged

        def charge(updates: int) -> Receipt:
            nonlocal charged
            if not self.killed_at and charged > attempt.plan.mechanism.updates:
                self.killed_at = charged
                _kill_the_worker()
            receipt = attempt.charge(updates)
            charged += updates
            return receipt

        return self.step(replace(attempt, charge=charge))


def _kill_the_worker() -> None:
    """End the process in which the recipe runs, as the kernel does when memory is short."""
    children = psutil.Process().children(recursive=True)
    (found,) = (process for process in children if "RayTrainWorker" in " ".join(process.cmdline()))
    found.kill()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The platform in one process, with the real steps."""
    home = tmp_path_factory.mktemp("declared")
    base = store_encoder(home / "encoder", WORDS)
    made = in_folder(home / "home")
    policies = Tiny(
        restart=partial(put_in_force, made.platform.work, made.platform.view),
        fit=BaseFit(tasks={Task.CLASSIFICATION}, max_tokens=16),
    )
    policies.base = base
    policies.allowed = replace(policies.allowed, twins=True)
    policies.judged = FairnessPolicy(
        tolerances=(Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.9")),), minimum=LEAST, least=LEAST
    )
    policies.gates["promotion"] = Gate(
        name=PolicyName("promotion"),
        rules=tuple(
            Rule(metric=metric, bound=bound, limit=Decimal(limit), because="A test says so.", remedy="None.")
            for metric, (bound, limit) in JUDGED.items()
        ),
    )
    shipped = FilePolicies(POLICIES).gate(PolicyName("training"))
    leaks = tuple(rule for rule in shipped.rules if rule.metric == "deid.value_leaks_per_1000_records")
    policies.gates["training"] = replace(shipped, rules=leaks)
    policies.profiles["default"] = encode(to_plain(PATTERNS))
    platform = replace(made.platform, policies=policies, accountant=accounting.epsilon, calibrate=accounting.calibrate)
    with platform.work(PrincipalId("operator")) as work:
        for principal in CAST.values():
            work.principals.put(principal)
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    engine, scratch = connect(made.settings.database), made.settings.scratch_directory
    training = TrainStep(
        platform.blobs,
        locate=lambda _: base,
        scratch=scratch,
        accountant=accounting.epsilon,
        reported=accounting.epsilon_pld,
        compute=Compute(threads=1, charge_every=4),
    )
    steps: dict[StepName, Any] = {
        StepName.DEIDENTIFY: DeidentifyStep(
            platform.blobs,
            load_key(made.settings.tenant_key),
            vault=SqlVault(engine, load_key(made.settings.vault_key)),
            scratch=scratch,
            rows=platform.rows,
            effort=LITTLE,
        ),
        StepName.TRAIN: KilledWithin(training),
        StepName.MEASURE: MeasureStep(
            platform.blobs, lambda _: base, accounting.epsilon, explained_texts=4, extent=SMALL, scratch=scratch
        ),
    }
    yield replace(made, platform=platform, client=TestClient(create_app(platform, made.settings)), steps=steps)
    engine.dispose()
    made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job at its end."""

    house: Theatre
    job: Any
    killed_at: int

    @property
    def model(self) -> str:
        return str(self.job["governance"]["model"])

    def of(self, step: StepName) -> StepFinished:
        done = [entry.event for entry in self.house.entries() if isinstance(entry.event, StepFinished)]
        return next(one for one in done if one.step is step)

    def details(self, step: StepName) -> Any:
        named = self.of(step).details
        assert named is not None
        return decode(self.house.platform.blobs.read(named))


@pytest.fixture(scope="module")
def finished(house: Theatre) -> Finished:
    asked = {
        **DATASET,
        "lawful_basis": "consent",
        "held_out": "public",
        "columns": {"text": "note", "label": "burn", "person": "patient", "protected": ["age", "sex"]},
    }
    dataset = house.must("dana", "POST", "/v1/datasets", json=asked)["id"]
    Props(theatre=house).version(dataset, house.upload("max", table()))
    job = Props(theatre=house).job(
        dataset,
        governance=GOVERNANCE,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
    )
    path = f"/v1/fine_tuning/jobs/{job['id']}"
    house.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
    house.work()
    done = house.must("ann", "GET", path)
    assert done["status"] == "succeeded", done["error"]
    killing: Any = house.steps[StepName.TRAIN]
    return Finished(house=house, job=done, killed_at=killing.killed_at)


def test_a_kill_within_a_part_costs_a_block_again_and_the_ledger_never_shows_less_than_ran(finished: Finished) -> None:
    entries = [entry.event for entry in finished.house.entries()]
    privacy = finished.job["governance"]["privacy"]
    model = privacy["updates"] // 3
    assert finished.killed_at == model + 4, "in the first part, after its first block"
    failed = [one for one in entries if isinstance(one, StepFailed)]
    assert [(one.step, one.code) for one in failed] == [(StepName.TRAIN, "unexpected")]
    # The block that the worker asked for as it died was paid and never ran: it is paid again, and nothing else is.
    assert privacy["updates_charged"] == privacy["updates"] + 4
    charged = [one.charged for one in entries if isinstance(one, BudgetCharged)]
    assert charged == sorted(charged)
    assert charged[-1] == privacy["updates_charged"]
    assert finished.of(StepName.TRAIN).counts["updates"] == charged[-1]
    assert finished.of(StepName.TRAIN).counts["curve_updates"] == 2 * model
    said = finished.details(StepName.TRAIN)["curve"]
    assert [(part["share"], part["checked_updates"]) for part in said] == [("0.25", model), ("0.5", model)]


def test_the_ledger_shows_the_charge_of_the_model_and_of_both_parts(finished: Finished) -> None:
    request = RequestId(finished.job["id"])
    platform, privacy = finished.house.platform, finished.job["governance"]["privacy"]
    with platform.view() as view:
        found = view.requests.get(request)
        ledger = view.ledgers.get(found.plan.dataset)
    assert found.plan.promised.updates == 3 * found.plan.mechanism.updates == privacy["updates"]
    assert ledger.account(request).charged == privacy["updates_charged"]
    everything = found.plan.mechanism.times(privacy["updates_charged"])
    assert ledger.spent(platform.accountant) == accounting.epsilon([everything], found.plan.delta)
    assert Decimal(privacy["epsilon_spent"]) == ledger.spent(platform.accountant)


def test_all_that_was_declared_was_measured(finished: Finished) -> None:
    found = from_plain(Details, finished.details(StepName.MEASURE))
    assert found.curve is not None
    assert [point.share for point in found.curve.points] == [Decimal("0.25"), Decimal("0.5"), 1]
    assert found.curve.unasked is None
    assert found.twins is not None
    assert found.twins_left_out is None
    assert {each.attribute for each in found.twins.costs} == {"age", "sex"}
    assert found.membership is not None
    assert found.membership.likelihood_ratio is not None
    decided = found.fairness.decided
    assert decided is not None
    by_calibration = {each.attribute for each in decided.comparisons if each.metric is GroupMetric.CALIBRATION}
    assert by_calibration == {"age", "sex", "age \N{MULTIPLICATION SIGN} sex"}


def test_its_models_of_parts_are_gone_when_it_has_ended(finished: Finished) -> None:
    scratch = finished.house.settings.scratch_directory
    remove_ended(scratch, finished.house.platform)
    assert requests_with_parts(scratch) == []


def test_it_is_promoted_and_the_auditor_and_the_report_find_everything(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = finished.house
    answer = house.ask("ann", "POST", f"/v1/models/{finished.model}/promotions", json={"alias": "production"})
    judged = [entry.event for entry in house.entries() if isinstance(entry.event, GateJudged)][-1]
    assert {one.metric for one in judged.findings if one.outcome is not Outcome.PASS} == set()
    proposal = answer.json()
    signed = {name: proposal[name] for name in ("verdict", "unassessed")}
    approved = house.must("bob", "POST", f"/v1/promotions/{proposal['id']}/approve", json=signed)
    assert approved["state"] == "approved"
    house.seal()
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(house.ask("otto", "GET", f"/v1/models/{finished.model}/lineage").content)
    key = house.settings.log_vkey.read_text().strip()
    for command in ("verify", "conduct"):
        assert main([command, str(bundle), "--key", key]) == 0, capsys.readouterr().out
    page = house.ask("otto", "GET", f"/v1/models/{finished.model}/report").text
    for said in (
        "The last half of the data gained between",
        "Less often right with clipping and noise than without",
        "with a term of age, sex was trained on with the other term too",
        "(class 0: 0.8, class 1: 1)",
        "as many for the model as for each of 2 parts",
        "4 updates more than planned were charged",
        "surer of its answers than right",
    ):
        assert said in page
