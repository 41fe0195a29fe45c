"""The comparisons that the plan declared, in words: a gap, cleared, undecided, or not assessable, and why.

Read from the measuring step's details document. Each outcome has a word and a shape of its own, so none is told by its
colour alone. What a document of another form says is not guessed: the part is None then, and shown as not assessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tunewarden.entry.report.figures import count, exact, interval
from tunewarden.entry.report.reading import Figure, Part

_MOST_CLEARED = 60
_AND = "\N{MULTIPLICATION SIGN}"
WORDS_OF = MappingProxyType(
    {
        "accuracy": "right less often",
        "true-positive": "class {label} recognised less often",
        "false-positive": "taken for class {label} more often by mistake",
        "selected": "given class {label} less often",
        "calibration": "surer of its answers than right, more than with the rest",
        "loss-against-base": "right less often than before training",
        "loss-against-promoted": "right less often than the version promoted last",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an outcome is shown: the shape of `mark` in parts.html, the word beside it, and how soon it is listed."""

    mark: str
    word: str
    place: int


OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "gap-confirmed": Outcome("fail", "GAP CONFIRMED", 0),
        "undecided": Outcome("unknown", "UNDECIDED", 1),
        "not-assessable": Outcome("unknown", "NOT ASSESSABLE", 2),
        "cleared": Outcome("pass", "CLEARED", 3),
        "no-loss-shown": Outcome("pass", "NO LOSS SHOWN", 4),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison."""

    name: str
    what: str
    persons: str
    behind: str
    tolerance: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Of one class in one group, each with the 95 % interval of that group alone."""

    group: str
    label: str
    selected: str
    true_positive: str
    false_positive: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All of them.

    Attributes:
        outcome, finding: of all together, and what it means. All are cleared only where nothing and nobody is left of
            whom it is not known.
        lines: those that are not cleared, the worst first; every one of them.
        cleared: the others, single attributes first; `unlisted` more are not listed.
        merged: intersections that were too small, attribute pair by attribute pair.
        unassessed: comparisons of rates for which too few persons have, or lack, the class.
        declaration: digest of what the plan declared.
        rates: by group and class, for information.
    """

    outcome: Outcome
    finding: str
    lines: tuple[Line, ...]
    cleared: tuple[Line, ...]
    unlisted: int
    merged: tuple[str, ...]
    unassessed: int
    declaration: str
    rates: tuple[Rates, ...]


def compared(fairness: Part) -> Compared | None:
    """Of a document's part on fairness; None where nothing was declared, or a comparison cannot be read."""
    part = fairness.at("decided")
    items = list(part.at("comparisons").items())
    lines = sorted(_lines(items), key=lambda line: (line.outcome.place, _AND in line.name, line.name, line.what))
    declaration = part.at("declaration").text
    if declaration is None or part.at("comparisons").value is None or len(lines) != len(items):
        return None
    counts = {outcome.word: sum(line.outcome is outcome for line in lines) for outcome in OUTCOMES.values()}
    merged = tuple(text for item in part.at("merged").items() if (text := item.at("attribute").text))
    unassessed = part.at("unassessed").whole or 0
    apart = {
        ("comparison", "with too few persons to be made"): unassessed,
        ("group", "too small to be compared"): len(list(fairness.at("not_assessable").items())),
        ("pair", "of attributes with people too few to be compared"): len(merged),
    }
    outcome, finding = _together(counts, len(lines), apart)
    cleared = [line for line in lines if line.outcome.mark == "pass"]
    return Compared(
        outcome=outcome,
        finding=finding,
        lines=tuple(line for line in lines if line.outcome.mark != "pass"),
        cleared=tuple(cleared[:_MOST_CLEARED]),
        unlisted=max(0, len(cleared) - _MOST_CLEARED),
        merged=merged,
        unassessed=unassessed,
        declaration=declaration,
        rates=tuple(_rates(fairness)),
    )


def _together(counts: Mapping[str, int], whole: int, apart: Mapping[tuple[str, str], int]) -> tuple[Outcome, str]:
    """`apart` is what is not among the comparisons because it could not be compared, and how much of each."""
    gaps, open_, small, kept = (
        counts[word] for word in ("GAP CONFIRMED", "UNDECIDED", "NOT ASSESSABLE", "NO LOSS SHOWN")
    )
    of_all = f"of {count(whole, 'comparison')}"
    if gaps:
        return (
            OUTCOMES["gap-confirmed"],
            f"{gaps} {of_all}: behind, not by chance, and by more than the plan allows as measured",
        )
    if open_:
        return OUTCOMES[
            "undecided"
        ], f"{open_} {of_all}: no gap is confirmed, and none beyond the tolerance is ruled out"
    if not whole:
        return OUTCOMES["not-assessable"], "No two groups had persons enough to be compared"
    unknown = {
        ("comparison", "with too few persons to tell"): small,
        ("comparison", "where no loss is shown and none is ruled out"): kept,
        **apart,
    }
    if any(unknown.values()):
        named = "; ".join(f"{count(number, noun)} {rest}" for (noun, rest), number in unknown.items() if number)
        return OUTCOMES["not-assessable"], f"No gap is confirmed, and not all is cleared: {named}"
    return OUTCOMES["cleared"], "Every comparison that was declared is cleared, and no group was too small for one"


def _lines(items: list[Part]) -> Iterator[Line]:
    for item in items:
        attribute, group, metric = item.at("attribute").text, item.at("group").text, item.at("metric").text
        behind, tolerance = item.at("behind").figure, item.at("tolerance").number
        outcome, words = OUTCOMES.get(item.at("standing").text or ""), WORDS_OF.get(metric or "")
        if attribute is None or group is None or behind is None or tolerance is None or not outcome or not words:
            continue
        persons = item.at("persons").whole
        yield Line(
            name=f"{attribute}: {group or '(no value)'}",
            what=words.format(label=item.at("label").whole),
            persons="withheld" if persons is None else f"{persons:,}",
            behind=_behind(behind),
            tolerance=exact(tolerance),
            outcome=outcome,
        )


def _rates(fairness: Part) -> Iterator[Rates]:
    for group in fairness.at("assessed").items():
        attribute, name = group.at("attribute").text, group.at("group").text
        for item in group.at("rates").items():
            label = item.at("label").whole
            if attribute is None or name is None or label is None:
                continue
            figures = (item.at(rate).figure for rate in ("selected", "true_positive", "false_positive"))
            selected, true_positive, false_positive = ("not known" if one is None else interval(one) for one in figures)
            yield Rates(
                group=f"{attribute}: {name or '(no value)'}",
                label=str(label),
                selected=selected,
                true_positive=true_positive,
                false_positive=false_positive,
            )


def _behind(figure: Figure) -> str:
    return f"{exact(figure.value)} ({exact(figure.low)} to {exact(figure.high)})"
