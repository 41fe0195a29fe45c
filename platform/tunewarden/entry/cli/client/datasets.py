"""`tunewarden data register|upload|list`: what the platform holds, and putting more there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.datasets import HeldOut, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.errors import Malformed, TunewardenError
from tunewarden.entry.cli.client.completing import dataset_ids
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, at, talking, word

if TYPE_CHECKING:
    from tunewarden.entry.cli.client.uploading import Seen

File = Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet, by its content.")]
Named = Annotated[str, typer.Option("--as", help="Under which name it is kept; else its own.")]
_READING_SECONDS = 3600.0
"""A million rows are read and sealed one by one before the answer comes."""


def register(
    name: Annotated[str, typer.Option(help="For screens only, never logged.")],
    purpose: Annotated[list[Purpose], typer.Option(help="What it may be used for; may be given more than once.")],
    basis: Annotated[LawfulBasis, typer.Option(help="Lawful basis (GDPR Art. 6).")],
    sensitivity: Annotated[Sensitivity, typer.Option(help="How sensitive the records are.")],
    retain_until: Annotated[str, typer.Option(help="Last day on which it may be kept: YYYY-MM-DD.")],
    epsilon: Annotated[str, typer.Option(help="What one person may lose over all trainings together.")],
    text: Annotated[str, typer.Option(help="Column with the text.")],
    delta: Annotated[str, typer.Option(help="Of that; well below one over the number of persons.")],
    file: Annotated[Path | None, typer.Argument(help="Its first records: CSV, JSONL or Parquet.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class that is learnt.")] = None,
    completion: Annotated[str | None, typer.Option(help="Column with the text that is learnt to follow.")] = None,
    person: Annotated[
        str | None, typer.Option(help="Column with the person's id; without it every row is another person.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="What stands between several persons of a row.")] = None,
    protected: Annotated[
        list[str] | None, typer.Option(help="Column of a protected attribute; more than once.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="Make two classes: this label against the rest.")] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="KIND=COLUMN: a column that holds an identifier, such as name=patient.")
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option(help="COLUMN=A,B,...: the groups of a protected attribute; else its values.")
    ] = None,
    held_out: Annotated[
        HeldOut, typer.Option(help="Which figures about held-out persons may leave.")
    ] = HeldOut.PRIVATE,
    namespace: Annotated[
        str | None, typer.Option(help="Where the same person has the same id in other datasets too.")
    ] = None,
    once: Once = "",
    as_json: AsJson = False,
) -> None:
    """Register a dataset: why it may be processed, until when, and which column plays which part; with its records."""
    columns: dict[str, Any] = {"text": text, "label": label, "completion": completion, "person": person}
    columns |= {"separator": separator, "positive": positive, "protected": protected or []}
    with talking(as_json=as_json) as talk:
        columns["known"] = {kind: list(names) for kind, names in _pairs(known or [], "--known").items()}
        split = {column: ",".join(said).split(",") for column, said in _pairs(groups or [], "--groups").items()}
        columns["groups"] = split
        body = {
            "name": name,
            "purposes": [str(one) for one in purpose],
            "lawful_basis": str(basis),
            "sensitivity": str(sensitivity),
            "retain_until": retain_until,
            "columns": {key: value for key, value in columns.items() if value is not None or key == "person"},
            "budget": {"epsilon": epsilon, "delta": delta},
            "held_out": str(held_out),
            **({} if namespace is None else {"namespace": namespace}),
        }
        if file is not None:
            from tunewarden.entry.cli.client.uploading import opened

            opened(file)[0].close()
        made = talk.api.post("/v1/datasets", body, once=once)
        if file is not None:
            talk.out.note(f"{word(made, 'id')} is registered; its records follow")
            made = _first(talk, word(made, "id"), file)
        talk.out.document(made)
        _show(talk, made)
        if file is None and not as_json:
            talk.out.line(f"Next: tunewarden data upload FILE --dataset {word(made, 'id')}")


def upload(
    file: File,
    dataset: Annotated[str, typer.Option(help="Add it as records of this dataset.", autocompletion=dataset_ids)] = "",
    name: Named = "",
    as_json: AsJson = False,
) -> None:
    """Upload a file, in parts where it is large; called again within the hour it goes on where it stopped."""
    with talking(as_json=as_json) as talk:
        if dataset:
            at("{}", dataset)
            made = _add(talk, dataset, file, name or file.name)
            talk.out.document(made)
            _show(talk, made)
            return
        sent = _sent(talk, file, name or file.name)
        talk.out.document(sent)
        talk.out.facts([(key, sent.get(key)) for key in ("id", "filename", "bytes", "digest", "expires_at")])


def listed(
    files: Annotated[bool, typer.Option("--files", help="Your uploads instead of the datasets.")] = False,
    as_json: AsJson = False,
) -> None:
    """The datasets that you may see, oldest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        found = list(talk.api.pages("/v1/files" if files else "/v1/datasets"))
        for one in found:
            talk.out.document(one)
        if files:
            rows = [[one.get(key) for key in ("id", "filename", "bytes", "purpose")] for one in found]
            talk.out.table(("file", "name", "bytes", "for"), rows, "No files of yours are kept.")
            return
        talk.out.table(
            ("dataset", "name", "purposes", "versions", "rows", "until", ""),
            [_row(one) for one in found],
            "There is no dataset that you may see.",
        )


