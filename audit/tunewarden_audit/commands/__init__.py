"""The subcommands, a module each, and how all of them read their files and say what they found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tunewarden_audit.bundle import LARGEST_BUNDLE
from tunewarden_audit.note import TreeHead, VerifierKey, load_key, signed_head
from tunewarden_audit.recipe import Grade, Report

WRONG_USE = 2
WORDS = {
    Grade.CONSISTENT: "ok",
    Grade.WITNESSED: "ok",
    Grade.INCOMPLETE: "MISSING",
    Grade.DIVERGED: "DIVERGED",
    Grade.INVALID: "FAILED",
    Grade.BROKEN: "BROKEN",
}


def say(line: str, code: int = 0) -> int:
    """Print one line; returns the exit code, so that a command can end with it."""
    sys.stdout.write(f"{line}\n")
    return code


def verdict(grade: Grade) -> int:
    """Print the verdict; returns its exit code."""
    return say(f"verdict: {grade.name.lower()}", grade.value)


def say_report(report: Report, *notes: str) -> int:
    """Print a line for each check, the notes, and the verdict; returns its exit code."""
    for check in report.checks:
        say(f"{WORDS[check.grade]:<9}{check.number} {check.name:<12} {check.because}")
        for detail in check.details:
            say(f"{'':<9}  {detail}")
    for note in notes:
        say(note)
    return verdict(report.verdict)


def read(path: Path) -> bytes:
    """The file, up to one byte more than the largest bundle: the reader then refuses it."""
    with path.open("rb") as file:
        return file.read(LARGEST_BUNDLE + 1)


def read_keys(texts: Sequence[str]) -> list[VerifierKey]:
    """Each is a vkey line, or the path of a file that holds one."""
    return [load_key(text if text.count("+") >= 2 else read(Path(text)).decode("utf-8", "replace")) for text in texts]


def read_head(path: Path, keys: Sequence[VerifierKey]) -> TreeHead:
    """The tree head in a checkpoint file that one of the keys signed; raises InvalidNote."""
    return signed_head(read(path), keys)


def add_witnesses(command: argparse.ArgumentParser) -> None:
    """The options --witness and --quorum."""
    command.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness you trust; may be repeated"
    )
    command.add_argument(
        "--quorum", type=int, metavar="N", help="how many of them must have cosigned; all unless given"
    )


def add_key(command: argparse.ArgumentParser, *, required: bool) -> None:
    """The option --key."""
    command.add_argument(
        "--key",
        action="append",
        default=[],
        required=required,
        metavar="VKEY",
        help="the log's public key, or a file that holds it, as you got it over another channel; may be repeated",
    )
