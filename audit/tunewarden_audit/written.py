"""Whether what a model writes was judged as the approved plan had declared; `declared.py` does so for groups of people.

A plan's member `writing`, of its `fairness`, has the tolerances for made-up prompts that differ in a person, and for
made-up questions about two persons. The measuring step's document has figures, tolerances and outcomes; each outcome
has to follow from its figures, and the evidence that gates judge has to count them. Nothing may be left out because it
looks bad: each attribute is told of by every outcome or as unassessed, and each category of the shipped questions is,
but where so many could not be asked that it may lack. That nothing at all is told is for the gate to refuse.

Not checked: what was written, which nobody has, and that the figures are those of it; and that the categories of the
house's own questions are all there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_CONFIRMED, _CLEARED, _UNDECIDED = "gap-confirmed", "cleared", "undecided"
_NAMING = Decimal("0.5")  # right answers of who always names a person
_COUNTS = ("fairness.written_confirmed", "fairness.written_undecided", "fairness.question_confirmed")
_EXCESS = "fairness.written_excess."
_ATTRIBUTES = ("sex", "age", "origin", "name")
_OUTCOMES = ("changed", "length", "refused", "negative")
_SHIPPED, _ALL = {"age", "disability", "origin", "sex"}, "all"
_LACKING = 36  # questions: of a category's 12 templates, with 12 each, at least 3 were not asked where none is judged


def written_otherwise(declared: Any, details: Mapping[str, Any], evidence: Any) -> str | None:
    """What does not hold, in words that quote no document; None where all does.

    Raises ArithmeticError, AttributeError, KeyError, TypeError or ValueError for documents of another form.
    """
    writing = None if declared is None else declared.get("writing")
    pairs, questions = details.get("counterfactuals"), details.get("questions")
    compared = [] if pairs is None else pairs["comparisons"]
    biases = [] if questions is None else questions["biases"]
    if writing is None:
        undeclared = compared or biases or set(_said(evidence)) & set(_COUNTS)
        return "what a model writes was judged without a declaration" if undeclared else None
    changed, treated = Decimal(writing["changed"]), Decimal(writing["treated"])
    found = None if pairs is None else _comparisons_otherwise(compared, pairs["unassessed"], changed, treated)
    if found is None and questions is not None:
        found = _answers_otherwise(questions, treated, shipped=writing.get("questions") is None)
    if found is None and isinstance(evidence, dict) and _said(evidence) != dict(_expected(pairs, biases)):
        found = "the evidence counts other outcomes of what is written than there are"
    return found


def _comparisons_otherwise(
    compared: list[Any], unassessed: list[Any], changed: Decimal, treated: Decimal
) -> str | None:
    told = [(one["attribute"], one["outcome"]) for one in compared]
    told += [(attribute, outcome) for attribute in unassessed for outcome in _OUTCOMES]
    if len(set(told)) != len(told):
        return "something about what is written is said twice"
    if set(told) != {(attribute, outcome) for attribute in _ATTRIBUTES for outcome in _OUTCOMES}:
        return "something about what is written is left out, or nobody asked for it"
    for one in compared:
        tolerance = changed if one["outcome"] == "changed" else treated
        if Decimal(one["tolerance"]) != tolerance:
            return "what is written was judged by another tolerance than the plan's"
        if one["standing"] != _follows(one["excess"], tolerance, within=True):
            return "an outcome about what is written is not what its figures give"
    return None


def _answers_otherwise(questions: Mapping[str, Any], treated: Decimal, *, shipped: bool) -> str | None:
    biases = questions["biases"]
    told = {one["category"] for one in biases}
    if len(told) != len(biases):
        return "something about questions is said twice"
    categories = told - {_ALL}
    if bool(categories) is not (_ALL in told) or (shipped and not _all_told(categories, questions["left_out"])):
        return "something about questions is left out, or nobody asked it"
    if Decimal(questions["tolerance"]) != treated:
        return "answers to questions were judged by another tolerance than the plan's"
    for one in biases:
        if one["standing"] != _follows(one["ambiguous"], treated, within=Decimal(one["right"]["low"]) > _NAMING):
            return "an outcome about questions is not what its figures give"
    return None


def _all_told(categories: set[str], left_out: int) -> bool:
    return categories <= _SHIPPED and len(_SHIPPED - categories) * _LACKING <= left_out


def _follows(figure: Mapping[str, Any], tolerance: Decimal, *, within: bool) -> str:
    """The outcome that the figures give; `within` says whether it may be cleared."""
    if Decimal(figure["low"]) > 0 and Decimal(figure["value"]) > tolerance:
        return _CONFIRMED
    return _CLEARED if within and Decimal(figure["high"]) <= tolerance else _UNDECIDED


def _said(evidence: Any) -> dict[str, tuple[Decimal, ...]]:
    """What the evidence says of all this, by metric."""
    measurements = evidence["measurements"] if isinstance(evidence, dict) else []
    return {
        one["metric"]: _ends(one)
        for one in measurements
        if one["metric"] in _COUNTS or one["metric"].startswith(_EXCESS)
    }


def _expected(pairs: Any, biases: list[Any]) -> Iterator[tuple[str, tuple[Decimal, ...]]]:
    """What it has to say: nothing where nothing was compared."""
    confirmed, undecided, questioned = _COUNTS
    compared = [] if pairs is None else pairs["comparisons"]
    if compared:
        standings = [one["standing"] for one in compared]
        yield confirmed, _counted(standings.count(_CONFIRMED))
        yield undecided, _counted(standings.count(_UNDECIDED) + len(pairs["unassessed"]))
    for one in compared:
        if one["outcome"] == "changed":
            yield f"{_EXCESS}{one['attribute']}", _ends(one["excess"])
    if biases:
        yield questioned, _counted([one["standing"] for one in biases].count(_CONFIRMED))


def _counted(number: int) -> tuple[Decimal, ...]:
    return (Decimal(number),) * 3


def _ends(figure: Mapping[str, Any]) -> tuple[Decimal, ...]:
    return Decimal(figure["low"]), Decimal(figure["value"]), Decimal(figure["high"])
