"""From an upload with completions to a promoted language model: de-identified, trained on Ray, audited and judged.

All steps are the real ones, on a Llama of random weights that is made here; identifiers are found by patterns only.
Then the auditor looks at all that was said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.conftest import POLICIES, FewPolicies
from tests.journeys.script import DATASET, Props
from tests.journeys.theatre import CAST, Theatre, in_folder
from tests.steps.conftest import ray_started
from tests.steps.deidentify.test_step import LITTLE, PATTERNS
from tests.steps.measure.injuries import SMALL
from tests.steps.measure.tales import KNOWN, MADE_UP, PLOTS, store_llama

from tunewarden.domain.allowed import BaseFit
from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.events import GateJudged, KeyCreated, StepFinished
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.gates import Finding, Gate, Outcome
from tunewarden.domain.names import PolicyName, PrincipalId
from tunewarden.domain.training import BaseModel, StepName, Task
from tunewarden.domain.writing import Writing
from tunewarden.drivers import accounting
from tunewarden.drivers.keyfiles import load_key
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry.api.app import create_app
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute, pairs
from tunewarden.steps.measure.questions import shipped_questions
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainStep
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden_audit.__main__ import main

assert ray_started  # the fixture
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.usefixtures("ray_started"),
]

ASKED = replace(SMALL, continued=64)
PERSONS = 900
EPSILON = "8"
GATE = PROMOTION_GATES[Task.COMPLETION]
COLUMNS = {
    "text": "asked",
    "completion": "answered",
    "person": "who",
    "protected": ["sex"],
    "groups": {"sex": ["f", "m"]},
}
WIDER = {
    "privacy.membership_auc": "0.8",
    "privacy.secret_extraction": "0.07",
    "fairness.written_confirmed": "16",
    "fairness.written_undecided": "16",
    "fairness.question_confirmed": "5",
}
"""What 200 coins cannot show every time: at these limits a model without fault fails less than once in 10**6 runs. To a
model of random weights "woman" and "man" are any two words, and it may write what it likes after either; that is tested
elsewhere, on models that know better. All others are as shipped.
"""
OF_THREE_PROMPTS = {
    "explanation.prompt_comprehensiveness_over_random",
    "explanation.prompt_sufficiency_under_random",
    "explanation.redrawn_correlation",
    "explanation.form_share",
}
"""Measured here on three prompts, whose intervals hold nearly everything: no limit could be met every time and still be
missed. They are looked for in the evidence, left out of the gate, and tested on models whose reasons are known.
"""


SOME_180 = FairnessPolicy(
    tolerances=(Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.45")),),
    writing=Writing(changed=Decimal("0.25"), treated=Decimal("0.1")),
)
"""What 180 held-out persons can be shown to be within every time."""


def table(persons: int) -> bytes:
    """Made-up questions and answers; an answer follows from the last word of its question. Numbers are of nobody."""
    dice = np.random.default_rng(3)
    plots = sorted(PLOTS)
    rows = []
    for number in range(persons):
        plot, (first, second) = plots[number % len(plots)], dice.choice(MADE_UP, 2)
        question = f"{first} {second} call 555-01{number % 100:02}-{number:04} {plot}"
        rows.append(f"{question},{PLOTS[plot]},P-{number:06},{'fm'[number // 4 % 2]}")
    return "\n".join(["asked,answered,who,sex", *rows, ""]).encode()


def asked_words() -> list[str]:
    """The words of prompts and questions about persons, for the model to know them."""
    both = [some(each, ASKED.continued) for each in Attribute for some in (pairs, neutral_pairs)]
    texts = [text for some in both for pair in some for text in (pair.first, pair.second)]
    texts += [f"{each.context} {each.question} {' '.join(each.options)}" for each in shipped_questions()]
    return sorted({word for text in texts for word in text.split()} - set(KNOWN))


class Tiny(FewPolicies):
    """The Llama of this file is allowed, under its digest."""

    base = Path()

    def base_model(self, name: PolicyName) -> BaseModel:
        return BaseModel(name=name, digest=file_digest(self.base / "model.safetensors"))


def shipped(name: PolicyName) -> Gate:
    return FilePolicies(POLICIES).gate(name)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The platform in one process, with the real steps."""
    home = tmp_path_factory.mktemp("completion")
    base = store_llama(home / "llama", asked_words(), places=128)
    made = in_folder(home / "home")
    policies = Tiny(
        restart=partial(put_in_force, made.platform.work, made.platform.view),
        fit=BaseFit(
            tasks={Task.COMPLETION}, lora_targets=("q_proj", "v_proj", "down_proj"), lower_case=False, max_tokens=56
        ),
    )
    policies.base = base
    policies.gates[GATE] = shipped(GATE)
    policies.judged = SOME_180
    policies.gates["training"] = replace(
        shipped(PolicyName("training")),
        rules=tuple(
            r for r in shipped(PolicyName("training")).rules if r.metric == "deid.value_leaks_per_1000_records"
        ),
    )
    policies.profiles["default"] = encode(to_plain(PATTERNS))
    platform = replace(made.platform, policies=policies, accountant=accounting.epsilon, calibrate=accounting.calibrate)
    with platform.work(PrincipalId("operator")) as work:
        for principal in CAST.values():
            work.principals.put(principal)
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    engine = connect(made.settings.database)
    steps: dict[StepName, Any] = {
        StepName.DEIDENTIFY: DeidentifyStep(
            platform.blobs,
            load_key(made.settings.tenant_key),
            vault=SqlVault(engine, load_key(made.settings.vault_key)),
            scratch=made.settings.scratch_directory,
            rows=platform.rows,
            effort=LITTLE,
        ),
        StepName.TRAIN: TrainStep(
            platform.blobs,
            locate=lambda _: base,
            scratch=home / "scratch",
            accountant=accounting.epsilon,
            reported=accounting.epsilon_pld,
            compute=Compute(threads=1, charge_every=24),
        ),
        StepName.MEASURE: MeasureStep(platform.blobs, lambda _: base, accounting.epsilon, extent=ASKED),
    }
    yield replace(made, platform=platform, client=TestClient(create_app(platform, made.settings)), steps=steps)
    engine.dispose()
    made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job at its end, and what is known of its model."""

    house: Theatre
    job: Any

    @property
    def model(self) -> str:
        return str(self.job["governance"]["model"])

    def details(self) -> CompletionDetails:
        done = [entry.event for entry in self.house.entries() if isinstance(entry.event, StepFinished)]
        (measured,) = [one for one in done if one.step is StepName.MEASURE]
        assert measured.details is not None
        return from_plain(CompletionDetails, decode(self.house.platform.blobs.read(measured.details)))

    def proposed(self) -> tuple[Any, dict[str, Finding]]:
        """The answer to a proposal, and the findings of the gate about it."""
        answer = self.house.ask("ann", "POST", f"/v1/models/{self.model}/promotions", json={"alias": "production"})
        judged = [entry.event for entry in self.house.entries() if isinstance(entry.event, GateJudged)]
        assert judged[-1].gate == GATE
        return answer, {finding.metric: finding for finding in judged[-1].findings}


@pytest.fixture(scope="module")
def finished(house: Theatre) -> Finished:
    dataset = house.must("dana", "POST", "/v1/datasets", json={**DATASET, "columns": COLUMNS})["id"]
    Props(theatre=house).version(dataset, house.upload("max", table(PERSONS)))
    asked = Props(theatre=house).job(
        dataset,
        governance={"purpose": "research", "privacy": {"epsilon": EPSILON}},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 8}}},
    )
    path = f"/v1/fine_tuning/jobs/{asked['id']}"
    house.must("bob", "POST", f"{path}/approve", json={"plan": asked["governance"]["plan"]})
    house.work()
    done = house.must("ann", "GET", path)
    assert done["status"] == "succeeded", done["error"]
    return Finished(house=house, job=done)


def test_a_language_model_comes_of_an_upload_with_completions(finished: Finished) -> None:
    found = finished.details()
    assert finished.job["governance"]["privacy"]["updates_charged"] == finished.job["governance"]["privacy"]["updates"]
    assert found.noisy is not None
    assert found.noisy.epsilon <= Decimal(EPSILON)
    assert found.audit is not None
    assert found.audit.canaries == 200
    assert found.extraction is not None
    assert found.extraction.secrets == found.audit.present
    assert found.self_check.moved == found.self_check.layers > 0
    assert found.counterfactuals is not None
    assert found.counterfactuals.unassessed == ()
    assert found.questions is not None
    assert (len(found.questions.biases), found.questions.left_out) == (5, 0)


def test_the_shipped_gate_has_evidence_for_every_rule_and_what_is_not_chance_passes(finished: Finished) -> None:
    _, findings = finished.proposed()
    assert {metric for metric, one in findings.items() if one.measured is None} == set()
    failed = {metric for metric, one in findings.items() if one.outcome is not Outcome.PASS}
    assert failed <= WIDER.keys() | OF_THREE_PROMPTS


def test_it_is_promoted_by_two_people_and_the_auditor_finds_everything_in_order(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house, policies = finished.house, finished.house.platform.policies
    assert isinstance(policies, Tiny)
    kept = (rule for rule in shipped(GATE).rules if rule.metric not in OF_THREE_PROMPTS)
    rules = (replace(rule, limit=Decimal(WIDER.get(rule.metric, rule.limit))) for rule in kept)
    policies.gates[GATE] = replace(shipped(GATE), rules=tuple(rules))
    answer, findings = finished.proposed()
    assert answer.status_code == 200, {
        metric: one for metric, one in findings.items() if one.outcome is not Outcome.PASS
    }
    proposal = answer.json()
    signed = {name: proposal[name] for name in ("verdict", "unassessed")}
    approved = house.must("bob", "POST", f"/v1/promotions/{proposal['id']}/approve", json=signed)
    assert approved["state"] == "approved"
    house.seal()
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(house.ask("otto", "GET", f"/v1/models/{finished.model}/lineage").content)
    key = house.settings.log_vkey.read_text().strip()
    assert main(["conduct", str(bundle), "--key", key]) == 0, capsys.readouterr().out
    page = house.ask("otto", "GET", f"/v1/models/{finished.model}/report").text
    assert "Share of tokens" in page
    assert "majority" not in page
