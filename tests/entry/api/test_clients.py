"""The OpenAI client in three major versions, unchanged, against a platform on loopback: one program, run by each."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.conftest import ROOT
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.canonical import Plain, encode
from tunewarden.drivers.webhook_seals import WebhookSeals, new_secret

SCENARIO = Path(__file__).with_name("client_scenario.py")
VERSIONS = {"1.109.1": ROOT / ".venv/openai1/bin/python", "2.54.0": ROOT / ".venv/openai2/bin/python"}
"""Beside the one that the tests use; `make test` puts them there."""


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("clients") / "home")
    app: Any = made.client.app
    live = app.state.doors.live
    live.asked_seconds, live.longest_seconds = 0.01, 0.5  # so that a stream of a job that waits is over soon
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(theatre: Theatre) -> Iterator[str]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(theatre.client.app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture(scope="module")
def props(theatre: Theatre) -> Props:
    return Props(theatre=theatre)


def webhook() -> dict[str, Any]:
    """A message as the notifier sends it, and the secret that its receiver was shown."""
    secret, now = new_secret(), int(time.time())
    about = {"id": "ftjob-1"}
    message: dict[str, Plain] = {"id": "evt-7-0", "object": "event", "type": "fine_tuning.job.succeeded"}
    body = encode({**message, "created_at": now, "data": about})
    signature = WebhookSeals(bytes(32)).signatures("evt-7-0", now, body, [new_secret(), secret])
    headers = {"webhook-id": "evt-7-0", "webhook-timestamp": str(now), "webhook-signature": signature}
    return {"secret": secret, "headers": headers, "body": body.decode()}


@pytest.mark.parametrize("version", ["newest", *VERSIONS])
def test_a_program_of_before_works_with_every_version_of_the_client_and_answers_are_what_its_types_say(
    theatre: Theatre, address: str, props: Props, version: str
) -> None:
    python = VERSIONS.get(version, Path(sys.executable))
    if not python.exists():
        pytest.skip("make test installs the older clients")
    props.model(suffix="burns")
    with theatre.platform.view() as view:
        done = view.models.all()[-1].request
    told = {
        "address": address,
        "keys": {name: theatre.tokens[name] for name in ("ann", "bob", "pia", "ada")},
        "dataset": props.kept["dataset"],
        "waiting": props.job()["id"],
        "done": done,
        "webhook": webhook(),
    }
    run = subprocess.run(
        [str(python), "-W", "error", str(SCENARIO), json.dumps(told)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert version in {"newest", run.stdout.strip()}
