"""Whoever changed who may do what is answered by that change in every process, or not at all."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from tests.conftest import EVE, POLICIES
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.stored_policies import StoredEngine, StoredPolicies
from tunewarden.entry.api.app import create_app
from tunewarden.entry.wiring import build
from tunewarden.usecases.binding import bound
from tunewarden.usecases.ports import View, Views

MODEL = POLICIES / "access" / "model.conf"
GRANT = {"principal": EVE.id, "role": "steward"}
PERMISSIONS = f"/v1/access/principals/{EVE.id}"
SAID, WANTED = "tunewarden-policy-version", "tunewarden-at-least"


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    yield made
    made.close()


def elsewhere(theatre: Theatre, view: Views | None = None, clock: Callable[[], float] = lambda: 0.0) -> TestClient:
    """Another api over the same database, or over what `view` shows of it; whose clock stands still never polls."""
    platform = build(theatre.settings)
    seen = view or platform.view
    live = LiveAccess(StoredPolicies(view=seen, model=MODEL), clock=clock)
    behind = StoredEngine(live=live, model=MODEL)
    return TestClient(create_app(replace(platform, access=bound(live), engine=behind), theatre.settings))


def asked(client: TestClient | httpx.Client, theatre: Theatre, **headers: str) -> Any:
    return client.get(PERMISSIONS, headers={"authorization": f"Bearer {theatre.tokens['otto']}", **headers})


def granted(theatre: Theatre) -> str:
    """The version that the answer to a grant says."""
    answer = theatre.ask("ada", "POST", "/v1/grants", json=GRANT)
    assert answer.status_code == 200, answer.text
    return str(answer.headers[SAID])


def test_another_api_decides_by_the_version_of_a_change_as_soon_as_it_is_named(theatre: Theatre) -> None:
    other = elsewhere(theatre)
    version = granted(theatre)
    assert asked(other, theatre).json()["data"] == [], "it did not look"
    assert asked(other, theatre, **{WANTED: version}).json()["data"] != []
    assert asked(other, theatre).json()["data"] != []


def test_a_later_version_will_do(theatre: Theatre) -> None:
    first = granted(theatre)
    taken = theatre.ask("ada", "POST", "/v1/grants/revoke", json=GRANT)
    assert taken.headers[SAID] != first
    assert asked(elsewhere(theatre), theatre, **{WANTED: first}).json()["data"] == []


def test_an_api_that_reads_an_older_store_does_not_answer(theatre: Theatre) -> None:
    with theatre.platform.view() as before:
        other = elsewhere(theatre, view=lambda: Held(before))
        version = granted(theatre)
        began = time.monotonic()
        answer = asked(other, theatre, **{WANTED: version})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "policy_version_not_here")
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() - began < 20, "nobody is kept waiting"
        assert asked(other, theatre).status_code == 200


class Held:
    """A view that stays open: a copy of the database that lags behind."""

    def __init__(self, view: Any) -> None:
        self._view = view

    def __enter__(self) -> Any:
        return self._view

    def __exit__(self, *_: object) -> None:
        pass


def test_another_state_with_the_same_number_is_not_that_version(theatre: Theatre) -> None:
    number, _, _ = granted(theatre).partition(":")
    for wanted in (number, str(int(number) + 1)):
        answer = asked(elsewhere(theatre), theatre, **{WANTED: f"{wanted}:sha256:{'0' * 64}"})
        assert answer.status_code == 503


@pytest.mark.parametrize("word", ["", "7", "-1:sha256:" + "0" * 64, "1:sha256:x", "9" * 5000, "1 sha256:" + "0" * 64])
def test_what_is_no_version_is_refused_and_not_repeated(theatre: Theatre, word: str) -> None:
    answer = asked(theatre.client, theatre, **{WANTED: word})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "policy_version_malformed")
    assert len(word) < 9 or word not in answer.text


def test_two_versions_in_one_request_are_refused(theatre: Theatre) -> None:
    version = granted(theatre)
    headers = [("authorization", f"Bearer {theatre.tokens['otto']}"), (WANTED, version), (WANTED, version)]
    assert theatre.client.get(PERMISSIONS, headers=headers).status_code == 422


def test_nobody_unknown_makes_a_process_wait(theatre: Theatre) -> None:
    began = time.monotonic()
    assert theatre.client.get(PERMISSIONS, headers={WANTED: f"999999:sha256:{'0' * 64}"}).status_code == 401
    assert time.monotonic() - began < 20


def test_where_the_store_does_not_answer_after_a_change_no_version_is_said(theatre: Theatre) -> None:
    """The one that is decided by may be older than the change."""
    answers = True

    def view() -> View:
        if not answers:
            raise Unavailable("database_unavailable", "It does not answer.")
        return theatre.platform.view()

    other, headers = elsewhere(theatre, view, time.monotonic), {"authorization": f"Bearer {theatre.tokens['ada']}"}
    made = other.post("/v1/grants", json=GRANT, headers=headers)
    assert made.status_code == 200
    assert SAID in made.headers
    answers = False
    taken = other.post("/v1/grants/revoke", json=GRANT, headers=headers)
    assert taken.status_code == 200
    assert SAID not in taken.headers


def test_reading_says_no_version_and_neither_does_a_refusal(theatre: Theatre) -> None:
    assert SAID not in asked(theatre.client, theatre).headers
    assert SAID not in theatre.ask("ann", "POST", "/v1/grants", json=GRANT).headers


_SERVES = """
import socket, sys
import uvicorn
from tunewarden.drivers import access_live
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build
access_live.POLL_SECONDS = 10.0**9  # it looks for nothing that it is not asked for
settings, listening = Settings(), socket.socket()
listening.bind(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(create_app(build(settings), settings), log_level="critical")).run(sockets=[listening])
"""


@pytest.fixture
def process(theatre: Theatre) -> Iterator[httpx.Client]:
    """An api in a process of its own that never polls."""
    environment = {**os.environ, "TUNEWARDEN_HOME": str(theatre.settings.home.absolute())}
    serving = subprocess.Popen(
        [sys.executable, "-c", _SERVES], stdout=subprocess.PIPE, text=True, env=environment, cwd=theatre.settings.home
    )
    assert serving.stdout is not None
    port = int(serving.stdout.readline())
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(300):
            try:
                client.get("/healthz")
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield client
    serving.terminate()
    serving.wait()
    serving.stdout.close()


def test_a_process_of_its_own_follows_a_change_that_is_named_and_the_taking_back(
    theatre: Theatre, process: httpx.Client
) -> None:
    assert asked(process, theatre).json()["data"] == []
    version = granted(theatre)
    assert asked(process, theatre).json()["data"] == []
    assert asked(process, theatre, **{WANTED: version}).json()["data"] != []
    taken = theatre.ask("ada", "POST", "/v1/grants/revoke", json=GRANT).headers[SAID]
    assert asked(process, theatre, **{WANTED: taken}).json()["data"] == []
