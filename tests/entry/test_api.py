"""The HTTP door: the real OpenAI client works, and every no says why, in both dialects, without echoing anything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from fastapi.testclient import TestClient
from openai.types.fine_tuning import FineTuningJob
from structlog.testing import capture_logs
from tests.entry.conftest import Served

from tunewarden.domain.events import ActionRefused, DatasetRegistered
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import View

DATASET: dict[str, Any] = {
    "name": "Emergency notes",
    "purposes": ["research"],
    "lawful_basis": "public-task",
    "sensitivity": "special-category",
    "retain_until": "2027-01-01",
    "columns": {"text": "note", "label": "burn", "person": "patient", "protected": ["sex"]},
    "budget": {"epsilon": "10", "delta": "0.0001"},
}

ASKED: dict[str, Any] = {
    "model": "tiny",
    "training_file": "x",
    "governance": {"purpose": "research", "privacy": {"epsilon": "8"}},
}


def register(served: Served) -> str:
    dana = served.client("dana")
    dataset: Any = dana.post("/datasets", cast_to=object, body=DATASET)
    file = dana.files.create(file=("notes.csv", b"bytes"), purpose="fine-tune")
    dana.post(f"/datasets/{dataset['id']}/versions", cast_to=object, body={"file_id": file.id})
    return str(dataset["id"])


def create(served: Served, training_file: str, **governance: Any) -> FineTuningJob:
    whole = {"purpose": "research", "privacy": {"epsilon": "8"}, **governance}
    return served.client("ann").fine_tuning.jobs.create(
        model="tiny",
        training_file=training_file,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        metadata={"team": "emergency"},
        extra_body={"governance": whole},
    )


def test_existing_client_code_asks_lists_and_withdraws(served: Served) -> None:
    dataset = register(served)
    ann = served.client("ann")
    file = ann.files.create(file=("mine.csv", b"bytes"), purpose="fine-tune")
    job = create(served, file.id)
    assert (job.status, job.training_file, job.metadata) == ("queued", file.id, {"team": "emergency"})
    assert job.governance["state"] == "awaiting-approval"  # type: ignore[attr-defined]
    assert job.governance["dataset"] == dataset  # type: ignore[attr-defined]
    assert [one.id for one in ann.fine_tuning.jobs.list()] == [job.id]
    assert [event.message for event in ann.fine_tuning.jobs.list_events(job.id)] == [
        "BudgetReserved",
        "RequestSubmitted",
    ]
    assert ann.fine_tuning.jobs.cancel(job.id).status == "cancelled"


def test_our_answers_are_what_the_clients_types_say(served: Served) -> None:
    dataset = register(served)
    job = create(served, dataset)
    with openai.OpenAI(
        base_url=f"{served.address}/v1", api_key=served.tokens["ann"], _strict_response_validation=True
    ) as strict:
        assert strict.fine_tuning.jobs.retrieve(job.id).id == job.id
        assert strict.files.create(file=("mine.csv", b"bytes"), purpose="fine-tune").bytes == 5
        assert strict.models.list().data == []


def test_lists_page_by_the_last_id(served: Served) -> None:
    dataset = register(served)
    made = [create(served, dataset, privacy={"epsilon": "1"}).id for _ in range(5)]
    listed = [job.id for job in served.client("ann").fine_tuning.jobs.list(limit=2)]
    assert listed == made[::-1]


def test_a_refusal_speaks_both_dialects_and_is_in_the_log(served: Served) -> None:
    dataset = register(served)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        create(served, dataset, purpose="marketing")
    error: Any = refused.value
    assert (error.code, error.param, error.type) == ("purpose_not_allowed", "governance.purpose", "policy_error")
    assert "Who can: steward." in error.message
    problem = error.response.json()
    assert error.response.headers["content-type"] == "application/problem+json"
    assert (problem["status"], problem["type"]) == (403, "/errors/purpose_not_allowed")
    assert problem["request_id"] == error.response.headers["x-request-id"]
    last = served.stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert (last.code, last.resource) == ("purpose_not_allowed", dataset)


@pytest.mark.parametrize("epsilon", ["0", "-1", "NaN", "Infinity", 0, -1])
def test_an_impossible_epsilon_is_unprocessable_and_recorded(served: Served, epsilon: Any) -> None:
    dataset = register(served)
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        create(served, dataset, privacy={"epsilon": epsilon})
    assert refused.value.code == "epsilon_out_of_range"
    last = served.stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert last.code == "epsilon_out_of_range"


def test_approval_needs_another_person_and_the_right_plan(served: Served) -> None:
    job: Any = create(served, register(served))
    path, plan = f"/fine_tuning/jobs/{job.id}/approve", {"plan": job.governance["plan"]}
    with pytest.raises(openai.PermissionDeniedError):
        served.client("ann").post(path, cast_to=object, body=plan)
    with pytest.raises(openai.PermissionDeniedError):
        served.client("bob").post(path, cast_to=object, body={"plan": "sha256:" + "0" * 64})
    approved: Any = served.client("bob").post(path, cast_to=object, body=plan)
    assert (approved["status"], approved["governance"]["approved_by"]) == ("queued", "prn-bob")


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer nothing", "Bearer tw-" + "A" * 43])
def test_without_a_key_that_works_nothing_is_answered(served: Served, key: str) -> None:
    answer = httpx.get(f"{served.address}/v1/files", headers={"authorization": key} if key else {})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_somebody_elses_job_is_not_found(served: Served) -> None:
    job = create(served, register(served))
    with pytest.raises(openai.NotFoundError):
        served.client("eve").fine_tuning.jobs.retrieve(job.id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "tiny", "training_file": "CANARY"},
        {"model": "tiny", "training_file": "x", "governance": {"purpose": 5}},
        {"model": "tiny", "training_file": "x", "governance": {"purpose": "research", "CANARY": 1}},
        {"model": ["CANARY"]},
        {**ASKED, "metadata": {"CANARY" * 20: "x"}},
    ],
)
def test_a_malformed_body_is_named_and_never_echoed(served: Served, body: dict[str, Any]) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        served.client("ann").post("/fine_tuning/jobs", cast_to=object, body=body)
    assert "CANARY" not in refused.value.response.text
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**ASKED, "governance": {**ASKED["governance"], "CANARY": 1}}, "governance"),
        ({**ASKED, "metadata": {"CANARY": 1}}, "metadata"),
        ({**ASKED, "governance": {"purpose": "research", "privacy": {"epsilon": []}}}, "governance.privacy.epsilon"),
    ],
)
def test_the_place_of_a_fault_is_said_in_our_words_alone(served: Served, body: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        served.client("ann").post("/fine_tuning/jobs", cast_to=object, body=body)
    assert refused.value.param == param
    assert "CANARY" not in refused.value.response.text


def test_an_answer_about_something_that_is_not_there_does_not_repeat_its_name(served: Served) -> None:
    answer = httpx.get(f"{served.address}/v1/files/CANARY", headers={"authorization": f"Bearer {served.tokens['ann']}"})
    assert answer.status_code == 404
    assert "CANARY" not in answer.text
    assert answer.json()["instance"] == f"urn:tunewarden:request:{answer.json()['request_id']}"


def test_an_exception_that_nobody_foresaw_ends_at_the_door_and_only_its_type_is_said(
    served: Served, tmp_path: Path
) -> None:
    """What reached the server would be printed by it, with the text of the exception."""

    def broken() -> View:
        raise LookupError("CANARY")

    app = create_app(replace(served.stage.platform, view=broken), Settings(home=tmp_path))
    with capture_logs() as logged:
        answer = TestClient(app).get("/v1/files", headers={"authorization": f"Bearer {served.tokens['ann']}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert (answer.headers["x-should-retry"], answer.headers["x-content-type-options"]) == ("false", "nosniff")
    assert [(line["event"], line["error"]) for line in logged] == [("request_crashed", "LookupError")]
    assert "CANARY" not in answer.text + repr(logged)


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "1" * 30, 10**30])
def test_a_number_that_cannot_be_computed_with_is_refused_by_name(served: Served, number: Any) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        served.client("dana").post(
            "/datasets", cast_to=object, body={**DATASET, "budget": {"epsilon": number, "delta": "0.1"}}
        )
    assert (refused.value.code, refused.value.param) == ("number_out_of_range", "budget.epsilon")


def test_a_dataset_says_which_columns_hold_what_is_known_of_a_person(served: Served) -> None:
    known = {"name": ["first", "last"], "date": ["born"]}
    dana = served.client("dana")
    with_known = {**DATASET, "columns": {**DATASET["columns"], "known": known}}
    dataset: Any = dana.post("/datasets", cast_to=object, body=with_known)
    assert dataset["columns"]["known"] == known
    shown: Any = dana.get(f"/datasets/{dataset['id']}", cast_to=object)
    assert shown["columns"]["known"] == known
    registered = served.stage.entries()[-1].event
    assert isinstance(registered, DatasetRegistered)
    without: Any = dana.post("/datasets", cast_to=object, body=DATASET)
    assert without["columns"]["known"] == {}
    plain = served.stage.entries()[-1].event
    assert isinstance(plain, DatasetRegistered)
    assert registered.columns != plain.columns


def test_a_dataset_says_which_figures_about_held_out_persons_may_leave_and_for_which_groups(served: Served) -> None:
    dana, groups = served.client("dana"), {DATASET["columns"]["protected"][0]: ["f", "m"]}
    asked = {**DATASET, "columns": {**DATASET["columns"], "groups": groups}, "held_out": "consented"}
    dataset: Any = dana.post("/datasets", cast_to=object, body=asked)
    assert (dataset["held_out"], dataset["columns"]["groups"]) == ("consented", groups)
    registered = served.stage.entries()[-1].event
    assert isinstance(registered, DatasetRegistered)
    assert registered.held_out == "consented"
    without: Any = dana.post("/datasets", cast_to=object, body=DATASET)
    assert (without["held_out"], without["columns"]["groups"]) == ("private", {})


@pytest.mark.parametrize("held_out", ["some", True, None])
def test_another_word_for_what_may_leave_is_refused(served: Served, held_out: object) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        served.client("dana").post("/datasets", cast_to=object, body={**DATASET, "held_out": held_out})


@pytest.mark.parametrize("known", [{"shoe-size": ["a"]}, {"name": []}, {"name": "first"}, ["first"]])
def test_a_known_column_of_no_kind_is_refused_and_not_repeated(served: Served, known: object) -> None:
    body = {**DATASET, "columns": {**DATASET["columns"], "known": known}}
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        served.client("dana").post("/datasets", cast_to=object, body=body)
    assert "shoe" not in refused.value.response.text


def test_an_id_that_somebody_made_up_is_in_no_entry(served: Served) -> None:
    """An id of ours has room for 16 bytes of anything."""
    typed = "mrn-" + b"Ada Lovelace 815".hex()
    with pytest.raises(openai.NotFoundError):
        served.client("ann").post("/lineage/person", cast_to=object, body={"dataset": typed, "person": "x"})
    assert typed not in repr(served.stage.entries())


def test_a_body_that_is_not_json_is_refused(served: Served) -> None:
    answer = httpx.post(
        f"{served.address}/v1/fine_tuning/jobs",
        content=b"{CANARY",
        headers={"authorization": f"Bearer {served.tokens['ann']}", "content-type": "application/json"},
    )
    assert answer.status_code == 422
    assert "CANARY" not in answer.text


def test_an_upload_beyond_the_limit_or_without_bytes_is_refused(served: Served) -> None:
    ann = served.client("ann")
    with pytest.raises(openai.UnprocessableEntityError, match="at most 1000000 bytes"):
        ann.files.create(file=("large.csv", b"x" * 1_000_001), purpose="fine-tune")
    with pytest.raises(openai.APIStatusError, match="stated beforehand"):
        ann.files.create(file=("larger.csv", b"x" * 2_000_000), purpose="fine-tune")
    with pytest.raises(openai.UnprocessableEntityError, match="no bytes"):
        ann.files.create(file=("empty.csv", b""), purpose="fine-tune")


def test_a_body_beyond_its_limit_or_of_unstated_length_is_refused_before_it_is_read(served: Served) -> None:
    headers = {"authorization": f"Bearer {served.tokens['ann']}"}
    address = f"{served.address}/v1/fine_tuning/jobs"
    large = httpx.post(address, content=b"x" * (1024 * 1024 + 1), headers=headers)
    unstated = httpx.post(address, content=iter([b"{}"]), headers=headers)
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in (large, unstated)] == [
        (413, "body_too_large")
    ] * 2


def test_the_documentation_needs_no_other_server(served: Served) -> None:
    page = httpx.get(f"{served.address}/docs").text
    assert "http://" not in page.replace(served.address, "")
    assert "https://" not in page
    assert httpx.get(f"{served.address}/openapi.json").json()["openapi"].startswith("3.1")


def test_every_answer_forbids_sniffing_framing_and_storing(served: Served) -> None:
    headers = httpx.get(f"{served.address}/v1/files").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_before_the_sealer_signed_a_checkpoint_is_unavailable(served: Served) -> None:
    with pytest.raises(openai.InternalServerError) as refused:
        served.client("otto").get("/audit/checkpoint", cast_to=object)
    assert refused.value.status_code == 503


def test_a_record_as_the_unit_is_refused_with_the_policy_that_forbids_it(served: Served) -> None:
    dataset = register(served)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        create(served, dataset, privacy={"epsilon": "8", "unit": "record", "rows_per_person": 2})
    assert (refused.value.code, refused.value.param) == ("not_in_training_policy", "governance.privacy.unit")


def test_where_a_record_is_the_unit_its_epsilon_stands_beside_that_of_a_person(served: Served) -> None:
    allowed = served.stage.policies.allowed
    served.stage.policies.allowed = replace(allowed, units={PrivacyUnit.PERSON, PrivacyUnit.RECORD})
    dataset = register(served)
    records: Any = create(served, dataset, privacy={"epsilon": "4", "unit": "record", "rows_per_person": 2})
    persons: Any = create(served, dataset, privacy={"epsilon": "4", "noise": "discrete-gaussian", "canaries": 0})
    said = records.governance["privacy"]
    assert (said["unit"], said["records_per_person"], said["epsilon"]) == ("record", 2, "4")
    assert said["epsilon_of_one_record"] is not None
    assert persons.governance["privacy"]["epsilon_of_one_record"] is None
    assert persons.governance["privacy"]["noise"] == "discrete-gaussian"


@pytest.mark.parametrize(
    "privacy",
    [
        {"unit": "household"},
        {"precision": "float16"},
        {"noise": "none"},
        {"canaries": -1},
        {"rows_per_person": 10_000},
        {"rows_per_person": 0},
    ],
)
def test_a_plan_that_cannot_be_is_unprocessable(served: Served, privacy: dict[str, Any]) -> None:
    dataset = register(served)
    with pytest.raises(openai.UnprocessableEntityError):
        create(served, dataset, privacy={"epsilon": "8", **privacy})
