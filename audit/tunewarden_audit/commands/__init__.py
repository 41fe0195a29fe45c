"""The subcommands, a module each, and how all of them read their files and say what they found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tunewarden_audit.bundle import LARGEST_BUNDLE
from tunewarden_audit.note import TreeHead, VerifierKey, load_key, open_note
from tunewarden_audit.verify import Grade

WRONG_USE = 2


def say(line: str, code: int = 0) -> int:
    """Print one line; returns the exit code, so that a command can end with it."""
    sys.stdout.write(f"{line}\n")
    return code


def verdict(grade: Grade) -> int:
    """Print the verdict; returns its exit code."""
    return say(f"verdict: {grade.name.lower()}", grade.value)


def read(path: Path) -> bytes:
    """The file, up to one byte more than the largest bundle: the reader then refuses it."""
    with path.open("rb") as file:
        return file.read(LARGEST_BUNDLE + 1)


def read_keys(texts: Sequence[str]) -> list[VerifierKey]:
    """Each is a vkey line, or the path of a file that holds one."""
    return [load_key(text if text.count("+") >= 2 else read(Path(text)).decode("utf-8", "replace")) for text in texts]


def read_head(path: Path, keys: Sequence[VerifierKey]) -> TreeHead:
    """The tree head in a checkpoint file that one of the keys signed; raises InvalidNote."""
    return TreeHead.parse(open_note(read(path), keys).text)


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
