"""A job on its way, for people: a stepper that is drawn anew on a terminal, and a line for each change elsewhere."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tunewarden.entry.cli.client.output import Output, spent_shown
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.client.stages import Mark, Progress, Step

_MARKS = {Mark.DONE: "✓", Mark.NOW: "●", Mark.WAITING: "○", Mark.STOPPED: "✗"}
_ASCII = {Mark.DONE: "+", Mark.NOW: ">", Mark.WAITING: ".", Mark.STOPPED: "x"}
_STYLES = {Mark.DONE: "green", Mark.NOW: "bold cyan", Mark.WAITING: "dim", Mark.STOPPED: "bold red"}
_BAR = 40  # columns


class Shown:
    """Of one job. On a terminal one picture that changes; in a pipe a line for each stage that changes its mark.

    With JSON wanted, the lines go to standard error.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = self._console.is_terminal and not self._console.is_dumb_terminal and not out.as_json
        self._picture = Live(console=self._console, auto_refresh=False, transient=False) if self._live else None
        self._before: Progress | None = None
        self._lost = ""

    def __enter__(self) -> Self:
        if self._picture is not None:
            self._picture.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._picture is not None:
            self._picture.stop()

    def progress(self, now: Progress) -> None:
        """Where it is now."""
        self._lost = ""
        if self._picture is not None:
            self._before = now
            self._draw(now)
            return
        for line in lines(self._before, now):
            self._out.line(line)
        self._before = now

    def lost(self, reason: str) -> None:
        """That nobody answers at the moment; the job goes on, and so does watching."""
        if self._picture is not None and self._before is not None:
            self._lost = reason
            self._draw(self._before)
        else:
            self._out.note(f"no answer, asking again: {reason}")

    def _draw(self, now: Progress) -> None:
        if self._picture is not None:
            self._picture.update(picture(now, self._lost, unicode=_is_unicode(self._console)), refresh=True)


def lines(before: Progress | None, now: Progress) -> list[str]:
    """What changed, a line each: every stage that is not what it was, and the epsilon that was spent."""
    known = {} if before is None else {one.stage: one for one in before.steps}
    changed = [
        one for one in now.steps if known.get(one.stage) != one and (one.mark is not Mark.WAITING or one.stage in known)
    ]
    said = [f"{one.stage}: {one.mark}{f' ({one.note})' if one.note else ''}" for one in changed]
    if before is not None and before.spent != now.spent:
        said.append(epsilon(now))
    if before is None or before.status != now.status:
        said.append(f"{now.job} is {now.status} ({now.state})")
    return said


def epsilon(now: Progress) -> str:
    """What was spent of what was promised."""
    spent = f"epsilon {spent_shown(now.spent)} of {now.promised} spent, at delta {now.delta}"
    return f"{spent}; {now.updates:,} of {now.of:,} updates"


def picture(now: Progress, lost: str = "", *, unicode: bool = True) -> RenderableType:
    """The stepper, and a bar that fills as epsilon is spent."""
    marks = _MARKS if unicode else _ASCII
    table = Table.grid(padding=(0, 1))
    for style in ("", "", "dim"):
        table.add_column(style=style, overflow="fold")
    for step in now.steps:
        table.add_row(*_row(step, marks))
    head = Text(f"{plain(now.job)}  ", style="bold").append(f"{plain(now.status)} ({plain(now.state)})", style="")
    spent = Table.grid(padding=(0, 1))
    share = _share(now)
    spent.add_row(
        ProgressBar(total=100, completed=share, width=_BAR),
        Text(f"epsilon {plain(spent_shown(now.spent))} of {plain(now.promised)}"),
    )
    below: list[RenderableType] = [Text(f"at delta {plain(now.delta)}, {now.updates:,} of {now.of:,} updates", "dim")]
    if lost:
        below.append(Text(f"no answer, asking again: {plain(lost)}", style="yellow"))
    return Group(head, Text(""), table, Text(""), spent, *below)


def _row(step: Step, marks: dict[Mark, str]) -> tuple[Text, Text, Text]:
    style = _STYLES[step.mark]
    return Text(marks[step.mark], style=style), Text(step.stage, style=style), Text(plain(step.note))


def _share(now: Progress) -> float:
    """Per cent of the promised epsilon that is spent, 0 to 100."""
    try:
        spent, promised = Decimal(now.spent), Decimal(now.promised)
        share = spent / promised * 100
    except (InvalidOperation, ZeroDivisionError):
        return 0.0
    return float(min(max(share, Decimal(0)), Decimal(100))) if share.is_finite() else 0.0


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
