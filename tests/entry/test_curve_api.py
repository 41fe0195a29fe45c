"""A learning curve over the API: asked for with the job, and shown with what it costs before anybody approves it."""

from typing import Any

import httpx
import pytest
from tests.audit.test_conduct_agreement import new_stage
from tests.entry.conftest import Served
from tests.usecases.test_curving import carried_out, submitted


def asked(served: Served, curve: Any, epsilon: str = "3") -> tuple[int, Any, str]:
    """Status, body and text of the answer to a job with this curve."""
    answer = httpx.post(
        f"{served.address}/v1/fine_tuning/jobs",
        headers={"authorization": f"Bearer {served.tokens['ann']}"},
        json={
            "model": "tiny",
            "training_file": served.stage.dataset().id,
            "hyperparameters": {"batch_size": 16},
            "governance": {"purpose": "research", "privacy": {"epsilon": epsilon}, "learning_curve": curve},
        },
    )
    return answer.status_code, answer.json(), answer.text


def test_the_job_and_its_plan_say_what_the_curve_costs(served: Served) -> None:
    status, body, _ = asked(served, ["0.25", 0.5])
    assert status == 200
    said = body["governance"]["learning_curve"]
    assert (said["shares"], said["training_time"]) == (["0.25", "0.5"], "1.75")
    assert (said["epsilon"], said["epsilon_of_the_model"]) == ("9", "3")
    privacy = body["governance"]["privacy"]
    assert (privacy["epsilon"], privacy["updates"]) == (said["epsilon"], said["updates"]), "of all that is run"
    assert said["updates"] == 3 * said["updates_of_the_model"]
    headers = {"authorization": f"Bearer {served.tokens['bob']}"}
    plan = httpx.get(f"{served.address}/v1/fine_tuning/jobs/{body['id']}/plan", headers=headers).json()
    assert plan["plan"]["curve"] == {"epsilon": "9", "shares": ["0.25", "0.5"]}


def test_the_steps_of_a_checkpoint_are_those_of_the_model_that_is_named(served: Served) -> None:
    probe = submitted(new_stage(), epsilon="1").plan.promised.updates
    request = carried_out(served.stage, charged=probe)
    headers = {"authorization": f"Bearer {served.tokens['ann']}"}
    (found,) = httpx.get(f"{served.address}/v1/fine_tuning/jobs/{request.id}/checkpoints", headers=headers).json()[
        "data"
    ]
    assert found["step_number"] == found["metrics"]["step"] == request.plan.mechanism.updates


def test_no_curve_is_none(served: Served) -> None:
    status, body, _ = asked(served, [])
    assert (status, body["governance"]["learning_curve"]) == (200, None)


def test_a_curve_that_the_budget_does_not_allow_is_refused_with_the_model(served: Served) -> None:
    status, body, _ = asked(served, ["0.5"], epsilon="6")
    assert (status, body["error"]["code"]) == (403, "privacy_budget_exhausted")


@pytest.mark.parametrize(
    "curve",
    [["0.25"], ["CANARY", "0.5"], ["sNaN", "0.5"], ["0.5"] * 5, "CANARY", [["CANARY"]], [True, "0.5"], ["1e9999"]],
)
def test_what_is_no_curve_is_refused_and_not_repeated(served: Served, curve: Any) -> None:
    status, _, text = asked(served, curve)
    assert status == 422
    assert "CANARY" not in text
