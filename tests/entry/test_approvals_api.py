"""Agreeing to a plan, purposes of datasets and models, over HTTP."""

from typing import Any

import openai
import pytest
from tests.conftest import ANN, WORKER, Stage
from tests.entry.conftest import Served
from tests.entry.test_api import create, register

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.events import AdapterTaken, PurposesChanged
from tunewarden.domain.names import Alias, RequestId
from tunewarden.domain.quorum import Needed
from tunewarden.domain.training import StepName
from tunewarden.steps import GUARDED
from tunewarden.usecases import jobs, models


def events(stage: Stage, kind: type) -> list[Any]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, kind)]


@pytest.fixture
def strict(served: Served) -> Served:
    """Special categories take two persons in two roles, as shipped."""
    policies = served.stage.policies
    policies.needed = {**policies.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=2, roles=2)}
    return served


def test_the_list_of_approvals_says_who_agreed_what_is_missing_and_which_role_can_give_it(strict: Served) -> None:
    job: Any = create(strict, register(strict))
    path, plan = f"/fine_tuning/jobs/{job.id}", {"plan": job.governance["plan"]}
    ann = strict.client("ann")

    def told() -> Any:
        return ann.get(f"{path}/approvals", cast_to=object)

    assert told()["missing"] == {
        "persons": 2,
        "roles": 2,
        "approval": True,
        "who": ["approver", "privacy-officer", "steward"],
    }
    approved: Any = strict.client("bob").post(f"{path}/approve", cast_to=object, body=plan)
    assert (approved["status"], approved["governance"]["state"]) == ("queued", "awaiting-approval")
    assert approved["governance"]["approved_by"] is None
    assert told()["missing"] == {"persons": 1, "roles": 1, "approval": False, "who": ["privacy-officer", "steward"]}
    endorsed: Any = strict.client("dana").post(f"{path}/endorse", cast_to=object, body=plan)
    assert (endorsed["governance"]["state"], endorsed["governance"]["approved_by"]) == ("approved", "prn-bob")
    after = told()
    assert after["plan"] == job.governance["plan"]
    assert after["needed"] == {"persons": 2, "roles": 2}
    assert after["missing"] == {"persons": 0, "roles": 0, "approval": False, "who": []}
    assert [(one["by"], one["role"], one["kind"]) for one in after["data"]] == [
        ("prn-bob", "approver", "approval"),
        ("prn-dana", "steward", "endorsement"),
    ]


def test_who_agreed_before_is_told_that_they_count_once(strict: Served) -> None:
    job: Any = create(strict, register(strict))
    path, plan = f"/fine_tuning/jobs/{job.id}/approve", {"plan": job.governance["plan"]}
    strict.client("bob").post(path, cast_to=object, body=plan)
    with pytest.raises(openai.ConflictError) as again:
        strict.client("bob").post(path, cast_to=object, body=plan)
    assert again.value.code == "voted_before"


def test_a_stranger_finds_no_approvals(strict: Served) -> None:
    job: Any = create(strict, register(strict))
    with pytest.raises(openai.NotFoundError):
        strict.client("eve").get(f"/fine_tuning/jobs/{job.id}/approvals", cast_to=object)


def test_a_steward_sets_the_purposes_of_a_dataset(served: Served) -> None:
    path = f"/datasets/{register(served)}/purposes"
    body = {"purposes": ["research", "care-quality"]}
    changed: Any = served.client("dana").post(path, cast_to=object, body=body)
    assert sorted(changed["purposes"]) == ["care-quality", "research"]
    assert changed["receipt"]["index"] == served.stage.entries()[-1].index
    assert len(events(served.stage, PurposesChanged)) == 1
    with pytest.raises(openai.PermissionDeniedError):
        served.client("ann").post(path, cast_to=object, body=body)
    for nonsense in ({"purposes": []}, {"purposes": ["curiosity"]}, {}):
        with pytest.raises(openai.UnprocessableEntityError):
            served.client("dana").post(path, cast_to=object, body=nonsense)


def in_production(served: Served) -> str:
    job: Any = create(served, register(served))
    plan = {"plan": job.governance["plan"]}
    served.client("bob").post(f"/fine_tuning/jobs/{job.id}/approve", cast_to=object, body=plan)
    for _ in StepName:
        request = jobs.advance(served.stage.platform, WORKER, served.stage.steps, GUARDED, RequestId(job.id))
    assert request.model is not None
    promotion, _, _ = models.propose(served.stage.platform, ANN, request.model, Alias.PRODUCTION)
    body = {"verdict": promotion.verdict}
    served.client("bob").post(f"/promotions/{promotion.id}/approve", cast_to=object, body=body)
    return str(request.model)


def test_a_model_says_what_it_may_be_used_for_and_is_taken_for_nothing_else(served: Served) -> None:
    model, ann = in_production(served), served.client("ann")
    found: Any = ann.get(f"/models/{model}", cast_to=object)
    assert found["governance"]["purposes"] == ["research"]
    listed: Any = ann.get("/models", cast_to=object)
    assert listed["data"][0]["governance"]["purposes"] == ["research"]
    for asked in ("", "?purpose=research"):
        assert ann.get(f"/models/{model}/adapter{asked}", cast_to=openai.HttpxBinaryResponseContent).content
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ann.get(f"/models/{model}/adapter?purpose=marketing", cast_to=openai.HttpxBinaryResponseContent)
    assert refused.value.code == "access_denied"
    with pytest.raises(openai.UnprocessableEntityError):
        ann.get(f"/models/{model}/adapter?purpose=curiosity", cast_to=openai.HttpxBinaryResponseContent)
    assert [event.purpose for event in events(served.stage, AdapterTaken)] == ["research"] * 2
