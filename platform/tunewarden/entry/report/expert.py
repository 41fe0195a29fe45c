"""An expert determination as a record: who determined, when, until when, by which methods and with which results.

45 CFR 164.514(b)(1) asks for a person with knowledge of generally accepted statistical methods who determines that the
risk of identifying somebody is very small, and who documents the methods and results that justify it. Here stand the
methods and results that the platform has; what only the expert can say is named as missing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from types import MappingProxyType

from tunewarden.domain.deidentification import Method
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ReportAttested, ReviewClosed
from tunewarden.domain.sampling import review_measurements
from tunewarden.entry.report.facts import Fact, Name
from tunewarden.entry.report.figures import Interval, count, exact, instant, interval
from tunewarden.entry.report.reading import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One question about the risk, how it was asked, and what came out; `log` are the entries it rests on."""

    question: str
    method: str
    result: str
    number: str
    log: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Determination:
    """What the section shows.

    Attributes:
        facts: of the signature that counts; None where there is none.
        analyses: what was measured of these records.
        missing: questions that nothing was measured for.
    """

    facts: tuple[Fact, ...] | None
    analyses: tuple[Analysis, ...]
    missing: tuple[str, ...]


def determination(
    document: Part,
    signed: tuple[tuple[Entry, ReportAttested], ...],
    review: tuple[Entry, ReviewClosed] | None,
    failed_before: int,
) -> Determination | None:
    """None where the profile claims another method.

    Args:
        signed: signatures of exactly this report that were not withdrawn, oldest first.
        review: the last review of the records that closed.
        failed_before: samples of the same data that failed before it.
    """
    if document.at("claim", "method").text != Method.EXPERT_DETERMINATION:
        return None
    found = tuple(_analyses(document, review, failed_before))
    answered = {one.question for one in found}
    asked = [question for question, _ in _MEASURED.values()] + [_READ]
    return Determination(
        facts=tuple(_facts(document, *signed[-1])) if signed else None,
        analyses=found,
        missing=tuple(question for question in dict.fromkeys(asked) if question not in answered),
    )


def _facts(document: Part, entry: Entry, event: ReportAttested) -> Iterator[Fact]:
    yield Fact("Determined by", Name(entry.actor), (entry.index,))
    yield Fact("On", instant(entry.at), (entry.index,))
    until = "no day on which it ends is stated" if event.expires is None else f"the end of {event.expires}, UTC"
    yield Fact("Holds until", until, (entry.index,))
    yield Fact("About the records", Name(document.at("released").text or "not stated"))
    yield Fact("De-identified by profile", document.at("profile", "name").text or "not stated")


_DIRECT = "Are direct identifiers recognised?"
_LEFT = "Is anything direct left in the released records?"
_ELSEWHERE = "Does what was taken out still stand in another record of the same person?"
_READ = "What do people find who read a random sample?"
_ALIKE = "Can a person be singled out by what stays readable?"
_TOLD = "Does belonging to such a group tell the label?"
_REPEATED = "Do released texts repeat each other?"
_FAIR = "Are names of every origin and gender recognised alike?"

_MEASURED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "deid.planted_recall": (_DIRECT, "Made-up identifiers were planted into copies of random records."),
        "deid.rescan_hits_per_1000_records": (_LEFT, "The output was looked at again, with the thresholds halved."),
        "deid.value_leaks_per_1000_records": (_ELSEWHERE, "Every original was searched in all records of its person."),
        "deid.k_anonymity": (_ALIKE, "Persons were grouped by all readable attributes and protected columns."),
        "deid.persons_below_k_share": (_ALIKE, "The same groups: persons in those that are smaller than wanted."),
        "deid.l_diversity": (_TOLD, "The same groups: how many different labels each has."),
        "deid.duplicate_share": (_REPEATED, "Texts were compared by their runs of three words (MinHash)."),
        "deid.name_recall_gap": (_FAIR, "Sentences with names of several origins and genders were read."),
    }
)
"""Metric -> the question, and how it was asked. In the order in which they are shown."""


def _analyses(document: Part, review: tuple[Entry, ReviewClosed] | None, failed_before: int) -> Iterator[Analysis]:
    for metric, (question, method) in _MEASURED.items():
        part = document.at("measured", metric)
        figure, number = part.figure, part.at("n").whole
        if figure is not None:
            yield Analysis(
                question=question,
                method=method,
                result=_RESULTS[metric](figure),
                number="" if number is None else f"{number:,}",
            )
        if metric == "deid.value_leaks_per_1000_records" and review is not None:
            yield _read(*review, failed_before)


def _read(entry: Entry, event: ReviewClosed, failed_before: int) -> Analysis:
    *_, adjusted = review_measurements(
        leaks=event.leaks,
        documents=event.documents,
        found=event.found,
        seeds=event.seeds,
        failed_before=failed_before,
    )
    return Analysis(
        question=_READ,
        method=f"People read records drawn at random; {count(event.seeds, 'made-up identifier')} mixed in, of which "
        f"they noticed {event.found:,}, tell what they overlook. Exact bound (Clopper and Pearson), 95 %, for both.",
        result=f"something in {count(event.leaks, 'record')}; at most {_percent(adjusted.high)} of all",
        number=f"{event.documents:,}",
        log=(entry.index,),
    )


def _share(figure: Interval) -> str:
    return f"{interval(figure, 3)} of them"


def _of_thousand(figure: Interval) -> str:
    value = exact(figure.value) if figure.low == figure.high else interval(figure, 1)
    return f"{value} of 1,000 records"


def _some(figure: Interval) -> str:
    return _percent(figure.high)


def _percent(share: Decimal) -> str:
    """Never less than it is."""
    return f"{exact((share * 100).quantize(Decimal('0.1'), ROUND_CEILING))}\N{NO-BREAK SPACE}%"


_RESULTS: Mapping[str, Callable[[Interval], str]] = MappingProxyType(
    {
        "deid.planted_recall": _share,
        "deid.rescan_hits_per_1000_records": _of_thousand,
        "deid.value_leaks_per_1000_records": _of_thousand,
        "deid.k_anonymity": lambda figure: f"{exact(figure.value)} in the smallest group",
        "deid.persons_below_k_share": lambda figure: f"{_some(figure)} of persons",
        "deid.l_diversity": lambda figure: f"{exact(figure.value)} in the group with the fewest",
        "deid.duplicate_share": lambda figure: f"{_some(figure)} of records",
        "deid.name_recall_gap": lambda figure: f"{interval(figure, 3)} behind, the group that is worst off",
    }
)
