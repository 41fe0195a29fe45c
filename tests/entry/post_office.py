"""The notifier over a real database, and everybody outside whom it tells."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.conftest import NOW
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import Event
from tunewarden.domain.webhook_holds import Answer
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.webhook_addresses import Target
from tunewarden.entry import webhooks
from tunewarden.usecases import notifying
from tunewarden.usecases.notifying import Notifier, collect, deliver

PUBLIC = "93.184.216.34"
ALL = ["fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled", "approval.requested"]
URL = "https://hooks.example/in"


@dataclass(slots=True)
class Outside:
    """Everybody out there: answers as a test says, and remembers what came."""

    answers: dict[str, int] = field(default_factory=dict)
    retry_after: dict[str, str] = field(default_factory=dict)
    came: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    during: Callable[[str], None] = lambda _: None
    resolved: Callable[[str], list[str]] = lambda _: [PUBLIC]

    def send(self, target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Answer:
        assert address == PUBLIC
        self.came.append((target.host, headers, body))
        self.during(target.host)
        status = self.answers.get(target.host, 204)
        if not status:
            raise Unavailable("webhook_unreachable", "The endpoint gave no answer.")
        return Answer(status=status, retry_after=self.retry_after.get(target.host, ""))

    def told(self, host: str = "hooks.example") -> list[dict[str, Any]]:
        return [json.loads(body) for where, _, body in self.came if where == host]


@dataclass(slots=True, kw_only=True)
class Post:
    """A platform with webhooks, the notifier, and the outside."""

    theatre: Theatre
    outside: Outside
    clock: FixedClock
    notifier: Notifier
    props: Props

    def endpoint(self, url: str = URL, types: list[str] | None = None, **more: Any) -> dict[str, Any]:
        body = {"name": "ours", "url": url, "event_types": types or ALL}
        made: dict[str, Any] = self.theatre.must("ada", "POST", "/v1/webhook_endpoints", json=body, **more)
        return made

    def run(self) -> None:
        """Until nothing is due."""
        while collect(self.notifier):
            pass
        while found := notifying.waiting(self.notifier, frozenset()):
            for one in found:
                deliver(self.notifier, one)

    def later(self, pause: timedelta) -> None:
        self.clock.now += pause
        self.run()

    def facts(self, kind: type[Event]) -> list[Any]:
        return [entry.event for entry in self.theatre.entries() if isinstance(entry.event, kind)]


def post_office(home: Path) -> Post:
    """A platform in this folder, ten years on for the notifier. Whoever has it closes its theatre."""
    outside, clock = Outside(), FixedClock(NOW + timedelta(days=3650))
    theatre = in_folder(home, webhooks=True)
    app: Any = theatre.client.app
    door = webhooks.door(theatre.settings, connect(theatre.settings.database), lambda host, _: outside.resolved(host))
    object.__setattr__(app.state.doors, "webhooks", door)
    made = webhooks.notifier(theatre.settings, clock, outside.send, lambda host, _: outside.resolved(host))
    return Post(theatre=theatre, outside=outside, clock=clock, notifier=made, props=Props(theatre=theatre))
