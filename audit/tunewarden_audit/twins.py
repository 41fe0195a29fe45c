"""Whether models without noise were trained only where the approved plan says so, on data that people agreed to.

A plan may ask for twins: two small models of the measuring step, one of them without clipping and noise, trained on
held-out persons and compared by group. Such a model keeps no promise, so the entry that ends the step counts it, the
plan has to name it (`twins`), and the dataset has to be registered on consent with exact figures that may leave. What
is told of it has to follow from its own figures.

Not checked: that the consent covers it, that no such model was trained which no entry tells of, and that the persons
were held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_METRICS = ("fairness.privacy_price", "fairness.privacy_excess")
_EXACT = ("consented", "public")
_LIMIT = Decimal("0.05")
"""By how much more a group may be made worse by privacy; the document repeats it, and is not asked."""


class Unasked(ValueError):
    """A model was trained without noise that nobody allowed, or is told of otherwise. Quotes no document."""


def require_asked(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> None:
    """Raise Unasked for one. `documents` maps the hex of a digest to what the document with that digest says."""
    try:
        requests = {fact["request"]: fact for fact in _of(entries, "RequestSubmitted")}
        datasets = {fact["dataset"]: fact for fact in _of(entries, "DatasetRegistered")}
        for fact in _of(entries, "StepFinished"):
            if fact.get("step") == "measure":
                asked = requests.get(fact["request"], {})
                _holds(fact, asked, datasets.get(asked.get("dataset"), {}), documents)
    except Unasked:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unasked("what is told of models without noise cannot be read") from error


def _holds(
    fact: Mapping[str, Any], asked: Mapping[str, Any], dataset: Mapping[str, Any], documents: Mapping[str, Any]
) -> None:
    details: Any = documents.get(_hex(fact.get("details")))
    evidence: Any = documents.get(_hex(fact.get("evidence")))
    counted: Any = fact.get("counts", {}).get("twins", 0)
    twins: Any = None if details is None else details.get("twins")
    if details is not None and counted != (0 if twins is None else 2):
        raise Unasked("the entry does not count the models without noise that its document tells of")
    if counted:
        _allowed(documents.get(_hex(asked.get("plan"))), dataset)
    if evidence is not None and details is not None:
        said = {one["metric"]: _ends(one) for one in evidence["measurements"] if one["metric"] in _METRICS}
        if said != ({} if twins is None else _expected(twins)):
            raise Unasked("the evidence tells another price of privacy than the document")
    for one in [] if twins is None else twins["costs"]:
        if one["burden"] != _burden(one["excess"]) or Decimal(twins["limit"]) != _LIMIT:
            raise Unasked("who pays more for privacy is not what the figures give")


def _allowed(plan: Mapping[str, Any] | None, dataset: Mapping[str, Any]) -> None:
    if plan is not None and (plan.get("twins") is not True or plan.get("metrics") is not None):
        raise Unasked("a model without noise was trained that the approved plan does not name")
    if dataset and (dataset["lawful_basis"] != "consent" or dataset.get("held_out") not in _EXACT):
        raise Unasked("a model without noise was trained on persons who are not said to have agreed")


def _expected(twins: Mapping[str, Any]) -> dict[str, tuple[Decimal, ...]]:
    price, excesses = _METRICS
    expected = {price: _ends(twins["price"])}
    if twins["costs"]:
        ends = [_ends(one["excess"]) for one in twins["costs"]]
        expected[excesses] = tuple(max(each) for each in zip(*ends, strict=True))
    return expected


def _burden(excess: Mapping[str, Any]) -> str:
    low, value, high = _ends(excess)
    if low > 0 and value > _LIMIT:
        return "more-than-its-part"
    return "within-the-limit" if high <= _LIMIT else "undecided"


def _ends(figure: Mapping[str, Any]) -> tuple[Decimal, ...]:
    return Decimal(figure["low"]), Decimal(figure["value"]), Decimal(figure["high"])


def _of(entries: Mapping[int, Mapping[str, Any]], kind: str) -> Iterator[Mapping[str, Any]]:
    for entry in entries.values():
        if entry["type"] == kind and isinstance(entry.get("fact"), dict):
            yield entry["fact"]


def _hex(digest: object) -> str:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else ""
