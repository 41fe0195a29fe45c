"""Whether what the evidence says of protected terms and attributions follows from the measuring step's document.

Gates judge how much more a protected term does than a neutral word in its place, and what is *shown* of that: the lower
end of an interval. The document has the counts of pairs, from which the interval follows (Newcombe 1998, Statistics in
Medicine 17:2635, method 10); it is computed here again, to one in the fourth place. So is how often answers flipped.
That the distances and the areas in the evidence are those of the document is checked, and that the lower end is told as
what is shown.

Not checked: that models were asked, and that these are their answers; how wide the intervals of flip rates are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import sqrt
from typing import Any

_LEAST_PAIRS = 183
_Z = 1.959963984540054
_CLOSE = Decimal("0.00011")
_JUDGED = (
    *("explanation.flip_rate.", "explanation.probability_moved."),
    *("explanation.excess_flips.", "explanation.excess_flips_shown.", "explanation.excess_moved."),
    "privacy.attribution_gain",
)
Ends = tuple[Decimal, Decimal, Decimal]


class Exceeded(ValueError):
    """The evidence says something else of protected terms or attributions than the document. Quotes neither."""


def require_excess(entries: Mapping[int, Mapping[str, Any]], documents: Mapping[str, Any]) -> None:
    """Raise Exceeded where it does. `documents`: the hex of a digest -> what the document with it says."""
    for entry in entries.values():
        fact = entry.get("fact")
        if entry.get("type") != "StepFinished" or not isinstance(fact, dict) or fact.get("step") != "measure":
            continue
        details, evidence = (documents.get(_hex(fact.get(name))) for name in ("details", "evidence"))
        if not isinstance(details, dict) or not isinstance(evidence, dict):
            continue
        try:
            _holds(details.get("scrutiny") or {}, evidence["measurements"])
        except Exceeded:
            raise
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise Exceeded("what protected terms and attributions do cannot be read") from error


def _holds(scrutiny: Mapping[str, Any], measurements: list[Mapping[str, Any]]) -> None:
    swaps = scrutiny.get("swaps", [])
    for one in swaps:
        _flipped(one["flip_rate"], *_counts(one, "flipped", "pairs"))
        if one.get("control") is not None:
            _follows(one, one["control"])
    said = [(one["metric"], _ends(one)) for one in measurements if one["metric"].startswith(_JUDGED)]
    expected = [*_of_swaps(swaps), *_of_membership(scrutiny.get("membership"))]
    if sorted(said) != sorted(expected):
        raise Exceeded("the evidence says something else of protected terms or attributions than the document")


def _follows(swap: Mapping[str, Any], control: Mapping[str, Any]) -> None:
    both, only, other, pairs = _counts(control, "both", "protected_only", "neutral_only", "pairs")
    if [both + only, pairs] != _counts(swap, "flipped", "pairs") or both + only + other > pairs:
        raise Exceeded("protected terms and neutral words were counted on different pairs")
    _flipped(control["flip_rate"], both + other, pairs)
    low, value, high = _newcombe(both, only, other, pairs)
    told = _ends(control["excess_flips"])
    if any(abs(one - Decimal(found)) > _CLOSE for one, found in zip(told, (low, value, high), strict=True)):
        raise Exceeded("how much more protected terms do is not what the counts of pairs give")


def _counts(of: Mapping[str, Any], *names: str) -> list[int]:
    found = [of[name] for name in names]
    if any(type(one) is not int or one < 0 for one in found):
        raise Exceeded("a count of pairs is no count")
    return found


def _flipped(rate: Mapping[str, Any], flipped: int, pairs: int) -> None:
    low, value, high = _ends(rate)
    if flipped > pairs or not low <= value <= high or abs(value - Decimal(flipped) / pairs) > _CLOSE:
        raise Exceeded("how often answers flipped is not what the counts of pairs give")


def _newcombe(both: int, only: int, other: int, pairs: int) -> tuple[float, float, float]:
    """The interval of the share of `both` and `only` less that of `both` and `other`, of so many pairs."""
    first, second = (both + only) / pairs, (both + other) / pairs
    neither = pairs - both - only - other
    scale = (both + only) * (other + neither) * (both + other) * (only + neither)
    phi = (both * neither - only * other) / sqrt(scale) if scale > 0 else 0.0
    (low, high), (second_low, second_high) = _wilson(first, pairs), _wilson(second, pairs)
    below = _combined(first - low, second_high - second, phi)
    above = _combined(high - first, second - second_low, phi)
    return first - second - below, first - second, first - second + above


def _wilson(share: float, pairs: int) -> tuple[float, float]:
    centre = (share + _Z * _Z / (2 * pairs)) / (1 + _Z * _Z / pairs)
    half = _Z * sqrt(share * (1 - share) / pairs + _Z * _Z / (4 * pairs * pairs)) / (1 + _Z * _Z / pairs)
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def _combined(one: float, other: float, phi: float) -> float:
    return sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _of_swaps(swaps: list[Mapping[str, Any]]) -> Iterator[tuple[str, Ends]]:
    for one in swaps:
        if one["pairs"] < _LEAST_PAIRS:
            continue
        yield f"explanation.flip_rate.{one['attribute']}", _ends(one["flip_rate"])
        yield f"explanation.probability_moved.{one['attribute']}", _ends(one["moved"])
        control = one.get("control")
        if control is not None:
            excess = _ends(control["excess_flips"])
            yield f"explanation.excess_flips.{one['attribute']}", excess
            yield f"explanation.excess_flips_shown.{one['attribute']}", (excess[0],) * 3
            yield f"explanation.excess_moved.{one['attribute']}", _ends(control["excess_moved"])


def _of_membership(membership: Mapping[str, Any] | None) -> Iterator[tuple[str, Ends]]:
    if membership is not None:
        gain = _ends(membership["gain"])
        yield "privacy.attribution_gain", gain
        yield "privacy.attribution_gain_shown", (gain[0],) * 3


def _ends(figure: Mapping[str, Any]) -> Ends:
    return Decimal(figure["low"]), Decimal(figure["value"]), Decimal(figure["high"])


def _hex(digest: object) -> str:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else ""
