"""`tunewarden-audit consistency OLD NEW PROOF`: one checkpoint grew out of another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tunewarden_audit import merkle
from tunewarden_audit.bundle import ConsistencyProof, InvalidBundle
from tunewarden_audit.commands import add_key, read, read_head, read_keys, say, verdict
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import InvalidNote
from tunewarden_audit.recipe import Grade


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("consistency", help="verify that one checkpoint grew out of another")
    command.set_defaults(command=run)
    for name in ("old", "new", "proof"):
        command.add_argument(name, type=Path, metavar=name.upper())
    add_key(command, required=True)


def run(options: argparse.Namespace) -> int:
    """Returns the verdict's exit code."""
    try:
        keys = read_keys(options.key)
        old, new = read_head(options.old, keys), read_head(options.new, keys)
        proof = ConsistencyProof.decode(read(options.proof))
        if old.origin != new.origin:
            raise InvalidNote("the two checkpoints are of different logs")
        if (proof.old_size, proof.size) != (old.size, new.size):
            raise InvalidBundle(f"the proof is about other sizes than {old.size} and {new.size}")
    except (InvalidBundle, InvalidNote) as error:
        say(f"FAILED   consistency: {error}")
        return verdict(Grade.INVALID)
    try:
        merkle.verify_consistency(old.size, new.size, proof.hashes, old.root, new.root)
    except InvalidProof as error:
        say(f"DIVERGED consistency: {error}")
        return verdict(Grade.DIVERGED)
    say(f"ok       consistency: the log of size {old.size} is the beginning of the log of size {new.size}")
    return verdict(Grade.CONSISTENT)
