"""The demo's last table, read from the lineage bundle alone: what an auditor can see, and nothing else."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.table import Table

from tunewarden.domain.identifiers import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that was asked and refused, with the HTTP status of the answer."""

    asked: str
    code: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Numbers as floats, because they leave for people and plots; the bundle has them as exact decimals.

    Attributes:
        accuracy: with its 95 % interval, over persons; None where noise leaves too little to be said, as for the next.
        fairness: group -> accuracy, how far below the rest with a simultaneous 95 % interval, persons.
        base_accuracy, majority: accuracy of the untrained base and of the majority class, on the same persons.
        epsilon: of the updates that were charged, by Renyi accounting; `epsilon_pld` by privacy loss distributions.
        budget_left: epsilon that other trainings on the dataset may still spend.
        steps: name -> seconds.
    """

    accuracy: Mapping[str, float] | None
    base_accuracy: float | None
    majority: float | None
    epsilon: float
    epsilon_pld: float
    delta: float
    unit: str
    noise_multiplier: float
    updates: int
    budget_left: float
    entities: Mapping[str, int]
    fairness: Mapping[str, Mapping[str, Any]]
    gates: Mapping[str, str]
    refusals: Sequence[Refusal]
    steps: Mapping[str, float]
    report: str
    bundle: str
    verified: bool


def read(
    bundle: Path,
    *,
    budget: Mapping[str, Any],
    refusals: Sequence[Refusal],
    seconds: Mapping[str, float],
    verified: bool,
) -> Outcome:
    """Read the bundle's lineage and documents."""
    with zipfile.ZipFile(bundle) as archive:
        lineage = json.loads(archive.read("lineage.json"))
        documents = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("documents/")]
    steps = {step["step"]: step for step in lineage["steps"] if "counts" in step}
    measured = {m["metric"]: m for m in _measurements(documents)}
    # The plan too says `fairness`: what it declares.
    details = next(document for document in documents if "utility" in document)
    utility, fairness = details["utility"], details["fairness"]
    counts = steps["deidentify"]["counts"]
    entities = {kind.value: counts[kind] for kind in EntityType if counts.get(kind)}
    return Outcome(
        accuracy=_interval(utility["accuracy"]) if utility["accuracy"] else None,
        base_accuracy=float(utility["base_accuracy"]["value"]) if utility["base_accuracy"] else None,
        majority=float(utility["majority_accuracy"]["value"]) if utility["majority_accuracy"] else None,
        epsilon=float(measured["privacy.epsilon"]["value"]),
        epsilon_pld=float(measured["privacy.epsilon_pld"]["value"]),
        delta=float(measured["privacy.delta"]["value"]),
        unit=lineage["privacy"]["unit"],
        noise_multiplier=float(lineage["privacy"]["mechanism"]["noise_multiplier"]),
        updates=int(steps["train"]["counts"]["updates"]),
        budget_left=float(Decimal(budget["left"])),
        entities=entities,
        fairness={f"{g['attribute']} {g['group']}": _group(g) for g in fairness["assessed"]},
        gates={gate["gate"]: gate["outcome"] for gate in lineage["gates"]},
        refusals=refusals,
        steps={name: round(value, 1) for name, value in seconds.items()},
        report=str(bundle.with_suffix(".html")),
        bundle=str(bundle),
        verified=verified,
    )


def to_json(outcome: Outcome) -> str:
    """The table for programs."""
    return json.dumps(asdict(outcome), indent=2) + "\n"


def table(outcome: Outcome) -> Table:
    """The table for people."""
    shown = Table(title="What came of it", show_header=False, title_justify="left")
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in _rows(outcome):
        shown.add_row(name, value)
    return shown


def _rows(outcome: Outcome) -> Iterator[tuple[str, str]]:
    unsaid = "too little can be said through the noise"
    accurate = outcome.accuracy
    yield "accuracy", unsaid if accurate is None else _with_interval(accurate) + " on persons it never saw"
    yield "untrained base", unsaid if outcome.base_accuracy is None else f"{outcome.base_accuracy:.2f}"
    yield "majority class", unsaid if outcome.majority is None else f"{outcome.majority:.2f}"
    spent = f"epsilon {outcome.epsilon:.2f} (tighter accounting: {outcome.epsilon_pld:.2f}) at delta {outcome.delta:g}"
    yield "privacy", f"{spent} for one {outcome.unit}"
    yield "mechanism", f"noise {outcome.noise_multiplier:g}, {outcome.updates} updates"
    yield "budget left", f"epsilon {outcome.budget_left:.2f}"
    found = sorted(outcome.entities.items(), key=lambda item: -item[1])
    yield "transformed", ", ".join(f"{name} {count}" for name, count in found) or "nothing was found"
    for name, group in outcome.fairness.items():
        shortfall = _with_interval(group["shortfall"])
        yield f"  {name}", f"{group['accuracy']:.2f}; below the rest by {shortfall}"
    yield "gates", ", ".join(f"{name}: {value}" for name, value in outcome.gates.items())
    yield "refused", ", ".join(f"{refusal.asked} ({refusal.code})" for refusal in outcome.refusals)
    yield "report", outcome.report
    yield "bundle", f"{outcome.bundle} ({'verified' if outcome.verified else 'NOT VERIFIED'})"
    yield "seconds", ", ".join(f"{name} {value:g}" for name, value in outcome.steps.items())


def _measurements(documents: Sequence[Any]) -> Iterator[Any]:
    for document in documents:
        yield from (m for m in document.get("measurements", ()) if isinstance(m, dict))


def _interval(measured: Mapping[str, str]) -> dict[str, float]:
    return {name: float(measured[name]) for name in ("low", "value", "high")}


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accuracy": float(group["accuracy"]),
        "shortfall": _interval(group["shortfall"]),
        "persons": group["persons"],
    }


def _with_interval(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.2f} ({interval['low']:.2f}-{interval['high']:.2f})"
