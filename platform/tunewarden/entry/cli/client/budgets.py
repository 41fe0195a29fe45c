"""`tunewarden budgets list|show|entries`: what one person may lose over all trainings on a dataset, and has lost."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any

import typer

from tunewarden.entry.cli.client.completing import dataset_ids
from tunewarden.entry.cli.client.output import left_shown, spent_shown
from tunewarden.entry.cli.client.talk import AsJson, at, talking, word

app = typer.Typer(no_args_is_help=True, help="Privacy budgets: what a person may lose, has lost, and is going to.")

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Its id.", autocompletion=dataset_ids)]
_PATH = "/v1/privacy/budgets"
_MARKS, _ASCII = "█▒░", "#=."
"""Of what is spent, what is promised to requests under way, and what is left."""


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Of every dataset that you may see, oldest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages(_PATH, {"limit": 100}):
            talk.out.document(one)
            spent, left = spent_shown(word(one, "spent")), left_shown(word(one, "left"))
            rows.append((one.get("dataset"), bar(one, 20), spent, left, one.get("limit"), one.get("delta")))
        columns = ("dataset", "", "spent", "left", "of epsilon", "at delta")
        talk.out.table(columns, rows, "There is no dataset that you may see.")


@app.command("show")
def show(dataset: Dataset, as_json: AsJson = False) -> None:
    """One budget: epsilon of one person over all trainings together; what is left is neither spent nor promised."""
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at(_PATH + "/{}", dataset))
        talk.out.document(found)
        of = f"{word(found, 'limit')} at delta {word(found, 'delta')}"
        promised = spent_shown(str(_promised(found)))
        talk.out.facts(
            [
                ("dataset", found.get("dataset")),
                ("epsilon", f"{bar(found, 40)} of {of}"),
                ("spent", spent_shown(word(found, "spent"))),
                ("promised", f"{promised} more, to requests under way"),
                ("left", left_shown(word(found, "left"))),
            ]
        )


@app.command("entries")
def entries(
    dataset: Dataset,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What became of it, newest first, as the log has it: promised, charged, given back; as JSON one a line.

    Epsilon is what the mechanism alone costs one person; of a settlement, what everything had cost by then. For figures
    is what was promised for noisy figures beside the training; their updates stand behind a + after the training's.
    """
    with talking(as_json=as_json) as talk:
        path, rows = at(_PATH + "/{}/entries", dataset), []
        for one in talk.api.pages(path, {"limit": min(limit, 100)}, most=limit):
            talk.out.document(one)
            cells = [one.get(name) for name in ("index", "at", "kind", "what", "request")]
            costs = [spent_shown(word(one, name)) for name in ("epsilon", "metrics_epsilon")]
            rows.append([*cells, *_updates(one), one.get("persons"), *costs])
        columns = ("entry", "at", "what", "of", "job", "updates", "given back", "persons", "epsilon", "for figures")
        talk.out.table(columns, rows, "Nothing was promised or spent that you may see.")
        if not as_json and (withheld := talk.api.get(path, {"limit": 1}).get("withheld")):
            talk.out.note(f"{withheld} more are of requests that you may not see.")


def _updates(one: dict[str, Any]) -> tuple[str, str]:
    """How many, and how many were given back: the training's, and those of noisy figures where there are any."""
    of_figures = word(one, "metrics_charged") or word(one, "metrics", "updates")
    pairs = ((word(one, "updates"), of_figures), (word(one, "returned"), word(one, "metrics_returned")))
    ran, back = (f"{own} + {figures}" if figures not in ("", "0") else own for own, figures in pairs)
    return ran, back


def bar(budget: Mapping[str, Any], width: int) -> str:
    """A budget as a line of so many cells. What is taken is rounded up: a bar with room left in it has some left."""
    marks = _MARKS if (sys.stdout.encoding or "").lower().startswith("utf") else _ASCII
    spent, taken = cells(budget, width)
    return marks[0] * spent + marks[1] * (taken - spent) + marks[2] * (width - taken)


def cells(budget: Mapping[str, Any], width: int) -> tuple[int, int]:
    """How many of them are spent, and how many are spent or promised. Raises what `Decimal` raises for no numbers."""
    limit, spent, left = (Decimal(str(budget[name])) for name in ("limit", "spent", "left"))
    taken = width - _share(left, limit, width, ROUND_FLOOR)
    return min(_share(spent, limit, width, ROUND_CEILING), taken), taken


def _share(part: Decimal, of: Decimal, width: int, rounding: str) -> int:
    return int((min(max(part, Decimal(0)), of) * width / of).to_integral_value(rounding))


def _promised(budget: Mapping[str, Any]) -> Decimal:
    """Beyond what is spent. Epsilons do not add up, so this is what the promises would cost on top, and not alone."""
    limit, spent, left = (Decimal(str(budget[name])) for name in ("limit", "spent", "left"))
    return max(limit - left - spent, Decimal(0))
