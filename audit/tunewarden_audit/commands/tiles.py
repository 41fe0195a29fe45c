"""`tunewarden-audit tiles DIR`: the recipe of `tunewarden_audit.static_log`, a line for each check."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tunewarden_audit.commands import add_key, add_witnesses, read, read_keys, say_report
from tunewarden_audit.static_log import verify_tiles


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("tiles", help="verify a whole log from its static files (C2SP tlog-tiles)")
    command.set_defaults(command=run)
    command.add_argument("directory", type=Path, metavar="DIR")
    add_key(command, required=True)
    command.add_argument("--since", type=Path, metavar="CHECKPOINT", help="a checkpoint of this log that you kept")
    add_witnesses(command)
    command.add_argument("--first", type=int, default=0, metavar="INDEX", help="the log's published minimum index")


def run(options: argparse.Namespace) -> int:
    """Returns the verdict's exit code."""
    since = read(options.since) if options.since else None
    next(options.directory.iterdir(), None)  # a missing directory is wrong use, not an incomplete log
    report = verify_tiles(
        options.directory,
        read_keys(options.key),
        since=since,
        first=options.first,
        witnesses=read_keys(options.witness),
        quorum=options.quorum,
    )
    return say_report(report)
