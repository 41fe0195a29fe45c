"""`tunewarden log ...`: the audit log, for whoever has a shell on the machine and so the database anyway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewarden.entry.cli import export, retention, sealing
from tunewarden.entry.cli.saying import AsJson, say

if TYPE_CHECKING:
    from tunewarden.drivers.sql_proofs import SqlSealedLog
    from tunewarden.entry.settings import Settings
    from tunewarden.usecases.ports import SignedTreeHead
    from tunewarden_audit.note import VerifierKey

app = typer.Typer(no_args_is_help=True, help="The audit log.")
app.add_typer(export.sinks, name="sinks")
app.add_typer(retention.hold, name="hold")
app.add_typer(retention.prune, name="prune")
sealing.add_commands(app)


@app.command("tiles")
def write_static_files(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files are, or shall be.")],
    as_json: AsJson = False,
) -> None:
    """Write the signed log as static files (C2SP tlog-tiles), or bring them up to date: for auditors and mirrors."""
    from tunewarden.domain.errors import Conflict, Unavailable
    from tunewarden.entry.settings import Settings
    from tunewarden_audit.export import RefusedToExport, write_tiles

    settings = Settings()
    log, head = _signed(settings)
    try:
        written = write_tiles(directory, head.note, _keys(settings), log.leaves)
    except (RefusedToExport, ValueError) as refusal:  # the auditor's own errors are ValueErrors of one line
        raise Conflict(
            "export_refused",
            f"No new checkpoint was published: {refusal}.",
            remedy="Name an empty folder; if it stays so, call the auditor.",
        ) from refusal
    except OSError as error:
        raise Unavailable("export_failed", f"A file could not be written ({type(error).__name__}).") from error
    say(f"{written.size} entries in {directory}", as_json=as_json, size=written.size, directory=str(directory))


@app.command("rebuild")
def rebuild_tiles(as_json: AsJson = False) -> None:
    """Compute the tree's stored hashes again from the entries, after the platform said that they are damaged."""
    from tunewarden.drivers import sql_tiles
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.entry.settings import Settings

    settings = Settings()
    _, head = _signed(settings)
    sql_tiles.rebuild(connect(settings.database), head.size)
    say(f"computed again for {head.size} entries", as_json=as_json, size=head.size)


def _signed(settings: Settings) -> tuple[SqlSealedLog, SignedTreeHead]:
    from tunewarden.domain.errors import Unavailable
    from tunewarden.drivers.sql_engine import connect
    from tunewarden.drivers.sql_proofs import SqlSealedLog

    log = SqlSealedLog(connect(settings.database))
    head = log.head()
    if head is None:
        raise Unavailable("log_not_sealed", "The sealer has not signed a tree head yet.", remedy="Start the sealer.")
    return log, head


def _keys(settings: Settings) -> list[VerifierKey]:
    from tunewarden.domain.errors import Unavailable
    from tunewarden_audit.note import load_key

    try:
        return [load_key(settings.log_vkey.read_text())]
    except (OSError, ValueError) as error:
        raise Unavailable(
            "log_key_missing",
            "The log's public key, log.vkey in the sealer's home, is not here or cannot be read.",
            remedy="Copy it from there.",
            who="administrator",
        ) from error
