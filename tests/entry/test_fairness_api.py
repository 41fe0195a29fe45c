"""The fairness declaration over the API: shown with the plan, made stricter by who asks, and never looser."""

from typing import Any

import httpx
import pytest
from tests.entry.conftest import Served


def asked(served: Served, tolerances: Any) -> tuple[int, Any, str]:
    """Status, body and text of the answer to a job with these tolerances."""
    answer = httpx.post(
        f"{served.address}/v1/fine_tuning/jobs",
        headers={"authorization": f"Bearer {served.tokens['ann']}"},
        json={
            "model": "tiny",
            "training_file": served.stage.dataset().id,
            "governance": {
                "purpose": "research",
                "privacy": {"epsilon": "8"},
                "fairness": {"tolerances": tolerances},
            },
        },
    )
    return answer.status_code, answer.json(), answer.text


def test_the_plan_says_what_is_going_to_be_compared(served: Served) -> None:
    status, body, _ = asked(served, {})
    assert status == 200
    said = body["governance"]["fairness"]
    assert said["tolerances"] == {"accuracy": "0.1"}
    assert (said["attributes"], said["minimum_persons"], said["least_persons"]) == (["sex"], 200, 30)
    assert (said["reference"], said["split"], said["alpha"]) == ("rest", "held-out-persons", "0.05")
    assert said["digest"].startswith("sha256:")


def test_who_asks_may_be_stricter(served: Served) -> None:
    assert asked(served, {"accuracy": "0.05"})[1]["governance"]["fairness"]["tolerances"] == {"accuracy": "0.05"}


@pytest.mark.parametrize("tolerances", [{"accuracy": "0.2"}, {"selected": "0.1"}])
def test_looser_and_what_cannot_be_measured_is_refused(served: Served, tolerances: dict[str, Any]) -> None:
    status, body, _ = asked(served, tolerances)
    assert (status, body["error"]["param"]) == (403, "governance.fairness.tolerances")
    assert body["error"]["code"] in {"fairness_looser", "fairness_not_measurable"}


@pytest.mark.parametrize("tolerances", [{"CANARY": "0.1"}, {"accuracy": "CANARY"}, {"accuracy": "NaN"}, ["CANARY"]])
def test_what_is_no_tolerance_is_refused_and_not_repeated(served: Served, tolerances: Any) -> None:
    status, _, text = asked(served, tolerances)
    assert status == 422
    assert "CANARY" not in text
