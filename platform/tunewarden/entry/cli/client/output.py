"""What a command says: for people as lines and tables, for programs as JSON and nothing else on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import typer

from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.client.plain import plain

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Of one command. With `as_json`, what is for people is left out, beside the output too."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def document(self, said: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own; ASCII, so that nothing in it moves a cursor. For programs only."""
        if self.as_json:
            typer.echo(json.dumps(said))
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line for people: controls are shown as escapes, ends of lines among them, so no value begins another."""
        if not self.as_json:
            typer.echo(plain(text))

    def lines(self, text: str) -> None:
        """A text of several lines, in which no value from elsewhere may have brought one along."""
        for line in text.split("\n"):
            self.line(line)

    def note(self, text: str) -> None:
        """One line for people beside what was asked for, on standard error."""
        if not self.as_json:
            typer.echo(plain(text), err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
        """For people; `empty` in place of a table without rows."""
        if self.as_json:
            return
        if not rows:
            self.line(empty)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        console = self._console()
        if not console.is_terminal:
            console.width = 10_000  # who reads a pipe wants a line a row
        shown = [[plain("" if cell is None else cell) for cell in row] for row in rows]
        for place, column in enumerate(columns):
            longest = max(len(row[place]) for row in shown)
            is_id = place == 0  # to be copied, so it stays on one line
            table.add_column(column, overflow="fold", no_wrap=is_id, min_width=longest if is_id else None)
        for row in shown:
            table.add_row(*map(Text, row))
        console.print(table)

    def facts(self, said: Sequence[tuple[str, object]]) -> None:
        """For people: one thing, a line for each fact about it; what is None or empty is left out."""
        if self.as_json:
            return
        shown = [(name, value) for name, value in said if value not in (None, "", [])]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.line(f"{name.ljust(width)}  {value}")

    def declined(self, error: Declined) -> None:
        """Why there is nothing, on standard error."""
        if self.as_json:
            typer.echo(json.dumps({"error": error.document()}), err=True)
            return
        tell(error)

    @staticmethod
    def _console() -> Console:
        from rich.console import Console

        return Console(highlight=False, markup=False, emoji=False)


def tell(error: Declined) -> None:
    """For people: what was got, how to mend it, who can, and by what the platform finds it again."""
    from rich.console import Console

    lines = [f"{error.code}: {error.reason}"]
    if error.param and error.param not in error.reason:
        lines.append(f"  where: {error.param}")
    if error.remedy:
        lines.append(f"  what to do: {error.remedy}")
    if error.who:
        lines.append(f"  who can: {error.who}")
    if error.request_id:
        lines.append(f"  request: {error.request_id}")
    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(plain(lines[0]), style="red")
    for line in lines[1:]:
        console.print(plain(line))


def day_of(seconds: object) -> str:
    """Unix seconds as an instant (UTC), to the minute; empty for anything else."""
    if not isinstance(seconds, int) or not 0 <= seconds < 253_402_300_800:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"


def spent_shown(text: str) -> str:
    """An epsilon with four places, rounded up: what is shown is never less than what was spent. Other text as it is."""
    return _places(text, ROUND_CEILING)


def left_shown(text: str) -> str:
    """What is left of a budget with four places, rounded down: what is shown is there. Other text as it is."""
    return _places(text, ROUND_FLOOR)


def _places(text: str, rounding: str) -> str:
    try:
        return f"{Decimal(text).quantize(Decimal('0.0001'), rounding).normalize():f}"
    except InvalidOperation:
        return text


def short(digest: object) -> str:
    """The first 12 hexadecimal digits of a digest, for tables; other text as it is."""
    text = "" if digest is None else str(digest)
    return text[: len("sha256:") + 12] if text.startswith("sha256:") else text
