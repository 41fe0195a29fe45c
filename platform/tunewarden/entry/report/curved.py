"""How much the last half of the data gained: the learning curve that the plan declared, if it did.

Read from the details document of the measuring step, part by part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR

from tunewarden.entry.report.figures import count, exact_interval, percent
from tunewarden.entry.report.measured import Chart, Row, points, shares
from tunewarden.entry.report.reading import Figure, Part

_ALL = "All"
_UNDECLARED = (
    "The plan declares no learning curve, so nobody knows whether less data would have done; nothing is judged by it."
)
_GONE = (
    "The plan declares a learning curve and it was trained, but its models were gone when they were to be asked. So "
    "nobody knows whether less data would have done."
)
_UNKNOWN = (
    "The evidence of the measuring step does not say what the last half of the data gained. Where too few persons are "
    "held out, it cannot."
)
_ASKS = (
    "Data minimisation (GDPR Art. 5(1)(c)) asks for no more data than the purpose needs; whether a gain of that size "
    "is worth the records of as many more persons is for people to say."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curved:
    """What is said of it. Without a `chart` there is none, and `statement` says why.

    Attributes:
        declared: whether the plan declares one; else nothing was to be assessed.
        statement: what the last half of the data gained, in words.
        facts: gains over each part, and in loss where exact figures may leave.
    """

    declared: bool
    statement: str
    chart: Chart | None = None
    facts: tuple[Row, ...] = ()


def curved(measure: Part, *, declared: bool) -> Curved:
    """From the whole details document of the measuring step, and what the plan says."""
    curve = measure.at("curve")
    if curve.value is None and not declared:
        return Curved(declared=False, statement=_UNDECLARED)
    found = [point for point in curve.at("points").items() if point.at("share").number is not None]
    named = [(_name(point), figure) for point in reversed(found) if (figure := point.at("right").figure)]
    if not found or len(named) != len(found):
        return Curved(declared=True, statement=_GONE if curve.at("unasked").text else _UNKNOWN)
    half = next((point.at("gain").figure for point in found if point.at("share").text == "0.5"), None)
    completions = measure.at("completions").value is not None
    of_what = "tokens predicted right" if completions else "rows answered right"
    return Curved(
        declared=True,
        statement=f"{_gained(half, of_what)} {_ASKS}",
        chart=Chart(
            finding=_finding(half),
            picture=shares(named, f"Share of {of_what}"),
            rows=tuple(Row(name, exact_interval(figure)) for name, figure in named),
        ),
        facts=tuple(_facts(found, curve.at("persons"))),
    )


def _finding(gain: Figure | None) -> str:
    if gain is None:
        return "What the last half of the persons gained is not known"
    if gain.low > 0:
        return "Training on all persons instead of half of them is shown to have gained something"
    return "Training on all persons instead of half of them is not shown to have gained anything"


def _gained(gain: Figure | None, of_what: str) -> str:
    if gain is None:
        return "Too few persons were held out to say what the last half of the data gained."
    low, high = points(gain.low, ROUND_FLOOR), points(gain.high, ROUND_CEILING)
    return f"The last half of the data gained between {low} and {high} points of {of_what} (95 % interval)."


def _facts(found: list[Part], persons: Part) -> Iterator[Row]:
    asked = persons.whole
    yield Row("Asked", "the same held-out persons each time" + (f": {count(asked, 'person')}" if asked else ""))
    for point in found:
        for member, what in (("gain", "more often right"), ("loss_gain", "loss less")):
            figure = point.at(member).figure
            if figure is not None:
                yield Row(f"All persons over {_name(point)} of them: {what}", exact_interval(figure))


def _name(point: Part) -> str:
    share, trained_on = point.at("share").number, point.at("trained_on").whole
    assert share is not None, "the caller has looked"
    name = _ALL if share == 1 else percent(share)
    return name if trained_on is None else f"{name} ({trained_on:,})"
