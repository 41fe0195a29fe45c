"""What waits, what was spent, judged and measured, over HTTP: pages, what stands in them, and what they leave out."""

import base64
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.conftest import ANN, WORKER
from tests.entry.conftest import Served
from tests.entry.test_api import register
from tests.usecases.test_audit_trail import pruned

from tunewarden.domain.errors import Refused
from tunewarden.domain.events import about
from tunewarden.domain.names import Alias, RequestId
from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import StepName
from tunewarden.steps import GUARDED
from tunewarden.usecases import jobs, models, proposals
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit.merkle import leaf_hash


def get(served: Served, path: str, who: str = "otto", **query: Any) -> Any:
    headers = {"authorization": f"Bearer {served.tokens[who]}"}
    answer = httpx.get(f"{served.address}/v1/{path}", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(served: Served, path: str, body: Any, who: str) -> Any:
    headers = {"authorization": f"Bearer {served.tokens[who]}"}
    answer = httpx.post(f"{served.address}/v1/{path}", headers=headers, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(served: Served, dataset: str, epsilon: str = "1") -> Any:
    body = {"model": "tiny", "dataset": dataset, "purpose": "research", "privacy": {"epsilon": epsilon}}
    return post(served, "fine_tuning/jobs", body, "ann")


def worked_off(served: Served, dataset: str) -> Any:
    job = asked(served, dataset)
    post(served, f"fine_tuning/jobs/{job['id']}/approve", {"plan": job["governance"]["plan"]}, "bob")
    for _ in StepName:
        jobs.advance(served.stage.platform, WORKER, served.stage.steps, GUARDED, RequestId(job["id"]))
    return get(served, f"fine_tuning/jobs/{job['id']}", "ann")


def test_what_waits_says_how_it_is_decided_and_that_decides_it(served: Served) -> None:
    dataset = register(served)
    first, second = asked(served, dataset), asked(served, dataset)
    page = get(served, "approvals", "bob", limit=1)
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([first["id"]], True)
    rest = get(served, "approvals", "bob", limit=1, after=page["last_id"])
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([second["id"]], False)
    for one, verb in ((page["data"][0], "approve"), (rest["data"][0], "reject")):
        (said,) = [way for way in one["decisions"] if way["decision"] == verb]
        post(served, said["path"].removeprefix("/v1/"), said["body"], "bob")
    assert get(served, "approvals", "bob")["data"] == []
    assert get(served, "approvals", "ann")["data"] == []


def test_whoever_rejects_gives_a_reason_of_ours_and_the_job_says_it(served: Served) -> None:
    job = asked(served, register(served))
    path = f"fine_tuning/jobs/{job['id']}/reject"
    headers = {"authorization": f"Bearer {served.tokens['bob']}"}
    typed = httpx.post(f"{served.address}/v1/{path}", headers=headers, json={"reason": "CANARY"})
    assert (typed.status_code, "CANARY" in typed.text) == (422, False)
    ended = post(served, path, {"reason": "purpose-not-shown"}, "bob")
    assert (ended["governance"]["ended_because"], ended["error"]["code"]) == ("purpose-not-shown", "approval_denied")


def test_budgets_and_their_entries_are_paged_and_show_what_was_withheld(served: Served) -> None:
    dataset = register(served)
    job = worked_off(served, dataset)
    (budget,) = get(served, "privacy/budgets")["data"]
    assert budget == get(served, f"privacy/budgets/{dataset}", "ann")
    assert {**budget, "id": None, "dataset": None} == {
        **get(served, f"datasets/{dataset}/budget"),
        "id": None,
        "dataset": None,
    }
    path = f"privacy/budgets/{dataset}/entries"
    whole = get(served, path)
    assert [one["kind"] for one in whole["data"]] == [
        "settlement",
        *["charge"] * 4,
        "admission",
        "reservation",
    ]
    assert {one["request"] for one in whole["data"]} == {job["id"]}
    assert whole["data"][1]["epsilon"] == job["privacy"]["epsilon_spent"] == budget["spent"]
    assert whole["data"][-1]["epsilon"] == job["privacy"]["epsilon"]
    walked, after = [], None
    while True:
        page = get(served, path, limit=3, **({"after": after} if after else {}))
        walked += page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert walked == whole["data"]
    assert (get(served, path, "ann")["withheld"], get(served, path, "dana")["withheld"]) == (0, 0)


def test_a_job_says_what_gates_said_and_the_whole_budget_where_it_is_asked_for(served: Served) -> None:
    dataset = register(served)
    waiting, done = asked(served, dataset), worked_off(served, dataset)
    assert [(one["guards"], one["outcome"], one["rules"]) for one in waiting["gates"]] == [("training", None, [])]
    (gate,) = done["gates"]
    (rule,) = gate["rules"]
    assert (gate["outcome"], rule["outcome"], rule["because"]) == ("pass", "pass", "A test says so.")
    assert rule["measured"] == {"low": "0.95", "value": "0.95", "high": "0.95", "n": 100}
    assert gate["digest"] == get(served, "gates/training")["digest"]
    assert [one["gates"] for one in get(served, "fine_tuning/jobs", "ann")["data"]] == [done["gates"], waiting["gates"]]
    assert done["privacy"]["budget"] is None
    told = get(served, f"fine_tuning/jobs/{done['id']}", "ann", include="budget")
    assert told["privacy"]["budget"] == get(served, f"datasets/{dataset}/budget")


def test_a_broken_gate_is_told_at_its_job_and_the_other_jobs_are_listed(served: Served) -> None:
    dataset = register(served)
    waiting, done = asked(served, dataset), worked_off(served, dataset)
    digest = done["gates"][0]["digest"]
    served.stage.blobs.stored[digest] = b"other bytes"
    listed, none = get(served, "fine_tuning/jobs", "ann")["data"]
    assert none["gates"] == waiting["gates"]
    with capture_logs() as woken:
        alone = get(served, f"fine_tuning/jobs/{done['id']}", "ann")
    assert listed["gates"] == alone["gates"]
    (gate,) = alone["gates"]
    assert (gate["outcome"], gate["fault"], gate["rules"][0]["because"]) == ("pass", "blob_corrupted", None)
    assert {"event": "gate_broken", "code": "blob_corrupted", "gate": digest, "log_level": "error"} in woken
    withdrawn = post(served, f"fine_tuning/jobs/{waiting['id']}/cancel", {}, "ann")
    assert withdrawn["status"] == "cancelled", "what is done is not answered as if it were not"


def test_evidence_is_told_by_kind_and_by_document_as_it_was_measured(served: Served) -> None:
    served.stage.steps[StepName.MEASURE].details = {"fairness": {"least_persons": 30}, "libraries": {"a": "1"}}
    job = worked_off(served, register(served))
    model = job["governance"]["model"]
    listed = get(served, f"models/{model}/evidence")
    assert [one["kind"] for one in listed["data"]] == ["deidentification", "training", "utility", "fairness"]
    utility = get(served, f"models/{model}/evidence/utility")
    (one,) = utility["measurements"]
    assert (one["metric"], one["value"], one["unit"]) == ("utility.accuracy", "0.8", "share of rows")
    document = get(served, f"evidence/{one['evidence']}")
    assert (document["is_evidence"], document["model"]) == (True, model)
    assert document["content"]["measurements"] == [
        {"metric": "utility.accuracy", "low": "0.8", "value": "0.8", "high": "0.8", "n": 100}
    ]
    (tables,) = get(served, f"models/{model}/evidence/fairness")["documents"]
    assert tables["tables"] == {"fairness": {"least_persons": 30}}
    assert get(served, f"evidence/{tables['document']}")["content"]["libraries"] == {"a": "1"}
    assert get(served, f"models/{model}/evidence/learning-curve")["measurements"] == []


def test_promotions_and_aliases_are_listed_as_they_stand(served: Served) -> None:
    job = worked_off(served, register(served))
    model = job["governance"]["model"]
    made = [models.propose(served.stage.platform, ANN, model, alias)[0] for alias in (Alias.STAGING, Alias.CANDIDATE)]
    post(served, f"promotions/{made[0].id}/approve", {"verdict": made[0].verdict}, "bob")
    assert [one["id"] for one in get(served, "promotions")["data"]] == [made[1].id, made[0].id]
    assert [one["id"] for one in get(served, "promotions", state="approved")["data"]] == [made[0].id]
    (alias,) = get(served, "aliases")["data"]
    assert (alias["alias"], alias["model"], alias["clearing"]) == ("staging", model, None)
    assert [get(served, path, "eve")["data"] for path in ("promotions", "aliases", "approvals")] == [[], [], []]


def test_a_broken_verdict_is_told_in_its_row_and_the_other_promotions_are_listed(served: Served) -> None:
    dataset = register(served)
    made = [_stopped(served, worked_off(served, dataset)) for _ in range(2)]
    whole, other = get(served, "promotions")["data"]
    assert [one["id"] for one in (whole, other)] == [made[1].id, made[0].id]
    served.stage.blobs.stored[made[0].verdict] = b"other bytes"
    with capture_logs() as woken:
        same, broken = get(served, "promotions")["data"]
    assert (same, same["fault"], same["overridable"]) == (whole, None, True)
    assert broken == {**other, "fault": "blob_corrupted", "overridable": False}
    said = {"event": "promotion_broken", "code": "blob_corrupted", "verdict": made[0].verdict, "log_level": "error"}
    assert said in woken


def test_of_a_verdict_that_the_log_has_no_more_either_the_row_says_so_and_nobody_decides(served: Served) -> None:
    job = worked_off(served, register(served))
    made = _stopped(served, job)
    (whole,) = get(served, "promotions")["data"]
    del served.stage.blobs.stored[made.verdict]
    pruned(served.stage, [entry.index for entry in served.stage.entries() if about(entry.event) == job["id"]])
    assert get(served, "promotions")["data"] == [
        {**whole, "gate": None, "findings": [], "fault": "blob_not_found", "overridable": False}
    ]


def test_the_page_of_promotions_shows_what_waits_and_no_more(served: Served) -> None:
    job = worked_off(served, register(served))
    before, now = (_stopped(served, job) for _ in range(2))
    headers = {"authorization": f"Bearer {served.tokens['bob']}"}
    page = httpx.get(f"{served.address}/promotions", headers=headers).text
    assert (f"/promotions/{now.id}" in page, f"/promotions/{before.id}" in page) == (True, False)
    assert [one["id"] for one in get(served, "approvals", "bob")["data"]] == [now.id]


def _stopped(served: Served, job: Any) -> Promotion:
    """A proposal of ann's that the gate stopped, because it asks for more than before."""
    policies = served.stage.policies
    gate = policies.gates["promotion"]
    policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], limit=Decimal("0.99")),))
    with pytest.raises(Refused):
        models.propose(served.stage.platform, ANN, job["governance"]["model"], Alias.STAGING)
    return proposals.listed(served.stage.platform, ANN)[-1]


