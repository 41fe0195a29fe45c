"""`tunewarden operator keys ...`: API keys, for whoever has a shell on the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId, Role
from tunewarden.entry.cli.key_options import OF_WHOM, WHERE, Days, Kind, Name, Request, Roles, Scope, Service
from tunewarden.entry.cli.saying import AsJson, say

if TYPE_CHECKING:
    from tunewarden.entry.settings import Settings
    from tunewarden.usecases.ports import KeyRecord, Platform, Principal

app = typer.Typer(no_args_is_help=True, help="API keys, made by whoever has a shell here; no key is needed for it.")


class _Terms(TypedDict):
    """Of a new key, whoever gets it."""

    kind: KeyKind | None
    scope: frozenset[Role]
    days: int
    request: RequestId | None
    project: ProjectId | None


@app.command("create")
def create(
    role: Roles = None,
    name: Name = "",
    principal: Annotated[str, typer.Option(help=OF_WHOM)] = "",
    kind: Kind = None,
    scope: Scope = None,
    days: Days = None,
    service: Service = False,
    request: Request = "",
    project: Annotated[str, typer.Option(help=WHERE)] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key, for a new principal or as a further one. It is shown once; only its hash is stored."""
    from tunewarden.domain.errors import Malformed
    from tunewarden.entry.cli.operator.authority import add_key, create_key

    settings, platform = _opened()
    if bool(principal) == bool(role):
        raise Malformed("principal_unclear", "A key is for a --principal who is there, or for a new one with --role.")
    terms: _Terms = {
        "kind": kind,
        "scope": frozenset(scope or []),
        "days": days or settings.key_days,
        "request": RequestId(request) if request else None,
        "project": ProjectId(project) if project else None,
    }
    if principal:
        _shown_once(principal, add_key(platform, PrincipalId(principal), **terms), as_json=as_json)
        return
    being = PrincipalKind.SERVICE if service else PrincipalKind.PERSON
    made, token = create_key(platform, name, frozenset(role or []), being=being, **terms)
    _shown_once(made.id, token, as_json=as_json)


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every key, oldest first, without what its bearer keeps; as JSON one a line."""
    from tunewarden.drivers.sessions import SqlKeyUses
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.entry.cli.operator.authority import list_keys

    settings, platform = _opened()
    uses, out, rows = SqlKeyUses(connect(settings.database)).all(), Output(as_json=as_json), []
    for key, principal in list_keys(platform):
        used = uses.get(key.hash)
        row = {**_row(key, principal), "last_used": None if used is None else used.isoformat()}
        out.document(row)
        roles = " ".join(row["roles"] if row["scope"] is None else row["scope"])
        works = "yes" if row["works"] else "no"
        cells = (row[name] for name in ("key", "principal", "name", "kind"))
        rows.append([*cells, roles, works, row["expires"], row["last_used"]])
    columns = ("key", "principal", "name", "kind", "for the roles", "works", "until", "last used")
    out.table(columns, rows, "There is no key.")


@app.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(help="Its id, as `operator keys list` says it.")],
    days: Days = None,
    overlap_minutes: Annotated[int, typer.Option(min=0, help="For how long the old one goes on working.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a key like this one in its place. It is shown once; only its hash is stored."""
    from datetime import timedelta

    from tunewarden.entry.cli.operator.authority import rotate_key

    settings, platform = _opened()
    overlap = timedelta(minutes=overlap_minutes)
    made, token = rotate_key(platform, KeyId(key), days or settings.key_days, overlap)
    _shown_once(made.principal, token, as_json=as_json)


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(help="A principal, for all its keys, or a key, for that one alone.")],
    as_json: AsJson = False,
) -> None:
    """Take keys away. What is under way for a principal whose keys are all taken changes nothing any more."""
    from tunewarden.entry.cli.operator.authority import revoke_keys, withdraw_key

    _, platform = _opened()
    is_key = which.startswith("key-")
    receipt = withdraw_key(platform, KeyId(which)) if is_key else revoke_keys(platform, PrincipalId(which))
    say(f"revoked: entry {receipt.index} of the log", as_json=as_json, receipt=receipt, revoked=which)


def _shown_once(principal: str, token: str, *, as_json: bool) -> None:
    say(f"principal {principal}\nkey       {token}", as_json=as_json, principal=principal, key=token)


def _opened() -> tuple[Settings, Platform]:
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build

    settings = Settings()
    return settings, build(settings)


def _row(key: KeyRecord, principal: Principal) -> dict[str, Any]:
    return {
        "key": key.id,
        "principal": key.principal,
        "name": principal.name,
        "roles": sorted(principal.roles),
        "is": principal.kind,
        "kind": key.kind,
        "scope": None if key.scope is None else sorted(key.scope),
        "request": key.request,
        "project": key.project,
        "works": not key.revoked and not principal.revoked,
        "created": None if key.created is None else key.created.isoformat(),
        "expires": None if key.expires is None else key.expires.isoformat(),
    }
