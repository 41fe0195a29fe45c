"""How two model versions differ, side by side. Nothing is weighed against anything, and there is no score.

Each side is read by itself, so the answer for (a, b) is that for (b, a) mirrored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewarden.domain.canonical import Plain, decimal_text, decode, from_plain, instant_text, to_plain
from tunewarden.domain.events import (
    GateJudged,
    ModelRegistered,
    PromotionApproved,
    PromotionProposed,
    RequestApproved,
    RequestEndorsed,
    RequestSubmitted,
    StepFinished,
)
from tunewarden.domain.gates import Evidence, Measurement, Outcome
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.override_events import GateOverridden
from tunewarden.entry.report import words
from tunewarden.entry.report.facts import indices, of, only
from tunewarden.entry.report.figures import count, exact, exact_interval, instant, is_name, listed, short
from tunewarden.entry.report.gaps import Gap, gap
from tunewarden.entry.report.removal_words import named
from tunewarden.usecases.reports import Lineage

SECTIONS: Mapping[str, tuple[str, str]] = {
    "plan": ("Plan", "not in the plan"),
    "made": ("What came of it", "not made"),
    "evidence": ("Evidence", "not measured"),
    "verdicts": ("Last verdict of each gate", "not judged"),
    "people": ("People", "nobody"),
    "aliases": ("Aliases", "never named it"),
}
"""Section -> its title, and what is said of a side that the log tells nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one side says about one thing: for programs, for people, and the entries it rests on.

    `figure` is there where it is a measurement.
    """

    value: Plain
    shown: str
    log: tuple[int, ...]
    figure: Measurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One thing on both sides; None where a side says nothing about it."""

    name: str
    left: Told | None
    right: Told | None

    @property
    def same(self) -> bool:
        """Whether both say the same; where in the log they say it does not matter."""
        return self.left is not None and self.right is not None and self.left.value == self.right.value

    @property
    def gap(self) -> Gap | None:
        """How far the right figure is from the left one; None where either side has none, or one without an interval.

        A figure that was counted says nothing of how it would have been on other persons.
        """
        figures = self._figures
        return gap(*figures) if len(figures) == 2 and all(one.low < one.high for one in figures) else None

    @property
    def apart(self) -> str:
        """The same for people; empty where there is none."""
        found, figures = self.gap, self._figures
        if found is None:
            return f"{exact(figures[1].value - figures[0].value)}, without an interval" if len(figures) == 2 else ""
        interval = f"{exact(found.value)} ({exact(found.low)} to {exact(found.high)})"
        return f"{interval}: differs" if found.is_told else interval

    @property
    def _figures(self) -> Sequence[Measurement]:
        """Left and right, as far as they are there."""
        return [side.figure for side in (self.left, self.right) if side is not None and side.figure is not None]


def compared(left: Lineage, right: Lineage) -> Mapping[str, tuple[Compared, ...]]:
    """Section -> every thing that either side tells of, by name. Raises `Corrupted` as `side` does."""
    one, other = side(left), side(right)
    return {
        section: tuple(
            Compared(name=name, left=one[section].get(name), right=other[section].get(name))
            for name in sorted(one[section].keys() | other[section].keys())
        )
        for section in SECTIONS
    }


def difference(left: Lineage, right: Lineage) -> dict[str, Any]:
    """The same for programs: every item names the `log` indices of its entries."""
    sections = {
        section: [
            {
                "name": row.name,
                "same": row.same,
                "left": _plain(row.left),
                "right": _plain(row.right),
                "difference": _apart(row.gap),
            }
            for row in rows
        ]
        for section, rows in compared(left, right).items()
    }
    return {
        "object": "lineage.diff",
        "size": max(left.report.size, right.report.size),
        "left": _identity(left.report),
        "right": _identity(right.report),
        **sections,
    }


def side(lineage: Lineage) -> Mapping[str, Mapping[str, Told]]:
    """What one lineage tells, by section. Raises `Corrupted` where evidence is not what its digest says."""
    report = lineage.report
    return {
        "plan": dict(_plan(lineage)),
        "made": dict(_made(lineage)),
        "evidence": dict(_evidence(lineage)),
        "verdicts": dict(_verdicts(report)),
        "people": dict(_people(report)),
        "aliases": dict(_aliases(report)),
    }


def _plain(told: Told | None) -> Plain:
    return None if told is None else {"value": told.value, "log": list(told.log)}


