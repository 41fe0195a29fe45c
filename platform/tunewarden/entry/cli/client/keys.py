"""`tunewarden keys create|list|rotate|revoke`: API keys, for who is logged in with an admin key."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tunewarden.entry.cli.client.completing import holders_and_keys, key_ids, principal_ids, project_ids
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, Yes, at, entry, talking, word
from tunewarden.entry.cli.key_options import OF_WHOM, WHERE, Days, Kind, Name, Request, Roles, Scope, Service

app = typer.Typer(
    no_args_is_help=True,
    help="API keys, for administrators. The first ones of a platform are made on its machine: `operator keys create`.",
)

_PATH = "/v1/keys"


@app.command("create")
def create(
    role: Roles = None,
    name: Name = "",
    principal: Annotated[str, typer.Option(help=OF_WHOM, autocompletion=principal_ids)] = "",
    kind: Kind = None,
    scope: Scope = None,
    days: Days = None,
    service: Service = False,
    request: Request = "",
    project: Annotated[str, typer.Option(help=WHERE, autocompletion=project_ids)] = "",
    once: Once = "",
    as_json: AsJson = False,
) -> None:
    """Make a key, for a new principal or as a further one. It is shown once; only its hash is stored.

    Where the answer was lost, a key was made that nobody has: `keys list` shows it last, and `keys revoke` ends it.
    """
    with talking(as_json=as_json) as talk:
        body = {
            "name": name,
            "roles": role,
            "service": service,
            "principal": principal,
            "kind": kind,
            "scope": scope,
            "request": request,
            "project": project,
            "expires_in_days": days,
        }
        _shown_once(talk, talk.api.post(_PATH, {key: value for key, value in body.items() if value}, once=once))


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every key, oldest first, without what its bearer keeps; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages(_PATH):
            talk.out.document(one)
            if not as_json:
                rows.append(_row(one))
        columns = ("key", "principal", "name", "kind", "for the roles", "works", "until", "last used")
        talk.out.table(columns, rows, "There is no key.")


@app.command("rotate")
def rotate(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id.", autocompletion=key_ids)],
    days: Days = None,
    overlap_minutes: Annotated[
        int, typer.Option(min=0, max=7 * 24 * 60, help="For how long the old one goes on working.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a key like this one in its place. It is shown once; only its hash is stored.

    The old one stops at once, your own too, unless an overlap is said. The new one is lost where the answer is: with
    `--overlap-minutes` you keep a way back to your own; else there is `operator keys create` on the platform's machine.
    """
    with talking(as_json=as_json) as talk:
        body: dict[str, Any] = {"overlap_minutes": overlap_minutes, **({"expires_in_days": days} if days else {})}
        _shown_once(talk, talk.api.post(at(f"{_PATH}/{{}}/rotate", key), body))


@app.command("revoke")
def revoke(
    which: Annotated[
        str,
        typer.Argument(
            metavar="KEY_OR_PRINCIPAL",
            help="A key, for that one alone, or a principal, for all of theirs.",
            autocompletion=holders_and_keys,
        ),
    ],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take keys away, for good. What is under way for a principal whose keys are all taken changes nothing any more."""
    with talking(as_json=as_json) as talk:
        at("{}", which)
        if which.startswith("key-"):
            talk.confirm(f"Take away {which} for good?", yes=yes)
            done = talk.api.post(at(f"{_PATH}/{{}}/revoke", which))
        else:
            talk.confirm(f"Take away every key of {which} for good?", yes=yes)
            done = talk.api.delete(at("/v1/organization/users/{}", which))
        talk.out.document(done)
        talk.out.line(f"revoked: {entry(done)}")


def _shown_once(talk: Talk, made: dict[str, Any]) -> None:
    talk.out.document(made)
    talk.out.facts(
        [
            ("principal", made.get("principal")),
            ("id", made.get("id")),
            ("key", made.get("key")),
            ("log entry", word(made, "receipt", "index")),
        ]
    )


def _row(one: dict[str, Any]) -> list[object]:
    roles = one["roles"] if one.get("scope") is None else one["scope"]
    works = "yes" if one.get("works") is True else "no"
    cells = [one.get(name) for name in ("id", "principal", "name", "kind")]
    return [*cells, " ".join(map(str, roles)), works, one.get("expires_at"), one.get("last_used_at")]
