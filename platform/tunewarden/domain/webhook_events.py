"""Facts about webhooks: a part of the closed set of `events.py`, under the same law. None holds an address or a name.

What was delivered leaves no entry: it is evidence of nothing here, and a webhook about it would never end.
"""

from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.names import ProjectId, WebhookId
from tunewarden.domain.webhook_words import WebhookEnd, WebhookType


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated:
    """A project has an endpoint, which is told of these types of events."""

    webhook: WebhookId
    project: ProjectId
    types: tuple[WebhookType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanged:
    """It is told of these from here on; `moved`: at another address."""

    webhook: WebhookId
    types: tuple[WebhookType, ...]
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated:
    """It has a new signing secret; the one before signs along until then, where it does."""

    webhook: WebhookId
    former_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDisabled:
    """Nothing is sent to it any more."""

    webhook: WebhookId
    because: WebhookEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeleted:
    """It is gone, and what waited for it."""

    webhook: WebhookId


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookGivenUp:
    """It was not told of the entry with this index: so many attempts failed."""

    webhook: WebhookId
    entry: int
    attempts: int


WebhookEvent = (
    WebhookCreated | WebhookChanged | WebhookSecretRotated | WebhookDisabled | WebhookDeleted | WebhookGivenUp
)
