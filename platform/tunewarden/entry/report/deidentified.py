"""What de-identification found, what was done to it, and how much of what was planted it caught."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunewarden.domain.events import RequestSubmitted, ReviewAnswered, ReviewClosed, ReviewOpened, StepFinished
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.training import StepName
from tunewarden.entry.report.deid_words import category_name, kind_name, operator_name
from tunewarden.entry.report.facts import Fact, Name, Said, of, only
from tunewarden.entry.report.figures import count, exact, interval
from tunewarden.entry.report.reading import Part

_NOT_REVIEWED = (
    "not reviewed by a person",
    "What the recognisers missed is known only as far as planted identifiers tell.",
)
_NOT_STATED = ("not known to have been reviewed by a person", "The evidence of the step does not say.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of identifier; a part that is not in the evidence is None."""

    name: str
    operator: str | None
    found: str
    recall: str | None
    planted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One of the eighteen categories of 45 CFR 164.514(b)(2)(i)."""

    name: str
    detector: bool
    transformed: str
    gap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """The section on de-identification.

    Attributes:
        total: identifiers found.
        review: whether people have looked, and what that means.
        review_log: the entries that say so.
        planted: whether any recall on planted identifiers was measured.
        rescan: what a second look at the output found; None where nobody looked.
        example: an invented text before and after; None where the evidence has none.
    """

    total: str
    log: tuple[int, ...]
    facts: tuple[Fact, ...]
    review: tuple[str, str]
    review_log: tuple[int, ...]
    kinds: tuple[Kind, ...]
    planted: bool
    categories: tuple[Category, ...]
    rescan: Said | None
    example: tuple[str, str] | None


def deidentified(report: LineageReport, details: Part) -> Deidentified | None:
    """From the step's counts, which are in the log, and its details document; None where the step has no outcome."""
    done = [(entry, event) for entry, event in of(report.steps, StepFinished) if event.step is StepName.DEIDENTIFY]
    if not done:
        return None
    entry, event = done[-1]
    found = {kind: event.counts[kind] for kind in EntityType if event.counts.get(kind)}
    kinds = tuple(_kind(kind, found.get(kind, 0), details) for kind in _shown(found, details))
    review, review_log = _reviewed(report, event) or (_not_reviewed(details), (entry.index,))
    return Deidentified(
        total=count(sum(found.values()), "identifier"),
        log=(entry.index,),
        facts=tuple(_facts(report, event, entry.index)),
        review=review,
        review_log=review_log,
        kinds=kinds,
        planted=any(kind.recall is not None for kind in kinds),
        categories=tuple(_categories(details)),
        rescan=_rescan(details, entry.index),
        example=_example(details),
    )


def _facts(report: LineageReport, event: StepFinished, index: int) -> Iterator[Fact]:
    asked = only(report.request, RequestSubmitted)
    yield Fact("Profile", Name(asked.profile), (report.request.index,))
    for word, label in (
        ("records", "Records released"),
        ("persons", "Persons in them"),
        ("emptied", "Texts left empty"),
    ):
        if word in event.counts:
            yield Fact(label, f"{event.counts[word]:,}", (index,))
    yield Fact("Released records", Name(event.output), (index,))


def _reviewed(report: LineageReport, event: StepFinished) -> tuple[tuple[str, str], tuple[int, ...]] | None:
    """What came of the last sample that was read to its end, and its entries; None where there is none."""
    about = {opened.review for _, opened in of(report.reviews, ReviewOpened) if opened.about == event.output}
    closed = [pair for pair in of(report.reviews, ReviewClosed) if pair[1].review in about]
    if not closed:
        return None
    entry, end = closed[-1]
    said = [one for one, read in of(report.reviews, ReviewAnswered) if read.review == end.review]
    people = count(len({one.actor for one in said}), "person", "people")
    what = (
        f"In {end.leaks:,} of {count(end.documents, 'record')} drawn at random something was marked that still "
        f"identifies; of {count(end.seeds, 'made-up identifier')} put into others, {end.found:,} were noticed."
    )
    return (f"reviewed by {people}", what), (*(one.index for one in said), entry.index)


def _not_reviewed(details: Part) -> tuple[str, str]:
    return _NOT_STATED if details.at("reviewed").value is None else _NOT_REVIEWED


def _shown(found: dict[EntityType, int], details: Part) -> list[EntityType]:
    """Kinds that were found or planted, the most frequent first."""
    planted = {name for name, _ in details.at("planted").members()}
    return sorted(
        (kind for kind in EntityType if kind in found or kind in planted), key=lambda k: (-found.get(k, 0), k)
    )


def _kind(kind: EntityType, found: int, details: Part) -> Kind:
    planted, operator = details.at("planted", kind), details.at("operators", kind).text
    recall, number = planted.figure, planted.at("n").whole
    return Kind(
        name=kind_name(kind),
        operator=None if operator is None else operator_name(operator),
        found=f"{found:,}",
        recall=None if recall is None else interval(recall),
        planted="" if number is None else f"{number:,}",
    )


def _categories(details: Part) -> Iterator[Category]:
    for item in details.at("safe_harbor").items():
        name, detector, number = item.at("category").text, item.at("detector").value, item.at("transformed").whole
        if name is not None and isinstance(detector, bool) and number is not None:
            yield Category(
                name=category_name(name),
                detector=detector,
                transformed=f"{number:,}",
                gap=item.at("known_gap").text or "",
            )


def _rescan(details: Part, index: int) -> Said | None:
    hit, threshold = details.at("rescan", "records_hit").whole, details.at("rescan", "threshold").number
    records = details.at("records").whole
    if hit is None or threshold is None or records is None:
        return None
    return Said(
        f"A second look at the output, with the threshold lowered to {exact(threshold)}, still saw something like an "
        f"identifier in {hit:,} of {count(records, 'record')}.",
        (index,),
    )


def _example(details: Part) -> tuple[str, str] | None:
    for item in details.at("examples").items():
        before, after = item.at("before").text, item.at("after").text
        if before is not None and after is not None:
            return before, after
    return None
