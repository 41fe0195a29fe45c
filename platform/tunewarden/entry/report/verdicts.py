"""Gates: what was judged, by which rule, on which figure."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import GateJudged
from tunewarden.domain.gates import Bound, Finding, Gate, Outcome, Rule
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import Digest
from tunewarden.entry.report.facts import Name, of
from tunewarden.entry.report.figures import exact, exact_interval, instant

Metrics = Mapping[str, Mapping[str, object]]
"""Metric -> its description, as in `policies/metrics.toml`: unit, n and meaning are read, the rest is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One rule and what came of it. `remedy` is empty where the rule holds; nobody lets pass one that is `hard`."""

    metric: str
    meaning: str
    because: str
    remedy: str
    limit: str
    measured: str
    n: str
    unit: str
    outcome: Outcome
    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate said. `again` are the later entries in which it said exactly the same."""

    gate: str
    digest: Name
    about: Name
    at: str
    who: Name
    outcome: Outcome
    rules: tuple[Judged, ...]
    log: tuple[int, ...]
    again: tuple[int, ...]


def verdicts(report: LineageReport, documents: Mapping[Digest, bytes], metrics: Metrics) -> tuple[Verdict, ...]:
    """Every verdict in log order; a gate that says the same again about the same thing is told once."""
    groups: list[list[tuple[Entry, GateJudged]]] = []
    for entry, event in of(report.verdicts, GateJudged):
        if groups and groups[-1][0][1] == event:
            groups[-1].append((entry, event))
        else:
            groups.append([(entry, event)])
    return tuple(_verdict(group, documents, metrics) for group in groups)


def limit_of(report: LineageReport, metric: str) -> Finding | None:
    """What the last gate that judged `metric` made of it; None where none did."""
    found = [one for _, event in of(report.verdicts, GateJudged) for one in event.findings if one.metric == metric]
    return found[-1] if found else None


def _verdict(group: list[tuple[Entry, GateJudged]], documents: Mapping[Digest, bytes], metrics: Metrics) -> Verdict:
    entry, event = group[0]
    gate = from_plain(Gate, decode(documents[event.gate_digest]))
    rules = {(rule.metric, rule.bound): rule for rule in gate.rules}
    return Verdict(
        gate=event.gate,
        digest=Name(event.gate_digest),
        about=Name(event.about),
        at=instant(entry.at),
        who=Name(entry.actor),
        outcome=event.outcome,
        rules=tuple(judged(one, _rule(rules, one, entry), metrics) for one in event.findings),
        log=(entry.index,),
        again=tuple(other.index for other, _ in group[1:]),
    )


def _rule(rules: Mapping[tuple[str, Bound], Rule], finding: Finding, entry: Entry) -> Rule:
    if (finding.metric, finding.bound) not in rules:
        raise Corrupted("lineage_broken", f"Entry {entry.index} judges by a rule that its gate does not have.")
    return rules[finding.metric, finding.bound]


def judged(finding: Finding, rule: Rule, metrics: Metrics) -> Judged:
    """One finding in words; `rule` is the one it came of."""
    known, measured = metrics.get(finding.metric, {}), finding.measured
    return Judged(
        metric=finding.metric,
        meaning=str(known.get("meaning", "")),
        because=rule.because,
        remedy="" if finding.outcome is Outcome.PASS else rule.remedy,
        limit=f"{'at most' if finding.bound is Bound.AT_MOST else 'at least'} {exact(finding.limit)}",
        measured="not measured" if measured is None else exact_interval(measured).replace("\N{NO-BREAK SPACE}(", " ("),
        n="" if measured is None else f"{measured.n:,} {known.get('n', '')}".rstrip(),
        unit=str(known.get("unit", "")),
        outcome=finding.outcome,
        hard=finding.hard,
    )
