"""What an api needs besides the platform to run well: put together from the settings."""

from dataclasses import dataclass, field

from tunewarden.drivers.envelopes import SealedMarks
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_repeats import SqlRepeats
from tunewarden.entry import key_files, webhooks
from tunewarden.entry.api.once import Once
from tunewarden.entry.readiness import Readiness, readiness
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform
from tunewarden.usecases.webhooks import WebhookDoor


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Whether it is ready, and what makes a request that comes twice be done once.

    Without the settings' database it is always ready, and nothing is kept of any request: for tests.
    """

    ready: Readiness = field(default_factory=lambda: Readiness({}))
    once: Once | None = None
    webhooks: WebhookDoor | None = None


def running(settings: Settings, platform: Platform) -> Running:
    """As the settings say. Raises as `key_files.blob_keys` does."""
    engine = connect(settings.database)
    marks = SealedMarks(key_files.blob_keys(settings))
    once = Once(SqlRepeats(engine), marks, platform.envelopes, platform.clock)
    return Running(ready=readiness(engine, platform), once=once, webhooks=webhooks.door(settings, engine))
