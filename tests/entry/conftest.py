"""The API over a platform in memory, on a loopback port, called by the real OpenAI client."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from openai import OpenAI
from tests.conftest import ANN, BOB, DANA, EVE, OTTO, Stage
from tests.entry.post_office import Post, post_office

from tunewarden.domain.events import KeyRevoked
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import KeyRecord

CAST = {"ann": ANN, "bob": BOB, "dana": DANA, "otto": OTTO, "eve": EVE}


@dataclass(frozen=True, slots=True)
class Served:
    stage: Stage
    address: str
    tokens: dict[str, str]
    clients: dict[str, OpenAI] = field(default_factory=dict)

    def client(self, name: str) -> OpenAI:
        """The real client with that person's key; it repeats nothing, so every answer is seen."""
        if name not in self.clients:
            self.clients[name] = OpenAI(base_url=f"{self.address}/v1", api_key=self.tokens[name], max_retries=0)
        return self.clients[name]


@pytest.fixture
def served(stage: Stage, tmp_path: Path) -> Iterator[Served]:
    tokens = {name: new_token() for name in CAST}
    with stage.platform.work(ANN.id) as work:
        for name, principal in CAST.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
        work.record(KeyRevoked(principal=EVE.id))  # any entry: state never changes without one
        work.commit()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app(stage.platform, Settings(home=tmp_path, largest_upload_bytes=1_000_000))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    made = Served(stage, f"http://127.0.0.1:{listening.getsockname()[1]}", tokens)
    yield made
    for one in made.clients.values():
        one.close()
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A platform with webhooks, its notifier, and whom it tells."""
    made = post_office(tmp_path / "home")
    yield made
    made.theatre.close()
