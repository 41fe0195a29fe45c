"""Whether groups were compared as the approved plan had declared, and the evidence counts what came of it.

A plan says before training what is going to be compared between groups of people, and how far behind one may be (its
member `fairness`). Nobody may find out afterwards which comparisons look best, so the measuring step's document names
the digest of that declaration, has its tolerances and outcomes that follow from its own figures, and the evidence that
gates judge counts these outcomes. All of it is read from documents that entries name; where one of them stays outside
of the bundle nothing is said about it, and plans of before there were declarations have none.

Not checked: that the figures are those of the records, which nobody has who is not the house.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tunewarden_audit import canonical
from tunewarden_audit.written import written_otherwise

_RATES = ("true-positive", "false-positive", "selected")
_GUARDS = ("loss-against-base", "loss-against-promoted")
_COUNTED = {
    *("fairness.confirmed_gaps", "fairness.undecided", "fairness.not_assessable", "fairness.unshown_rates"),
    "fairness.decided_share",
}


class Undeclared(ValueError):
    """Something was compared otherwise than declared. The message quotes no document."""


def require_declared(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> int:
    """How many measurings were held against their plan; raises Undeclared.

    `documents` maps the hex of a digest to what the document with that digest says.
    """
    try:
        return _held(entries, documents)
    except Undeclared:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Undeclared("what was compared between groups cannot be read") from error


def _held(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> int:
    plans = dict[Any, Any]()
    for entry in _of(entries, "RequestSubmitted"):
        if entry["fact"]["request"] in plans:
            raise Undeclared("a request was submitted twice, so that its plan is not known")
        plans[entry["fact"]["request"]] = documents.get(_hex(entry["fact"].get("plan")))
    held = 0
    for entry in _of(entries, "StepFinished"):
        fact = entry["fact"]
        plan, details = plans.get(fact.get("request")), documents.get(_hex(fact.get("details")))
        if fact.get("step") != "measure" or not isinstance(plan, dict) or not isinstance(details, dict):
            continue
        evidence = documents.get(_hex(fact.get("evidence")))
        held += _holds(plan.get("fairness"), details, evidence)
        otherwise = written_otherwise(plan.get("fairness"), details, evidence)
        if otherwise is not None:
            raise Undeclared(otherwise)
    return held


def _holds(declared: Any, details: Mapping[str, Any], evidence: Any) -> int:
    fairness = details.get("fairness") or {}
    decided = fairness.get("decided")
    if decided is None:
        _require_unsaid(evidence)
        return 0
    if declared is None:
        raise Undeclared("groups were compared without a declaration")
    if decided["declaration"] != "sha256:" + hashlib.sha256(canonical.encode(declared)).hexdigest():
        raise Undeclared("groups were compared by another declaration than the plan's")
    tolerances = {one["metric"]: Decimal(one["at_most"]) for one in declared["tolerances"]}
    _require_once([one["metric"] for one in declared["tolerances"]])
    _require_once([(one["attribute"], one["group"], one["metric"], one["label"]) for one in decided["comparisons"]])
    for one in decided["comparisons"]:
        _follows(one, tolerances)
    if isinstance(evidence, dict):
        _counted(decided, len(fairness["not_assessable"]), evidence["measurements"])
    return 1


def _require_unsaid(evidence: Any) -> None:
    """Where nothing was compared no gate may hear what came of it; that it hears nothing is for the gate to refuse."""
    said = {one["metric"] for one in evidence["measurements"]} if isinstance(evidence, dict) else set()
    if said & _COUNTED:
        raise Undeclared("the evidence tells what came of comparisons that nobody made")


def _follows(one: Mapping[str, Any], tolerances: Mapping[str, Decimal]) -> None:
    """The outcome is what the figures give, but for the number of persons, which may be withheld."""
    tolerance, behind = Decimal(one["tolerance"]), one["behind"]
    if tolerances.get(one["metric"]) != tolerance:
        raise Undeclared("groups were compared with another tolerance than the plan's")
    low = Decimal(behind["low"])
    if low < 0 if one["apart"] is True else low > 0:
        raise Undeclared("whether a group is behind at all is not what its figures give")
    if one["apart"] is True and Decimal(behind["value"]) > tolerance:
        expected: tuple[str, ...] = ("gap-confirmed",)
    elif Decimal(behind["high"]) <= tolerance:
        expected = ("cleared",)
    else:
        expected = ("no-loss-shown",) if one["metric"] in _GUARDS else ("undecided", "not-assessable")
    if one["standing"] not in expected:
        raise Undeclared("the outcome of a comparison is not what its figures give")


def _counted(decided: Mapping[str, Any], too_small: int, measurements: list[Mapping[str, Any]]) -> None:
    """The evidence counts the outcomes, and says nothing of them where nothing was compared."""
    _require_once([one["metric"] for one in measurements if one["metric"].startswith("fairness.")])
    said = {one["metric"]: _ends(one) for one in measurements}
    for metric, count in _counts(decided, too_small).items():
        if bool(decided["comparisons"]) is not (metric in said):
            raise Undeclared("the evidence does not count what came of the comparisons, or there were none")
        if metric in said and said[metric] != (Decimal(count),) * 3:
            raise Undeclared("the evidence counts other outcomes than the comparisons have")
    share = decided["decided_share"]
    if said.get("fairness.decided_share") != (None if share is None else _ends(share)):
        raise Undeclared("the evidence says of another share of people that they were told of")


def _counts(decided: Mapping[str, Any], too_small: int) -> dict[str, int]:
    """Metric -> how often; `too_small` groups could not be compared at all."""
    standings = [one["standing"] for one in decided["comparisons"]]
    rates = [one["standing"] for one in decided["comparisons"] if one["metric"] in _RATES]
    unassessed = decided["unassessed"]
    return {
        "fairness.confirmed_gaps": standings.count("gap-confirmed"),
        "fairness.undecided": standings.count("undecided"),
        "fairness.not_assessable": standings.count("not-assessable") + unassessed + too_small,
        "fairness.unshown_rates": rates.count("not-assessable") + unassessed,
    }


def _ends(figure: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(figure["low"]), Decimal(figure["value"]), Decimal(figure["high"])


def _require_once(named: list[Any]) -> None:
    """What is there twice could say two things, and who reads it would take one of them."""
    if len(set(named)) != len(named):
        raise Undeclared("something about the comparisons is said twice")


def _of(entries: Mapping[int, Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    for entry in entries.values():
        if entry["type"] == kind and isinstance(entry.get("fact"), dict) and "request" in entry["fact"]:
            yield entry


def _hex(digest: object) -> str:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else ""
