"""Replaying a log's entries against the rules of the house: what was done, was it done as it had to be?

Verification shows that the entries are the ones that were logged; conduct asks what they say. The rules here are
written apart from the platform's own, and from FORMAT.md section 11 alone: the platform that broke one of its rules
and logged it truly is found out here. What was never logged is found where something else needs it.

Not checked: that the entries are in the log (verify first), what only documents say (plans, evidence), who was allowed
by the access policy, and whatever nobody logged and nothing logged needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tunewarden_audit.conduct import (
    admission,
    attributes,
    budget,
    destruction,
    emergencies,
    erasure,
    groups,
    overridden,
    people,
    policy,
    projects,
    promotion,
    removed,
    training,
    webhooks,
    word,
)
from tunewarden_audit.conduct.facts import Fact, NotAFact, read_fact
from tunewarden_audit.conduct.findings import Finding, Rule
from tunewarden_audit.conduct.told import Told
from tunewarden_audit.recipe import Check, Grade, Report

SKEW = timedelta(seconds=60)
MOST_NAMED = 20  # findings of one rule that are printed; all count


def conduct(
    entries: Iterable[tuple[int, bytes]], *, now: datetime | None = None, skew: timedelta = SKEW, first_number: int = 1
) -> Report:
    """Judge entries, given with their indices in ascending order: a whole log, or some of one.

    Where entries are not at hand, nothing is held against those that are for what may stand in the others: that is
    INCOMPLETE. `now` is the auditor's clock; without it dates to come are not looked for. `skew` is how far clocks may
    differ. The checks are numbered from `first_number`. Total: every input gives a report. Reads one entry at a time.
    """
    rules = (
        people.time_rule(skew, now),
        *people.RULES,
        *policy.RULES,
        *groups.RULES,
        *projects.RULES,
        *training.RULES,
        *word.RULES,
        *erasure.RULES,
        *destruction.RULES,
        *attributes.RULES,
        *budget.RULES,
        *admission.RULES,
        *promotion.RULES,
        *overridden.RULES,
        *removed.RULES,
        *webhooks.RULES,
        *emergencies.RULES,
    )
    vocabulary = _Tally(_VOCABULARY)
    tallies = [_Tally(rule) for rule in rules]
    by_kind: dict[str, list[_Tally]] = {}
    for tally in tallies:
        for kind in tally.rule.kinds:
            by_kind.setdefault(kind, []).append(tally)
    told = Told()
    for index, entry in entries:
        # 1. An entry can be read in one way, and is of a type that these rules know.
        fact = _read(index, entry, vocabulary)
        if fact is None:
            continue
        # 2. What is wrong with it, given everything before it.
        for tally in by_kind.get(fact.kind, ()):
            tally.count += 1
            tally.extend(tally.rule.judge(fact, told))
        # 3. From here on it is so.
        told.add(fact)
    # 4. What is wrong at the end.
    for tally in tallies:
        tally.extend(tally.rule.conclude(told))
    return Report(tuple(each.check(number) for number, each in enumerate((vocabulary, *tallies), first_number)))


def _read(index: int, entry: bytes, vocabulary: _Tally) -> Fact | None:
    vocabulary.count += 1
    try:
        fact = read_fact(index, entry)
    except NotAFact as error:
        vocabulary.extend([Finding(Grade.BROKEN, str(error))])
        return None
    if not fact.is_known:
        vocabulary.extend([Finding(Grade.INCOMPLETE, f"entry {index} is of a type that these rules do not know")])
    return fact


_VOCABULARY = Rule("vocabulary", "every entry is of a known type", frozenset(), lambda *_: iter(()))


@dataclass(slots=True)
class _Tally:
    """What a rule has found so far: how many entries it judged, the first of its findings, and the worst grade."""

    rule: Rule
    count: int = 0
    findings: int = 0
    worst: Grade = Grade.CONSISTENT
    named: list[str] = field(default_factory=list)

    def extend(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.findings += 1
            self.worst = max(self.worst, finding.grade)
            if len(self.named) < MOST_NAMED:
                self.named.append(finding.because)

    def check(self, number: int) -> Check:
        """The line of the report."""
        more = self.findings - len(self.named)
        details = (*self.named, f"and {more} more") if more else tuple(self.named)
        judged = f"{self.count} {'entry' if self.count == 1 else 'entries'} judged"
        if self.worst is Grade.CONSISTENT:
            return Check(number, self.rule.name, self.worst, f"{self.rule.claim}; {judged}", details)
        found = f"{self.findings} {'finding' if self.findings == 1 else 'findings'}"
        return Check(number, self.rule.name, self.worst, f"{found} against: {self.rule.claim}; {judged}", details)
