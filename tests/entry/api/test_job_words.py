"""Requests in the words of the OpenAI contract: their status, why they failed, what of a question is looked for."""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from starlette.requests import Request
from tests.conftest import ANN, Stage
from tests.usecases.test_requests import ask

from tunewarden.domain.errors import Malformed
from tunewarden.domain.model_names import model_in, model_name
from tunewarden.domain.names import ModelId, PolicyName
from tunewarden.domain.training import NEXT, State, TrainingRequest
from tunewarden.entry.api.job_schemas import (
    JobIn,
    error_out,
    hyperparameters_in,
    hyperparameters_out,
    is_wanted,
    metadata_wanted,
    status_of,
)
from tunewarden.usecases import requests

WORDS = {
    (State.AWAITING_APPROVAL, 0): "queued",
    (State.APPROVED, 0): "queued",
    (State.APPROVED, 1): "validating_files",
    (State.IN_REVIEW, 1): "validating_files",
    (State.DEIDENTIFIED, 1): "running",
    (State.TRAINED, 2): "running",
    (State.MEASURED, 3): "succeeded",
    (State.CANCELLED, 0): "cancelled",
    (State.REJECTED, 0): "failed",
    (State.BLOCKED, 1): "failed",
    (State.FAILED, 1): "failed",
}
MODEL = ModelId("model-" + "0" * 32)


@pytest.fixture
def request_of_ann(stage: Stage) -> TrainingRequest:
    return requests.submit(stage.platform, ANN, ask(stage.dataset(), epochs=3))[0]


def test_every_state_has_a_word_and_what_is_suspended_is_paused_until_it_is_over(
    request_of_ann: TrainingRequest,
) -> None:
    assert {state for state, _ in WORDS} == set(State)
    for (state, attempt), word in WORDS.items():
        one = replace(request_of_ann, state=state, attempt=attempt)
        assert status_of(one) == word
        assert status_of(replace(one, suspended=True)) == ("paused" if NEXT[state] else word)


@pytest.mark.parametrize(
    ("state", "because", "code"),
    [
        (State.REJECTED, "", "approval_denied"),
        (State.REJECTED, "suspended_past_retention", "approval_denied"),
        (State.BLOCKED, "gate_fail", "gate_failed"),
        (State.FAILED, "blob_corrupted", "blob_corrupted"),
        (State.CANCELLED, "", None),
        (State.MEASURED, "", None),
    ],
)
def test_what_failed_says_whether_people_a_gate_or_an_error_ended_it(
    request_of_ann: TrainingRequest, state: State, because: str, code: str | None
) -> None:
    error = error_out(replace(request_of_ann, state=state, ended_because=because, ended_at=datetime.now(UTC)))
    assert (error or {"code": None})["code"] == code
    assert because in (error or {"message": because})["message"]


def test_the_epochs_that_are_told_are_those_that_were_asked_for(stage: Stage) -> None:
    dataset = stage.dataset(epsilon="1000")
    for epochs in (1, 2, 3, 7, 100):
        for units in (None, 1, 17, 80):
            asked = replace(ask(dataset, epochs=epochs), expected_units=units)
            made = requests.submit(stage.platform, ANN, asked)[0]
            told = hyperparameters_out(made)
            assert (told["n_epochs"], told["learning_rate_multiplier"]) == (epochs, 1.0)
            assert told["batch_size"] == made.plan.recipe.expected_units


ASKED, NOTHING = {"n_epochs": 3, "batch_size": 8}, {"n_epochs": "auto"}


@pytest.mark.parametrize(
    ("beside", "method", "epochs"),
    [
        (None, None, "auto"),
        (ASKED, None, 3),
        (None, {"hyperparameters": ASKED}, 3),
        (ASKED, {"hyperparameters": ASKED}, 3),
        (ASKED, {}, 3),
        (NOTHING, {"hyperparameters": {}}, "auto"),
        (ASKED, {"hyperparameters": NOTHING}, None),
        (NOTHING, {"hyperparameters": ASKED}, None),
    ],
    ids=str,
)
def test_hyperparameters_are_taken_from_either_place_and_none_of_them_is_dropped(
    beside: object, method: dict[str, object] | None, epochs: object
) -> None:
    body = JobIn.model_validate(
        {
            "model": "tiny",
            "training_file": "file-1",
            "governance": {"purpose": "research", "privacy": {"epsilon": "3"}},
            "hyperparameters": beside,
            "method": None if method is None else {"type": "supervised", "supervised": method},
        }
    )
    if epochs is not None:
        assert hyperparameters_in(body).n_epochs == epochs
        return
    with pytest.raises(Malformed) as caught:
        hyperparameters_in(body)
    assert (caught.value.code, caught.value.param) == ("hyperparameters_differ", "hyperparameters")


def test_a_method_without_its_own_hyperparameters_takes_those_beside_it() -> None:
    body = JobIn.model_validate(
        {
            "model": "tiny",
            "training_file": "file-1",
            "governance": {"purpose": "research", "privacy": {"epsilon": "3"}},
            "hyperparameters": ASKED,
            "method": {"type": "supervised"},
        }
    )
    assert hyperparameters_in(body).batch_size == 8


def query(text: str) -> Request:
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": text.encode()})


def test_jobs_are_looked_for_by_pairs_in_brackets_all_of_which_they_have_to_have(
    request_of_ann: TrainingRequest,
) -> None:
    tagged = replace(request_of_ann, metadata=MappingProxyType({"team": "a b", "run": "7"}))
    for text, finds_tagged, finds_bare in (
        ("", True, True),
        ("limit=3&after=x", True, True),
        ("metadata%5Bteam%5D=a+b", True, False),
        ("metadata[team]=a%20b&metadata[run]=7", True, False),
        ("metadata[team]=a%20b&metadata[run]=8", False, False),
        ("metadata[other]=7", False, False),
        ("metadata=null", False, True),
        ("metadata=7", True, True),
    ):
        wanted = metadata_wanted(query(text))
        assert (is_wanted(tagged, wanted), is_wanted(request_of_ann, wanted)) == (finds_tagged, finds_bare), text
    with pytest.raises(Malformed) as caught:
        metadata_wanted(query("&".join(f"metadata[{n}]=x" for n in range(17))))
    assert caught.value.param == "metadata"


def test_a_name_leads_to_its_model_version_and_holds_no_slash_whatever_a_suffix_of_before_holds() -> None:
    name = model_name(PolicyName("tiny"), "night/shift:2 é", MODEL)
    assert name == f"ft:tiny:tunewarden:nightshift2:{MODEL}"
    assert model_in(name) == model_in(MODEL) == MODEL
    for text in ("", "ft:", ":", f"x:{MODEL}", f"{MODEL}:ft:"):
        assert model_in(text) != MODEL
