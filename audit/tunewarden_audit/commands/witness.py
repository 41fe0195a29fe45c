"""`tunewarden-audit witness`: a witness on the auditor's own machine. The only command that opens a socket."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from tunewarden_audit.commands import WRONG_USE, add_key, read_keys, say


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("witness", help="cosign a log's heads from a machine of your own (C2SP tlog-witness)")
    command.set_defaults(command=run)
    command.add_argument("directory", type=Path, metavar="DIR", help="where the witness keeps its key and what it saw")
    command.add_argument("--name", required=True, help="the witness's name, such as auditor.example/witness")
    command.add_argument("--listen", default="127.0.0.1:8081", metavar="HOST:PORT")
    add_key(command, required=True)


def run(options: argparse.Namespace) -> int:
    """Serves until interrupted."""
    from tunewarden_audit import witness
    from tunewarden_audit.custody import InUse, hold

    host, _, port = options.listen.rpartition(":")
    if not port.isdecimal() or not host:
        return say("cannot use --listen: it is HOST:PORT", WRONG_USE)
    key = witness.open_key(options.directory, options.name)
    try:
        hold(options.directory / "witness")  # until the process ends: two with one memory could cosign a rollback
    except InUse as busy:
        return say(str(busy), WRONG_USE)
    watcher = witness.Witness(key, read_keys(options.key), options.directory, time.time)
    server = witness.serve(watcher, host, int(port))
    say(f"witness {key.verifier.vkey}")
    say(f"listens on http://{host}:{server.server_address[1]}{witness.PATH}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0
