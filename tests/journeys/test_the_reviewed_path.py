"""The path on which people are waited for, over HTTP and SQL: asked, approved, read by two, signed, trained."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import REA, RON
from tests.journeys.script import DATASET, READ, SIGNED, Props
from tests.journeys.theatre import CAST, Theatre, in_folder
from tests.usecases.reviewing import NAME, FewSamples

from tunewarden.domain.canonical import digest_bytes, encode
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.training import StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.usecases.ports import KeyRecord
from tunewarden_audit.__main__ import main

REPORT = encode({"categories": [], "claim": {"method": "hipaa-safe-harbor"}})


@pytest.fixture(params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """With two readers, a gate that wants a sample read and a report signed, and everybody's key in the log."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    made = in_folder(tmp_path / "home", database_url=url)
    platform = replace(made.platform, draw=FewSamples(), accountant=accounting.epsilon, calibrate=accounting.calibrate)
    tokens = {**made.tokens, "rea": new_token(), "ron": new_token()}
    with platform.work(PrincipalId("operator")) as work:
        for name, principal in {**CAST, "rea": REA, "ron": RON}.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    policies: Any = platform.policies
    gate = policies.gates["training"]
    plan = SamplingPlan(documents=12, seeds=8)
    policies.gates["training"] = replace(gate, rules=(*gate.rules, READ, SIGNED), review=plan)
    policies.profiles["default"] = encode({"name": "default", "method": "hipaa-safe-harbor"})
    made.steps[StepName.DEIDENTIFY].details = {"report": platform.blobs.put_bytes(REPORT)}
    client = TestClient(create_app(platform, made.settings))
    yield replace(made, platform=platform, tokens=tokens, client=client)
    made.close()


def read(theatre: Theatre, review: str, *readers: str) -> int:
    """All that is left, in turns, marking what was put in."""
    answered = 0
    while True:
        who = readers[answered % len(readers)]
        item = theatre.must(who, "GET", f"/v1/reviews/{review}/next")["item"]
        if item is None:
            return answered
        start = item["text"].find(NAME)
        marks = [{"start": start, "end": start + len(NAME)}] if start >= 0 else []
        body = {"item": item["number"], "marks": marks, "nothing_found": not marks}
        theatre.must(who, "POST", f"/v1/reviews/{review}/answers", json=body)
        answered += 1


def test_nothing_is_trained_before_two_people_have_read_and_one_has_signed_and_the_auditor_agrees(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    file = theatre.upload("dana", props.records())
    theatre.must("dana", "POST", f"/v1/datasets/{dataset}/versions", json={"file_id": file})
    job = props.job(dataset)
    path = f"/v1/fine_tuning/jobs/{job['id']}"
    theatre.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
    theatre.work()
    assert theatre.must("ann", "GET", path)["governance"]["state"] == "in-review"
    [review] = theatre.must("rea", "GET", "/v1/reviews")["data"]
    assert read(theatre, review["id"], "rea", "ron") == 20
    theatre.work()
    assert theatre.must("ann", "GET", path)["governance"]["state"] == "in-review", "the signature is missing"
    body = {"report": digest_bytes(REPORT), "method": "hipaa-safe-harbor", "knowledge": "no-actual-knowledge"}
    theatre.must("pia", "POST", f"/v1/clean-versions/{review['clean_version']}/attestations", json=body)
    theatre.work()
    done = theatre.must("ann", "GET", path)
    assert (done["status"], done["governance"]["state"]) == ("succeeded", "measured")
    theatre.seal()

    model = done["governance"]["model"]
    bundle = tmp_path / "bundle.zip"
    answer = theatre.ask("otto", "GET", f"/v1/models/{model}/lineage")
    assert answer.status_code == 200, answer.text
    bundle.write_bytes(answer.content)
    vkey = theatre.settings.log_vkey.read_text().strip()
    assert main(["conduct", str(bundle), "--key", vkey]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert "22 entries judged" in next(line for line in said.splitlines() if "review" in line.split()), said
    page = theatre.ask("otto", "GET", f"/v1/models/{model}/report").text
    assert "reviewed by 2 people" in page
    assert "Signed the report that claims hipaa safe harbor" in page
    assert "not reviewed by a person" not in page
    assert NAME not in page
    anchors = set(re.findall(r'id="(log-\d+)"', page))
    assert set(re.findall(r'href="#(log-\d+)"', page)) <= anchors, "each is in the table"
    assert NAME.encode() not in answer.content


def test_a_signature_that_is_withdrawn_stops_the_job_and_the_auditor_sees_it(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before training it waits again; afterwards the model goes nowhere, and its report says why."""
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    file = theatre.upload("dana", props.records())
    theatre.must("dana", "POST", f"/v1/datasets/{dataset}/versions", json={"file_id": file})
    job = props.job(dataset)
    path = f"/v1/fine_tuning/jobs/{job['id']}"
    theatre.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
    theatre.work()
    [review] = theatre.must("rea", "GET", "/v1/reviews")["data"]
    read(theatre, review["id"], "rea", "ron")
    about = f"/v1/clean-versions/{review['clean_version']}"
    signature = {"report": digest_bytes(REPORT), "method": "hipaa-safe-harbor", "knowledge": "no-actual-knowledge"}
    theatre.must("pia", "POST", f"{about}/attestations", json=signature)
    theatre.must("pia", "POST", f"{about}/withdrawals", json={"because": "signed-by-mistake"})
    theatre.work()
    assert theatre.must("ann", "GET", path)["governance"]["state"] == "in-review"
    theatre.must("pia", "POST", f"{about}/attestations", json=signature)
    theatre.work()
    model = theatre.must("ann", "GET", path)["governance"]["model"]
    withdrawn = theatre.must("pia", "POST", f"{about}/withdrawals", json={"because": "actual-knowledge"})
    assert [one["withdrawn"] is not None for one in withdrawn["attestations"]] == [True]
    refused = theatre.ask("ann", "POST", f"/v1/models/{model}/promotions", json={"alias": "production"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "signature_withdrawn")
    theatre.seal()

    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(theatre.ask("otto", "GET", f"/v1/models/{model}/lineage").content)
    vkey = theatre.settings.log_vkey.read_text().strip()
    assert main(["conduct", str(bundle), "--key", vkey]) == 0, capsys.readouterr().out
    page = theatre.ask("otto", "GET", f"/v1/models/{model}/report").text
    assert "Withdrew the signature about the released records: actual knowledge" in page
    standing = re.sub(r"<[^>]+>", " ", page)
    assert "The signature about its records was withdrawn" in standing
    signing = theatre.ask("otto", "GET", f"{about}/report")
    assert signing.status_code == 404, "the auditor reads the model's report, not the clean version's"
