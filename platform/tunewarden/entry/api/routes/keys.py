"""/v1/keys: the keys of everybody, for an admin key."""

from datetime import datetime, timedelta

from fastapi import Request

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.caller import Administering
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.schemas import Json, KeyIn, RotationIn, page, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import keys
from tunewarden.usecases.ports import KeyRecord, Principal

router = Routes(prefix="/v1/keys", tags=["keys"])


@router.post("", summary="Make a key")
def create(called: Administering, body: KeyIn) -> Json:
    """For a new principal, or a further one for `principal`. The key is shown once, here; only its hash is stored."""
    if (body.principal is None) != bool(body.roles):
        raise Malformed(
            "principal_unclear",
            "A key is for a `principal` who is there, or for a new one with `roles`.",
            param="roles",
        )
    roles, scope = frozenset(body.roles), None if body.scope is None else frozenset(body.scope)
    kind = body.kind or keys.kind_for(scope or roles)
    token = new_token(kind)
    key = keys.NewKey(
        hash=token_hash(token),
        kind=kind,
        scope=scope,
        request=None if body.request is None else RequestId(body.request),
        expires=_expiry(called, body.expires_in_days),
        project=None if body.project is None else ProjectId(body.project),
    )
    if body.principal is None:
        being = PrincipalKind.SERVICE if body.service else PrincipalKind.PERSON
        principal, made, receipt = keys.create(
            called.platform, called.principal, name=body.name, roles=roles, key=key, kind=being
        )
    else:
        whose = PrincipalId(body.principal)
        principal, made, receipt = keys.add(called.platform, called.principal, whose, key)
    return {**_key(made, principal, None), "key": token, "receipt": receipt_out(receipt)}


@router.get("", summary="List keys")
def listed(request: Request, called: Administering) -> Json:
    """Every key, oldest first, without what its bearer keeps. `last_used_at` is to the minute."""
    found = keys.listed(called.platform, called.principal)
    doors: Doors = request.app.state.doors
    uses = doors.identities.key_uses.all()
    return page([_key(key, principal, uses.get(key.hash)) for key, principal in found])


@router.post("/{key_id}/rotate", summary="Replace a key")
def rotate(called: Administering, key_id: str, body: RotationIn) -> Json:
    """By one like it, shown once, here. The old one stops at once, or goes on for `overlap_minutes`."""
    tokens = {kind: new_token(kind) for kind in KeyKind}
    made, receipt = keys.rotate(
        called.platform,
        called.principal,
        KeyId(key_id),
        {kind: token_hash(token) for kind, token in tokens.items()},
        expires=_expiry(called, body.expires_in_days),
        overlap=timedelta(minutes=body.overlap_minutes),
    )
    token = tokens[made.kind or KeyKind.PROJECT]
    return {"object": "key", "id": made.id, "principal": made.principal, "key": token, "receipt": receipt_out(receipt)}


@router.post("/{key_id}/revoke", summary="Take a key away")
def revoke(called: Administering, key_id: str) -> Json:
    """At once. Other keys of its principal go on working; `tunewarden keys revoke` takes them all."""
    withdrawn, receipt = keys.withdraw(called.platform, called.principal, KeyId(key_id))
    return {
        "object": "key",
        "id": withdrawn.id,
        "principal": withdrawn.principal,
        "works": False,
        "receipt": receipt_out(receipt),
    }


def _expiry(called: Administering, days: int | None) -> datetime:
    """As long as was asked for, never longer than the settings allow."""
    most = called.settings.key_days
    if days is not None and days > most:
        raise Malformed(
            "key_too_long", f"A key works for {most} days at most.", param="expires_in_days", who="administrator"
        )
    return called.platform.clock() + timedelta(days=days or most)


def _key(key: KeyRecord, principal: Principal, used: datetime | None) -> Json:
    return {
        "object": "key",
        "id": key.id,
        "principal": key.principal,
        "service": principal.kind is PrincipalKind.SERVICE,
        "name": principal.name,
        "roles": sorted(principal.roles),
        "kind": key.kind,
        "scope": None if key.scope is None else sorted(key.scope),
        "request": key.request,
        "project": key.project,
        "works": not key.revoked and not principal.revoked,
        "created_at": _text(key.created),
        "expires_at": _text(key.expires),
        "last_used_at": _text(used),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
