"""`tunewarden exporter` and `tunewarden log sinks ...`: sending the log to SIEMs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from tunewarden.entry.cli.saying import AsJson, say

sinks = typer.Typer(help="Where the log is exported to, and how far each sink is.", invoke_without_command=True)


def export(stopping: threading.Event) -> int:
    """Send the log to the sinks of the settings until told to stop; returns the exit code."""
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.siem.exporter import run

    return run(Settings(), stopping)


@sinks.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every sink: its next index, its lag in sealed entries, its last error and its dead letters.

    As JSON one a line; of one that has not begun there is no next index.
    """
    if context.invoked_subcommand is not None:
        return
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.drivers.sql_sinks import SqlSinks
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.siem.config import read_sinks

    settings = Settings()
    if settings.sinks_file is None:
        if not as_json:
            typer.echo("No sinks: name a file of them in TUNEWARDEN_SINKS_FILE.")
        return
    stored = SqlSinks(connect(settings.database))
    size = stored.signed_size()
    if not as_json:
        typer.echo(f"{'sink':<20} {'format':<12} {'next':>10} {'lag':>10} {'dead':>6}  last error")
    for sink in read_sinks(settings.sinks_file):
        cursor, dead = stored.find(sink.name), len(stored.dead_letters(sink.name))
        said: dict[str, Any] = {"sink": sink.name, "format": sink.format, "dead": dead}
        if cursor is None:
            line = f"{sink.name:<20} {sink.format:<12} {'-':>10} {'-':>10} {'-':>6}  not begun"
            say(line, as_json=as_json, **said, next_index=None, lag=None, error=None)
            continue
        lag, error = max(0, size - cursor.next_index), cursor.error or None
        line = f"{sink.name:<20} {sink.format:<12} {cursor.next_index:>10} {lag:>10} {dead:>6}  {error or 'none'}"
        say(line, as_json=as_json, **said, next_index=cursor.next_index, lag=lag, error=error)


@sinks.command("dead")
def dead_letters(name: Annotated[str, typer.Argument(metavar="SINK")], as_json: AsJson = False) -> None:
    """List the events that a sink never took, and why; as JSON one a line."""
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.drivers.sql_sinks import SqlSinks
    from tunewarden.entry.settings import Settings

    for letter in SqlSinks(connect(Settings().database)).dead_letters(name):
        say(f"{letter.event:<20} {letter.code}", as_json=as_json, event=letter.event, code=letter.code)


@sinks.command("test")
def send_test_event(name: Annotated[str, typer.Argument(metavar="SINK")], as_json: AsJson = False) -> None:
    """Send one event of the type SinkTested, which is in no log, and say whether it was taken."""
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.siem.config import receiver, sink_named
    from tunewarden.entry.siem.events import tested
    from tunewarden.entry.siem.exporter import outgoing

    settings = Settings()
    sink = sink_named(settings.sinks_file, name)
    there = receiver(sink)
    try:
        done = there.deliver([outgoing(tested(settings.origin, datetime.now(UTC)), sink.format)])
    finally:
        there.close()
    if done.error is not None:
        raise done.error
    say(f"{name} took the event", as_json=as_json, sink=name, taken=True)


@sinks.command("start")
def start_from(
    name: Annotated[str, typer.Argument(metavar="SINK")],
    at: Annotated[str, typer.Option("--from", metavar="INDEX|now|history", help="The first entry to send.")],
    as_json: AsJson = False,
) -> None:
    """Let a sink go on from elsewhere: send the history again, or start now. What it has already it may get again."""
    from tunewarden.domain.errors import Malformed
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.drivers.sql_sinks import HISTORY, Cursor, SqlSinks, from_now
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.siem.config import sink_named

    settings = Settings()
    sink_named(settings.sinks_file, name)
    stored = SqlSinks(connect(settings.database))
    if at == "now":
        cursor = from_now(stored)
    elif at == "history":
        cursor = HISTORY
    elif at.isascii() and at.isdigit() and int(at) <= stored.signed_size():
        cursor = Cursor(next_index=int(at), next_head=int(at) + 1)
    else:
        raise Malformed(
            "start_malformed", "A sink starts from 'now', 'history', or the index of a sealed entry.", param="from"
        )
    stored.set(name, cursor)
    line = f"{name} goes on from entry {cursor.next_index}"
    say(line, as_json=as_json, sink=name, next_index=cursor.next_index)
