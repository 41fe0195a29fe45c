"""Rows of several persons, and prompts with completions, from the upload to the rows of a training; then the auditor.

Everything but the training itself is real: de-identification, vault, budgets across datasets, and what is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import digest
from tests.journeys.script import DATASET, Props
from tests.journeys.test_the_erasure import theatre
from tests.journeys.theatre import Theatre
from tests.steps.train.language import TARGETS, WORDS, llama, store
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewarden.domain.allowed import BaseFit
from tunewarden.domain.canonical import encode
from tunewarden.domain.cohorts import Over, PersonLimit
from tunewarden.domain.events import CohortAdmitted, StepFinished
from tunewarden.domain.names import DatasetId, Digest, PolicyName
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import StepName, Task
from tunewarden.drivers.keyfiles import load_key
from tunewarden.steps.records import CleanRecord, held_out, prompt_and_completion, read_manifest, read_records
from tunewarden.steps.train.rows import Rows, members, read_rows, require_enough
from tunewarden.usecases.ports import Attempt, Blobs, StepResult
from tunewarden_audit.__main__ import main

assert theatre  # the fixture
REGISTER = PolicyName("register")
SEVERAL = {"text": "note", "label": "burn", "person": "who", "separator": "|"}
PAIRS = {"text": "asked", "completion": "answered", "person": "who"}


@dataclass(slots=True, kw_only=True)
class Reading:
    """A training step that admits, reads and charges as the real one does, and trains nothing."""

    blobs: Blobs
    tokenizer: PreTrainedTokenizerBase
    rows: list[Rows] = field(default_factory=list)
    identity: Digest = field(default_factory=lambda: digest("reading step"))

    def __call__(self, attempt: Attempt) -> StepResult:
        clean = attempt.outputs[StepName.DEIDENTIFY]
        cohort = members(self.blobs, clean)
        assert cohort is not None
        rows = read_rows(self.blobs, clean, attempt.plan, self.tokenizer, attempt.admit(cohort))
        require_enough(rows, attempt.plan, len(attempt.labels))
        self.rows.append(rows)
        attempt.charge(attempt.plan.mechanism.updates)
        return StepResult(
            output=self.blobs.put_bytes(encode({"for": attempt.request})),
            measurements=(),
            details=self.blobs.put_bytes(encode({"rows": len(rows.labels)})),
            counts={"persons": rows.everybody},
        )


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    made: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(store(tmp_path_factory.mktemp("base"), llama()))
    return made


@pytest.fixture
def house(theatre: Theatre, tokenizer: PreTrainedTokenizerBase) -> Theatre:
    policies: Any = theatre.platform.policies
    policies.allowed = replace(policies.allowed, units=set(PrivacyUnit))
    limit = PersonLimit(namespace=REGISTER, epsilon=Decimal(10), delta=Decimal("0.0001"), over=Over.LEAVE_OUT)
    policies.limits = {REGISTER: limit}
    reads: Any = Reading(blobs=theatre.platform.blobs, tokenizer=tokenizer)
    return replace(theatre, steps={**theatre.steps, StepName.TRAIN: reads})


def registered(house: Theatre, columns: dict[str, str]) -> str:
    body = {**DATASET, "columns": columns, "namespace": REGISTER}
    return str(house.must("dana", "POST", "/v1/datasets", json=body)["id"])


def done(house: Theatre, dataset: str, epsilon: str, **privacy: Any) -> str:
    """The model of a request that was approved and worked off."""
    body = {"purpose": "research", "privacy": {"epsilon": epsilon, **privacy}}
    asked = Props(theatre=house).job(dataset, governance=body)
    path = f"/v1/fine_tuning/jobs/{asked['id']}"
    house.must("bob", "POST", f"{path}/approve", json={"plan": asked["governance"]["plan"]})
    house.work()
    ended = house.must("ann", "GET", path)
    assert ended["status"] == "succeeded", ended["error"]
    return str(ended["governance"]["model"])


def trained_on(house: Theatre) -> Rows:
    reads: Any = house.steps[StepName.TRAIN]
    return reads.rows[-1]  # type: ignore[no-any-return]


def last_release(house: Theatre) -> list[CleanRecord]:
    steps = [entry.event for entry in house.entries() if isinstance(entry.event, StepFinished)]
    output = [step.output for step in steps if step.step is StepName.DEIDENTIFY][-1]
    return list(read_records(house.platform.blobs, read_manifest(house.platform.blobs, output)))


def require_auditor_agrees(house: Theatre, models: Sequence[str], folder: Path, capsys: Any) -> None:
    house.seal()
    for model in models:
        bundle = folder / f"{model}.zip"
        bundle.write_bytes(house.ask("otto", "GET", f"/v1/models/{model}/lineage").content)
        key = house.settings.log_vkey.read_text().strip()
        assert main(["conduct", str(bundle), "--key", key]) == 0, capsys.readouterr().out


def test_a_shared_row_goes_with_whoever_is_held_out_has_no_budget_left_or_is_erased(
    house: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One person has spent their budget in another dataset; another one asks to be erased."""
    there, here = registered(house, SEVERAL), registered(house, SEVERAL)
    key = load_key(house.settings.tenant_key)

    def trains(dataset: str, person: str) -> bool:
        return not held_out(pseudonym(key, DatasetId(dataset), person))

    names = [f"Quackfeld {number}" for number in range(90)]
    poor = next(one for one in names if trains(here, one) and trains(there, one))
    erased, friend, *crowd = [one for one in names if trains(here, one) and one != poor]
    out = next(one for one in names if not trains(here, one))
    table = [
        *((one,) for one in (*crowd[:40], poor, erased, friend, out)),
        *((poor, friend), (friend, erased), (crowd[0], out), (crowd[1], crowd[2], crowd[40]), (out, poor, erased)),
    ]
    strangers = [poor, *(f"stranger {number}" for number in range(40))]
    first = "\n".join(["note,burn,who", *(f"burnt {n},{'yn'[n % 2]},{one}" for n, one in enumerate(strangers))])
    second = [f"fell {n},{'yn'[n % 2]},{'|'.join(theirs)}" for n, theirs in enumerate(table)]
    props = Props(theatre=house)
    props.version(there, house.upload("max", first.encode()))
    props.version(here, house.upload("max", "\n".join(["note,burn,who", *second]).encode()))
    said = house.must("dana", "GET", f"/v1/datasets/{here}")["versions"][-1]
    assert (said["rows"], said["shared_rows"], said["persons"]) == (49, 5, 45)

    body = {"purpose": "research", "privacy": {"epsilon": "8"}}
    job = {"model": "tiny", "training_file": here, "governance": body}
    refused = house.ask("ann", "POST", "/v1/fine_tuning/jobs", json=job)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "rows_of_several_persons")

    models = [done(house, there, "8")]
    models.append(done(house, here, "8", unit="record", rows_per_person=3))
    admitted = [entry.event for entry in house.entries() if isinstance(entry.event, CohortAdmitted)]
    assert [one.left_out for one in admitted] == [0, 1]
    expected = [theirs for theirs in table if all(trains(here, one) for one in theirs)]
    assert len(trained_on(house).labels) == sum(poor not in theirs for theirs in expected) == len(expected) - 2
    models.append(done(house, here, "1", unit="record", rows_per_person=3))
    assert len(trained_on(house).labels) == len(expected)

    path = f"/v1/datasets/{here}/erasures"
    house.must("pia", "POST", path, json={"person": erased})
    models.append(done(house, here, "0.5", unit="record", rows_per_person=3))
    gone = pseudonym(key, DatasetId(here), erased)
    kept = last_release(house)
    assert len(kept) == sum(erased not in theirs for theirs in table) == 46
    assert gone not in {person for record in kept for person in record.persons}
    expected = [theirs for theirs in expected if erased not in theirs]
    assert len(trained_on(house).labels) == len(expected)
    found = house.must("pia", "POST", "/v1/lineage/person", json={"dataset": here, "person": crowd[40]})
    assert len(found["versions"]) == 1, "who is named last in a row is found too"
    require_auditor_agrees(house, models, tmp_path, capsys)


