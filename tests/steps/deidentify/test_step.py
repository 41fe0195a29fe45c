"""The step as the pipeline calls it: what it releases, what it measures, what the gate says, what it never says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from presidio_analyzer import EntityRecognizer

from tunewarden.domain.canonical import decode
from tunewarden.domain.deidentification import EntityType, SafeHarbor
from tunewarden.domain.errors import Corrupted, Malformed, NotFound
from tunewarden.domain.gates import Evidence, Outcome, Verdict, judge
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.drivers.memory import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify import DeidentifyStep
from tunewarden.steps.deidentify.recognisers import recognisers
from tunewarden.steps.deidentify.release import LONGEST_TEXT, pseudonym
from tunewarden.steps.records import read_manifest, read_protected, read_records
from tunewarden.usecases.ports import Attempt, StepResult

KEY = bytes(range(32))
CANARY = "Zoltan Canarybird"
MakeAttempt = Callable[..., Attempt]


def record(text: str, person: str = "P-000001", label: int = 0) -> Mapping[str, object]:
    return {"label": label, "person": person, "protected": {"sex": "female"}, "text": text}


RECORDS = [
    *(record(f"Patient: {CANARY}. Burn of hand {n}. Seen 3/14/2019 by Dr. Khybak.", f"P-00{n:04}") for n in range(39)),
    record("Second visit of the same person, id p-000001. Wound healed.", "P-000001", label=1),
]


@pytest.fixture
def step(blobs: MemoryBlobs) -> DeidentifyStep:
    return DeidentifyStep(blobs, KEY, plants_of_each_kind=40)


def details(blobs: MemoryBlobs, result: StepResult) -> dict[str, Any]:
    return cast(dict[str, Any], decode(blobs.read(result.details)))


def verdict(policies: FilePolicies, result: StepResult, step: DeidentifyStep) -> Verdict:
    evidence = Evidence(about=result.output, produced_by=step.identity, measurements=result.measurements)
    return judge(policies.gate(PolicyName("training")), result.output, [evidence])


def test_records_come_out_in_order_without_identifiers_and_under_one_pseudonym_a_person(
    step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt
) -> None:
    given = attempt(RECORDS)
    manifest = read_manifest(blobs, step(given).output)
    released = list(read_records(blobs, manifest))
    assert (manifest.rows, manifest.persons, manifest.classes) == (40, 39, 2)
    assert (manifest.source, manifest.profile) == (given.records, given.plan.profile)
    assert released[3].text == "Patient: [NAME]. Burn of hand 3. Seen [DATE] by Dr. [NAME]."
    assert released[39].text == "Second visit of the same person, id [PERSON-ID]. Wound healed."
    assert released[39].person == released[1].person == pseudonym(KEY, given.plan.dataset, "P-000001")
    assert [row.label for row in released] == [0] * 39 + [1]
    assert list(read_protected(blobs, manifest)) == [{"sex": "female"}] * 40


def test_the_pseudonym_depends_on_key_dataset_and_person_and_is_the_documented_hmac() -> None:
    here, there = DatasetId("dataset-1"), DatasetId("dataset-2")
    known = pseudonym(KEY, here, "P-000001")
    assert len(known) == 64
    assert known == pseudonym(KEY, here, "P-000001")
    assert len({known, pseudonym(KEY, there, "P-000001"), pseudonym(KEY[::-1], here, "P-000001")}) == 3


def test_a_repeated_attempt_finds_its_own_work(step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt) -> None:
    first = step(attempt(RECORDS))
    stored = set(blobs.stored)
    assert step(attempt(RECORDS)) == first
    assert set(blobs.stored) == stored


def test_everything_is_counted_by_kind(step: DeidentifyStep, attempt: MakeAttempt) -> None:
    counts = step(attempt(RECORDS)).counts
    assert counts["records"] == 40
    assert counts["persons"] == 39
    assert (counts["name"], counts["date"], counts["person-id"]) == (78, 39, 1)
    assert counts["entities"] == 118
    assert counts.keys() <= {"records", "persons", "emptied", "entities", *EntityType}


def test_the_details_say_that_nobody_reviewed_and_name_all_eighteen_categories(
    step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt
) -> None:
    told = details(blobs, step(attempt(RECORDS)))
    assert told["reviewed"] is False
    table = {row["category"]: row for row in told["safe_harbor"]}
    assert set(table) == set(SafeHarbor)
    assert table["names"]["transformed"] == 78
    assert not table["biometric-identifiers"]["detector"]
    assert told["planted"]["email"]["n"] == 40
    assert all("[" in example["after"] for example in told["examples"])


def test_a_kept_kind_counts_as_no_detector(step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt) -> None:
    told = details(blobs, step(attempt(RECORDS, "gdpr")))
    assert not next(row for row in told["safe_harbor"] if row["category"] == "dates-and-ages-over-89")["detector"]


def test_nothing_of_a_record_is_in_the_evidence(step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt) -> None:
    result = step(attempt(RECORDS))
    told = blobs.read(result.details).decode() + repr(result)
    assert "Canary" not in told
    assert "P-0000" not in told


def test_records_as_they_should_be_pass_the_gate_guarding_training(
    blobs: MemoryBlobs, policies: FilePolicies, attempt: MakeAttempt
) -> None:
    step = DeidentifyStep(blobs, KEY)
    judged = verdict(policies, step(attempt(RECORDS)), step)
    assert judged.outcome is Outcome.PASS, [finding for finding in judged.findings if finding.outcome != Outcome.PASS]


@pytest.mark.parametrize(("disabled", "kind"), [("names", "name"), ("patterns", "medical-record")])
def test_a_recogniser_that_does_not_take_part_fails_the_gate(
    blobs: MemoryBlobs, policies: FilePolicies, attempt: MakeAttempt, disabled: str, kind: str
) -> None:
    def without() -> Sequence[EntityRecognizer]:
        return [item for item in recognisers() if item.name != disabled]

    step = DeidentifyStep(blobs, KEY, without, plants_of_each_kind=40)
    assert step.identity != DeidentifyStep(blobs, KEY, plants_of_each_kind=40).identity
    failed = {
        finding.metric
        for finding in verdict(policies, step(attempt(RECORDS)), step).findings
        if finding.outcome is Outcome.FAIL
    }
    assert f"deid.planted_recall.{kind}" in failed


def test_a_second_look_that_finds_the_persons_id_in_many_records_fails_the_gate(
    step: DeidentifyStep, policies: FilePolicies, attempt: MakeAttempt
) -> None:
    leaky = [record(f"Wristband tag 48{n:03} was read. Burn.", f"P-00{n:04}") for n in range(40)]
    outcomes = {finding.metric: finding.outcome for finding in verdict(policies, step(attempt(leaky)), step).findings}
    assert outcomes["deid.rescan_hits_per_1000_records"] is Outcome.FAIL


@pytest.mark.parametrize("which", ["records", "protected"])
def test_a_tampered_clean_file_is_refused_on_read(
    step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt, which: str
) -> None:
    manifest = read_manifest(blobs, step(attempt(RECORDS)).output)
    digest = getattr(manifest, which)
    blobs.stored[digest] = blobs.stored[digest].replace(b'"', b"'", 1)
    with pytest.raises(Corrupted):
        list(read_records(blobs, manifest) if which == "records" else read_protected(blobs, manifest))


def test_a_text_that_is_too_long_is_refused_by_its_index_and_never_cut(
    step: DeidentifyStep, attempt: MakeAttempt
) -> None:
    long = CANARY + "x" * (LONGEST_TEXT - len(CANARY) + 1)
    with pytest.raises(Malformed) as refused:
        step(attempt([record("short"), record(long)]))
    assert refused.value.code == "text_too_long"
    assert "record 1 " in str(refused.value)
    assert "Canary" not in str(refused.value)


def test_a_record_that_breaks_its_form_is_corrupted_and_not_repeated(
    step: DeidentifyStep, attempt: MakeAttempt
) -> None:
    for broken in ({"label": 0, "person": "P-1", "text": CANARY}, {**record(CANARY), "label": "zero"}):
        with pytest.raises(Corrupted) as refused:
            step(attempt([broken]))
        assert "Canary" not in str(refused.value)


def test_a_text_of_which_nothing_is_left_is_kept_and_counted(
    step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt
) -> None:
    result = step(attempt([record("https://example.org/u/48213"), record("Burn.")], "gdpr"))
    assert [row.text for row in read_records(blobs, read_manifest(blobs, result.output))] == ["", "Burn."]
    assert result.counts["emptied"] == 1


def test_missing_records_and_empty_ones_are_refused(
    step: DeidentifyStep, blobs: MemoryBlobs, attempt: MakeAttempt
) -> None:
    with pytest.raises(Corrupted):
        step(attempt([]))
    given = attempt(RECORDS)
    del blobs.stored[given.records]
    with pytest.raises(NotFound):
        step(given)


def test_a_short_tenant_key_is_refused(blobs: MemoryBlobs) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        DeidentifyStep(blobs, KEY[:-1])
