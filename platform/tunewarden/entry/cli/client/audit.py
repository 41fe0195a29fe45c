"""`tunewarden audit verify|checkpoint|entries|entry`: the log, and evidence held against it."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from tunewarden.entry.cli.client.talk import AsJson, talking, telling, word
from tunewarden.entry.cli.exits import Exit

app = typer.Typer(no_args_is_help=True, help="The audit log: verifying what was handed out, and reading it.")

_EXITS = {0: Exit.OK, 10: Exit.OK, 2: Exit.USAGE, 6: Exit.REFUSED}
"""What `tunewarden-audit` ended with, in our words; incomplete, diverged and invalid are all that bytes are wrong."""


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle, as `tunewarden lineage` fetches it.")],
    key: Annotated[list[str], typer.Option("--key", help="The log's public key, or a file with it.")],
    since: Annotated[Path | None, typer.Option(help="File with a checkpoint that you kept from earlier.")] = None,
    conduct: Annotated[bool, typer.Option("--conduct", help="Also judge whether what it says was allowed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle offline, by the auditor's own tool: it neither asks nor trusts the platform.

    Ends with 6 where bytes are not what they have to be, and with 1 where a rule was broken.
    """
    with telling(as_json=as_json) as out:
        from tunewarden_audit.__main__ import main as audit

        arguments = ["conduct" if conduct else "verify"]
        arguments += [f"--key={one}" for one in key] + ([] if since is None else [f"--since={since}"])
        said = io.StringIO()
        with contextlib.redirect_stdout(said) if as_json else contextlib.nullcontext():
            code = audit([*arguments, "--", str(bundle)])
        lines = said.getvalue().splitlines()
        ended = _EXITS.get(code, Exit.CORRUPTED)
        out.document({"object": "audit.verification", "ok": ended is Exit.OK, "auditor_exit": code, "lines": lines})
        sys.stdout.flush()
        raise typer.Exit(ended)


@app.command("checkpoint")
def checkpoint(as_json: AsJson = False) -> None:
    """The newest signed tree head. Keep it: a later log that does not continue it is caught."""
    with talking(as_json=as_json) as talk:
        note = talk.api.text("/v1/audit/checkpoint")
        talk.out.document({"object": "audit.checkpoint", "checkpoint": note})
        if not as_json:
            talk.out.lines(note.removesuffix("\n"))


@app.command("entries")
def entries(
    after: Annotated[int | None, typer.Option(min=0, help="Only those after the entry of this number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Entries of the log, oldest first, as they were sealed; as JSON one a line.

    One without a type lost its bytes when its retention ended; its leaf stays.
    """
    with talking(as_json=as_json) as talk:
        query: dict[str, str | int] = {"limit": min(limit, 100)}
        if after is not None:
            query["after"] = f"audit-{after}"
        rows = []
        for one in talk.api.pages("/v1/audit/entries", query, most=limit):
            talk.out.document(one)
            rows.append([one.get(name) for name in ("index", "at", "type", "actor", "leaf_hash")])
        talk.out.table(("entry", "at", "what", "by", "leaf"), rows, "There is no entry.")


@app.command("entry")
def entry(index: Annotated[int, typer.Argument(min=0)], as_json: AsJson = False) -> None:
    """One entry with its proof in the newest signed tree."""
    with talking(as_json=as_json) as talk:
        from base64 import b64decode

        found = talk.api.get(f"/v1/audit/entries/{index}")
        talk.out.document(found)
        if not as_json:
            talk.out.line(b64decode(word(found, "entry"), validate=True).decode("utf-8", "replace"))
            talk.out.line(f"in the tree of {word(found, 'size')} entries; the proof comes with --json")
