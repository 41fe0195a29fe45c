"""`tunewarden login|logout|whoami`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action
from tunewarden.domain.tokens import is_admin_token, is_token
from tunewarden.entry.cli.client.talk import AsJson, Talk, talking, telling

if TYPE_CHECKING:
    from tunewarden.entry.cli.client.api import Api
    from tunewarden.entry.cli.client.credentials import Credentials

Url = Annotated[str, typer.Argument(help="Where the platform is: https://HOST or http://127.0.0.1:PORT.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="File with the API key, 0600, or - for standard input; else asked.")
]
Project = Annotated[str, typer.Option(help="Keep this too: the next commands act in this project alone.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Send the key over http to another machine all the same.")]

_DEEDS = (
    (Action.REGISTER_DATASET, "dataset"),
    (Action.UPLOAD_FILE, "file"),
    (Action.SUBMIT_REQUEST, "request"),
    (Action.APPROVE_REQUEST, "request"),
    (Action.ENDORSE_REQUEST, "request"),
    (Action.PROPOSE_PROMOTION, "model"),
    (Action.APPROVE_PROMOTION, "promotion"),
    (Action.READ_LINEAGE, "model"),
    (Action.READ_LOG, "log"),
    (Action.OPEN_EMERGENCY, "emergency"),
    (Action.CREATE_KEY, "key"),
    (Action.MANAGE_PROJECT, "project"),
)
"""What the commands of the client ask for."""
_CONDITIONS = {"other": "it is somebody else's", "own": "it is yours", "purpose-fits": "the purpose fits"}


def login(
    url: Url, key_file: KeyFile = None, project: Project = "", insecure: Insecure = False, as_json: AsJson = False
) -> None:
    """Keep an API key for the next commands, in a file that only you can read.

    The key is read without an echo, from a file or from standard input, and never from an argument, which others on
    this machine could see; nor from the environment, whose key belongs to the address there. It is checked with the
    platform before it is kept.
    """
    with telling(as_json=as_json) as out:
        from tunewarden.entry.cli.client.address import address
        from tunewarden.entry.cli.client.api import Api
        from tunewarden.entry.cli.client.credentials import (
            Credentials,
            require_key,
            require_project,
            said_project,
            store,
        )

        where, place = address(url, insecure=insecure), require_project(project) or said_project()
        found = Credentials(address=where, key=require_key(_key(key_file)), project=place)
        with Api(credentials=found) as api:
            _may(api, *_DEEDS[2])  # any question: whether the key opens the door
        path = store(found, insecure=insecure)
        said = {"url": where.text, "kind": _kind(found), "project": place or None}
        out.document({"object": "login", **said, "stored": str(path)})
        if not as_json:
            out.line(f"Logged in to {where.text} with {_kind(found)} key, which is kept in {path}.")
            out.facts([("project", place)])


def logout(as_json: AsJson = False) -> None:
    """Forget the API key that `login` stored. It goes on working: `tunewarden keys revoke` ends that."""
    with telling(as_json=as_json) as out:
        from tunewarden.entry.cli.client.credentials import forget

        was = forget()
        out.document({"object": "logout", "removed": was})
        if not as_json:
            out.line("Logged out." if was else "Nobody was logged in.")


def whoami(as_json: AsJson = False) -> None:
    """Which platform is asked, and what this key may do there, as the access policy decides it now."""
    with talking(as_json=as_json) as talk:
        told = [(action, kind, _may(talk.api, action, kind)) for action, kind in _DEEDS]
        _show(talk, told)


def _show(talk: Talk, told: list[tuple[Action, str, dict[str, Any]]]) -> None:
    found = talk.api.credentials
    deeds = [_deed(action, kind, said) for action, kind, said in told]
    said = {"url": found.address.text, "kind": _kind(found), "project": found.project or None}
    talk.out.document({"object": "whoami", **said, "may": deeds})
    if not talk.out.as_json:
        where = f", in {found.project} alone" if found.project else ""
        talk.out.line(f"{found.address.text}, with {_kind(found)} key{where}")
    rows = [(one["action"], _in_words(one), "" if one["allowed"] else one["who"]) for one in deeds]
    talk.out.table(("what", "may", "who can"), rows, "")


def _deed(action: Action, kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """Where nothing is missing but facts about the thing itself, it depends on the thing: `only_if` says on which."""
    missing = [str(one) for one in said.get("missing") or []]
    only_if = [] if "role" in missing else missing
    is_allowed = said.get("allowed") is True or bool(only_if)
    return {
        "action": action,
        "kind": kind,
        "allowed": is_allowed,
        "only_if": only_if,
        "who": None if is_allowed else said.get("who") or None,
    }


def _in_words(deed: dict[str, Any]) -> str:
    if deed["only_if"]:
        return "if " + ", ".join(_CONDITIONS.get(one, one) for one in deed["only_if"])
    return "yes" if deed["allowed"] else "no"


def _may(api: Api, action: Action, kind: str) -> dict[str, Any]:
    return api.get("/v1/access/explain", {"action": action, "kind": kind})


def _kind(found: Credentials) -> str:
    if is_admin_token(found.key):
        return "an admin"
    return "a project" if is_token(found.key) else "an identity provider's"


def _key(key_file: Path | None) -> str:
    from tunewarden.entry.cli.client.credentials import read_private

    if key_file is not None and str(key_file) != "-":
        return read_private(key_file)
    if key_file is None and sys.stdin.isatty():
        return str(typer.prompt("API key", hide_input=True, err=True))
    if key_file is None:
        raise Malformed(
            "key_missing", "Nobody is here to be asked for the key.", remedy="Say --key-file FILE, or --key-file -."
        )
    return sys.stdin.readline(16_384)
