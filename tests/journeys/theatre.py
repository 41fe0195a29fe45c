"""The whole platform in one process: API, worker and sealer over a real database; the steps do what a test says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.conftest import (
    ADA,
    ANN,
    BOB,
    DANA,
    EVE,
    OTTO,
    FewPolicies,
    TellingStep,
    linear_accountant,
    linear_calibration,
    measured,
)

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.gates import SamplingPlan
from tunewarden.domain.names import Digest, PrincipalId, Role
from tunewarden.domain.training import StepName
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.drivers.sql_engine import migrate
from tunewarden.drivers.sql_webhooks import SqlDeliveries
from tunewarden.entry import sealer, worker
from tunewarden.entry.api.app import create_app
from tunewarden.entry.running import Running, running
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys, with_persons, with_release
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.ports import Drawn, KeyRecord, Platform, Principal
from tunewarden.usecases.webhook_deliveries import Delivery

PIA = Principal(id=PrincipalId("prn-pia"), roles=frozenset({Role.PRIVACY_OFFICER}))
MAX = Principal(id=PrincipalId("prn-max"), roles=frozenset(Role))
"""Who may do everything but approve what they asked for themselves; so that a walk needs no table of who may what."""
GAIL = Principal(id=PrincipalId("prn-gail"), roles=frozenset({Role.BREAK_GLASS}))

CAST = {
    "ann": ANN,
    "bob": BOB,
    "dana": DANA,
    "otto": OTTO,
    "ada": ADA,
    "pia": PIA,
    "eve": EVE,
    "max": MAX,
    "gail": GAIL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Theatre:
    """What plays, and who holds which key."""

    settings: Settings
    platform: Platform
    client: TestClient
    tokens: Mapping[str, str]
    steps: Mapping[StepName, TellingStep]
    running: Running = field(default_factory=Running)

    def ask(self, name: str, method: str, path: str, **more: Any) -> Any:
        """One request with that person's key. What no handler answers is raised here, as it would reach the server."""
        headers = {"authorization": f"Bearer {self.tokens[name]}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def must(self, name: str, method: str, path: str, **more: Any) -> Any:
        """The answer to a request that has to succeed."""
        answer = self.ask(name, method, path, **more)
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        return answer.json()

    def upload(self, name: str, content: bytes, filename: str = "notes.csv") -> str:
        files = {"file": (filename, BytesIO(content))}
        return str(self.must(name, "POST", "/v1/files", files=files, data={"purpose": "fine-tune"})["id"])

    def work(self) -> None:
        """The worker, until nothing waits."""
        while worker.work_once(self.settings, self.platform, self.steps, "worker-1"):
            pass

    def seal(self) -> None:
        """The sealer, for one turn."""
        turns = iter((False, True))
        assert sealer.run(self.settings, lambda: next(turns)) == 0

    def close(self) -> None:
        """Wait for what the API still writes down, and let go of the database.

        A server's connections do not close themselves, and who is using one keeps it when the others are closed.
        """
        app: Any = self.client.app
        app.state.doors.close()
        holding: list[Any] = [self.platform.log, self.platform.enrolments]
        if self.running.once is not None:
            holding.append(self.running.once._repeats)
        for each in holding:
            each._engine.dispose()

    def entries(self) -> list[Entry]:
        with self.platform.view() as view:
            return list(view.entries())


def few_samples(_: Digest, plan: SamplingPlan) -> list[Drawn]:
    """As many texts as the plan says; nothing is marked in them, and nothing has to be."""
    return [Drawn(record=number, text=f"[NAME] fell on [DATE], {number}.", seed=()) for number in range(plan.documents)]


def theatre(settings: Settings) -> Theatre:
    """A platform wired as `tunewarden serve` does it; only the steps, their policies and the accountant are quick."""
    settings.home.mkdir(exist_ok=True)
    create_keys(settings)
    migrate(settings.database)
    built = with_persons(settings, with_release(settings, build(settings)))
    platform = replace(
        built,
        policies=FewPolicies(restart=partial(put_in_force, built.work, built.view)),
        draw=few_samples,
        accountant=linear_accountant,
        calibrate=linear_calibration,
    )
    steps = {name: TellingStep(name=name, blobs=platform.blobs) for name in StepName}
    steps[StepName.DEIDENTIFY].measurements = (measured("deid.planted_recall", "0.95"),)
    steps[StepName.TRAIN].updates = 2
    steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.8"),)
    tokens = {name: new_token() for name in CAST}
    with platform.work(ADA.id) as work:
        for name, principal in CAST.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))  # any entry: state never changes without one
        work.commit()
    runs = _with_tests_answered(running(settings, platform))
    client = TestClient(create_app(platform, settings, running=runs))
    return Theatre(settings=settings, platform=platform, client=client, tokens=tokens, steps=steps, running=runs)


class _Answering(SqlDeliveries):
    """Every test of an endpoint is answered 204 at once: no notifier plays."""

    def put_test(self, test: Delivery) -> None:
        super().put_test(test)
        self.answered(replace(test, status=204))


def _with_tests_answered(made: Running) -> Running:
    if made.webhooks is None:
        return made
    queue: Any = made.webhooks.deliveries
    return replace(made, webhooks=replace(made.webhooks, deliveries=_Answering(queue._engine)))


def in_folder(home: Path, **settings: Any) -> Theatre:
    """On SQLite, unless the settings say otherwise. Nobody is told to wait."""
    usual = {
        "webhooks": True,
        "largest_upload_bytes": 1_000_000,
        "seal_interval_seconds": 0.001,
        "requests_per_minute": 10_000_000,
    }
    return theatre(Settings.model_validate({"home": home, **usual, **settings}))
