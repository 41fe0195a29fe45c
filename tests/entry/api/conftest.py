"""The API over a platform in memory, as a server on loopback or called directly, with the whole cast."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, WORKER, Stage
from tests.drivers.test_oidc import OURS, House
from tests.entry.api.administration import Administration, administration

from tunewarden.domain.events import Event, KeyRevoked
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.identities import Identities
from tunewarden.entry.settings import Settings
from tunewarden.usecases.keys import kind_for
from tunewarden.usecases.ports import KeyRecord

CAST = {
    "ann": ANN,
    "bob": BOB,
    "dana": DANA,
    "pia": PIA,
    "rea": REA,
    "otto": OTTO,
    "ada": ADA,
    "eve": EVE,
    "worker": WORKER,
}
HOME = "https://house.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatehouse:
    """An API, a key for everybody, and the identity provider of tests/drivers/test_oidc.py behind it."""

    stage: Stage
    client: TestClient
    tokens: Mapping[str, str]
    house: House
    identities: Identities = field(default_factory=Identities)

    @property
    def doors(self) -> Doors:
        app: Any = self.client.app
        doors: Doors = app.state.doors
        return doors

    def ask(self, who: str, method: str, path: str, **more: Any) -> Any:
        """With somebody's key; with nothing at all for "nobody"."""
        headers = {"authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        return self.bring("", method, path, **{**more, "headers": {**headers, **more.pop("headers", {})}})

    def bring(self, credential: str, method: str, path: str, **more: Any) -> Any:
        """With this key or token."""
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        headers |= more.pop("headers", {})
        return self.client.request(method, path, headers=headers, follow_redirects=False, **more)

    def events(self, *kinds: type[Event]) -> list[Event]:
        return [entry.event for entry in self.stage.entries() if isinstance(entry.event, kinds)]


Open = Callable[..., Gatehouse]


@pytest.fixture
def opened(stage: Stage, tmp_path: Path) -> Iterator[Open]:
    """Opens a gatehouse with settings of its own."""
    made: list[Gatehouse] = []

    def open_with(groups: Mapping[str, frozenset[Role]] | None = None, **settings: Any) -> Gatehouse:
        tokens = {name: new_token(kind_for(one.roles)) for name, one in CAST.items()}
        with stage.platform.work(PrincipalId("operator")) as work:
            for name, principal in CAST.items():
                work.principals.put(principal)
                kind = KeyKind.ADMIN if name == "ada" else KeyKind.PROJECT
                work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id, kind=kind))
            work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))  # any entry: state never changes without one
            work.commit()
        house = House(clock=stage.clock, ours=replace(OURS, groups=groups or OURS.groups))
        usual = {"home": tmp_path, "public_url": HOME, "oidc_issuer": house.ours.issuer, "oidc_client_id": "pages"}
        chosen = Settings.model_validate({**usual, **settings})
        identities = Identities(provider=house.provider)
        client = TestClient(create_app(stage.platform, chosen, identities), base_url=HOME)
        made.append(Gatehouse(stage=stage, client=client, tokens=tokens, house=house, identities=identities))
        return made[-1]

    yield open_with
    for one in made:
        one.doors.close()


@pytest.fixture
def gate(opened: Open) -> Gatehouse:
    return opened()


@pytest.fixture
def house(stage: Stage, tmp_path: Path) -> Iterator[Administration]:
    with administration(stage, tmp_path) as made:
        yield made
