"""Erasing a person over HTTP: who may, what is answered, and that the answer tells nothing."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from tests.conftest import ANN, DANA, EVE, OTTO, PIA, WORKER, Stage
from tests.usecases.test_erasures import WHO, house, key_of

from tunewarden.domain.events import ActionRefused, KeyRevoked
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.usecases import erasures, retention
from tunewarden.usecases.ports import KeyRecord

assert house  # the fixture
CAST = {"ann": ANN, "dana": DANA, "otto": OTTO, "eve": EVE, "pia": PIA}


@dataclass(frozen=True, slots=True)
class Door:
    stage: Stage
    client: TestClient
    tokens: dict[str, str]
    dataset: str

    def ask(self, name: str, body: Any, dataset: str = "") -> Any:
        headers = {"authorization": f"Bearer {self.tokens[name]}"}
        return self.client.post(f"/v1/datasets/{dataset or self.dataset}/erasures", json=body, headers=headers)

    def listed(self, name: str, dataset: str = "") -> Any:
        headers = {"authorization": f"Bearer {self.tokens[name]}"}
        return self.client.get(f"/v1/datasets/{dataset or self.dataset}/erasures", headers=headers)


@pytest.fixture
def door(house: Stage, tmp_path: Path) -> Iterator[Door]:
    tokens = {name: new_token() for name in CAST}
    with house.platform.work(ANN.id) as work:
        for name, principal in CAST.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
        work.record(KeyRevoked(principal=EVE.id))
        work.commit()
    dataset = house.dataset().id
    key_of(house, dataset)
    with TestClient(create_app(house.platform, Settings(home=tmp_path)), raise_server_exceptions=False) as client:
        yield Door(house, client, tokens, dataset)


def carry_out(door: Door) -> None:
    for erasure in erasures.waiting(door.stage.platform):
        erasures.carry_out(door.stage.platform, WORKER, erasure)


def test_a_privacy_officer_asks_waits_and_sees_what_became_of_it(door: Door) -> None:
    answer = door.ask("pia", {"person": WHO})
    assert answer.status_code == 200
    asked = answer.json()
    assert (asked["object"], asked["state"], asked["ended_at"], asked["keys_destroyed"]) == (
        "erasure",
        "waiting",
        None,
        0,
    )
    assert asked["receipt"]["index"] == door.stage.entries()[-1].index
    for what in ("clean versions", "weights", "uploaded source", "backups"):
        assert what in asked["limits"], "an answer that promised more would be wrong"
    carry_out(door)
    for name in ("pia", "otto"):
        [done] = door.listed(name).json()["data"]
        assert (done["id"], done["state"], done["keys_destroyed"], done["because"]) == (asked["id"], "done", 1, "")
        assert done["ended_at"]


def test_the_answer_is_the_same_for_who_is_there_who_is_not_and_who_was_erased_before(door: Door) -> None:
    door.ask("pia", {"person": WHO})
    carry_out(door)
    told = []
    for person in (WHO, "nobody at all"):
        body = door.ask("pia", {"person": person}).json()
        told.append({name: value for name, value in body.items() if name not in {"id", "receipt"}})
    assert told[0] == told[1]


@pytest.mark.parametrize("name", ["ann", "dana", "otto"])
def test_everybody_else_is_refused_with_the_role_that_may(door: Door, name: str) -> None:
    answer = door.ask(name, {"person": WHO})
    assert answer.status_code == 403
    assert answer.json()["who_can"] == "privacy-officer"
    assert WHO not in answer.text
    assert isinstance(door.stage.entries()[-1].event, ActionRefused)


@pytest.mark.parametrize("name", ["ann", "dana", "eve"])
def test_who_may_not_read_the_log_is_told_of_no_erasure(door: Door, name: str) -> None:
    door.ask("pia", {"person": WHO})
    assert door.listed(name).status_code == 404


def test_without_a_key_nobody_asks(door: Door) -> None:
    assert door.client.post(f"/v1/datasets/{door.dataset}/erasures", json={"person": WHO}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"person": ""},
        {"person": None},
        {"person": [WHO]},
        {"person": WHO, "because": "asked"},
        {"person": "x" * 100_001},
        [],
        WHO,
    ],
    ids=["nothing", "empty", "null", "a list", "a member more", "too long", "no object", "a word"],
)
def test_a_malformed_body_is_refused_and_not_quoted(door: Door, body: Any) -> None:
    before = len(door.stage.entries())
    answer = door.ask("pia", body)
    assert answer.status_code == 422
    assert "Lovelace" not in answer.text
    assert len(door.stage.entries()) == before


def test_half_a_surrogate_pair_is_refused_and_not_quoted(door: Door) -> None:
    headers = {"authorization": f"Bearer {door.tokens['pia']}", "content-type": "application/json"}
    content = rb'{"person": "Ada \ud800"}'
    answer = door.client.post(f"/v1/datasets/{door.dataset}/erasures", content=content, headers=headers)
    assert answer.status_code == 422
    assert "Ada" not in answer.text


def test_a_dataset_that_is_not_there_is_not_found(door: Door) -> None:
    assert door.ask("pia", {"person": WHO}, dataset="ds-none").status_code == 404
    assert door.listed("pia", dataset="ds-none").status_code == 404


def test_a_legal_hold_refuses_and_says_who_can_release_it(door: Door) -> None:
    retention.place_hold(door.stage.platform, PIA, door.dataset, None)
    answer = door.ask("pia", {"person": WHO})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "legal_hold")
    assert answer.json()["who_can"] == "privacy-officer"


def test_the_person_is_in_no_answer_no_log_line_and_no_document_of_the_api(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as said:
        answers = [door.ask(name, {"person": WHO}).text for name in CAST]
        answers.append(door.ask("pia", {"person": WHO * 9_000}).text)
        carry_out(door)
        answers += [door.listed("pia").text]
    assert "Lovelace" not in repr((answers, said)) + caplog.text
