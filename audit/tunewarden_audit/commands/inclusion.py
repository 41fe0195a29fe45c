"""`tunewarden-audit inclusion ENTRY PROOF [CHECKPOINT]`: one entry is in the log."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tunewarden_audit import merkle
from tunewarden_audit.bundle import InclusionProof, InvalidBundle
from tunewarden_audit.commands import add_key, read, read_head, read_keys, say, verdict
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import InvalidNote, TreeHead
from tunewarden_audit.proof import EntryProof
from tunewarden_audit.recipe import Grade


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("inclusion", help="verify that an entry is in the log")
    command.set_defaults(command=run)
    command.add_argument("entry", type=Path, metavar="ENTRY")
    command.add_argument("proof", type=Path, metavar="PROOF", help="a .tlog-proof, or a bundle's proof with CHECKPOINT")
    command.add_argument("checkpoint", type=Path, nargs="?", metavar="CHECKPOINT")
    add_key(command, required=True)


def run(options: argparse.Namespace) -> int:
    """Returns the verdict's exit code."""
    try:
        index, head = _alone(options) if options.checkpoint is None else _beside_checkpoint(options)
    except (InvalidBundle, InvalidNote, InvalidProof) as error:
        say(f"FAILED   inclusion: {error}")
        return verdict(Grade.INVALID)
    say(f"ok       inclusion: the entry is at index {index} of the log of size {head.size}")
    return verdict(Grade.CONSISTENT)


def _alone(options: argparse.Namespace) -> tuple[int, TreeHead]:
    proof = EntryProof.parse(read(options.proof))
    return proof.index, proof.verify(read(options.entry), read_keys(options.key))


def _beside_checkpoint(options: argparse.Namespace) -> tuple[int, TreeHead]:
    head = read_head(options.checkpoint, read_keys(options.key))
    proof = InclusionProof.decode(read(options.proof))
    if proof.size != head.size:
        raise InvalidProof(f"the proof is about size {proof.size}, the checkpoint about size {head.size}")
    leaf = merkle.leaf_hash(read(options.entry))
    merkle.verify_inclusion(proof.index, head.size, leaf, proof.hashes, head.root)
    return proof.index, head
