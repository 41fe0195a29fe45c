"""A model that repeats a planted secret is found out by it, fails the gate for that reason, and is not promoted."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from tests.conftest import ANN, POLICIES, Stage
from tests.steps.measure.injuries import NOTHING
from tests.steps.measure.tales import Tales, attempt, details, measuring, plan_for, train_leaking
from tests.usecases.test_jobs import events
from tests.usecases.test_promotion_gates import finished

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import PlanMismatch, Refused
from tunewarden.domain.events import GateJudged
from tunewarden.domain.gates import Evidence, Outcome
from tunewarden.domain.names import Alias, Digest
from tunewarden.domain.training import Plan, StepName, Task
from tunewarden.drivers.accounting import epsilon
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.measure.intervals import exactly
from tunewarden.steps.train.canaries import Canaries, canary_rows, draw_canaries
from tunewarden.steps.train.model import adapter_bytes, build
from tunewarden.steps.train.probe import leave_answers, left_answers
from tunewarden.usecases import gating, models
from tunewarden.usecases.ports import Attempt, StepResult

CANARIES, UPDATES = 40, 180
CLAIMED = Decimal("0.5")


@dataclass(frozen=True)
class Repeating:
    """What a training left that neither clips nor adds noise, and what was measured of its adapter."""

    base: Path
    blobs: MemoryBlobs
    attempt: Attempt
    result: StepResult
    canaries: Canaries

    def details(self) -> CompletionDetails:
        return details(self.blobs, self.result)

    def with_canaries(self, canaries: Canaries | None) -> CompletionDetails:
        """What would have been measured, had the training left these."""
        digest = None if canaries is None else self.blobs.put_bytes(encode(to_plain(canaries)))
        given = said(self.blobs, self.attempt, canaries=digest)
        return details(self.blobs, measuring(self.blobs, self.base, epsilon)(given))


def plan(base: Path) -> Plan:
    return replace(plan_for(base, canaries=CANARIES), epsilon=CLAIMED)


@pytest.fixture(scope="module")
def repeating(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Repeating:
    blobs, of = MemoryBlobs(), plan(base)
    torch.manual_seed(0)
    model, tokenizer = build(base, of.base_model.digest, of.recipe, 0)
    canaries = draw_canaries(of, tokenizer, 0)
    rows = canary_rows([canary for canary in canaries.members if canary.present], tokenizer, of.recipe)
    train_leaking(model, rows, learning_rate=0.01, updates=UPDATES)
    train_leaking(model, rows, learning_rate=0.001, updates=UPDATES // 3)  # steps as long as before may end anywhere
    path = tmp_path_factory.mktemp("repeating") / "answers.json"
    leave_answers(path, model, tokenizer, of)
    given = attempt(blobs, Tales.of(200).manifest(blobs), adapter_bytes(model, of), of)
    given = said(blobs, given, canaries=blobs.put_bytes(encode(to_plain(canaries))), answers=left_answers(path, of))
    return Repeating(base, blobs, given, measuring(blobs, base, epsilon)(given), canaries)


def said(blobs: MemoryBlobs, given: Attempt, **told: object) -> Attempt:
    """`given` with evidence of the training step that claims a small epsilon."""
    evidence = Evidence(
        about=given.outputs[StepName.TRAIN],
        produced_by=NOTHING,
        measurements=(exactly("privacy.epsilon", CLAIMED, 200), exactly("privacy.delta", given.plan.delta, 200)),
        details=blobs.put_bytes(encode(to_plain(told))),
    )
    return replace(given, evidence={StepName.TRAIN: blobs.put_bytes(encode(to_plain(evidence)))})


def test_the_planted_secrets_are_extracted_and_the_claim_is_disproved(repeating: Repeating) -> None:
    found, present = repeating.details(), sum(canary.present for canary in repeating.canaries.members)
    assert found.extraction is not None
    assert found.extraction.secrets == present
    assert found.extraction.extracted > present / 2
    assert found.audit is not None
    assert found.audit.excess > 0
    metrics = {each.metric: each for each in repeating.result.measurements}
    assert metrics["privacy.secret_extraction"].low > Decimal("0.1"), "the gate allows 0.05"
    assert metrics["privacy.secret_extraction"].n == present
    assert metrics["train.moved_share"].low == 1
    assert metrics["train.reload_difference"].high <= Decimal("0.0001")


def test_a_model_that_repeats_a_planted_secret_is_not_promoted(repeating: Repeating, stage: Stage) -> None:
    """Even where everything else that the gate asks for is as it should be."""
    gate = FilePolicies(POLICIES).gate(gating.PROMOTION_GATES[Task.COMPLETION])
    stage.policies.gates[gate.name] = gate
    repeated = {each.metric: each for each in repeating.result.measurements if "secret" in each.metric}
    good = {rule.metric: exactly(rule.metric, rule.limit, 100) for rule in gate.rules}
    for measurements, passes in ((good, True), (good | repeated, False)):
        stage.steps[StepName.MEASURE].measurements = tuple(measurements.values())
        request = finished(stage, Task.COMPLETION)
        assert request.model is not None
        if passes:
            models.propose(stage.platform, ANN, request.model, Alias.PRODUCTION)
            continue
        with pytest.raises(Refused, match=r"privacy\.secret_extraction fail") as refused:
            models.propose(stage.platform, ANN, request.model, Alias.PRODUCTION)
        assert refused.value.code == "gate_not_passed"
    kept = [event for event in events(stage, GateJudged) if isinstance(event, GateJudged) and event.gate == gate.name]
    assert [(event.outcome, event.gate_digest) for event in kept] == [
        (Outcome.PASS, gate.digest()),
        (Outcome.FAIL, gate.digest()),
    ]


def test_no_secret_and_no_beginning_is_in_the_evidence(repeating: Repeating) -> None:
    document = repeating.blobs.read(repeating.result.details).decode()
    for canary in repeating.canaries.members:
        assert canary.secret not in document
        assert canary.texts[0][:20] not in document


@pytest.mark.parametrize("absent", ["no canaries", "none that took part"])
def test_where_no_secret_was_planted_nothing_is_claimed_of_extraction(repeating: Repeating, absent: str) -> None:
    members = tuple(replace(canary, present=False) for canary in repeating.canaries.members)
    found = repeating.with_canaries(None if absent == "no canaries" else replace(repeating.canaries, members=members))
    assert found.extraction is None
    assert not {each.metric for each in found.measurements()} & {"privacy.secret_extraction", "privacy.secret_exposure"}


def test_canaries_of_another_training_are_not_attacked(repeating: Repeating) -> None:
    with pytest.raises(PlanMismatch):
        repeating.with_canaries(replace(repeating.canaries, plan=Digest("sha256:" + "1" * 64)))
