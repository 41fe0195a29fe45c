"""The command line: `tunewarden --help`."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli import data, deid, log, masters, operator, policy, privacy
from tunewarden.entry.cli.client import (
    approving,
    audit,
    budgets,
    emergency,
    evidence,
    gates,
    jobs,
    keys,
    login,
    models,
    plan,
    projects,
    promotions,
)
from tunewarden.entry.cli.client.credentials import acting_in
from tunewarden.entry.cli.client.declined import of_error
from tunewarden.entry.cli.client.output import Output
from tunewarden.entry.cli.exits import TABLE

# Before any library that reads them is imported: no telemetry, no hub; and threads that wait do not spin, because on a
# busy machine spinning ones keep the working ones from working.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_WAIT_POLICY": "PASSIVE",
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

_ASKING, _ALONE, _HERE = "Through the API, as who is logged in", "On files", "On the platform's machine"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Fine-tuning on personal data that can be handed to a regulator.",
    epilog=TABLE,
)
for command in (
    *(login.login, login.logout, login.whoami),
    *(approving.approvals, approving.approve, approving.endorse, approving.reject),
    *(promotions.promote, models.lineage),
):
    app.command(rich_help_panel=_ASKING)(command)
app.add_typer(data.app, name="data", rich_help_panel=_ASKING)
app.add_typer(plan.app, name="plan", rich_help_panel=_ASKING)
app.add_typer(jobs.app, name="jobs", rich_help_panel=_ASKING)
app.add_typer(models.app, name="models", rich_help_panel=_ASKING)
app.add_typer(promotions.app, name="promotions", rich_help_panel=_ASKING)
app.add_typer(evidence.app, name="evidence", rich_help_panel=_ASKING)
app.add_typer(gates.app, name="gates", rich_help_panel=_ASKING)
app.add_typer(budgets.app, name="budgets", rich_help_panel=_ASKING)
app.add_typer(audit.app, name="audit", rich_help_panel=_ASKING)
app.add_typer(policy.app, name="policy", rich_help_panel=_ASKING)
app.add_typer(keys.app, name="keys", rich_help_panel=_ASKING)
app.add_typer(projects.app, name="projects", rich_help_panel=_ASKING)
app.add_typer(emergency.app, name="emergency", rich_help_panel=_ASKING)
app.add_typer(deid.app, name="deid", rich_help_panel=_ALONE)
app.add_typer(privacy.app, name="privacy", rich_help_panel=_ALONE)
app.add_typer(operator.app, name="operator", rich_help_panel=_HERE)
app.add_typer(masters.app, name="master-keys", rich_help_panel=_HERE)
app.add_typer(log.app, name="log", rich_help_panel=_HERE)


@app.callback()
def within(
    context: typer.Context,
    project: Annotated[
        str | None,
        typer.Option(
            help="Act in this project alone: make things in it, see nothing else. '' is none, whatever is kept."
        ),
    ] = None,
) -> None:
    """In which project a command acts. Raises `BadParameter` where it would act in none, whatever was said."""
    group: Any = context.command
    if project is not None and group.commands[context.invoked_subcommand].rich_help_panel != _ASKING:
        raise typer.BadParameter("Only what asks the API acts in a project.", param_hint="--project")
    context.with_resource(acting_in(project))


@app.command(rich_help_panel=_HERE)
def serve() -> None:
    """Start everything on this machine: api, worker and sealer as three processes."""
    from tunewarden.entry.cli.serve import supervise
    from tunewarden.entry.settings import Settings

    raise typer.Exit(supervise(Settings(), _until_told_to_stop()))


@app.command(rich_help_panel=_HERE)
def migrate() -> None:
    """Bring the database's tables up to date."""
    from tunewarden.drivers.sql_engine import migrate as upgrade
    from tunewarden.entry.settings import Settings

    settings = Settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(settings.database)