def _row(one: Mapping[str, Any]) -> list[object]:
    versions = one.get("versions") or []
    latest = versions[-1] if versions else {}
    purposes = ", ".join(str(each) for each in one.get("purposes") or [])
    retired = "retired" if one.get("retired") else ""
    return [
        one.get("id"),
        one.get("name"),
        purposes,
        len(versions),
        latest.get("rows"),
        one.get("retain_until"),
        retired,
    ]


def _show(talk: Talk, made: dict[str, Any]) -> None:
    versions = made.get("versions") or []
    latest = versions[-1] if versions else {}
    talk.out.facts(
        [
            ("dataset", word(made, "id")),
            ("version", word(latest, "digest")),
            ("rows", latest.get("rows")),
            ("persons", latest.get("persons")),
            ("log entry", word(made, "receipt", "index")),
        ]
    )


def _first(talk: Talk, dataset: str, file: Path) -> dict[str, Any]:
    """Its first records. Without them the dataset is there all the same, which whoever is told why has to know."""
    try:
        return _add(talk, dataset, file, file.name)
    except (TunewardenError, Declined) as error:
        then = f"{dataset} is registered, without records: tunewarden data upload FILE --dataset {dataset}"
        error.remedy = f"{error.remedy} {then}".lstrip()
        raise


def _add(talk: Talk, dataset: str, file: Path, name: str) -> dict[str, Any]:
    sent = _sent(talk, file, name)
    talk.out.note("the platform reads its rows ...")
    said = {"file_id": word(sent, "id")}
    return talk.api.post(at("/v1/datasets/{}/versions", dataset), said, patience=_READING_SECONDS)


def _sent(talk: Talk, file: Path, name: str) -> dict[str, Any]:
    from tunewarden.entry.cli.client.uploading import send

    with _bar() as seen:
        return send(talk.api, file, name=name, seen=seen)


@contextmanager
def _bar() -> Iterator[Seen]:
    """On a terminal, how far it is, on standard error; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("uploading", total=None)

        def seen(there: int, of: int) -> None:
            bars.update(task, completed=there, total=of)

        yield seen


def _pairs(said: list[str], option: str) -> dict[str, list[str]]:
    """What stands before and after the first `=` of each. Raises `Malformed`."""
    found: dict[str, list[str]] = {}
    for one in said:
        before, mark, after = one.partition("=")
        if not (before and mark and after):
            raise Malformed("option_malformed", f"{option} is two words with = between.", param=option)
        found.setdefault(before, []).append(after)
    return found
