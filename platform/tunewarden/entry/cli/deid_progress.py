"""Saying how far long work has come, on standard error: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from tunewarden.entry.report.figures import duration

if TYPE_CHECKING:
    from tunewarden.steps.deidentify.progress import Progress as Report

_DOING = {
    "scan": "looking for identifiers",
    "evaluate": "comparing with the gold file",
    "find": "looking for identifiers",
    "rescan": "looking at the output again",
}


class Shown:
    """Takes the reports of `steps.deidentify.progress` and shows them."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        self._bars = Progress(*columns, console=self._console, disable=not self._console.is_terminal, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def say(self, doing: str) -> None:
        """Work that nobody counts has begun."""
        self._console.print(f"{doing} …", highlight=False)

    def __call__(self, report: Report) -> None:
        """Show one report."""
        doing, rate = _DOING.get(report.stage, report.stage), _rate(report)
        if not self._console.is_terminal:
            self._console.print(f"{doing}: {report.records:,} of {report.of:,} records, {rate}", highlight=False)
            return
        if report.stage not in self._tasks:
            self._tasks[report.stage] = self._bars.add_task(doing, total=report.of, rate="")
        self._bars.update(self._tasks[report.stage], completed=report.records, rate=rate)


def _rate(report: Report) -> str:
    from datetime import timedelta

    left = "" if report.seconds_left is None else f", {duration(timedelta(seconds=report.seconds_left))} left"
    return f"{report.records_per_second:,.0f} records/s{left if report.records < report.of else ''}"
