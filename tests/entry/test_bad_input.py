"""Bad input through the API: what, where, how to mend it; never a value of a record; and the refusal is in the log."""

from dataclasses import replace
from typing import Any

import openai
import pytest
from tests.conftest import POLICIES, Stage
from tests.entry.conftest import Served
from tests.entry.test_api import DATASET

from tunewarden.domain.events import ActionRefused
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.tables import ingest

HEADER = "note,burn,patient,sex\n"
ROWS = "CANARY burnt hand,yes,P1,f\nCANARY cut,no,P2,m\nCANARY burnt foot,yes,P3,f\nCANARY fall,no,P4,m\n"
GOOD = (HEADER + ROWS).encode()


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """The stage with the real reader of tables and the shipped policies."""
    stage.platform = replace(stage.platform, ingest=ingest, policies=FilePolicies(POLICIES))
    return stage


def add(served: Served, name: str, content: bytes, **columns: Any) -> Any:
    dana = served.client("dana")
    asked = {**DATASET, "columns": {**DATASET["columns"], **columns}}
    dataset: Any = dana.post("/datasets", cast_to=object, body=asked)
    file = dana.files.create(file=(name, content), purpose="fine-tune")
    return dana.post(f"/datasets/{dataset['id']}/versions", cast_to=object, body={"file_id": file.id})


@pytest.mark.parametrize(
    ("name", "content", "columns", "code"),
    [
        ("notes.csv", GOOD, {"text": "narrative"}, "missing_column"),
        ("notes.csv", GOOD, {"protected": ["age"]}, "missing_column"),
        ("notes.csv", GOOD, {"known": {"name": ["patient_name"]}}, "missing_column"),
        ("notes.csv", HEADER.encode(), {}, "file_empty"),
        ("notes.csv", (HEADER + "CANARY,yes,,f\n" + ROWS).encode(), {}, "person_missing"),
        ("notes.csv", (HEADER + ROWS + "CANARY,maybe,P5,f\n").encode(), {}, "label_seen_once"),
        ("notes.csv", b"PAR1" + bytes(100) + b"PAR1", {}, "file_not_what_named"),
        ("notes.parquet", GOOD, {}, "file_not_what_named"),
        ("notes.jsonl", GOOD, {}, "file_not_what_named"),
        ("notes.csv", GOOD.replace(b"hand", b"h\xffnd"), {}, "not_utf8"),
        ("notes.csv", GOOD, {"positive": "unheard"}, "positive_absent"),
        ("notes.xlsx", GOOD, {}, "file_kind_unknown"),
    ],
)
def test_a_file_that_cannot_be_read_as_records_is_refused(
    served: Served, name: str, content: bytes, columns: dict[str, Any], code: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        add(served, name, content, **columns)
    assert refused.value.code == code
    assert "CANARY" not in refused.value.response.text
    last = served.stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert last.code == code
    assert last.resource.startswith("ds-")


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"model": "gpt-4o-mini"}, "base_model_not_allowed", 403),
        ({"model": "../secrets"}, "name_malformed", 422),
        ({}, "dataset_too_small", 403),
    ],
)
def test_a_job_that_cannot_be_is_refused(served: Served, changes: dict[str, Any], code: str, status: int) -> None:
    dataset = add(served, "notes.csv", GOOD)["id"]
    body = {
        "model": "all-minilm-l6-v2",
        "training_file": dataset,
        "governance": {"purpose": "research", "privacy": {"epsilon": "8"}},
        **changes,
    }
    with pytest.raises(openai.APIStatusError) as refused:
        served.client("ann").post("/fine_tuning/jobs", cast_to=object, body=body)
    assert (refused.value.code, refused.value.status_code) == (code, status)


def test_a_job_on_a_retired_dataset_is_refused_and_says_who_can_help(served: Served) -> None:
    dana = served.client("dana")
    dataset = add(served, "notes.csv", GOOD)["id"]
    dana.post(f"/datasets/{dataset}/retire", cast_to=object, body={})
    with pytest.raises(openai.PermissionDeniedError, match=r"retired.*Who can: steward"):
        served.client("ann").fine_tuning.jobs.create(
            model="all-minilm-l6-v2",
            training_file=dataset,
            extra_body={"governance": {"purpose": "research", "privacy": {"epsilon": "8"}}},
        )
