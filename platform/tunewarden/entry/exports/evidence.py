"""What the steps measured and what was promised, with the entries that say so: the only figures an export may show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tunewarden.domain.canonical import decimal_text, decode, from_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import RequestSubmitted, StepFinished
from tunewarden.domain.gates import Evidence, Measurement
from tunewarden.domain.training import Plan, StepName, Task
from tunewarden.entry.report.facts import of, only
from tunewarden.entry.report.privacy import Privacy, privacy
from tunewarden.entry.report.reading import Part, document
from tunewarden.usecases.reports import Lineage

_LIBRARIES = ("versions", "libraries")  # members of the details that the training and the measuring step write


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a model learnt to do: the hub's name for the task, the same in words, and the form of what it gives."""

    hub: str
    words: str
    output: str


_TASKS: Mapping[Task, Learnt] = {
    Task.CLASSIFICATION: Learnt(hub="text-classification", words="text classification", output="class"),
    Task.COMPLETION: Learnt(hub="text-generation", words="text completion", output="text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A measurement and the index of the entry whose evidence holds it. It cannot be made from anything else."""

    index: int
    measurement: Measurement

    def text(self) -> str:
        """Value, 95 % interval and n, as they were measured."""
        one = self.measurement
        value = decimal_text(one.value)
        if one.low == one.high:
            return f"{value}, n = {one.n}"
        return f"{value} ({decimal_text(one.low)} to {decimal_text(one.high)}), n = {one.n}"


def cited(lineage: Lineage) -> list[Cited]:
    """Every measurement of the finished steps, in log order. Raises `Corrupted` for evidence of another form."""
    return [
        Cited(index=entry.index, measurement=measurement)
        for entry, event in of(lineage.report.steps, StepFinished)
        for measurement in from_plain(Evidence, decode(lineage.documents[event.evidence])).measurements
    ]


def plan(lineage: Lineage) -> Plan:
    """The plan that was asked for and approved. Raises `Corrupted` where it is not what its digest says."""
    asked = only(lineage.report.request, RequestSubmitted)
    return from_plain(Plan, decode(lineage.documents[asked.plan]))


def learnt(lineage: Lineage) -> Learnt:
    """By the approved plan. Raises as `plan` does."""
    return _TASKS[plan(lineage).recipe.task]


def promised(lineage: Lineage) -> Privacy:
    """What holds for one person, as the report says it: more than was planned, where an attempt had to be repeated."""
    details: tuple[Part, tuple[int, ...]] = (Part(), ())
    for entry, event in of(lineage.report.steps, StepFinished):
        if event.step is StepName.TRAIN:
            details = document(lineage.documents, event.details), (entry.index,)
    return privacy(lineage.report, plan(lineage), *details)


def brackets(indices: tuple[int, ...]) -> str:
    """Log indices as they end a statement: the first and the last of them, where there are more than three."""
    shown = sorted(set(indices))
    listed = ", ".join(map(str, shown)) if len(shown) <= 3 else f"{shown[0]} to {shown[-1]}"
    return f"[{listed}]"


def libraries(lineage: Lineage) -> Mapping[str, tuple[str, int]]:
    """Name of a library -> its version and the index of the entry whose details name it; the first one counts."""
    found: dict[str, tuple[str, int]] = {}
    for entry, details in _details(lineage):
        for member in _LIBRARIES:
            versions = details.get(member)
            for name, version in versions.items() if isinstance(versions, Mapping) else ():
                found.setdefault(str(name), (str(version), entry.index))
    return dict(sorted(found.items()))


def _details(lineage: Lineage) -> Iterator[tuple[Entry, Mapping[str, object]]]:
    for entry, event in of(lineage.report.steps, StepFinished):
        details = None if event.details is None else decode(lineage.documents[event.details])
        if isinstance(details, Mapping):
            yield entry, details
