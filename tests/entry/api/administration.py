"""A platform with a stored access policy behind a server on loopback, administered by the real OpenAI client."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from openai import OpenAI
from openai.resources.admin.organization import Organization
from tests.conftest import ADA, ANN, BOB, OTTO, PIA, REA, Stage
from tests.usecases.governed import govern

from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.events import KeyAdded, KeyRevoked
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.identities import Identities
from tunewarden.entry.settings import Settings
from tunewarden.usecases.keys import kind_for
from tunewarden.usecases.ports import KeyRecord, Platform

CAST = {"ada": ADA, "ann": ANN, "bob": BOB, "otto": OTTO, "pia": PIA, "rea": REA}
NAME = '=cmd|"/c calc"\n<script>night shift</script>, x, admin'
"""What a spreadsheet, a page and a log that were careless would stumble on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """Who holds which key. ada's is an admin key."""

    stage: Stage
    platform: Platform
    address: str
    tokens: Mapping[str, str]
    clients: dict[str, OpenAI] = field(default_factory=dict)

    def client(self, who: str = "ada") -> OpenAI:
        """The real client with somebody's key, which checks every answer against its types and repeats nothing."""
        if who not in self.clients:
            self.clients[who] = OpenAI(
                base_url=f"{self.address}/v1",
                api_key="none",
                admin_api_key=self.tokens[who],
                max_retries=0,
                _strict_response_validation=True,
            )
        return self.clients[who]

    def organization(self, who: str = "ada") -> Organization:
        """`client.admin.organization`."""
        return self.client(who).admin.organization

    def project(self, name: str = "burns") -> str:
        return self.organization().projects.create(name=name).id

    def group(self, name: str = "nurses", *members: str) -> str:
        made = self.organization().groups.create(name=name).id
        for one in members:
            self.organization().groups.users.create(made, user_id=one)
        return made

    def entries(self) -> list[Entry]:
        return self.stage.entries()

    def log(self) -> bytes:
        """Every entry's bytes."""
        return b"\n".join(entry_bytes(one.event, actor=one.actor, at=one.at) for one in self.entries())


def receipted(answer: Any) -> int:
    """The index in the receipt that comes with a change."""
    index = answer.model_extra["receipt"]["index"]
    assert isinstance(index, int)
    return index


@contextmanager
def administration(stage: Stage, home: Path) -> Iterator[Administration]:
    platform = govern(stage)
    tokens = {name: new_token(kind_for(one.roles)) for name, one in CAST.items()}
    with platform.work(PrincipalId("operator")) as work:
        for name, one in CAST.items():
            kind = KeyKind.ADMIN if name == "ada" else KeyKind.PROJECT
            key = KeyRecord(hash=token_hash(tokens[name]), principal=one.id, kind=kind, created=platform.clock())
            work.keys.put(key)
            work.record(
                KeyAdded(principal=one.id, key=key.id, kind=kind, scope=(), request=None, expires=None),
            )
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    stage.clock.advance(timedelta(days=2))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app(platform, Settings(home=home, requests_per_minute=1_000_000), Identities())
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        made = Administration(stage=stage, platform=platform, address=address, tokens=tokens)
        yield made
        for one in made.clients.values():
            one.close()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        app.state.doors.close()
