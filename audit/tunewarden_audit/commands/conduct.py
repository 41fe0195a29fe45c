"""`tunewarden-audit conduct BUNDLE|DIR`: verified first, then replayed against the rules of the house."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tunewarden_audit import bundle
from tunewarden_audit.commands import WRONG_USE, add_key, add_witnesses, read, read_keys, say, say_report
from tunewarden_audit.conduct import SKEW, conduct
from tunewarden_audit.note import TreeHead
from tunewarden_audit.recipe import Grade, Report
from tunewarden_audit.static_log import CHECKPOINT, read_entries, verify_tiles
from tunewarden_audit.verify import verify

NOT_SHOWN = (
    "not shown: that what was logged is true, that nothing was done that nobody logged, nor who the access policy "
    "allowed what (FORMAT.md)"
)
SOME = "judged: the entries of this bundle alone; the limit of a budget needs the whole log (give its tiles)"


def add(commands: Any) -> None:
    """Make the command known to the parser."""
    command = commands.add_parser("conduct", help="verify, then judge what the entries say by the rules of the house")
    command.set_defaults(command=run)
    command.add_argument("source", type=Path, metavar="BUNDLE|DIR", help="a bundle, or a log's static files")
    add_key(command, required=False)
    command.add_argument("--since", type=Path, metavar="CHECKPOINT", help="a checkpoint of this log that you kept")
    add_witnesses(command)
    command.add_argument("--first", type=int, default=0, metavar="INDEX", help="the log's published minimum index")
    command.add_argument(
        "--clock-skew",
        type=int,
        default=int(SKEW.total_seconds()),
        metavar="SECONDS",
        help="how far clocks may differ; %(default)s unless given",
    )


def run(options: argparse.Namespace) -> int:
    """Returns the verdict's exit code."""
    is_static = options.source.is_dir()
    # 1. The entries are the ones that were logged.
    if is_static and not options.key:
        return say("cannot judge static files without --key: nothing in them says whose they are", WRONG_USE)
    data = b"" if is_static else read(options.source)
    verified = _verify_static(options) if is_static else _verify_bundle(options, data)
    if not _is_proven(verified):
        return say_report(verified, "not judged: entries that are not known to be in the log say nothing")
    # 2. What they say is judged.
    entries = _of_tiles(options.source) if is_static else _of_bundle(data)
    judged = conduct(
        entries,
        now=datetime.now(timezone.utc),
        skew=timedelta(seconds=options.clock_skew),
        first_number=len(verified.checks) + 1,
    )
    notes = (NOT_SHOWN,) if is_static else (SOME, NOT_SHOWN)
    return say_report(Report((*verified.checks, *judged.checks)), *notes)


def _verify_bundle(options: argparse.Namespace, data: bytes) -> Report:
    since = read(options.since) if options.since else None
    witnesses = read_keys(options.witness)
    return verify(data, read_keys(options.key), since, witnesses=witnesses, quorum=options.quorum)


def _verify_static(options: argparse.Namespace) -> Report:
    return verify_tiles(
        options.source,
        read_keys(options.key),
        since=read(options.since) if options.since else None,
        first=options.first,
        witnesses=read_keys(options.witness),
        quorum=options.quorum,
    )


def _is_proven(verified: Report) -> bool:
    """Whether every entry that is here is known to be in a signed tree."""
    checks = {check.name: check.grade for check in verified.checks}
    proofs = {"tree head", *(("hash tiles", "root") if "root" in checks else ("inclusion",))}
    contradicted = verified.verdict in {Grade.DIVERGED, Grade.INVALID}
    return not contradicted and all(checks.get(name) is Grade.CONSISTENT for name in proofs)


def _of_bundle(data: bytes) -> Iterator[tuple[int, bytes]]:
    files = bundle.read_bundle(data)
    for index in bundle.numbered(files, "entries"):
        yield index, files[bundle.entry_name(index)]


def _of_tiles(directory: Path) -> Iterator[tuple[int, bytes]]:
    text = (directory / CHECKPOINT).read_text("utf-8")
    return read_entries(directory, TreeHead.parse(text.partition("\n\n")[0] + "\n").size)
