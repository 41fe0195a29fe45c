"""Lineage over HTTP: as of a date, the other way, and two models side by side."""

import base64
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from tests.conftest import ANN, BOB, DANA, EVE, NOW, OTTO, WORKER, Stage
from tests.usecases.test_reports import CANARY, PIA, asked, dataset, model_of, people, promoted, trained

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.events import AdapterTaken, AliasMoved, BudgetCharged, KeyRevoked, PersonTraced
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.report import render_descendants
from tunewarden.entry.settings import Settings
from tunewarden.usecases import datasets, tracing
from tunewarden.usecases.ports import KeyRecord, Principal, SignedTreeHead

assert people  # the fixture
CLEO = Principal(id=PrincipalId("prn-cleo"), roles=ANN.roles)
CAST = {"ann": ANN, "bob": BOB, "cleo": CLEO, "dana": DANA, "otto": OTTO, "eve": EVE, "pia": PIA}
DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Door:
    stage: Stage
    client: TestClient
    tokens: dict[str, str]

    def get(self, name: str, path: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[name]}"})

    def post(self, name: str, path: str, body: Any) -> Any:
        return self.client.post(path, json=body, headers={"authorization": f"Bearer {self.tokens[name]}"})


@pytest.fixture
def door(people: Stage, tmp_path: Path) -> Iterator[Door]:
    settings = Settings(home=tmp_path)
    settings.log_vkey.write_text(f"{settings.origin}+01234567+{base64.b64encode(bytes(33)).decode()}\n")
    tokens = {name: new_token() for name in CAST}
    with people.platform.work(ANN.id) as work:
        for name, principal in CAST.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
        work.record(KeyRevoked(principal=EVE.id))
        work.commit()
    with TestClient(create_app(people.platform, settings), raise_server_exceptions=False) as client:
        yield Door(people, client, tokens)


def seal(door: Door) -> None:
    log: Any = door.stage.platform.log
    size = len(door.stage.entries())
    log.signed = SignedTreeHead(size=size, note=f"{Settings(home=Path()).origin}\n{size}\n{'A' * 43}=\n")


def one_model(door: Door) -> str:
    model = model_of(trained(door.stage, dataset(door.stage, ["ada"]).id, "1"))
    door.stage.clock.advance(timedelta(days=1))
    promoted(door.stage, model)
    door.stage.clock.advance(timedelta(days=1))
    seal(door)
    return model


# As of


def test_a_date_means_its_end_and_the_page_says_so(door: Door) -> None:
    model = one_model(door)
    answer = door.get("otto", f"/v1/models/{model}/report?as_of={NOW.date()}")
    assert answer.status_code == 200
    assert f'As of <time datetime="{NOW.date()}T23:59:59Z">' in answer.text
    assert "No alias has ever named it" in answer.text
    now = door.get("otto", f"/v1/models/{model}/report").text
    assert "As of" not in now
    assert "The alias production names it" in now


