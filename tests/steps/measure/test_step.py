"""The measuring step on the real encoder, with an adapter that answers by one word."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import CANARY, NOTHING, SMALL, Records, attempt, locate, plan

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.gates import Bound, Evidence, Gate, Outcome, Verdict, judge
from tunewarden.domain.names import PolicyName
from tunewarden.domain.training import Plan, StepName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.entry.report.measured import explanation
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.scrutinised import scrutinised
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.records import held_out
from tunewarden.usecases.ports import Attempt, StepResult

POLICIES = Path(__file__).parents[3] / "policies"


@pytest.fixture(scope="module")
def measured(adapter_of: Callable[[Plan], bytes]) -> tuple[StepResult, Attempt, bytes]:
    """Of 400 persons, about 80 of them held out: the result, the attempt and the details document. It has twins."""
    blobs, asked = MemoryBlobs(), replace(plan(), twins=True)
    given = attempt(blobs, Records.of(400).manifest(blobs), adapter_of(asked), of=asked)
    extent = replace(SMALL, attacked=30)
    result = MeasureStep(blobs, locate, linear_accountant, extent=extent, explained_texts=12)(given)
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


def test_twins_that_the_plan_names_are_counted_in_the_log_and_what_they_cost_is_told(
    measured: tuple[StepResult, Attempt, bytes],
) -> None:
    result, _, document = measured
    found = from_plain(Details, decode(document)).twins
    assert found is not None
    assert from_plain(Details, decode(document)).twins_left_out is None
    assert (result.counts["twins"], result.counts["twin_persons"]) == (2, found.trained)
    assert found.trained + found.measured == result.counts["persons"]
    (price,) = (each for each in result.measurements if each.metric == "fairness.privacy_price")
    assert (price.value, price.n) == (found.price.value, found.measured)


def test_twins_that_the_house_does_not_allow_any_more_are_not_trained_and_the_evidence_says_why(
    adapter_of: Callable[[Plan], bytes],
) -> None:
    blobs, asked = MemoryBlobs(), replace(plan(), twins=True)
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter_of(asked), of=asked)
    step = MeasureStep(blobs, locate, linear_accountant, extent=SMALL, explained_texts=2)
    found = from_plain(Details, decode(blobs.read(step(replace(given, twins=False)).details)))
    assert (found.twins, found.twins_left_out) == (None, "twins_not_allowed")


def test_attributions_of_persons_it_never_saw_give_nobody_away(measured: tuple[StepResult, Attempt, bytes]) -> None:
    """The adapter was put together from two texts: to it all persons are others."""
    scrutiny = from_plain(Details, decode(measured[2])).scrutiny
    assert scrutiny is not None
    found = scrutiny.membership
    assert found is not None
    assert (found.trained, found.others, found.canaries) == (30, 30, False)
    assert found.gain.low <= Decimal("0.02")
    assert scrutiny.attended is not None
    assert scrutiny.exchanged == (), "no text says of whom it is"


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


def test_what_one_person_has_twelve_times_is_in_no_report(adapter: bytes) -> None:
    """Neither in the document nor in what the page makes of it: as a held-out person, and as one trained on."""
    records = Records.of(60)
    clean, protected = list(records.clean), list(records.protected)
    for whose in (True, False):
        row = next(row for row, record in enumerate(clean) if held_out(record.person) is whose)
        clean[row:row] = [replace(clean[row], text=f"{CANARY} burn hand cooking lighthouse")] * 12
        protected[row:row] = [protected[row]] * 12
    blobs = MemoryBlobs()
    given = attempt(blobs, Records(clean, protected).manifest(blobs), adapter)
    result = MeasureStep(blobs, locate, linear_accountant, extent=SMALL, explained_texts=10)(given)
    document = blobs.read(result.details)
    read = Part(decode(document))
    pages = f"{explanation(read.at('explanation'))}{scrutinised(read.at('scrutiny'))}"
    assert "burned" in pages, "made-up texts are shown"
    assert [secret for secret in (CANARY, "lighthouse") if secret in document.decode() + pages] == []
    (leaks,) = [each.high for each in result.measurements if each.metric == "explanation.leaks"]
    assert leaks == 0


def test_measuring_again_gives_the_same_document(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter)
    step = MeasureStep(blobs, locate, linear_accountant, extent=SMALL, explained_texts=2)
    torch.manual_seed(5)
    first = step(given)
    torch.manual_seed(6)
    assert step(given) == first


def test_few_persons_leave_the_gate_without_evidence(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    result = MeasureStep(blobs, locate, linear_accountant, extent=SMALL, explained_texts=2)(
        attempt(blobs, Records.of(60).manifest(blobs), adapter)
    )
    metrics = {measurement.metric for measurement in result.measurements}
    assert not metrics & {"fairness.accuracy_gap", "fairness.tpr_gap", "privacy.membership_auc"}
    assert about(result, promotion()).outcome is not Outcome.PASS


def test_an_adapter_of_another_plan_is_not_measured(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter, of=plan(epsilon="9"))
    with pytest.raises(PlanMismatch):
        MeasureStep(blobs, locate, linear_accountant)(given)


def test_records_with_completions_are_not_measured_on_as_if_they_had_classes(adapter: bytes) -> None:
    records = Records.of(60)
    completing = [replace(one, text=f"{one.text}\nburn", completion=len(one.text) + 1) for one in records.clean]
    blobs = MemoryBlobs()
    given = attempt(blobs, replace(records, clean=completing).manifest(blobs), adapter)
    with pytest.raises(PlanMismatch) as refused:
        MeasureStep(blobs, locate, linear_accountant)(given)
    assert refused.value.code == "records_of_another_task"


def test_spoilt_records_are_not_measured_on(adapter: bytes) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60).manifest(blobs), adapter)
    records = json.loads(blobs.read(given.outputs[StepName.DEIDENTIFY]))["records"]
    blobs.stored[records] = blobs.stored[records].replace(b"burn", b"cold")
    with pytest.raises(Corrupted):
        MeasureStep(blobs, locate, linear_accountant)(given)


@pytest.mark.parametrize("side", [held_out, lambda person: not held_out(person)], ids=["training", "held-out"])
def test_a_dataset_with_one_side_only_is_refused(adapter: bytes, side: Callable[[str], bool]) -> None:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(60, keep=side).manifest(blobs), adapter)
    with pytest.raises(Refused, match="one in five is held out") as refused:
        MeasureStep(blobs, locate, linear_accountant)(given)
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
    by_training = {"privacy.epsilon", "privacy.delta", "train.reload_difference"}
    asked_few = ("flip_rate", "excess_flips", "excess_flips_shown", "excess_moved")
    by_pairs = {f"explanation.{what}.{attribute}" for attribute in Attribute for what in asked_few}
    assert missing == by_training | by_pairs | {"privacy.epsilon_excess", "privacy.audit_reach"}, "it had no canaries"
    assert failed <= {"privacy.membership_auc"}  # about 80 persons a side are few


def promotion() -> Gate:
    return FilePolicies(POLICIES).gate(PolicyName("promotion"))


def about(result: StepResult, gate: Gate) -> Verdict:
    assert result.about is not None
    return judge(
        gate, result.about, [Evidence(about=result.about, produced_by=NOTHING, measurements=result.measurements)]
    )
