"""`tunewarden privacy ...`: what noise an epsilon needs, and what a plan means for one person. Nothing is stored."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation

if TYPE_CHECKING:
    from tunewarden.domain.training import Plan
    from tunewarden.entry.cli.privacy_words import Budget

app = typer.Typer(no_args_is_help=True, help="What epsilon costs, and what it means for one person.")


@app.command("calibrate")
def calibrate(
    epsilon: Annotated[str, typer.Option(help="Privacy loss of one person, above 0.")],
    delta: Annotated[str, typer.Option(help="Of the privacy loss; well below one over the number of persons.")],
    persons: Annotated[
        int | None, typer.Option(help="Units to train on: persons, or the records that are kept.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Units expected in an update.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each unit is expected to take part.")] = None,
    rate: Annotated[str | None, typer.Option(help="Sampling rate, instead of persons and batch size.")] = None,
    updates: Annotated[int | None, typer.Option(help="Number of updates, instead of epochs.")] = None,
    records_per_person: Annotated[
        int, typer.Option(help="Above 1: records are the unit, and a person has at most so many.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The least noise that keeps epsilon at delta for one person, and what it costs by both ways of accounting."""
    from tunewarden.drivers import accounting

    sampled = _rate(rate, persons, batch_size)
    template = Mechanism(
        unit=PrivacyUnit.PERSON if records_per_person == 1 else PrivacyUnit.RECORD,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=sampled,
        noise_multiplier=Decimal(1),
        updates=_updates(updates, epochs, sampled),
        contributions=records_per_person,
    )
    asked, at = _decimal(epsilon, "epsilon"), _decimal(delta, "delta")
    if persons is not None and at * persons >= 1:
        raise Malformed("delta_too_large", f"With {persons} persons delta must be below 1/{persons}.", param="delta")
    found = accounting.calibrate(template, asked, at)
    figures: dict[str, str | int] = {
        "delta": f"{at:f}",
        "epsilon": f"{accounting.epsilon([found], at):f}",
        "epsilon_pld": f"{accounting.epsilon_pld([found], at):f}",
        "noise_multiplier": f"{found.noise_multiplier:f}",
        "records_per_person": found.contributions,
        "sampling_rate": f"{found.sampling_rate:f}",
        "unit": found.unit.value,
        "updates": found.updates,
    }
    if found.contributions > 1:
        figures["epsilon_of_one_record"] = f"{accounting.epsilon([found.for_one_unit()], at):f}"
    typer.echo(json.dumps(figures, indent=2, sort_keys=True) if as_json else _told(figures))


@app.command("explain")
def explain(
    plan: Annotated[str, typer.Argument(help="A file with a plan (canonical JSON), or the id of a request here.")],
    dataset: Annotated[str | None, typer.Option(help="Also say what is left of this dataset's budget.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write the picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What a plan means for one person, in words and as a picture: for whoever has to approve it."""
    from tunewarden.entry.cli.privacy_words import figures, tell

    found, budget = _found(plan, dataset)
    told = tell(found, budget, svg)
    typer.echo(json.dumps({"plan": found.digest(), **figures(found)}, sort_keys=True) if as_json else told)


def _found(plan: str, dataset: str | None) -> tuple[Plan, Budget | None]:
    from tunewarden.domain.canonical import decode, from_plain
    from tunewarden.domain.names import DatasetId, RequestId
    from tunewarden.domain.training import Plan
    from tunewarden.entry.cli.privacy_words import Budget
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.wiring import build

    path = Path(plan)
    if path.is_file():
        found = from_plain(Plan, decode(path.read_bytes().rstrip(b"\n")))
        if dataset is None:
            return found, None
    platform = build(Settings())
    with platform.view() as view:
        if not path.is_file():
            found = view.requests.get(RequestId(plan)).plan
        whose = DatasetId(dataset or found.dataset)
        if view.datasets.find(whose) is None:
            raise NotFound("dataset_not_found", "There is no such dataset.")
        ledger = view.ledgers.get(whose)
    left = ledger.left(platform.accountant)
    return found, Budget(limit=ledger.limit, delta=ledger.delta, spent=ledger.spent(platform.accountant), left=left)


def _rate(rate: str | None, persons: int | None, batch_size: int | None) -> Decimal:
    if rate is not None and persons is None and batch_size is None:
        return _decimal(rate, "rate")
    if rate is not None or persons is None or batch_size is None:
        raise Malformed("rate_unclear", "Say either --rate, or both --persons and --batch-size.", param="rate")
    if not 1 <= batch_size <= persons:
        raise Malformed(
            "sampling_rate_out_of_range", "The batch size is 1 to the number of persons.", param="batch_size"
        )
    return (Decimal(batch_size) / persons).quantize(Decimal("0.0001"), ROUND_CEILING)


def _updates(updates: int | None, epochs: int | None, rate: Decimal) -> int:
    if (updates is None) == (epochs is None):
        raise Malformed("updates_unclear", "Say either --updates or --epochs.", param="updates")
    if epochs is not None and epochs < 1:
        raise Malformed("epochs_out_of_range", "Epochs are 1 or more.", param="epochs")
    return updates if updates is not None else ceil((epochs or 0) / rate)


def _decimal(text: str, name: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Malformed("not_a_number", f"{name} is not a decimal number.", param=name)
    return number


def _told(figures: dict[str, str | int]) -> str:
    lines = [
        f"noise multiplier  {figures['noise_multiplier']}   (standard deviation of the noise over the clip)",
        f"sampling rate     {figures['sampling_rate']}   of the {figures['unit']}s, in each update",
        f"updates           {figures['updates']}",
        f"epsilon           {figures['epsilon']}   for one person, at delta {figures['delta']}; this one decides",
        f"epsilon, tighter  {figures['epsilon_pld']}   by privacy-loss distributions, which decide nothing",
    ]
    if "epsilon_of_one_record" in figures:
        alone, many = figures["epsilon_of_one_record"], figures["records_per_person"]
        lines.append(f"for one record    {alone}   promises nothing to a person who has {many} of them")
    return "\n".join(lines)
