"""/v1/webhook_endpoints: where a project is told that something happened, in the shape of the OpenAI client.

The header `OpenAI-Project` says of which project an endpoint is; without it, and with a key of no project, of what is
in none. A secret is shown once. What is sent is signed as Standard Webhooks 1.0.0 say, twice: `v1` under the secret,
and `v1a` under the key whose public half is at `/v1/webhook_signing_key`.
"""

import time
from typing import Annotated, cast

from fastapi import Request
from pydantic import Field

from tunewarden.domain.errors import NotFound, Unavailable
from tunewarden.domain.names import EVERYWHERE, WebhookId
from tunewarden.domain.webhooks import WebhookType
from tunewarden.entry.api.caller import Equipping
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.organization_pages import After, Limit, paged
from tunewarden.entry.api.schemas import Json, Strict, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import webhooks
from tunewarden.usecases.webhook_deliveries import Deliveries, Delivery
from tunewarden.usecases.webhooks import Shown, WebhookDoor

router = Routes(prefix="/v1", tags=["webhooks"])

Name = Annotated[str, Field(min_length=1, max_length=128)]
Url = Annotated[str, Field(min_length=1, max_length=2000)]
Types = Annotated[frozenset[WebhookType], Field(min_length=1, max_length=len(WebhookType))]
_LOOK_SECONDS, _PATIENCE_SECONDS = 0.1, 20.0


class EndpointIn(Strict):
    """Where to tell what."""

    name: Name
    url: Url
    event_types: Types


class ChangeIn(Strict):
    """What is left out stays."""

    name: Name | None = None
    url: Url | None = None
    event_types: Types | None = None


class RotateIn(Strict):
    """Whether the secret before signs along for a day."""

    keep_old_secret_active_for_24_hours: bool = False


class TryIn(Strict):
    """Which type of event a test looks like."""

    event_type: WebhookType


@router.post("/webhook_endpoints", summary="Make an endpoint")
def create(request: Request, called: Equipping, body: EndpointIn) -> Json:
    """By an administrator. It is told what happens from here on; its signing secret is shown here and never again."""
    made = webhooks.create(
        called.platform, _door(request), called.principal, name=body.name, url=body.url, types=body.event_types
    )
    return _out(made)


@router.get("/webhook_endpoints", summary="List endpoints")
def listed(request: Request, called: Equipping, after: After = None, limit: Limit = 20) -> Json:
    """Those of the project, oldest first."""
    found = webhooks.listed(called.platform, _door(request), called.principal)
    return paged(found, _out, lambda one: one.webhook.id, after, limit)


@router.get("/webhook_endpoints/{webhook_id}", summary="One endpoint")
def get(request: Request, called: Equipping, webhook_id: str) -> Json:
    """Its address, what it is told, whether it still is, and since when it takes nothing of it."""
    return _out(webhooks.get(called.platform, _door(request), called.principal, WebhookId(webhook_id)))


@router.post("/webhook_endpoints/{webhook_id}", summary="Change an endpoint")
def change(request: Request, called: Equipping, webhook_id: str, body: ChangeIn) -> Json:
    """One that was disabled is told again from here on, whatever is changed and were it nothing (`{}`).

    It had answered 410, or too much waited for it, or it had taken nothing for five days.
    """
    changed = webhooks.change(
        called.platform,
        _door(request),
        called.principal,
        WebhookId(webhook_id),
        name=body.name,
        url=body.url,
        types=body.event_types,
    )
    return _out(changed)


@router.delete("/webhook_endpoints/{webhook_id}", summary="Delete an endpoint")
def delete(request: Request, called: Equipping, webhook_id: str) -> Json:
    """With its address and secrets, and what waited for it."""
    receipt = webhooks.delete(called.platform, _door(request), called.principal, WebhookId(webhook_id))
    return {"id": webhook_id, "object": "webhook_endpoint.deleted", "deleted": True, "receipt": receipt_out(receipt)}


@router.post("/webhook_endpoints/{webhook_id}/rotate_secret", summary="Make a new signing secret")
def rotate(request: Request, called: Equipping, webhook_id: str, body: RotateIn | None = None) -> Json:
    """Shown here and never again; the one before ends at once, or signs along for 24 hours."""
    keep = (body or RotateIn()).keep_old_secret_active_for_24_hours
    made = webhooks.rotate(called.platform, _door(request), called.principal, WebhookId(webhook_id), keep_old=keep)
    return _out(made)


@router.post("/webhook_endpoints/{webhook_id}/test", summary="Send a test")
def send_test(request: Request, called: Equipping, webhook_id: str, body: TryIn) -> Json:
    """A message about the thing `test`, sent once by the notifier; the answer says what the endpoint answered.

    One at a time for each endpoint.
    """
    status = webhooks.send_test(
        called.platform, _door(request), called.principal, WebhookId(webhook_id), body.event_type, _answer
    )
    if not status:
        raise Unavailable("webhook_unreachable", "The endpoint gave no answer.", remedy="See that it can be reached.")
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": webhook_id,
        "event_type": body.event_type,
        "status_code": status,
        "success": True,
    }


@router.get("/webhook_event_types", summary="What endpoints can be told")
def event_types(_: Equipping) -> Json:
    """Every type of event."""
    return {"object": "list", "data": [str(one) for one in WebhookType]}


@router.get("/webhook_signing_key", summary="The public key of signatures")
def signing_key(request: Request, _: Equipping) -> Json:
    """Of the `v1a` signatures (Ed25519): `whpk_` and 32 bytes in base64. Raises `NotFound` where webhooks are off."""
    door = _door(request)
    if door is None:
        raise NotFound("webhook_signing_key_not_found", "This platform sends no webhooks.")
    return {"object": "webhook_signing_key", "algorithm": "ed25519", "public_key": door.public_key}


def _answer(deliveries: Deliveries, test: Delivery) -> int:
    """What the endpoint answers, once the notifier has sent it."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while (status := deliveries.take_answer(test)) is None:
        if time.monotonic() > until:
            deliveries.done(test)
            raise Unavailable("webhook_not_tested", "The notifier did not send it in time.", remedy="See that it runs.")
        time.sleep(_LOOK_SECONDS)
    return status


def _door(request: Request) -> WebhookDoor | None:
    return cast(Doors, request.app.state.doors).webhooks


def _out(shown: Shown) -> Json:
    webhook = shown.webhook
    out: Json = {
        "id": webhook.id,
        "object": "webhook_endpoint",
        "created_at": int(webhook.made_at.timestamp()),
        "updated_at": int(webhook.changed_at.timestamp()),
        "name": webhook.name,
        "url": shown.url,
        "event_types": sorted(webhook.types),
        "signing_secret_hint": None,
        "project_id": None if webhook.project == EVERYWHERE else webhook.project,
        "disabled_because": shown.ended,
        "failing_since": None if shown.failing_since is None else int(shown.failing_since.timestamp()),
    }
    if shown.secret:
        out["signing_secret"] = shown.secret
    if shown.receipt is not None:
        out["receipt"] = receipt_out(shown.receipt)
    return out