def test_an_instant_is_taken_to_the_millisecond_and_in_any_zone(door: Door) -> None:
    model = one_model(door)
    moved = next(entry.at for entry in door.stage.entries() if isinstance(entry.event, AliasMoved))
    before = instant_text(moved - timedelta(milliseconds=1))
    there = (moved + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "%2B02:00"
    assert "No alias has ever named it" in door.get("otto", f"/v1/models/{model}/report?as_of={before}").text
    for at in (instant_text(moved), there):
        assert "The alias production names it" in door.get("otto", f"/v1/models/{model}/report?as_of={at}").text


@pytest.mark.parametrize("door_of", ["report", "lineage"])
@pytest.mark.parametrize(
    ("as_of", "status", "code"),
    [
        ("2026-11-20", 404, "model_not_found"),
        ("2026-11-20T23:59:59.999Z", 404, "model_not_found"),
        ("0001-01-01T00:00:00%2B14:00", 422, "as_of_malformed"),
        ("2026-11-23", 422, "as_of_in_the_future"),  # that day is not over
        ("2030-01-01", 422, "as_of_in_the_future"),
        ("9999-12-31T23:59:59Z", 422, "as_of_in_the_future"),
        ("2026-11-21T12:00:00", 422, "as_of_malformed"),  # no zone
        ("yesterday", 422, "as_of_malformed"),
        ("2026-13-01", 422, "as_of_malformed"),
        ("", 422, "as_of_malformed"),
        ("1" * 41, 422, "invalid_request"),
    ],
)
def test_a_time_that_cannot_be_answered_is_refused_with_its_reason(
    door: Door, door_of: str, as_of: str, status: int, code: str
) -> None:
    model = one_model(door)
    answer = door.get("otto", f"/v1/models/{model}/{door_of}?as_of={as_of}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


# The other way


def test_a_dataset_version_answers_with_its_models_and_their_aliases(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    model = model_of(trained(door.stage, made.id, "1"))
    promoted(door.stage, model)
    asked(door.stage, made.id, "1")
    answer = door.get("otto", f"/v1/datasets/{made.id}/versions/{made.latest().digest}/models").json()
    assert [(one["model"], one["state"], one["aliases"]) for one in answer["data"]] == [
        (model, "measured", ["production"]),
        (None, "awaiting-approval", []),
    ]
    assert answer["size"] == len(door.stage.entries())
    types = {entry.index: type(entry.event).__name__ for entry in door.stage.entries()}
    assert "ModelRegistered" in [types[index] for index in answer["data"][0]["log"]]
    assert [types[entry["index"]] for entry in answer["added"]] == ["DatasetVersionAdded"]


@pytest.mark.parametrize(("digest", "status"), [(DIGEST, 404), ("sha256:0", 422), ("latest", 422)])
def test_a_version_that_is_none_is_refused(door: Door, digest: str, status: int) -> None:
    made = dataset(door.stage, ["ada"])
    assert door.get("otto", f"/v1/datasets/{made.id}/versions/{digest}/models").status_code == status


def test_a_person_answers_with_models_and_says_what_cannot_be_known(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    model = model_of(trained(door.stage, made.id, "1"))
    answer = door.post("pia", "/v1/lineage/person", {"dataset": made.id, "person": "ada"})
    said = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert [(one["model"], one["use"]) for one in said["data"]] == [(model, "trained-on-or-measured-on")]
    assert [one["version"] for one in said["versions"]] == [made.latest().digest]
    assert "trained on or held out to measure with" in said["limits"]
    assert door.stage.entries()[said["receipt"]["index"]].event == PersonTraced(dataset=made.id, versions=1, models=1)


def test_an_unknown_person_answers_with_empty_lists(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    said = door.post("pia", "/v1/lineage/person", {"dataset": made.id, "person": "nobody"}).json()
    assert (said["versions"], said["data"], said["searched"]) == ([], [], 1)
    assert isinstance(door.stage.entries()[said["receipt"]["index"]].event, PersonTraced)


@pytest.mark.parametrize("name", ["ann", "bob", "dana", "otto"])
def test_nobody_else_may_look_a_person_up(door: Door, name: str) -> None:
    made = dataset(door.stage, ["ada"])
    answer = door.post(name, "/v1/lineage/person", {"dataset": made.id, "person": "ada"})
    assert (answer.status_code, answer.json()["who_can"]) == (403, "privacy-officer")


def test_no_answer_no_entry_and_no_diagnostic_repeats_the_person(
    door: Door, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    made = dataset(door.stage, [CANARY])
    caplog.set_level(logging.DEBUG)
    with capture_logs() as diagnostics:
        answers = [
            door.post(name, "/v1/lineage/person", {"dataset": which, "person": CANARY, **more})
            for name in ("pia", "ann", "eve")
            for which in (made.id, "ds-none", CANARY)
            for more in ({}, {"unknown": CANARY})
        ]
        answers.append(door.post("pia", "/v1/lineage/person", {"dataset": made.id, "person": [CANARY]}))
        answers.append(door.post("pia", "/v1/lineage/person", {"dataset": made.id, "person": CANARY * 9000}))
        people_blobs = door.stage.blobs.stored
        people_blobs[made.latest().digest] += b"spoiled"
        answers.append(door.post("pia", "/v1/lineage/person", {"dataset": made.id, "person": CANARY}))
    assert {answer.status_code for answer in answers} == {200, 403, 404, 422, 500}
    said = "".join(answer.text + repr(answer.headers) for answer in answers)
    said += repr(door.stage.entries()) + repr(diagnostics) + caplog.text + "".join(capfd.readouterr())
    assert "Canary" not in said
    assert "0815" not in said


# The same as a page


def version_path(made: Dataset) -> str:
    return f"/v1/datasets/{made.id}/versions/{made.latest().digest}/models"


def test_what_learned_from_a_dataset_version_is_also_a_page_and_every_entry_it_rests_on_is_cited(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    model = model_of(trained(door.stage, made.id, "1"))
    promoted(door.stage, model)
    waiting = asked(door.stage, made.id, "1")
    said = door.get("otto", version_path(made)).json()
    page = door.get("otto", version_path(made) + "/report")
    report = door.get("otto", f"/v1/models/{model}/diff/{model}/report")
    assert page.headers["content-type"].startswith("text/html")
    for header in ("content-security-policy", "cache-control", "referrer-policy"):
        assert page.headers[header] == report.headers[header]
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    rows = {int(index) for index in re.findall(r'<tr id="log-(\d+)">', page.text)}
    assert rows >= {index for one in said["data"] for index in one["log"]} | {one["index"] for one in said["added"]}
    for shown in (model, waiting.id, made.latest().digest, "Waits for approval", "production since", "101"):
        assert shown in page.text


@pytest.mark.parametrize("name", CAST)
def test_the_page_is_for_whoever_may_have_the_data_and_tells_nobody_else_why(door: Door, name: str) -> None:
    made = dataset(door.stage, ["ada"])
    data, page = (door.get(name, version_path(made) + end) for end in ("", "/report"))
    assert page.status_code == data.status_code == (404 if name == "eve" else 200)
    if name == "eve":
        assert page.json()["error"]["code"] == data.json()["error"]["code"]


@pytest.mark.parametrize(("digest", "status"), [(DIGEST, 404), ("sha256:0", 422), ("latest", 422)])
def test_a_version_that_is_none_has_no_page(door: Door, digest: str, status: int) -> None:
    made = dataset(door.stage, ["ada"])
    assert door.get("otto", f"/v1/datasets/{made.id}/versions/{digest}/models/report").status_code == status


def test_requests_that_the_reader_may_not_see_are_counted_on_the_page_and_not_told(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    model = model_of(trained(door.stage, made.id, "1"))
    page = door.get("cleo", version_path(made) + "/report").text
    assert "1 request on this version is counted here and not told" in page
    assert "There is none that you may see" in page
    for hidden in (model, ANN.id, BOB.id, "RequestSubmitted", "BudgetCharged", "StepStarted"):
        assert hidden not in page
    assert "you may see every request" in door.get("ann", version_path(made) + "/report").text


def test_a_page_without_requests_says_what_to_do_next_and_how_to_ask_for_a_person(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    page = door.get("otto", version_path(made) + "/report").text
    assert "No request has used this dataset version" in page
    assert "a requester names its upload as" in page
    assert "POST /v1/lineage/person" in page
    datasets.retire(door.stage.platform, DANA, made.id)
    retired = door.get("otto", version_path(made) + "/report").text
    assert "The dataset is retired, so no new request is taken" in retired
    assert "a requester names its upload as" not in retired
    assert re.search(r"<dt>Retired by</dt><dd><code[^>]*>prn-dana</code><sup", retired)


def test_a_training_that_was_paid_for_and_left_nothing_is_cited_by_its_charge(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    request = trained(door.stage, made.id, "1", steps=1)
    with door.stage.platform.work(WORKER.id) as work:
        work.record(BudgetCharged(dataset=made.id, request=request.id, attempt=2, updates=8, charged=8))
        charge = work.commit()
    page = door.get("otto", version_path(made) + "/report").text
    footnote = f'<sup class="log" data-log="{charge.index}-{charge.index}"><a href="#log-{charge.index}">'
    assert f"Trained on or measured on the records.{footnote}" in page
    assert f'<tr id="log-{charge.index}">' in page


def test_a_version_whose_entries_lost_their_bodies_is_not_told_as_if_nothing_had_been(door: Door) -> None:
    made = dataset(door.stage, ["ada"])
    told = tracing.tell_version(door.stage.platform, OTTO, made.id, made.latest().digest)
    trace = replace(told.trace, descent=replace(told.trace.descent, added=()), without_body=2)
    page = render_descendants(replace(told, trace=trace, entries={}), reader=OTTO.id, origin="log.example.org")
    assert "2 entries of the whole log lost their body" in page
    assert "not told any more: the entry has no body" in page
    assert "<dt>Dataset retired</dt>" not in page
    assert "as far as the log tells" in page


# Two models


def test_a_difference_is_answered_as_data_and_as_a_page_to_who_may_see_both(door: Door) -> None:
    one = model_of(trained(door.stage, dataset(door.stage, ["ada"]).id, "1"))
    other = model_of(trained(door.stage, dataset(door.stage, ["bo"]).id, "2"))
    said = door.get("otto", f"/v1/models/{one}/diff/{other}").json()
    assert (said["left"]["model"], said["right"]["model"]) == (one, other)
    differing = {row["name"] for row in said["plan"] if not row["same"]}
    assert {"dataset", "dataset_version", "epsilon"} <= differing
    page = door.get("otto", f"/v1/models/{one}/diff/{other}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]
    assert page.text.count("<h1>") == 1
    for path in (f"{one}/diff/{other}", f"{other}/diff/{one}", f"{one}/diff/{other}/report"):
        assert door.get("eve", f"/v1/models/{path}").status_code == 404
    assert door.get("otto", f"/v1/models/{one}/diff/model-none").status_code == 404
    assert WORKER.id not in {row["name"] for row in said["people"]}


# The weights


def test_the_weights_come_with_their_digest_and_the_receipt_of_the_entry_that_says_they_left(door: Door) -> None:
    model = one_model(door)
    answer = door.get("ann", f"/v1/models/{model}/adapter")
    assert answer.status_code == 200
    assert answer.headers["tunewarden-adapter"] == "sha256:" + hashlib.sha256(answer.content).hexdigest()
    assert answer.headers["cache-control"] == "no-store"
    last = door.stage.entries()[-1]
    assert answer.headers["tunewarden-receipt"].split()[0] == str(last.index)
    assert isinstance(last.event, AdapterTaken)
    seal(door)
    assert "Took the weights away" in door.get("otto", f"/v1/models/{model}/report").text


def test_the_weights_of_a_model_version_that_no_alias_names_stay_here(door: Door) -> None:
    model = model_of(trained(door.stage, dataset(door.stage, ["ada"]).id, "1"))
    refused = door.get("ann", f"/v1/models/{model}/adapter")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_promoted")
    assert door.get("eve", f"/v1/models/{model}/adapter").status_code in {401, 404}
