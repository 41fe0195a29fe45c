"""Whether a learning curve was promised, trained and told of as the approved plan has it.

A plan may ask that its mechanism be run on parts of the persons too (`curve`: shares). Every such run costs what the
model costs, so budget is reserved for all of them together, and a share that was left out, or added, would be one that
nobody approved. What gates hear of the curve has to be what the measuring step's document has.

Of what stays outside of the bundle nothing is said. Not checked: that the parts had so many persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

_HALF, _WHOLE = "0.5", "1"
_GONE = "curve_weights_gone"
_OF_HALF = {"learning_curve.gain_of_last_half": "gain", "learning_curve.loss_gain_of_last_half": "loss_gain"}


class OtherCurve(ValueError):
    """A learning curve is another one than the plan's. Quotes no document."""


def require_curve(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> None:
    """Raise OtherCurve for one. `documents` maps the hex of a digest to what the document with that digest says."""
    try:
        plans = {fact["request"]: _document(documents, fact, "plan") for fact in _of(entries, "RequestSubmitted")}
        for fact in _of(entries, "BudgetReserved"):
            plan = plans.get(fact["request"])
            if plan is not None:
                _promised(plan, fact)
        for fact in _of(entries, "StepFinished"):
            plan, details = plans.get(fact["request"]), _document(documents, fact, "details")
            if plan is not None and details is not None and fact.get("step") == "train":
                _trained(plan, details)
            elif plan is not None and details is not None and fact.get("step") == "measure":
                _measured(plan, details, _document(documents, fact, "evidence"))
    except OtherCurve:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise OtherCurve("what is told of a learning curve cannot be read") from error


def _promised(plan: Mapping[str, Any], reserved: Mapping[str, Any]) -> None:
    shares, mechanism = _shares(plan), plan["mechanism"]
    if list(reserved.get("curve", [])) != shares:
        raise OtherCurve("budget was reserved for another learning curve than the plan's")
    if reserved["mechanism"] != {**mechanism, "updates": mechanism["updates"] * (1 + len(shares))}:
        raise OtherCurve("budget was reserved for something else than the plan's mechanism, once for each training")


def _trained(plan: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    if [part["share"] for part in details.get("curve", [])] != _shares(plan):
        raise OtherCurve("other parts of the persons were trained on than the plan names")


def _measured(plan: Mapping[str, Any], details: Mapping[str, Any], evidence: Mapping[str, Any] | None) -> None:
    shares, curve = _shares(plan), details.get("curve")
    if (curve is not None) is not bool(shares):
        raise OtherCurve("a learning curve is told of and not in the plan, or the other way round")
    points: Sequence[Mapping[str, Any]] = [] if curve is None else curve["points"]
    gone = curve is not None and not points and curve.get("unasked") == _GONE
    if shares and not gone and [point["share"] for point in points] != [*shares, _WHOLE]:
        raise OtherCurve("the learning curve has other points than the plan names")
    if evidence is not None:
        said = [(one["metric"], _ends(one)) for one in evidence["measurements"] if one["metric"] in _OF_HALF]
        if sorted(said) != sorted(_of_half(points)):
            raise OtherCurve("the evidence tells another gain of the last half than the document")


def _of_half(points: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[Decimal, ...]]]:
    for point in points:
        if point["share"] == _HALF:
            for metric, member in _OF_HALF.items():
                if point.get(member) is not None:
                    yield metric, _ends(point[member])


def _shares(plan: Mapping[str, Any]) -> list[str]:
    curve = plan.get("curve")
    return [] if curve is None else list(curve["shares"])


def _ends(figure: Mapping[str, Any]) -> tuple[Decimal, ...]:
    return Decimal(figure["low"]), Decimal(figure["value"]), Decimal(figure["high"])


def _document(documents: Mapping[str, Any], fact: Mapping[str, Any], member: str) -> Any:
    digest = fact.get(member)
    return documents.get(digest.removeprefix("sha256:")) if isinstance(digest, str) else None


def _of(entries: Mapping[int, Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    for entry in entries.values():
        if entry["type"] == kind and isinstance(entry.get("fact"), dict) and "request" in entry["fact"]:
            yield entry["fact"]
