"""The command `tunewarden-audit`: prints one line per check, then the verdict; its exit code is the verdict's.

0 consistent, 2 wrong use of the command, 3 incomplete, 4 diverged, 5 invalid, 6 a rule was broken, 10 consistent and
witnessed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tunewarden_audit.commands import WRONG_USE, conduct, consistency, inclusion, say, tiles, verify, witness
from tunewarden_audit.note import InvalidKey

COMMANDS = (verify, inclusion, consistency, tiles, conduct, witness)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="tunewarden-audit", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    options = parser.parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()
    except OSError:  # whoever read the output went away, or its disk is full: nobody is there to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit has somewhere to go
        return WRONG_USE
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        code: int = options.command(options)
    except OSError as error:
        if error.filename is None:
            raise
        return say(f"cannot read {error.filename!a}: {error.strerror}", WRONG_USE)
    except InvalidKey as error:
        return say(f"cannot use the key: {error}", WRONG_USE)
    return code


if __name__ == "__main__":
    sys.exit(main())