def test_the_log_is_listed_as_it_is_sealed_and_no_further(served: Served) -> None:
    register(served)
    entries, log = served.stage.entries(), served.stage.platform.log
    log.signed = SignedTreeHead(size=len(entries) - 1, note="origin\n")  # type: ignore[attr-defined]
    page = get(served, "audit/entries", limit=2)
    assert ([one["index"] for one in page["data"]], page["has_more"], page["size"]) == ([0, 1], True, len(entries) - 1)
    rest = get(served, "audit/entries", after=page["last_id"])
    assert [one["index"] for one in rest["data"]] == list(range(2, len(entries) - 1)), "what is not sealed is not told"
    assert (rest["has_more"], get(served, "audit/entries", after="audit-99")["data"]) == (False, [])
    for one in (*page["data"], *rest["data"]):
        body = base64.b64decode(one["entry"])
        assert body == log.entry(one["index"])
        assert one["leaf_hash"] == leaf_hash(body).hex()
        assert one["type"] == type(entries[one["index"]].event).__name__
    heads = get(served, "audit/checkpoints")
    assert [(one["size"], one["note"]) for one in heads["data"]] == [(len(entries) - 1, "origin\n")]
    assert get(served, "audit/checkpoints", after=heads["last_id"])["data"] == []


@pytest.mark.parametrize("path", ["audit/entries", "audit/checkpoints"])
def test_a_cursor_of_another_list_is_refused(served: Served, path: str) -> None:
    served.stage.platform.log.signed = SignedTreeHead(size=1, note="origin\n")  # type: ignore[attr-defined]
    headers = {"authorization": f"Bearer {served.tokens['otto']}"}
    for cursor in ("ftevent-1", "audit-x", "audit-" + "9" * 16, "CANARY"):
        answer = httpx.get(f"{served.address}/v1/{path}", headers=headers, params={"after": cursor})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "cursor_unknown")
        assert "CANARY" not in answer.text
