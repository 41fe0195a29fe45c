"""Planning without asking, over HTTP, and asking for exactly what was planned."""

import hashlib
from typing import Any

import httpx
import openai
import pytest
from tests.conftest import ANN
from tests.entry.conftest import Served
from tests.entry.test_api import register

from tunewarden.usecases import requests


def ask(dataset: str, **more: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "dataset": dataset,
        "purpose": "research",
        "privacy": {"epsilon": "8"},
        "hyperparameters": {"n_epochs": 2},
        **more,
    }


def post(served: Served, path: str, body: Any, who: str = "ann") -> httpx.Response:
    headers = {"authorization": f"Bearer {served.tokens[who]}"}
    return httpx.post(f"{served.address}/v1/{path}", json=body, headers=headers)


def planned(served: Served, body: Any) -> Any:
    answer = post(served, "plans", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_plan_is_told_with_its_bytes_and_its_file_asks_for_exactly_it(served: Served) -> None:
    dataset = register(served)
    served.stage.policies.quorum()  # a process that starts says by which rule votes count
    before = len(served.stage.entries())
    told = planned(served, ask(dataset, suffix="burns", metadata={"team": "north"}))
    assert len(served.stage.entries()) == before
    assert (told["accepted"], told["refused"]) == (True, [])
    assert "sha256:" + hashlib.sha256(told["canonical"].encode()).hexdigest() == told["digest"]
    assert told["file"]["expected_plan"] == told["digest"]
    assert (told["training"]["persons"], told["training"]["units_to_train_on"]) == (100, 80)
    assert told["budget"] == {"limit": "10", "delta": "0.0001", "left": "10", "left_after": "2"}
    assert told["approvals"] == {
        "persons": 1,
        "roles": 1,
        "approving": ["approver"],
        "endorsing": ["steward", "privacy-officer"],
    }
    assert [gate["guards"] for gate in told["gates"]] == ["training", "promotion"]
    job = post(served, "fine_tuning/jobs", told["file"]).json()
    assert (job["governance"]["plan"], job["metadata"]) == (told["digest"], {"team": "north"})
    assert job["training_file"] == dataset


def test_the_openai_client_sends_a_plan_file_beside_its_own_parameters(served: Served) -> None:
    dataset, ann = register(served), served.client("ann")
    file = planned(served, ask(dataset))["file"]
    job: Any = ann.fine_tuning.jobs.create(model="tiny", training_file=dataset, extra_body={"plan": file})
    assert job.governance["plan"] == file["expected_plan"]
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ann.fine_tuning.jobs.create(model="other", training_file=dataset, extra_body={"plan": file})
    assert (refused.value.code, refused.value.param) == ("parameters_differ", "model")


def test_governance_may_stand_at_the_top_of_what_the_client_sends(served: Served) -> None:
    dataset = register(served)
    extra = {
        "dataset": dataset,
        "purpose": "research",
        "privacy": {"epsilon": 8, "delta": "0.00001"},
        "protected_attributes": ["sex"],
    }
    job: Any = served.client("ann").fine_tuning.jobs.create(model="tiny", training_file=dataset, extra_body=extra)
    assert (job.privacy["epsilon"], job.privacy["delta"], job.privacy["epsilon_spent"]) == ("8", "0.00001", "0")
    assert job.governance["fairness"]["attributes"] == ["sex"]


def test_whoever_expects_another_plan_is_told_and_nothing_is_asked(served: Served) -> None:
    dataset = register(served)
    file = planned(served, ask(dataset))["file"]
    answer = post(served, "fine_tuning/jobs", {**file, "privacy": {"epsilon": "7"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "plan_differs")
    assert answer.headers["x-should-retry"] == "false"
    assert requests.listed(served.stage.platform, ANN) == []
    told = planned(served, {**file, "privacy": {"epsilon": "7"}})
    assert [(no["code"], no["status"], no["param"]) for no in told["refused"]] == [
        ("plan_differs", 409, "expected_plan")
    ]
    assert told["digest"] not in {None, file["expected_plan"]}, "the plan that it would be is told all the same"
    assert told["file"]["expected_plan"] == told["digest"]


def test_what_is_in_the_way_is_told_with_who_can_mend_it_and_no_word_of_the_caller(served: Served) -> None:
    dataset = register(served)
    told = planned(served, ask(dataset, purpose="marketing", privacy={"epsilon": 11}, metadata={"a": "CANARY"}))
    assert told["accepted"] is False
    first, *others = told["refused"]
    assert (first["code"], first["status"], first["who_can"]) == ("purpose_not_allowed", 403, "steward")
    assert {no["code"] for no in others} == {"privacy_budget_exhausted", "person_limit_too_low"}
    assert "CANARY" not in str(told["refused"])
    none = planned(served, ask(dataset, privacy={"epsilon": -1}))
    assert (none["plan"], none["digest"], none["privacy"], none["budget"]["left"]) == (None, None, None, "10")
    assert "expected_plan" not in none["file"]


@pytest.mark.parametrize("who", ["eve", "otto", "bob"])
def test_whoever_may_not_ask_may_not_plan(served: Served, who: str) -> None:
    answer = post(served, "plans", ask(register(served)), who)
    assert answer.status_code == (404 if who == "eve" else 403)
    assert type(served.stage.entries()[-1].event).__name__ == "ActionRefused"
