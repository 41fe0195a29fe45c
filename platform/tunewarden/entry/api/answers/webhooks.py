"""Endpoints of webhooks, in the shape of the OpenAI client."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from tunewarden.domain.webhooks import WebhookEnd, WebhookType
from tunewarden.entry.api.answers.shapes import Deleted, Paged, Receipt, Seconds


class WebhookEndpoint(TypedDict):
    """Where a project is told that something happened. `signing_secret` is shown once."""

    id: str
    object: Literal["webhook_endpoint"]
    created_at: Seconds
    updated_at: Seconds
    name: str
    url: str
    event_types: list[WebhookType]
    signing_secret_hint: None
    project_id: str | None
    disabled_because: WebhookEnd | Literal["maker-may-not", "cannot-be-opened"] | None
    failing_since: Seconds | None
    signing_secret: NotRequired[str]
    receipt: NotRequired[Receipt]


class WebhookTest(TypedDict):
    """What an endpoint answered to a test."""

    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: WebhookType
    status_code: int
    success: Literal[True]


class WebhookTypes(TypedDict):
    """Every type of event."""

    object: Literal["list"]
    data: list[WebhookType]


class WebhookKey(TypedDict):
    """The public half of what `v1a` signatures are made with."""

    object: Literal["webhook_signing_key"]
    algorithm: Literal["ed25519"]
    public_key: str


_ONE = "/v1/webhook_endpoints/{webhook_id}"
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/webhook_endpoints"): WebhookEndpoint,
    ("GET", "/v1/webhook_endpoints"): Paged[WebhookEndpoint],
    ("GET", _ONE): WebhookEndpoint,
    ("POST", _ONE): WebhookEndpoint,
    ("DELETE", _ONE): Deleted,
    ("POST", _ONE + "/rotate_secret"): WebhookEndpoint,
    ("POST", _ONE + "/test"): WebhookTest,
    ("GET", "/v1/webhook_event_types"): WebhookTypes,
    ("GET", "/v1/webhook_signing_key"): WebhookKey,
}
