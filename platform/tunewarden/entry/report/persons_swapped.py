"""What a model writes and answers where made-up texts differ in the person they are about, in words.

Read from the measuring step's details document, of a model that completes texts; what cannot be read is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from tunewarden.entry.report.compared import OUTCOMES, Outcome
from tunewarden.entry.report.figures import count, exact, exact_interval, interval
from tunewarden.entry.report.reading import Part

_TERMS = MappingProxyType({"sex": "Sex", "age": "Age", "origin": "Origin or religion", "name": "Given name"})
_BY = MappingProxyType(
    {
        "changed": "other words",
        "length": "length",
        "refused": "refusals",
        "negative": "harsh words",
    }
)
_UNKNOWN = OUTCOMES["not-assessable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison: of persons by what is written, or of a category of questions."""

    name: str
    what: str
    values: tuple[str, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsSwapped:
    """The section; `unassessed` are terms that nothing can be said of, `before` the bias of answers before training."""

    written: tuple[Line, ...]
    unassessed: str | None
    asked: tuple[Line, ...]
    tolerance: str | None
    before: str | None
    left_out: str | None


def persons_swapped(measure: Part) -> PersonsSwapped | None:
    """From the whole details document; None where the plan declared nothing of this, and in documents of before."""
    pairs, questions = measure.at("counterfactuals"), measure.at("questions")
    if pairs.value is None and questions.value is None:
        return None
    unassessed = [_TERMS.get(item.text or "", "an unknown term") for item in pairs.at("unassessed").items()]
    before, left_out = questions.at("before").figure, questions.at("left_out").whole
    tolerance = questions.at("tolerance").number
    return PersonsSwapped(
        written=tuple(_written(pairs)),
        unassessed=", ".join(unassessed) or None,
        asked=tuple(_asked(questions)),
        tolerance=None if tolerance is None else exact(tolerance),
        before=None if before is None else interval(before),
        left_out=count(left_out, "question") if left_out else None,
    )


def _written(part: Part) -> Iterator[Line]:
    for item in part.at("comparisons").items():
        pairs, excess = item.at("pairs").whole, item.at("excess").figure
        means = [item.at(name).number for name in ("persons", "words", "base_persons", "tolerance")]
        if pairs is None or excess is None or None in means:
            continue
        persons, words, base, tolerance = (exact(mean) for mean in means if mean is not None)
        yield Line(
            name=_TERMS.get(item.at("attribute").text or "", "unknown term"),
            what=_BY.get(item.at("outcome").text or "", "unknown"),
            values=(f"{pairs:,}", persons, words, exact_interval(excess), tolerance, base),
            outcome=OUTCOMES.get(item.at("standing").text or "", _UNKNOWN),
        )


def _asked(part: Part) -> Iterator[Line]:
    for item in part.at("biases").items():
        asked, category = item.at("questions").whole, item.at("category").text
        figures = [item.at(name).figure for name in ("ambiguous", "disambiguated", "right")]
        if asked is None or category is None or None in figures:
            continue
        yield Line(
            name="All together" if category == "all" else category.replace("_", " ").capitalize(),
            what=f"{asked:,}",
            values=tuple(exact_interval(figure) for figure in figures if figure is not None),
            outcome=OUTCOMES.get(item.at("standing").text or "", _UNKNOWN),
        )
