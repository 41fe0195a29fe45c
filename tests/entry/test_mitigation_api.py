"""Mitigation and twins over the API: shown with the plan, strict about words, and never repeated where malformed."""

from typing import Any

import httpx
import pytest
from tests.entry.conftest import Served


def asked(served: Served, **governance: Any) -> tuple[int, Any, str]:
    """Status, body and text of the answer to a job with these members."""
    answer = httpx.post(
        f"{served.address}/v1/fine_tuning/jobs",
        headers={"authorization": f"Bearer {served.tokens['ann']}"},
        json={
            "model": "tiny",
            "training_file": served.stage.dataset().id,
            "governance": {"purpose": "research", "privacy": {"epsilon": "8"}, **governance},
        },
    )
    return answer.status_code, answer.json(), answer.text


def test_what_is_asked_for_is_shown_and_where_nothing_is_it_is_null(served: Served) -> None:
    wanted = {"weights": ["1", 0.5], "swaps": ["sex", "age"]}
    status, body, _ = asked(served, mitigation=wanted)
    assert status == 200
    assert body["governance"]["mitigation"] == {"weights": ["1", "0.5"], "swaps": ["age", "sex"]}
    _, body, _ = asked(served)
    assert (body["governance"]["mitigation"], body["governance"]["twins"]) == (None, False)


def test_twins_are_refused_where_the_policy_has_none(served: Served) -> None:
    status, body, _ = asked(served, twins=True)
    assert (status, body["error"]["code"], body["error"]["param"]) == (403, "twins_not_allowed", "governance.twins")


@pytest.mark.parametrize(
    "mitigation",
    [{}, {"swaps": ["CANARY"]}, {"weights": ["CANARY"]}, {"weights": ["NaN", "1"]}, {"CANARY": 1}, {"weights": [2, 1]}],
)
def test_what_is_none_is_refused_and_not_repeated(served: Served, mitigation: Any) -> None:
    status, _, text = asked(served, mitigation=mitigation)
    assert status == 422
    assert "CANARY" not in text
