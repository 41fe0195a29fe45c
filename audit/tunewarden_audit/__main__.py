"""The command `tunewarden-audit`: prints one line per check, then the verdict; its exit code is the verdict's.

0 consistent, 2 wrong use of the command, 3 incomplete, 4 diverged, 5 invalid.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tunewarden_audit import merkle
from tunewarden_audit.bundle import LARGEST_BUNDLE, ConsistencyProof, InclusionProof, InvalidBundle
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import InvalidKey, InvalidNote, TreeHead, VerifierKey, load_key, open_note
from tunewarden_audit.verify import Grade, verify

WORDS = {Grade.CONSISTENT: "ok", Grade.INCOMPLETE: "MISSING", Grade.DIVERGED: "DIVERGED", Grade.INVALID: "FAILED"}
WRONG_USE = 2
NOT_SHOWN = (
    "not shown: that the log holds nothing else about this model, nor that lineage.json and report.html "
    "tell what the entries say (FORMAT.md)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except OSError as error:
        return _say(f"cannot read {error.filename!a}: {error.strerror}", WRONG_USE)
    except InvalidKey as error:
        return _say(f"cannot use --key: {error}", WRONG_USE)
    return code


def _verify(options: argparse.Namespace) -> int:
    keys = _keys(options.key)
    since = _read(options.since) if options.since else None
    report = verify(_read(options.bundle), keys, since)
    for check in report.checks:
        _say(f"{WORDS[check.grade]:<9}{check.number} {check.name:<10} {check.because}")
    _say(NOT_SHOWN)
    return _verdict(report.verdict)


def _inclusion(options: argparse.Namespace) -> int:
    try:
        head = _head(options.checkpoint, _keys(options.key))
        proof = InclusionProof.decode(_read(options.proof))
        if proof.size != head.size:
            raise InvalidProof(f"the proof is about size {proof.size}, the checkpoint about size {head.size}")
        leaf = merkle.leaf_hash(_read(options.entry))
        merkle.verify_inclusion(proof.index, head.size, leaf, proof.hashes, head.root)
    except (InvalidBundle, InvalidNote, InvalidProof) as error:
        _say(f"FAILED   inclusion: {error}")
        return _verdict(Grade.INVALID)
    _say(f"ok       inclusion: the entry is at index {proof.index} of the log of size {head.size}")
    return _verdict(Grade.CONSISTENT)


def _consistency(options: argparse.Namespace) -> int:
    try:
        keys = _keys(options.key)
        old, new = _head(options.old, keys), _head(options.new, keys)
        proof = ConsistencyProof.decode(_read(options.proof))
        if old.origin != new.origin:
            raise InvalidNote("the two checkpoints are of different logs")
        if (proof.old_size, proof.size) != (old.size, new.size):
            raise InvalidBundle(f"the proof is about other sizes than {old.size} and {new.size}")
    except (InvalidBundle, InvalidNote) as error:
        _say(f"FAILED   consistency: {error}")
        return _verdict(Grade.INVALID)
    try:
        merkle.verify_consistency(old.size, new.size, proof.hashes, old.root, new.root)
    except InvalidProof as error:
        _say(f"DIVERGED consistency: {error}")
        return _verdict(Grade.DIVERGED)
    _say(f"ok       consistency: the log of size {old.size} is the beginning of the log of size {new.size}")
    return _verdict(Grade.CONSISTENT)


def _head(path: Path, keys: Sequence[VerifierKey]) -> TreeHead:
    return TreeHead.parse(open_note(_read(path), keys).text)


def _keys(texts: Sequence[str]) -> list[VerifierKey]:
    """Each is a vkey line, or the path of a file that holds one."""
    return [load_key(text if text.count("+") >= 2 else _read(Path(text)).decode("utf-8", "replace")) for text in texts]


def _read(path: Path) -> bytes:
    """The file, up to one byte more than the largest bundle: the reader then refuses it."""
    with path.open("rb") as file:
        return file.read(LARGEST_BUNDLE + 1)


def _verdict(grade: Grade) -> int:
    return _say(f"verdict: {grade.name.lower()}", grade.value)


def _say(line: str, code: int = 0) -> int:
    sys.stdout.write(f"{line}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tunewarden-audit", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("verify", help="verify a lineage bundle")
    command.set_defaults(command=_verify)
    command.add_argument("bundle", type=Path, metavar="BUNDLE")
    _add_key(command, required=False)
    command.add_argument("--since", type=Path, metavar="CHECKPOINT", help="a checkpoint of this log that you kept")

    command = commands.add_parser("inclusion", help="verify that an entry is in the log")
    command.set_defaults(command=_inclusion)
    for name in ("entry", "proof", "checkpoint"):
        command.add_argument(name, type=Path, metavar=name.upper())
    _add_key(command, required=True)

    command = commands.add_parser("consistency", help="verify that one checkpoint grew out of another")
    command.set_defaults(command=_consistency)
    for name in ("old", "new", "proof"):
        command.add_argument(name, type=Path, metavar=name.upper())
    _add_key(command, required=True)
    return parser


def _add_key(command: argparse.ArgumentParser, *, required: bool) -> None:
    command.add_argument(
        "--key",
        action="append",
        default=[],
        required=required,
        metavar="VKEY",
        help="the log's public key, or a file that holds it, as you got it over another channel; may be repeated",
    )


if __name__ == "__main__":
    sys.exit(main())
