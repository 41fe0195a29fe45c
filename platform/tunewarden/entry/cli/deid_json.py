"""What a `deid` command found, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import typer

from tunewarden.domain.errors import NotFound, Unavailable


def require_place(out: Path | None) -> None:
    """Raises `NotFound` before the long work where a result could not be written after it: its folder is not there."""
    if out is not None and not out.parent.is_dir():
        raise NotFound("folder_not_found", "There is no folder for the JSON file.", param="--json")


def write_json(result: Mapping[str, object], out: Path) -> None:
    """Write the result, over an earlier one; `-` is standard output. Raises `Unavailable`."""
    text = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if str(out) == "-":
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unavailable("file_unwritable", f"The JSON file cannot be written ({type(error).__name__}).") from error
