"""What a command says that did one thing: a line for people, or one JSON object for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tunewarden.usecases.ports import Receipt

AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON, one object a line.")]


def say(line: str, *, as_json: bool, receipt: Receipt | None = None, **said: object) -> None:
    """The one or the other; with the receipt of the log's entry, where there is one."""
    if not as_json:
        typer.echo(line)
        return
    entry = {} if receipt is None else {"receipt": {"index": receipt.index, "leaf_hash": receipt.leaf_hash}}
    typer.echo(json.dumps({**said, **entry}))
