"""`tunewarden deid evaluate`: a profile against texts whose identifiers somebody marked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.entry.cli.deid_profile import detector_for, profile_named
from tunewarden.entry.cli.deid_progress import Shown
from tunewarden.entry.report.figures import count
from tunewarden.steps.deidentify.evaluate import evaluate, to_json
from tunewarden.steps.deidentify.gold_file import MarkedText, gold_lines, read_gold
from tunewarden.steps.deidentify.identity import detector_digest
from tunewarden.steps.deidentify.progress import Stopwatch

_MANY = 0.05
"""Corpora whose offsets are right cut a word in fewer marks than this; where they are not, most marks do."""


def evaluate_file(
    gold: Path, profile_name: str, models: Path | None, threads: int, marked: Sequence[str] = ()
) -> Mapping[str, Any]:
    """Read the gold file twice: to check it whole, and to compare. Raises `Malformed` and `NotFound`.

    `marked` are the kinds of ours that the file marks; precision is told of these alone. All of them where it is empty.
    """
    profile, kinds = profile_named(profile_name), _kinds(marked)
    documents, digest = _checked(gold)
    detector = detector_for(profile, models, threads)
    with Shown() as shown:
        watch = Stopwatch("evaluate", documents, 0, shown)
        result = evaluate(
            detector.find,
            profile,
            _documents(gold),
            detector=detector_digest(profile.engine, detector.recognisers),
            data=digest,
            threads=threads,
            marked_kinds=kinds,
            progress=watch.add,
        )
    return to_json(result)


def show(result: Mapping[str, Any], console: Console) -> None:
    """The tables for people."""
    speed = result["speed"]
    console.print(
        f"{count(result['documents'], 'document')}, {count(result['mentions'], 'marked identifier')}, "
        f"{result['characters']:,} characters; {speed['characters_per_second'] or 0:,} characters/s with "
        f"{count(speed['threads'], 'thread')}; "
        f"profile '{result['profile']['name']}'",
        highlight=False,
    )
    for view, title in (
        ("recognised", "Everything that is recognised"),
        ("transformed", "What the profile transforms"),
    ):
        console.print("", _overall(result[view], title))
    console.print("", _by(result["transformed"]["by_type"], "What is marked, by the gold file's words", "recall"))
    console.print("", _by(result["transformed"]["by_kind"], "What the profile transforms, by kind", "precision"))
    console.print(
        "95 % intervals allow for what documents have in common (Korn and Graubard 1998); function words and titles do "
        "not count.",
        style="dim",
    )
    if result["precision_of_kinds"] != "all":
        console.print(f"Precision is of these kinds alone: {', '.join(result['precision_of_kinds'])}.", style="dim")
    cutting = result["mentions_that_cut_a_word"]
    if cutting > result["mentions"] * _MANY:
        console.print(
            f"{cutting:,} of the marks begin or end inside a word. Offsets count code points, from 0: not bytes, and "
            "not UTF-16 units. Where they were counted otherwise, none of these figures means anything."
        )


def _overall(view: Mapping[str, Any], title: str) -> Table:
    table = _table(title, "", "recall", "precision")
    for unit in ("token", "mention"):
        table.add_row(unit, _figure(view[unit]["recall"]), _figure(view[unit]["precision"]))
    iou = view["span_iou"]
    f2 = "" if iou["f2"] is None else f"; F2 {iou['f2']:.3f}"
    table.add_row(f"spans, IoU {iou['at_least']}{f2}", _figure(iou["recall"]), _figure(iou["precision"]))
    for sort, figure in view["entities"].items():
        if figure["n"]:
            table.add_row(f"entities {sort}", _figure(figure), "")
    table.add_row("documents with a leak", _figure(view["leaking_documents"]), "")
    if view["leaking_documents_direct"]["n"]:
        table.add_row("documents with a direct leak", _figure(view["leaking_documents_direct"]), "")
    return table


def _by(kinds: Mapping[str, Any], title: str, what: str) -> Table:
    table = _table(title, "", f"token {what}", f"mention {what}")
    ordered = sorted(kinds.items(), key=lambda item: -item[1][f"mention_{what}"]["n"])
    for kind, figures in ordered:
        table.add_row(escape(kind), _figure(figures[f"token_{what}"]), _figure(figures[f"mention_{what}"]))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, no_wrap=place > 0)
    return table


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "nothing to count"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f}), n {figure['n']:,}"


def _kinds(words: Sequence[str]) -> frozenset[EntityType] | None:
    if not set(words) <= set(EntityType):
        raise Malformed(
            "unknown_entity_type",
            f"--marked takes a kind, one of: {', '.join(EntityType)}.",
            param="--marked",
        )
    return frozenset(map(EntityType, words)) or None


def _checked(gold: Path) -> tuple[int, Digest]:
    """How many documents there are, and the digest of the file."""
    try:
        if not S_ISREG(gold.stat().st_mode):
            raise Malformed(
                "file_not_regular",
                "The gold file is read twice, so it has to be a regular file.",
                remedy="Write it to a file first.",
                param="gold",
            )
        with gold.open("rb") as stream:
            hashed = hashlib.file_digest(stream, "sha256")
        documents = sum(1 for _ in _documents(gold))
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no gold file of that name.", param="gold") from None
    except OSError as error:
        raise Unavailable("file_unreadable", f"The gold file cannot be read ({type(error).__name__}).") from error
    if not documents:
        raise Malformed("file_empty", "The gold file has no documents.", remedy="Write one a line.", param="gold")
    return documents, Digest(f"sha256:{hashed.hexdigest()}")


def _documents(gold: Path) -> Iterator[MarkedText]:
    with gold.open("rb") as stream:
        yield from read_gold(gold_lines(stream))
