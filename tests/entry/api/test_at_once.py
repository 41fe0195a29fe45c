"""One request more than there are places is told to come back; whether the process lives is still told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fastapi.testclient import TestClient
from tests.entry.api.conftest import Gatehouse, Open

from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings


def slow(gate: Gatehouse, came: threading.Semaphore, go: threading.Event, most: int) -> TestClient:
    """The same platform, in which reading waits until it may go on."""

    def view() -> Any:
        came.release()
        assert go.wait(10)
        return gate.stage.platform.view()

    settings = Settings(requests_at_once=most)
    return TestClient(create_app(replace(gate.stage.platform, view=view), settings))


def test_one_request_too_many_is_told_to_come_back_and_nothing_is_done_for_it(opened: Open) -> None:
    gate = opened()
    came, go = threading.Semaphore(0), threading.Event()
    headers = {"authorization": f"Bearer {gate.tokens['ann']}"}
    with slow(gate, came, go, 2) as client, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(client.get, "/v1/files", headers=headers) for _ in range(2)]
        for _ in waiting:
            assert came.acquire(timeout=10)
        refused = client.get("/v1/files", headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_busy")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-request-id"].startswith("req_")
        assert client.get("/healthz").status_code == 200
        go.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
        for _ in range(3):
            assert client.get("/v1/files", headers=headers).status_code == 200, "places are given back"


def test_a_place_is_given_back_whatever_becomes_of_the_request(opened: Open) -> None:
    gate = opened(requests_at_once=1)
    for path in ("/v1/files", "/v1/nowhere", "/v1/files/x", "/docs", "/v1/files"):
        assert gate.ask("ann", "GET", path).status_code in {200, 404}
    assert gate.ask("nobody", "GET", "/v1/files").status_code == 401
    assert gate.ask("ann", "POST", "/v1/datasets", content=b"x" * (1024 * 1024 + 1)).status_code == 413
    assert gate.ask("ann", "GET", "/v1/files").status_code == 200
