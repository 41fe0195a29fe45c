"""The command line: `tunewarden --help`."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli import data, deid, emergency, keys, log, masters, model, policy_life, privacy, projects

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

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fine-tuning on personal data that can be handed to a regulator.",
)
app.add_typer(keys.app, name="keys")
app.add_typer(masters.app, name="master-keys")
app.add_typer(log.app, name="log")
app.add_typer(data.app, name="data")
app.add_typer(deid.app, name="deid")
app.add_typer(privacy.app, name="privacy")
app.add_typer(policy_life.app, name="policy")
app.add_typer(projects.app, name="projects")
app.add_typer(emergency.app, name="emergency")
app.add_typer(model.app, name="model")


@app.command()
def serve() -> None:
    """Start everything on this machine: api, worker and sealer as three processes."""
    from tunewarden.entry.cli.serve import supervise
    from tunewarden.entry.settings import Settings

    raise typer.Exit(supervise(Settings(), _until_told_to_stop()))


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    from tunewarden.drivers.sql_engine import migrate as upgrade
    from tunewarden.entry.settings import Settings

    settings = Settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(settings.database)


@app.command()
def api() -> None:
    """Answer requests. Holds no signing key."""
    import uvicorn

    from tunewarden.entry.api.app import create_app
    from tunewarden.entry.identities import identities
    from tunewarden.entry.running import running
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build

    settings = Settings()
    platform = build(settings)
    uvicorn.run(
        create_app(platform, settings, identities(settings, platform.clock), running(settings, platform)),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )


@app.command()
def worker() -> None:
    """Carry approved requests out, one step at a time."""
    from tunewarden.entry import worker as processes
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build, pipeline, with_persons, with_release, with_samples

    settings, stopping = Settings(), _until_told_to_stop()
    platform = with_samples(with_persons(settings, with_release(settings, build(settings))))
    raise typer.Exit(processes.run(settings, platform, pipeline(settings, platform), stopping.is_set))


@app.command()
def sealer() -> None:
    """Sign the log. The only process that opens the signing key."""
    from tunewarden.entry import sealer as processes
    from tunewarden.entry.settings import Settings

    raise typer.Exit(processes.run(Settings(), _until_told_to_stop().is_set))


@app.command()
def exporter() -> None:
    """Send the sealed log to the sinks of the settings (a SIEM)."""
    from tunewarden.entry.cli.export import export

    raise typer.Exit(export(_until_told_to_stop()))


@app.command()
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
    """The entry point. Our own errors end as one line, never as a traceback."""
    try:
        app()
    except TunewardenError as error:
        typer.secho(f"{error.code}: {error}", err=True, fg="red")
        sys.exit(1)


def _until_told_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
