"""`tunewarden data check`: what is in a table, before it leaves this machine; then `client.datasets` sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tunewarden.entry.cli.client import datasets

app = typer.Typer(no_args_is_help=True, help="Look at data on this machine, upload it, and have it registered.")
app.command("register")(datasets.register)
app.command("upload")(datasets.upload)
app.command("list")(datasets.listed)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet, by its content.")],
    text: Annotated[str | None, typer.Option(help="Column with the text; found by its name if absent.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class that is learnt.")] = None,
    completion: Annotated[str | None, typer.Option(help="Column with the text that is learnt to follow.")] = None,
    person: Annotated[
        str | None, typer.Option(help="Column with the person's id; without it every row is another person.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="What stands between several persons of a row.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="tokenizer.json of a base model, to count tokens.")] = None,
    near: Annotated[bool, typer.Option(help="Also look for texts that are nearly the same; takes minutes.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the report as JSON; - is the output.")] = None,
) -> None:
    """Read every row as registration would, and say what may be said: counts, never a text. Ends with 1 for faults.

    Nothing leaves this machine.
    """
    from rich.console import Console

    from tunewarden.domain.canonical import to_plain
    from tunewarden.domain.datasets import require_separator
    from tunewarden.drivers.data_checking import Named, check_table
    from tunewarden.entry.cli.data_near import NearTexts
    from tunewarden.entry.cli.data_shown import show
    from tunewarden.entry.cli.deid_json import require_place, write_json

    require_place(json)
    if separator is not None:
        require_separator(separator, "--separator")
    named = Named(text=text, label=label, completion=completion, person=person, separator=separator)
    counting, alike = None if tokenizer is None else _counting(tokenizer), NearTexts() if near else None
    found = check_table(lambda: _opened(file), named, counting, None if alike is None else alike.see)
    repeating = None if alike is None else alike.repeating()
    if json is not None:
        plain: Any = to_plain(found)
        write_json({"object": "data.check", **plain, "near": repeating}, json)
    if json is None or str(json) != "-":
        show(found, repeating, Console())
    raise typer.Exit(1 if found.blank_rows else 0)


def _opened(file: Path) -> Any:
    from tunewarden.domain.errors import NotFound, Unavailable

    try:
        return file.open("rb")
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no file of that name.", param="file") from None
    except OSError as error:
        raise Unavailable("file_unreadable", f"The file cannot be read ({type(error).__name__}).") from error


def _counting(tokenizer: Path) -> Any:
    """How many tokens a text is, by the base model's own tokenizer, without the marks it puts around a text."""
    from tokenizers import Tokenizer

    from tunewarden.domain.errors import Malformed

    with _opened(tokenizer) as stream:
        content = stream.read()
    try:
        made = Tokenizer.from_buffer(content)
    except Exception:  # the library raises nothing narrower
        made = None  # and its message may hold some of the file
    if made is None:
        raise Malformed(
            "tokenizer_malformed",
            "The file is no tokenizer.",
            remedy="Name the tokenizer.json of the base model.",
            param="--tokenizer",
        )
    return lambda text: len(made.encode(text, add_special_tokens=False).ids)
