"""What the log has told of people's word about released records: samples they read, and reports they signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tunewarden_audit.conduct.facts import Fact

REVIEW_METRICS = "deid.review."
ATTESTED = "deid.attested"
AGREED = "deid.data_use_agreement"
_STATED = "data-use-agreement"


@dataclass(slots=True)
class Review:
    """A sample that was drawn, and what was answered: number of an item -> how many parts were marked."""

    about: str
    data: str | None  # the dataset version, where its request is known
    documents: int
    seeds: int
    marks: dict[int, int] = field(default_factory=dict)
    closed: int | None = None  # index

    @property
    def unread(self) -> int:
        """How many items nobody has answered."""
        return self.documents + self.seeds - len(self.marks)


@dataclass(slots=True)
class Said:
    """What was so before the entry at hand.

    Attributes:
        asked_by: released records -> whoever asked for a training on them.
        unsigned: released records of which a gate has said that a signature was missing.
        signed: released records -> when each signature on a report about them ends, None for never. Withdrawn ones are
            not in it.
        agreed: the same of those that state that a data use agreement is in force.
        given: released records -> how many signatures about them were given and not withdrawn, those that ended too.
        withdrawn: released records about which signatures were withdrawn.
        passed: released records whose review a gate has let pass.
    """

    reviews: dict[str, Review] = field(default_factory=dict)
    asked_by: dict[str, set[str]] = field(default_factory=dict)
    unsigned: set[str] = field(default_factory=set)
    signed: dict[str, list[str | None]] = field(default_factory=dict)
    agreed: dict[str, list[str | None]] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)

    def released(self, records: str, asked_by: str) -> None:
        """De-identification made these records for somebody's request."""
        self.asked_by.setdefault(records, set()).add(asked_by)

    def opened(self, fact: Fact, data: str | None) -> None:
        """A sample was drawn."""
        self.reviews[fact["review"]] = Review(fact["about"], data, fact["documents"], fact["seeds"])

    def answered(self, fact: Fact) -> None:
        """An item was read."""
        if review := self.reviews.get(fact["review"]):
            review.marks[fact["item"]] = fact["marks"]

    def closed(self, fact: Fact) -> None:
        """A sample was read to its end."""
        if review := self.reviews.get(fact["review"]):
            review.closed = fact.index

    def attested(self, fact: Fact) -> None:
        """A report was signed."""
        self.given[fact["about"]] = self.given.get(fact["about"], 0) + 1
        self.signed.setdefault(fact["about"], []).append(fact.members.get("expires"))
        if fact.members.get("knowledge") == _STATED:
            self.agreed.setdefault(fact["about"], []).append(fact.members.get("expires"))

    def withdrew(self, fact: Fact) -> None:
        """Every signature about some records was taken back."""
        self.given.pop(fact["about"], None)
        self.signed.pop(fact["about"], None)
        self.agreed.pop(fact["about"], None)
        self.withdrawn.add(fact["about"])

    def judged(self, fact: Fact) -> None:
        """A gate was asked."""
        outcomes = {finding["metric"]: finding["outcome"] for finding in findings(fact)}
        if outcomes.get(ATTESTED) == "unknown":
            self.unsigned.add(fact["about"])
        reviewed = {outcome for metric, outcome in outcomes.items() if metric.startswith(REVIEW_METRICS)}
        if reviewed == {"pass"}:
            self.passed.add(fact["about"])

    def is_reviewed(self, records: str) -> bool:
        """Whether a sample of them was read to its end."""
        return any(review.about == records and review.closed is not None for review in self.reviews.values())

    def is_signed(self, records: str, at: datetime) -> bool:
        """Whether a signature on a report about them counts at that time."""
        return _counts(self.signed.get(records, ()), at)

    def is_agreed(self, records: str, at: datetime) -> bool:
        """Whether a signature that counts at that time states an agreement on the use of these records."""
        return _counts(self.agreed.get(records, ()), at)

    def not_passed(self, data: str) -> int:
        """Samples of a dataset version that no gate has let pass so far."""
        return sum(1 for review in self.reviews.values() if review.data == data and review.about not in self.passed)


def findings(fact: Fact) -> list[dict[str, Any]]:
    """The findings of a verdict that can be read; the others are another rule's fault to find."""
    return [finding for finding in fact["findings"] if isinstance(finding, dict) and _is_readable(finding)]


def _is_readable(finding: dict[str, Any]) -> bool:
    return all(isinstance(finding.get(member), str) for member in ("metric", "outcome"))


def _counts(ends: Iterable[str | None], at: datetime) -> bool:
    return any(end is None or _is_on_or_after(end, at.date()) for end in ends)


def _is_on_or_after(text: str, day: date) -> bool:
    try:
        return date.fromisoformat(text) >= day
    except ValueError:
        return False