@app.command(rich_help_panel=_HERE)
def api() -> None:
    """Answer requests. Holds no signing key."""
    from tunewarden.entry.api.app import create_app
    from tunewarden.entry.api.server import serve
    from tunewarden.entry.identities import identities
    from tunewarden.entry.running import running
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build

    settings = Settings()
    platform = build(settings)
    serve(create_app(platform, settings, identities(settings, platform.clock), running(settings, platform)), settings)


@app.command(rich_help_panel=_HERE)
def worker() -> None:
    """Carry approved requests out, one step at a time."""
    from tunewarden.entry import worker as processes
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build, pipeline, with_persons, with_release, with_samples

    settings, stopping = Settings(), _until_told_to_stop()
    platform = with_samples(with_persons(settings, with_release(settings, build(settings))))
    raise typer.Exit(processes.run(settings, platform, pipeline(settings, platform), stopping.is_set))


@app.command(rich_help_panel=_HERE)
def sealer() -> None:
    """Sign the log. The only process that opens the signing key."""
    from tunewarden.entry import sealer as processes
    from tunewarden.entry.settings import Settings

    raise typer.Exit(processes.run(Settings(), _until_told_to_stop().is_set))


@app.command(rich_help_panel=_HERE)
def exporter() -> None:
    """Send the sealed log to the sinks of the settings (a SIEM)."""
    from tunewarden.entry.cli.export import export

    raise typer.Exit(export(_until_told_to_stop()))


@app.command(rich_help_panel=_HERE)
def notifier() -> None:
    """Tell webhook endpoints what happened. Reaches the outside, and holds no signing key of the log."""
    from tunewarden.entry.cli.notify import notify

    raise typer.Exit(notify(_until_told_to_stop()))


@app.command(rich_help_panel=_HERE)
def demo(
    data: Annotated[Path | None, typer.Option(help="CSV, JSONL or Parquet; generated notes if absent.")] = None,
    text: Annotated[str, typer.Option(help="Column with the free text.")] = "text",
    label: Annotated[str, typer.Option(help="Column with what is learnt.")] = "label",
    person: Annotated[
        str | None, typer.Option(help="Column with the person's id; without it every row is another person.")
    ] = None,
    protected: Annotated[str, typer.Option(help="Protected attributes, comma-separated.")] = "",
    positive: Annotated[str | None, typer.Option(help="Make two classes: this label against the rest.")] = None,
    epsilon: Annotated[str, typer.Option(help="Privacy loss of one person.")] = "8",
    delta: Annotated[str, typer.Option(help="Of the privacy loss.")] = "0.0001",
    epochs: Annotated[
        int | None, typer.Option(help="How often each person is expected to take part; 6, or 4 for generated notes.")
    ] = None,
    held_out: Annotated[
        HeldOut, typer.Option(help="Figures on persons held out: noisy, or exact by their consent, or of public data.")
    ] = HeldOut.PRIVATE,
    summary: Annotated[Path | None, typer.Option(help="Also write the last table as JSON.")] = None,
    home: Annotated[Path, typer.Option(help="Where the demo keeps its state.")] = Path("demo"),
) -> None:
    """Walk the whole path: a governed fine-tune from request to verified lineage report."""
    from tunewarden.entry.cli.demo import Story, tell

    story = Story(
        data=data,
        text=text,
        label=label,
        person=person,
        protected=tuple(part for part in protected.split(",") if part),
        positive=positive,
        epsilon=epsilon,
        delta=delta,
        epochs=epochs or (6 if data else 4),
        held_out=held_out,
    )
    raise typer.Exit(tell(story, home, summary))


def main() -> None:
    """The entry point. Our own errors end with their reason and the exit code of their kind, never as a traceback."""
    try:
        app()
    except TunewardenError as error:
        Output(as_json=is_for_programs(sys.argv[1:])).declined(of_error(error))
        sys.exit(of_error(error).exit_code)


def is_for_programs(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON on the output; `--json FILE`, which some commands have, writes a file."""
    command: Any = typer.main.get_command(app)
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return any("--json" in one.opts and getattr(one, "is_flag", False) for one in command.params) and "--json" in words


def _until_told_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