def _apart(found: Gap | None) -> Plain:
    if found is None:
        return None
    return {**{name: decimal_text(getattr(found, name)) for name in ("low", "value", "high")}, "paired": False}


def _identity(report: LineageReport) -> dict[str, Any]:
    made = only(report.model, ModelRegistered)
    return {"model": made.model, "index": report.model.index, "registered_at": instant_text(report.model.at)}


def _plan(lineage: Lineage) -> Iterator[tuple[str, Told]]:
    """Every field of the plan that was approved, by its path."""
    asked, log = only(lineage.report.request, RequestSubmitted), (lineage.report.request.index,)
    yield "digest", _named(asked.plan, log)
    for path, value in _leaves(decode(lineage.documents[asked.plan])):
        yield path, Told(value=value, shown=_text(value), log=log)


def _leaves(value: Plain, path: str = "") -> Iterator[tuple[str, Plain]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for name, member in value.items():
        yield from _leaves(member, f"{path}.{name}" if path else name)


def _text(value: Plain) -> str:
    match value:
        case str():
            return short(value) if is_name(value) else value
        case bool():
            return "yes" if value else "no"
        case [*items]:
            return listed(str(item) for item in items)
    return str(value)


def _made(lineage: Lineage) -> Iterator[tuple[str, Told]]:
    """The adapter, and of each step its last output and the code that made it."""
    report = lineage.report
    yield "adapter", _named(only(report.model, ModelRegistered).adapter, (report.model.index,))
    for entry, event in of(report.steps, StepFinished):
        produced = from_plain(Evidence, decode(lineage.documents[event.evidence])).produced_by
        yield f"{event.step}: output", _named(event.output, (entry.index,))
        yield f"{event.step}: code and settings", _named(produced, (entry.index,))


def _evidence(lineage: Lineage) -> Iterator[tuple[str, Told]]:
    """Every measurement of the last outcome of each step, with its interval."""
    for entry, event in of(lineage.report.steps, StepFinished):
        for one in from_plain(Evidence, decode(lineage.documents[event.evidence])).measurements:
            figures = {name: value for name, value in _members(to_plain(one)) if name != "metric"}
            shown = f"{exact_interval(one)}, n = {one.n:,}"
            yield one.metric, Told(value=figures, shown=shown, log=(entry.index,), figure=one)


def _members(value: Plain) -> Iterator[tuple[str, Plain]]:
    if isinstance(value, Mapping):
        yield from value.items()


def _verdicts(report: LineageReport) -> Iterator[tuple[str, Told]]:
    for entry, event in of(report.verdicts, GateJudged):
        blocked = [finding.metric for finding in event.findings if finding.outcome is not Outcome.PASS]
        held = f"{count(len(event.findings), 'rule')}, {'all hold' if not blocked else 'not: ' + listed(blocked)}"
        yield (
            event.gate,
            Told(
                value={"outcome": event.outcome.value, "gate": event.gate_digest, "not_passed": blocked},
                shown=f"{words.OUTCOMES[event.outcome]}; {held}; gate {short(event.gate_digest)}",
                log=(entry.index,),
            ),
        )


def _people(report: LineageReport) -> Iterator[tuple[str, Told]]:
    roles = {
        "registered the dataset": [report.dataset],
        "added the records": [report.version],
        "asked for it": [report.request],
        "approved the plan": [entry for entry, _ in of(report.approvals, RequestApproved)],
        "endorsed the plan": [entry for entry, _ in of(report.approvals, RequestEndorsed)],
        "proposed a promotion": [entry for entry, _ in of(report.promotions, PromotionProposed)],
        "let pass what a gate stopped": [entry for entry, _ in of(report.promotions, GateOverridden)],
        "approved a promotion": [entry for entry, _ in of(report.promotions, PromotionApproved)],
    }
    for role, entries in roles.items():
        who = sorted({entry.actor for entry in entries})
        if who:
            yield role, Told(value=list(who), shown=listed(map(short, who)), log=indices(entries))


def _aliases(report: LineageReport) -> Iterator[tuple[str, Told]]:
    for alias, one in named(report).items():
        became = "names it since" if one.names_it else "taken off at" if one.was_taken_off else "moved on at"
        value: Plain = {"names_it": one.names_it, "at": instant_text(one.entry.at)}
        yield alias, Told(value=value, shown=f"{became} {instant(one.entry.at)}", log=(one.entry.index,))


def _named(name: str, log: tuple[int, ...]) -> Told:
    return Told(value=name, shown=short(name), log=log)
