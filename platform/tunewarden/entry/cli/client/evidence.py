"""`tunewarden evidence list|show|document`: what was measured about a model version, by what it is about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewarden.domain.errors import Corrupted
from tunewarden.entry.cli.client.completing import evidence_kinds, model_ids
from tunewarden.entry.cli.client.files import made
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.client.talk import AsJson, Talk, at, talking, word

app = typer.Typer(no_args_is_help=True, help="Evidence: what was measured about a model version.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Its id or name.", autocompletion=model_ids)]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="As `evidence list` says it.", autocompletion=evidence_kinds)]


@app.command("list")
def listed(model: Model, as_json: AsJson = False) -> None:
    """Each kind of evidence that there is about a model version; as JSON one a line, with the documents' digests."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages(at("/v1/models/{}/evidence", model)):
            talk.out.document(one)
            documents = len(one.get("evidence") or []) + len(one.get("documents") or [])
            rows.append((one.get("kind"), one.get("measurements"), documents))
        talk.out.table(("kind", "measurements", "documents"), rows, "Nothing was measured.")


@app.command("show")
def show(model: Model, kind: Kind, as_json: AsJson = False) -> None:
    """One kind of evidence: every figure with its 95 % interval, and the documents that the figures stand in."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at("/v1/models/{}/evidence/{}", model, kind))
        talk.out.document(found)
        _show(talk, found)


@app.command("document")
def document(
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="sha256:... as `evidence show` says it.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write it; else on the output.")] = None,
    as_json: AsJson = False,
) -> None:
    """One document, byte for byte as it is stored (canonical JSON); its digest is computed here."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at("/v1/evidence/{}", digest))
        stored = _stored(found, digest)
        if out is not None:
            made(out, lambda file: file.write(stored))
            talk.out.document({"object": "file", "file": str(out), "bytes": len(stored)})
            if not as_json:
                talk.out.line(f"The document is in {out}.")
            return
        talk.out.document(found)
        if not as_json:
            is_shown = sys.stdout.isatty()
            typer.echo(plain(stored.decode("utf-8")) if is_shown else stored, nl=is_shown)


def _show(talk: Talk, found: dict[str, Any]) -> None:
    rows, stands_in = [], {}
    for one in found.get("measurements") or []:
        value = f"{one.get('value')} ({one.get('low')} to {one.get('high')})"
        rows.append((one.get("metric"), value, one.get("unit"), one.get("n"), one.get("n_counts"), one.get("meaning")))
        stands_in[word(one, "evidence")] = "measurements"
    columns = ("metric", "measured (95 %)", "unit", "n", "of", "what it says")
    talk.out.table(columns, rows, "No figure of this kind.")
    for one in found.get("documents") or []:
        stands_in[word(one, "document")] = ", ".join(one.get("tables") or [])
    for digest, what in stands_in.items():
        talk.out.line(f"{digest}  {what}")


def _stored(found: dict[str, Any], asked: str) -> bytes:
    """The document's bytes. Raises `Corrupted` where they are not the ones that the digest stands for."""
    from tunewarden.domain.canonical import digest_bytes, encode

    try:
        stored = encode(found["content"])
    except RecursionError:  # nothing of ours is nested like that
        raise _differs() from None
    if digest_bytes(stored) != asked:
        raise _differs()
    return stored


def _differs() -> Corrupted:
    return Corrupted("evidence_differs", "The document is not the one that its digest stands for.", who="auditor")
