"""Admin keys of the organisation, keys and service accounts of a project. A key is shown once, when it is made."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query, Request

from tunewarden.domain.access import EVERY
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId, Role
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.caller import Administering, Caller
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.organization_pages import After, Limit, Order, paged
from tunewarden.entry.api.organization_schemas import (
    AdminKeyIn,
    ServiceAccountIn,
    ServiceAccountKeyIn,
    deleted,
    key_out,
    roles_word,
    seconds,
)
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import keys, projects
from tunewarden.usecases.directory import Directory, directory
from tunewarden.usecases.ports import KeyRecord, Principal

router = Routes(prefix="/v1/organization", tags=["organization"])

ADMIN_KEY, PROJECT_KEY = "organization.admin_api_key", "organization.project.api_key"
ACCOUNT = "organization.project.service_account"
_HIDDEN = {KeyKind.ADMIN: "tw-admin-...", KeyKind.PROJECT: "tw-..."}
Held = tuple[KeyRecord, Principal]


@router.post("/admin_api_keys", summary="Make an admin key")
def create_admin_key(called: Administering, body: AdminKeyIn) -> Json:
    """A further one for who asks. For somebody else, see `/v1/keys`."""
    token = new_token(KeyKind.ADMIN)
    key = keys.NewKey(
        hash=token_hash(token), kind=KeyKind.ADMIN, name=body.name, expires=_expiry(called, body.expires_in_seconds)
    )
    holder, made, receipt = keys.add(called.platform, called.principal, called.principal.id, key)
    return {**_admin_key((made, holder), None), "value": token, "receipt": receipt_out(receipt)}


@router.get("/admin_api_keys", summary="List admin keys")
def admin_keys(
    request: Request, called: Administering, after: After = None, limit: Limit = 20, order: Order = "asc"
) -> Json:
    """Those that work, of everybody."""
    uses = _uses(request)
    found = _working(called, keys.listed(called.platform, called.principal), KeyKind.ADMIN)
    return paged(found, lambda one: _admin_key(one, uses.get(one[0].hash)), lambda one: one[0].id, after, limit, order)


@router.get("/admin_api_keys/{key_id}", summary="An admin key")
def admin_key(request: Request, called: Administering, key_id: str) -> Json:
    """Without what its bearer keeps."""
    held = keys.listed(called.platform, called.principal)
    one = _one(_working(called, held, KeyKind.ADMIN), key_id)
    return _admin_key(one, _uses(request).get(one[0].hash))


@router.delete("/admin_api_keys/{key_id}", summary="Take an admin key away")
def delete_admin_key(called: Administering, key_id: str) -> Json:
    """At once. Other keys of its bearer go on working."""
    _one(_working(called, keys.listed(called.platform, called.principal), KeyKind.ADMIN), key_id)
    _, receipt = keys.withdraw(called.platform, called.principal, KeyId(key_id))
    return {**deleted(ADMIN_KEY, key_id), "receipt": receipt_out(receipt)}


@router.get("/projects/{project_id}/api_keys", summary="List keys of a project")
def project_keys(
    request: Request,
    called: Administering,
    project_id: str,
    after: After = None,
    limit: Limit = 20,
    owner_project_access: Annotated[Literal["active", "inactive", "any"], Query()] = "any",
) -> Json:
    """Those that work, and work in this project alone. `inactive`: whose bearer has no role there any more."""
    where, uses = _project(called, project_id), _uses(request)
    found = _of_project(called, where)
    people = directory(called.platform, called.principal)
    shown = [one for one in found if owner_project_access in ("any", _access(people, one, where))]
    return paged(
        shown,
        lambda one: _project_key(people, one, where, uses.get(one[0].hash)),
        lambda one: one[0].id,
        after,
        limit,
    )


@router.get("/projects/{project_id}/api_keys/{key_id}", summary="A key of a project")
def project_key(request: Request, called: Administering, project_id: str, key_id: str) -> Json:
    """Without what its bearer keeps."""
    where = _project(called, project_id)
    one = _one(_of_project(called, where), key_id)
    people = directory(called.platform, called.principal)
    return _project_key(people, one, where, _uses(request).get(one[0].hash))


@router.delete("/projects/{project_id}/api_keys/{key_id}", summary="Take a key of a project away")
def delete_project_key(called: Administering, project_id: str, key_id: str) -> Json:
    """At once. Other keys of its bearer go on working."""
    _one(_of_project(called, _project(called, project_id)), key_id)
    _, receipt = keys.withdraw(called.platform, called.principal, KeyId(key_id))
    return {**deleted(PROJECT_KEY, key_id), "receipt": receipt_out(receipt)}


@router.post("/projects/{project_id}/service_accounts", summary="Make a service account")
def create_account(called: Administering, project_id: str, body: ServiceAccountIn) -> Json:
    """With a key of the project. It counts as nobody where persons have to agree."""
    where, token = _project(called, project_id), new_token(KeyKind.PROJECT)
    key = keys.NewKey(
        hash=token_hash(token),
        project=where,
        name=body.name,
        request=None if body.request is None else RequestId(body.request),
        expires=_expiry(called, body.expires_in_seconds),
    )
    holder, made, receipt = keys.create(
        called.platform,
        called.principal,
        name=body.name,
        roles=frozenset(body.roles),
        key=key,
        kind=PrincipalKind.SERVICE,
    )
    return {
        **_account(holder, made),
        "api_key": _account_key(made, token),
        "receipt": receipt_out(receipt),
    }


@router.get("/projects/{project_id}/service_accounts", summary="List service accounts of a project")
def accounts(called: Administering, project_id: str, after: After = None, limit: Limit = 20) -> Json:
    """Those that have a key of the project and were not revoked."""
    found = _accounts(called, _project(called, project_id))
    return paged(found, lambda one: _account(one[1], one[0]), lambda one: one[1].id, after, limit)


@router.get("/projects/{project_id}/service_accounts/{account_id}", summary="A service account")
def account(called: Administering, project_id: str, account_id: str) -> Json:
    """Of this project."""
    key, holder = _one_account(called, _project(called, project_id), account_id)
    return _account(holder, key)


@router.delete("/projects/{project_id}/service_accounts/{account_id}", summary="Revoke a service account")
def delete_account(called: Administering, project_id: str, account_id: str) -> Json:
    """Every key of it stops working."""
    _, holder = _one_account(called, _project(called, project_id), account_id)
    receipt = keys.revoke(called.platform, called.principal, holder.id)
    return {**deleted(ACCOUNT, account_id), "receipt": receipt_out(receipt)}


@router.post("/projects/{project_id}/service_accounts/{account_id}/api_keys", summary="A further key of an account")
def create_account_key(called: Administering, project_id: str, account_id: str, body: ServiceAccountKeyIn) -> Json:
    """Of the same project, and bound to the same request as its first one."""
    where, token = _project(called, project_id), new_token(KeyKind.PROJECT)
    first, holder = _one_account(called, where, account_id)
    key = keys.NewKey(
        hash=token_hash(token),
        project=where,
        name=body.name,
        request=first.request,
        scope=first.scope if body.scopes is None else frozenset(body.scopes),
        expires=_expiry(called, body.expires_in_seconds),
    )
    _, made, receipt = keys.add(called.platform, called.principal, holder.id, key)
    return {**_account_key(made, token), "receipt": receipt_out(receipt)}


def _project(called: Caller, identifier: str) -> ProjectId:
    return projects.get(called.platform, called.principal, ProjectId(identifier)).id


def _uses(request: Request) -> dict[str, datetime]:
    doors: Doors = request.app.state.doors
    return dict(doors.identities.key_uses.all())


def _expiry(called: Caller, asked: int | None) -> datetime:
    """As long as was asked for, never longer than the settings allow."""
    most = timedelta(days=called.settings.key_days)
    if asked is not None and timedelta(seconds=asked) > most:
        raise Malformed(
            "key_too_long",
            f"A key works for {called.settings.key_days} days at most.",
            param="expires_in_seconds",
            who=Role.ADMINISTRATOR,
        )
    return called.platform.clock() + (most if asked is None else timedelta(seconds=asked))


def _working(called: Caller, held: Iterable[Held], kind: KeyKind) -> Sequence[Held]:
    now = called.platform.clock()
    return [one for one in held if one[0].kind == kind and keys.works(one[0], now) and not one[1].revoked]


def _of_project(called: Caller, where: ProjectId) -> Sequence[Held]:
    held = keys.listed(called.platform, called.principal)
    return [one for one in _working(called, held, KeyKind.PROJECT) if one[0].project == where]


def _one(found: Iterable[Held], identifier: str) -> Held:
    for one in found:
        if one[0].id == identifier:
            return one
    raise NotFound("key_not_found", "There is no such key for you.")


def _accounts(called: Caller, where: ProjectId) -> Sequence[Held]:
    """Each with its first key of the project, whether that still works or not."""
    first: dict[PrincipalId, Held] = {}
    for key, holder in keys.listed(called.platform, called.principal):
        if key.project == where and holder.kind is PrincipalKind.SERVICE and not holder.revoked:
            first.setdefault(holder.id, (key, holder))
    return list(first.values())


def _one_account(called: Caller, where: ProjectId, identifier: str) -> Held:
    for one in _accounts(called, where):
        if one[1].id == identifier:
            return one
    raise NotFound("service_account_not_found", "There is no such service account for you.")


def _admin_key(one: Held, used: datetime | None) -> Json:
    key, holder = one
    owner = {"object": "organization.user", "type": "user", "id": holder.id, "name": holder.name}
    made = key_out(key, used, kind=ADMIN_KEY, hidden=_HIDDEN[KeyKind.ADMIN])
    return {**made, "owner": {**owner, "role": roles_word([*holder.roles])}}


def _project_key(people: Directory, one: Held, where: ProjectId, used: datetime | None) -> Json:
    key, holder = one
    kind = "service_account" if holder.kind is PrincipalKind.SERVICE else "user"
    owner: Json = {
        "id": holder.id,
        "created_at": seconds(people.since[holder.id]),
        "name": holder.name,
        "role": roles_word([*holder.roles]),
    }
    if kind == "user":
        owner["email"] = ""
    made = key_out(key, used, kind=PROJECT_KEY, hidden=_HIDDEN[KeyKind.PROJECT])
    return {**made, "owner_project_access": _access(people, one, where), "owner": {"type": kind, kind: owner}}


def _access(people: Directory, one: Held, where: ProjectId) -> str:
    """Whether who has the key holds a role in the project: by their keys, or granted there or everywhere."""
    held = (people.roles_of(one[1].id, project) for project in (where, ProjectId(EVERY)))
    return "active" if any(held) else "inactive"


def _account(holder: Principal, key: KeyRecord) -> Json:
    """`roles` and `request` are ours: its roles, and the one training request that it may touch."""
    return {
        "object": ACCOUNT,
        "id": holder.id,
        "name": holder.name,
        "role": "member",
        "created_at": 0 if key.created is None else seconds(key.created),
        "roles": sorted(holder.roles),
        "request": key.request,
    }


def _account_key(key: KeyRecord, token: str) -> Json:
    return {
        "object": f"{ACCOUNT}.api_key",
        "id": key.id,
        "name": key.name,
        "created_at": 0 if key.created is None else seconds(key.created),
        "expires_at": None if key.expires is None else seconds(key.expires),
        "value": token,
    }
