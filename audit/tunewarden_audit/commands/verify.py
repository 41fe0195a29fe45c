"""`tunewarden-audit verify BUNDLE`: the recipe of `tunewarden_audit.verify`, a line for each check."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tunewarden_audit.commands import add_key, add_witnesses, read, read_keys, say_report
from tunewarden_audit.verify import verify

NOT_SHOWN = (
    "not shown: that the log holds nothing else about this model, that report.html, model-card.md and ml-bom.cdx.json "
    "tell what the entries say, nor that the adapter in your hands is the one (FORMAT.md)"
)


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("verify", help="verify a lineage bundle")
    command.set_defaults(command=run)
    command.add_argument("bundle", type=Path, metavar="BUNDLE")
    add_key(command, required=False)
    command.add_argument("--since", type=Path, metavar="CHECKPOINT", help="a checkpoint of this log that you kept")
    add_witnesses(command)


def run(options: argparse.Namespace) -> int:
    """Returns the verdict's exit code."""
    keys = read_keys(options.key)
    since = read(options.since) if options.since else None
    witnesses = read_keys(options.witness)
    report = verify(read(options.bundle), keys, since, witnesses=witnesses, quorum=options.quorum)
    return say_report(report, NOT_SHOWN)