def test_completions_come_out_de_identified_with_their_border_and_are_read_to_be_trained_on(
    house: Theatre, tokenizer: PreTrainedTokenizerBase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policies: Any = house.platform.policies
    policies.fit = BaseFit(tasks={Task.CLASSIFICATION})
    dataset = registered(house, PAIRS)
    patient = "Mr. Zoltan Khybak"
    rows = [
        (f"Patient: {patient}. {WORDS[n % 5]} of {number}?", f"khybak had {WORDS[n % 7]}", number)
        for n, number in enumerate(f"P-{one:06}" for one in range(40))
    ]
    emptied = [("Where?", "https://example.org/x/1", f"P-{one:06}") for one in range(40)]
    table = "\n".join(["asked,answered,who", *(",".join(row) for row in (*rows, *emptied)), ""])
    version = Props(theatre=house).version(dataset, house.upload("max", table.encode()))
    assert version.startswith("sha256:")
    body = {"purpose": "research", "privacy": {"epsilon": "1"}, "task": "completion"}
    job = {"model": "tiny", "training_file": dataset, "governance": body}
    refused = house.ask("ann", "POST", "/v1/fine_tuning/jobs", json=job)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "task_not_for_base_model")

    policies.fit = BaseFit(tasks={Task.COMPLETION}, lora_targets=TARGETS, lower_case=False)
    model = done(house, dataset, "1", rows_per_person=2)
    pairs = [prompt_and_completion(record) for record in last_release(house)]
    assert pairs[0] == ("Patient: Mr. [NAME]. w0 of [PERSON-ID]?", "[NAME] had w0")
    assert pairs[-1] == ("Where?", "")
    read = trained_on(house)
    assert (len(read.labels), read.unlearnable) == (read.persons, read.persons)
    assert read.completions is not None
    first = tokenizer.decode(read.tokens.ids[read.completions[0] : read.tokens.starts[1]])
    assert first.split()[:2] == ["<unk>"] * 2, "the name and a verb"
    assert first.split()[2] in WORDS[:7]
    require_auditor_agrees(house, [model], tmp_path, capsys)
