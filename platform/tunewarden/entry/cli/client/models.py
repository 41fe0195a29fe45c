"""`tunewarden models list|show|card|history|retire`, and `tunewarden lineage`: model versions and what served when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewarden.domain.removals import RemovalReason
from tunewarden.entry.cli.client.completing import model_ids
from tunewarden.entry.cli.client.files import made, write_new
from tunewarden.entry.cli.client.output import day_of
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.client.talk import AsJson, Talk, Yes, at, talking, word

app = typer.Typer(
    no_args_is_help=True, help="Model versions: which there are, what is known of them, what served when."
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its id or name.", autocompletion=model_ids)]
_LARGEST_BUNDLE = 4 * 1024**3
"""Bytes."""
_ENDS = (("since", "at"), ("since", "by"), ("until", "at"), ("until", "by"))


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Those that you may see, oldest first, with the aliases that name them; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages("/v1/models"):
            talk.out.document(one)
            aliases = ", ".join((one.get("governance") or {}).get("aliases") or [])
            retired = "retired" if (one.get("governance") or {}).get("retired") else ""
            rows.append((word(one, "governance", "model"), one.get("id"), aliases, day_of(one.get("created")), retired))
        talk.out.table(("model", "name", "aliases", "since", ""), rows, "There is no model version that you may see.")


@app.command("show")
def show(model: Model, as_json: AsJson = False) -> None:
    """One model version: its plan, its weights' digest, and what it may be used for."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at("/v1/models/{}", model))
        talk.out.document(found)
        _show(talk, found)


@app.command("card")
def card(
    model: Model,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write it; else on the output.")] = None,
    as_json: AsJson = False,
) -> None:
    """The model card, as canonical JSON, byte for byte: its digest is that of the header `Tunewarden-Card`.

    For people there is the page `/models/MODEL/card`.
    """
    with talking(as_json=as_json) as talk:
        text = talk.api.text(at("/v1/models/{}/card", model))
        if out is None:
            typer.echo(plain(text) if sys.stdout.isatty() else text)
            return
        write_new(out, text)
        talk.out.document({"object": "file", "file": str(out), "bytes": len(text.encode())})
        if not as_json:
            talk.out.line(f"The card is in {out}.")


@app.command("history")
def history(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as candidate, staging, production.")],
    then: Annotated[str, typer.Option("--at", help="Only what it named at the end of this day, or then.")] = "",
    as_json: AsJson = False,
) -> None:
    """What an alias named when, oldest first, as the log tells it; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        path, rows = at("/v1/aliases/{}", alias), []
        found = [talk.api.get(path, {"at": then})] if then else talk.api.pages(f"{path}/history", {"limit": 100})
        for one in found:
            talk.out.document(one)
            rows.append([word(one, "model"), *(word(one, *end) for end in _ENDS)])
        talk.out.table(("model", "since", "by", "until", "by"), rows, "It named nothing that you may see.")


@app.command("retire")
def retire(
    model: Model,
    reason: Annotated[RemovalReason, typer.Option(help="Why it is not to be used any more.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Retire a model version for good: no alias will name it again. Its evidence stays."""
    with talking(as_json=as_json) as talk:
        at("{}", model)
        talk.confirm(f"Retire {model} for good?", yes=yes)
        done = talk.api.post(at("/v1/models/{}/retire", model), {"reason": str(reason)})
        talk.out.document(done)
        _show(talk, done)


def lineage(
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="Where to write the bundle; never over another file.")],
    as_of: Annotated[str, typer.Option(help="What the log said at the end of this day, or then.")] = "",
    since: Annotated[
        list[int] | None, typer.Option(help="Size of a checkpoint that you kept; proves that the log only grew.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a model version's lineage: the bundle that `tunewarden audit verify` checks without a network."""
    with talking(as_json=as_json) as talk:
        query: dict[str, Any] = {**({"as_of": as_of} if as_of else {}), **({"since": since} if since else {})}
        path = at("/v1/models/{}/lineage", model)
        size = made(out, lambda file: talk.api.download(path, query, file, _LARGEST_BUNDLE))
        talk.out.document({"object": "lineage.bundle", "model": model, "file": str(out), "bytes": size})
        if not as_json:
            talk.out.line(f"{out}: {size:,} bytes")
            talk.out.line(f"Next: tunewarden audit verify {out} --key VKEY")


def _show(talk: Talk, found: dict[str, Any]) -> None:
    governance = found.get("governance") or {}
    talk.out.facts(
        [
            ("model", governance.get("model")),
            ("name", found.get("id")),
            ("since", day_of(found.get("created"))),
            ("job", governance.get("request")),
            ("plan", governance.get("plan")),
            ("weights", governance.get("adapter")),
            ("aliases", ", ".join(governance.get("aliases") or [])),
            ("purposes", ", ".join(governance.get("purposes") or [])),
            ("retired", "yes" if governance.get("retired") else None),
            ("log entry", word(found, "receipt", "index")),
        ]
    )
