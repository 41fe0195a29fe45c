"""`tunewarden deid ...`: de-identification of files without the platform: no database, no home, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="De-identify files, without the platform.")

ProfileOption = Annotated[
    str, typer.Option(help="Name of a profile of the policies, or a file that ends in .toml.", metavar="PROFILE")
]
Models = Annotated[
    Path | None,
    typer.Option(help="Folder with other models than the shipped one.", envvar="TUNEWARDEN_RECOGNISERS"),
]
Threads = Annotated[int, typer.Option(help="Threads that the model may use.", min=1)]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result here for programs; - prints it instead.")]
Columns = Annotated[list[str] | None, typer.Option("--column", help="Column with text; every one unless given.")]

_FEW_PLANTS = 50  # a quick look: none missed of 50 is a recall of at least 0.93 with 95 % confidence


@app.command("scan")
def scan(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl, .parquet or .txt file.")],
    column: Columns = None,
    profile: ProfileOption = "default",
    models: Models = None,
    threads: Threads = 1,
    json: Json = None,
) -> None:
    """Say which kinds of identifiers stand in a file, how many and where; never what they are."""
    from dataclasses import asdict

    from rich.console import Console

    from tunewarden.entry.cli.deid_json import require_place, write_json
    from tunewarden.entry.cli.deid_scan import scan_file, show

    require_place(json)
    result = scan_file(file, column or [], profile, models, threads)
    if json is None or str(json) != "-":
        show(result, Console())
    if json is not None:
        write_json(asdict(result), json)


@app.command("evaluate")
def evaluate(
    gold: Annotated[
        Path, typer.Argument(help='One {"text", "spans": [{"start", "end", "type"}]} a line, in code points.')
    ],
    profile: ProfileOption = "default",
    marked: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Kind of ours that the file marks, where it marks some only: precision is of these alone.",
        ),
    ] = None,
    models: Models = None,
    threads: Threads = 1,
    json: Json = None,
) -> None:
    """Compare what a profile finds with what somebody marked: recall and precision with intervals, and speed."""
    from rich.console import Console

    from tunewarden.entry.cli.deid_evaluate import evaluate_file, show
    from tunewarden.entry.cli.deid_json import require_place, write_json

    require_place(json)
    result = evaluate_file(gold, profile, models, threads, marked or ())
    if json is None or str(json) != "-":
        show(result, Console())
    if json is not None:
        write_json(result, json)


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl, .parquet or .txt file.")],
    out: Annotated[Path, typer.Option(help="The new file, of the same format; nothing is overwritten.")],
    profile: ProfileOption = "default",
    column: Columns = None,
    person: Annotated[str | None, typer.Option(help="Column that names the person; pseudonyms take its place.")] = None,
    separator: Annotated[
        str | None, typer.Option(help="What stands between the persons, where a row may belong to several.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=COLUMN", help="Identifiers of the person: looked for in the texts, then dropped."),
    ] = None,
    protected: Annotated[
        list[str] | None,
        typer.Option(help="Column with sex, age or the like: counts towards k, and is given up where k wants it."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Column with what is to be learned, taken over as it is; counts for l-diversity.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Column that is taken over as it is.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column that is left out.")] = None,
    vault: Annotated[
        Path | None,
        typer.Option(help="File with the persons' keys, made where it is not; without one they are forgotten."),
    ] = None,
    plants: Annotated[
        int | None,
        typer.Option(
            help="Identifiers of each kind to plant, to measure recall: 50, and 150 with --evidence, unless given.",
            min=0,
        ),
    ] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Measure all that the platform's step measures, and write it too.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes that look for identifiers in long files.", min=1)] = 1,
    models: Models = None,
    threads: Threads = 1,
) -> None:
    """De-identify a file into another one, and write a manifest with counts, digests and the report beside it."""
    from tunewarden.entry.cli.deid_apply import Wanted, apply_file, evidence_file, manifest_of
    from tunewarden.entry.cli.deid_columns import Wishes
    from tunewarden.steps.deidentify.stated import PLANTS_OF_EACH_KIND, TEXTS_OF_EACH_COHORT, Effort

    if plants is None:
        plants = PLANTS_OF_EACH_KIND if evidence else _FEW_PLANTS

    told = apply_file(
        Wanted(
            file=file,
            out=out,
            profile=profile,
            wishes=Wishes(
                columns=column or (),
                person=person,
                separator=separator,
                known=known or (),
                protected=protected or (),
                label=label,
                keep=keep or (),
                drop=drop or (),
            ),
            vault=vault,
            models=models,
            threads=threads,
            workers=workers,
            effort=Effort(plants_of_each_kind=plants, texts_of_each_cohort=TEXTS_OF_EACH_COHORT if evidence else 0),
            evidence=evidence,
        )
    )
    found = ", ".join(f"{kind} {count:,}" for kind, count in sorted(told["found"].items(), key=lambda one: -one[1]))
    typer.echo(f"{told['output']['records']:,} records written; transformed: {found or 'nothing'}")
    if told["output"]["left_out"]:
        typer.echo(f"{told['output']['left_out']:,} records of forgotten persons left out")
    if told["generalised"]:
        typer.echo(f"{told['generalised']:,} persons had attributes given up, so that {told['profile']['k']} are alike")
    if vault is None:
        typer.echo("No vault: the keys are gone. Nothing can be turned back, and the next run gives other surrogates.")
    typer.echo("Not reviewed by a person.")
    typer.echo(f"manifest {manifest_of(out)}")
    if evidence:
        typer.echo(f"evidence {evidence_file(out)}")


@app.command("report")
def report(
    manifest: Annotated[Path, typer.Argument(help="What `deid apply` wrote beside its output.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; the manifest's unless given.")] = None,
) -> None:
    """Write the report on the eighteen Safe Harbor categories: a page, and the JSON whose SHA-256 is signed."""
    from tunewarden.entry.cli.deid_after import write_report

    page, data = write_report(manifest, out)
    typer.echo(f"{page}\n{data}")


@app.command("reveal")
def reveal(
    file: Annotated[Path, typer.Argument(help="What `deid apply` wrote.")],
    vault: Annotated[Path, typer.Option(help="File with the persons' keys.")],
    out: Annotated[Path, typer.Option(help="The new file; it is its owner's alone.")],
    person: Annotated[str | None, typer.Option(help="Column with the persons' pseudonyms; faster where given.")] = None,
) -> None:
    """Turn reversible pseudonyms back, for whoever has the vault."""
    from tunewarden.entry.cli.deid_after import reveal_file

    opened, closed = reveal_file(file, vault, out, person)
    typer.echo(f"{opened:,} pseudonyms turned back")
    if closed:
        typer.echo(f"{closed:,} could not be: their persons' keys are not in this vault, or not any more")


@app.command("forget")
def forget(
    vault: Annotated[Path, typer.Option(help="File with the persons' keys.")],
    person: Annotated[str, typer.Option(help="The person, as the file's person column names them.")],
) -> None:
    """Destroy a person's key: nothing made with it can be linked any more, and new files leave the person out."""
    from tunewarden.entry.cli.deid_after import forget_person

    known = forget_person(vault, person)
    typer.echo("The key is destroyed." if known else "There was no key; none will be made.")


@app.command("train-recogniser")
def train_recogniser(
    data: Annotated[Path, typer.Option(help="Folder with the corpora that the data sheet names.")],
    out: Annotated[Path, typer.Option(help="Where the weights go (safetensors).")],
    updates: Annotated[int, typer.Option(min=1)] = 2000,
    rows: Annotated[int, typer.Option(help="Windows of text an update.", min=1)] = 128,
    seed: Annotated[int, typer.Option(help="The same one draws the same examples.")] = 1,
    begin: Annotated[Path | None, typer.Option(help="Weights of an earlier training to go on from.")] = None,
    device: Annotated[str, typer.Option(help="Of the network, as PyTorch names it: cpu, cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes that draw examples; 0 draws in this one.", min=0, max=64)] = 0,
    threads: Threads = 1,
) -> None:
    """Train the recogniser that is shipped again; the parts of the corpora that are held out are not read."""
    from tunewarden.entry.cli import deid_train
    from tunewarden.steps.deidentify.tagger.training import Course

    course = Course(updates=updates, rows=rows, seed=seed, begin=begin, device=device, workers=workers, threads=threads)
    deid_train.train_recogniser(data, out, course, lambda line: typer.echo(line, err=True))
    typer.echo(f"weights {out}")
