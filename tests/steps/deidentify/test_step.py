"""The step as the pipeline calls it: what it releases, what it measures, what the gate says, what it never says."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from presidio_analyzer import EntityRecognizer

from tunewarden.domain.canonical import decode, digest_of, encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Corrupted, Malformed, NotFound
from tunewarden.domain.gates import Evidence, Outcome, Verdict, judge
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify import stated as module
from tunewarden.steps.deidentify.finding import Build
from tunewarden.steps.deidentify.recognisers import recognisers
from tunewarden.steps.deidentify.source import LONGEST_TEXT
from tunewarden.steps.deidentify.stated import Effort
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.records import read_manifest, read_protected, read_records
from tunewarden.usecases.ports import Attempt, StepResult

KEY = bytes(range(32))
CANARY = "Zoltan Canarybird"
LITTLE = Effort(plants_of_each_kind=4, texts_of_each_cohort=1)
PATTERNS = Profile(
    name=PolicyName("patterns"),
    method=Method.NONE,
    languages=("en",),
    threshold=Decimal("0.4"),
    engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
    operators={EntityType.AGE: Operator.BAND, EntityType.SEX: Operator.KEEP, EntityType.URL: Operator.REDACT},
    default=Operator.REPLACE,
)
MakeAttempt = Callable[..., Attempt]


@dataclass(frozen=True, slots=True)
class Keys:
    """A vault that has destroyed the keys of `erased`."""

    erased: frozenset[str] = frozenset()

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        gone = {pseudonym(KEY, dataset, person) for person in self.erased}
        return {one: None if one in gone else bytes.fromhex(one) for one in pseudonyms}


def record(text: str, person: str = "P-000001", label: int = 0) -> Mapping[str, object]:
    return {"label": label, "person": person, "protected": {"sex": "female"}, "text": text}


RECORDS = [
    *(record(f"Patient: {CANARY}. Burn of hand {n}. Seen 3/14/2019 by Dr. Khybak.", f"P-00{n:04}") for n in range(39)),
    record("Second visit of the same person, id p-000001. Wound healed.", "P-000001", label=1),
]


def made(blobs: MemoryBlobs, tmp_path: Path, **changed: Any) -> DeidentifyStep:
    given: dict[str, Any] = {"vault": Keys(), "scratch": tmp_path, "effort": LITTLE}
    return DeidentifyStep(blobs, KEY, **given | changed)


@pytest.fixture
def step(blobs: MemoryBlobs, tmp_path: Path) -> DeidentifyStep:
    return made(blobs, tmp_path)


@pytest.fixture
def given(blobs: MemoryBlobs, attempt: MakeAttempt) -> Callable[..., Attempt]:
    """(records, profile) -> an attempt with that profile; patterns alone unless another is given."""

    def make(records: Sequence[Mapping[str, object]], profile: Profile = PATTERNS) -> Attempt:
        any_profile = attempt(records)
        digest = blobs.put_bytes(encode(to_plain(profile)))
        return replace(any_profile, plan=replace(any_profile.plan, profile=digest))

    return make


def details(blobs: MemoryBlobs, result: StepResult) -> dict[str, Any]:
    return cast(dict[str, Any], decode(blobs.read(result.details)))


def verdict(policies: FilePolicies, result: StepResult, step: DeidentifyStep) -> Verdict:
    evidence = Evidence(about=result.output, produced_by=step.identity, measurements=result.measurements)
    return judge(policies.gate(PolicyName("training")), result.output, [evidence])


def test_records_come_out_in_order_without_identifiers_and_under_one_pseudonym_a_person(
    step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt
) -> None:
    asked = given(RECORDS)
    manifest = read_manifest(blobs, step(asked).output)
    released = list(read_records(blobs, manifest))
    assert (manifest.rows, manifest.persons, manifest.classes) == (40, 39, 2)
    assert (manifest.source, manifest.profile) == (asked.records, asked.plan.profile)
    assert released[3].text == "Patient: [NAME]. Burn of hand 3. Seen [DATE] by Dr. [NAME]."
    assert released[39].text == "Second visit of the same person, id [PERSON-ID]. Wound healed."
    assert released[39].person == released[1].person == pseudonym(KEY, asked.plan.dataset, "P-000001")
    assert [row.label for row in released] == [0] * 39 + [1]
    assert list(read_protected(blobs, manifest)) == [{"sex": "female"}] * 40


def test_the_pseudonym_depends_on_key_dataset_and_person_and_is_the_documented_hmac() -> None:
    here, there = DatasetId("dataset-1"), DatasetId("dataset-2")
    known = pseudonym(KEY, here, "P-000001")
    assert len(known) == 64
    assert known == pseudonym(KEY, here, "P-000001")
    assert len({known, pseudonym(KEY, there, "P-000001"), pseudonym(KEY[::-1], here, "P-000001")}) == 3


def test_a_repeated_attempt_finds_its_own_work_and_nothing_stays_in_the_scratch_folder(
    step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt, tmp_path: Path
) -> None:
    first = step(given(RECORDS))
    stored = set(blobs.stored)
    assert step(given(RECORDS)) == first
    assert set(blobs.stored) == stored
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_everything_is_counted_by_kind(step: DeidentifyStep, given: MakeAttempt) -> None:
    counts = step(given(RECORDS)).counts
    assert (counts["records"], counts["persons"], counts["erased"]) == (40, 39, 0)
    assert (counts["name"], counts["date"], counts["person-id"]) == (78, 39, 1)
    assert counts["entities"] == 118
    assert counts.keys() <= {"records", "persons", "emptied", "erased", "generalised", "entities", *EntityType}


def test_an_erased_person_is_in_no_later_release(blobs: MemoryBlobs, given: MakeAttempt, tmp_path: Path) -> None:
    result = made(blobs, tmp_path, vault=Keys(frozenset({"P-000001"})))(given(RECORDS))
    gone = pseudonym(KEY, DatasetId("dataset-1"), "P-000001")
    manifest = read_manifest(blobs, result.output)
    assert gone not in {row.person for row in read_records(blobs, manifest)}
    assert (manifest.rows, manifest.erased, result.counts["erased"]) == (38, 2, 2)


def test_the_details_hold_the_tables_and_the_digest_of_the_report(
    step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt
) -> None:
    result = step(given(RECORDS))
    told = details(blobs, result)
    assert told["reviewed"] is False
    assert told["planted"]["email"]["n"] == 4
    assert told["quasi_identifiers"]["persons"] == 39
    assert told["duplicates"]["texts"] == 40
    assert told["name_fairness"]
    assert all("[" in example["after"] for example in told["examples"])
    report = cast(dict[str, Any], decode(blobs.read(told["report"])))
    manifest = read_manifest(blobs, result.output)
    assert len(report["categories"]) == 18
    assert (report["released"], report["detector"]) == (manifest.root, manifest.detector)
    assert report["counts"]["records"] == 40


def test_a_profile_that_claims_nothing_needs_no_signature_and_one_that_claims_something_does(
    step: DeidentifyStep, given: MakeAttempt
) -> None:
    def signed(profile: Profile) -> bool:
        return any(each.metric == "deid.attested" for each in step(given(RECORDS, profile)).measurements)

    assert signed(PATTERNS)
    assert not signed(replace(PATTERNS, method=Method.PSEUDONYMISED))


def test_every_metric_is_declared(step: DeidentifyStep, given: MakeAttempt) -> None:
    declared = (Path(__file__).parents[3] / "policies" / "metrics.toml").read_text()
    for each in step(given(RECORDS)).measurements:
        assert f'["{each.metric}"]' in declared


def test_nothing_of_a_record_is_in_the_evidence(step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt) -> None:
    result = step(given(RECORDS))
    told = blobs.read(result.details).decode() + repr(result)
    told += blobs.read(details(blobs, result)["report"]).decode()
    assert "Canary" not in told
    assert "P-0000" not in told


@pytest.mark.parametrize(("disabled", "kind"), [("names", "name"), ("patterns", "medical-record")])
def test_a_recogniser_that_does_not_take_part_fails_the_gate_and_is_another_detector(
    blobs: MemoryBlobs, policies: FilePolicies, given: MakeAttempt, tmp_path: Path, disabled: str, kind: str
) -> None:
    def without(languages: Sequence[str]) -> Sequence[EntityRecognizer]:
        return [item for item in recognisers(languages) if disabled not in item.name]

    step = made(blobs, tmp_path, build=Build(recognise=without))
    result = step(given(RECORDS))
    whole = read_manifest(blobs, made(blobs, tmp_path)(given(RECORDS)).output)
    assert read_manifest(blobs, result.output).detector != whole.detector
    failed = {finding.metric for finding in verdict(policies, result, step).findings if finding.outcome is Outcome.FAIL}
    assert f"deid.planted_recall.{kind}" in failed


def test_the_identity_covers_the_weights_and_how_much_is_planted(
    blobs: MemoryBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = made(blobs, tmp_path).identity
    assert known == made(blobs, tmp_path).identity
    assert known != made(blobs, tmp_path, effort=Effort(plants_of_each_kind=5, texts_of_each_cohort=1)).identity
    weights = next(name for name in module.package_files() if name.endswith(".safetensors"))
    changed = {**module.package_files(), weights: "0" * 64}
    monkeypatch.setattr(module, "package_files", lambda: changed)
    assert known != made(blobs, tmp_path).identity


@pytest.mark.parametrize("which", ["records", "protected"])
def test_a_tampered_clean_file_is_refused_on_read(
    step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt, which: str
) -> None:
    manifest = read_manifest(blobs, step(given(RECORDS)).output)
    digest = getattr(manifest, which)
    blobs.stored[digest] = blobs.stored[digest].replace(b'"', b"'", 1)
    with pytest.raises(Corrupted):
        list(read_records(blobs, manifest) if which == "records" else read_protected(blobs, manifest))


def test_a_text_that_is_too_long_is_refused_by_its_index_and_never_cut(
    step: DeidentifyStep, given: MakeAttempt, tmp_path: Path
) -> None:
    long = CANARY + "x" * (LONGEST_TEXT - len(CANARY) + 1)
    with pytest.raises(Malformed) as refused:
        step(given([record("short"), record(long)]))
    assert refused.value.code == "text_too_long"
    assert "record 1 " in str(refused.value)
    assert "Canary" not in str(refused.value)
    assert not list((tmp_path / "request-1").glob("*"))


def test_a_language_without_recognisers_is_refused(step: DeidentifyStep, given: MakeAttempt) -> None:
    with pytest.raises(Malformed) as refused:
        step(given(RECORDS, replace(PATTERNS, languages=("en", "fi"))))
    assert refused.value.code == "language_without_recogniser"


def test_a_record_that_breaks_its_form_is_corrupted_and_not_repeated(step: DeidentifyStep, given: MakeAttempt) -> None:
    broken: Mapping[str, object]
    for broken in (
        {"label": 0, "person": "P-1", "text": CANARY},
        {**record(CANARY), "label": "zero"},
        {**record(CANARY), "known": {"shoe-size": [CANARY]}},
    ):
        with pytest.raises(Corrupted) as refused:
            step(given([broken]))
        assert "Canary" not in str(refused.value)


def test_a_text_of_which_nothing_is_left_is_kept_and_counted(
    step: DeidentifyStep, blobs: MemoryBlobs, given: MakeAttempt
) -> None:
    result = step(given([record("https://example.org/u/48213"), record("Burn.")]))
    assert [row.text for row in read_records(blobs, read_manifest(blobs, result.output))] == ["", "Burn."]
    assert result.counts["emptied"] == 1


def test_missing_records_and_empty_ones_are_refused(step: DeidentifyStep, given: MakeAttempt) -> None:
    with pytest.raises(Corrupted):
        step(given([]))
    asked = given(RECORDS)
    with pytest.raises(NotFound):
        step(replace(asked, records=digest_of("nothing")))


def test_a_short_tenant_key_is_refused(blobs: MemoryBlobs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 32"):
        DeidentifyStep(blobs, KEY[:-1], vault=Keys(), scratch=tmp_path)
