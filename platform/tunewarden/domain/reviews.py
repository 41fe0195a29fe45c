"""Reviews: people read a random sample of de-identified records and mark whatever still identifies somebody.

Which records are read is drawn before anybody reads, by simple random sampling without replacement. Mixed into them
are seeds: other records of the same clean version into which a made-up identifier was put, so that it is known how
much the readers miss. A review closes itself when everything was read, and its sample is then spent: records that were
read cannot be read again for another verdict.

Not checked: whether a reader read, beyond what the seeds tell; and whether two readers are two persons.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from tunewarden.domain.errors import Malformed
from tunewarden.domain.gates import Evidence, Gate, Outcome, SamplingPlan, Verdict, judge
from tunewarden.domain.names import AnswerId, Digest, PrincipalId, RequestId, ReviewId
from tunewarden.domain.sampling import review_measurements

REVIEW_METRICS = "deid.review."
"""What the names of all metrics begin with that only a review provides."""

ATTESTED = "deid.attested"
"""The metric that is 1 where nothing has to be signed, or a privacy officer has signed what is claimed."""

AGREED = "deid.data_use_agreement"
"""The metric that is 1 where a privacy officer has stated that a data use agreement is in force; no step gives it."""

MOST_MARKS = 1000
"""In one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A part of a text, as code points: start <= position < end."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise Malformed("mark_empty", "A mark has a start of 0 or more and an end after it.", param="marks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A record to be read, by its position in the clean version, and whether it gets a seed."""

    record: int
    is_seeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One text of a sample.

    Attributes:
        record: position in the clean version.
        text: digest of the text's bytes (UTF-8).
        seed: the runs of letters and digits of the made-up identifier; empty where the record is as it was released.
    """

    record: int
    text: Digest
    seed: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is to be read, in the order in which it is handed out. Its digest is in the log before anybody reads."""

    about: Digest
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A sample of one clean version that is being read, or was.

    Attributes:
        request: the training request that made it necessary; others whose clean version is the same wait for it too.
        data: digest of the dataset version; samples of the same data share the chance of error.
        plan: what the gate asks for.
        documents, seeds: how many of the sample are as they were released, and how many carry a seed; more than the
            plan says after failed samples, see `enlarged`.
        failed_before: samples of the same data that were opened before and have not passed.
        answered: items that were read, in that order.
        outcome: None while it is open.
        evidence: digest of the evidence document; None while it is open.
    """

    id: ReviewId
    request: RequestId
    data: Digest
    about: Digest
    plan: SamplingPlan
    sample: Digest
    documents: int
    seeds: int
    opened_at: datetime
    failed_before: int = 0
    answered: tuple[int, ...] = ()
    outcome: Outcome | None = None
    evidence: Digest | None = None

    @property
    def items(self) -> int:
        """How many texts there are to read."""
        return self.documents + self.seeds

    @property
    def is_open(self) -> bool:
        """Whether something is still to be read."""
        return self.outcome is None

    def unread(self) -> list[int]:
        """The items that nobody has answered, in the order in which they are handed out."""
        done = set(self.answered)
        return [item for item in range(self.items) if item not in done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader said of one text: these parts still identify somebody. No mark means that nothing was found."""

    id: AnswerId
    review: ReviewId
    item: int
    by: PrincipalId
    at: datetime
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of a review that was read to the end.

    Attributes:
        leaks: documents without a seed in which something was marked, of `documents`.
        found: seeds that marks cover whole, of `seeds`.
    """

    leaks: int
    documents: int
    found: int
    seeds: int


def answer_id(review: ReviewId, item: int) -> AnswerId:
    """Under which the answer to an item lies; also the name of the claim on it."""
    return AnswerId(f"{review}.{item}")


def picked(records: int, plan: SamplingPlan, chance: Random) -> list[Picked]:
    """Which of `records` records are read, in an order that tells nobody which carry a seed.

    Simple random sampling without replacement. Seeded ones are other records than the documents wherever there are
    enough; a clean version with fewer is read whole, and seeds go into copies. `chance` must be the operating system's.
    """
    documents, seeds = min(plan.documents, records), min(plan.seeds, records)
    if documents + seeds <= records:
        drawn = chance.sample(range(records), documents + seeds)
        sampled, seeded = drawn[:documents], drawn[documents:]
    else:
        sampled, seeded = chance.sample(range(records), documents), chance.sample(range(records), seeds)
    found = [Picked(record=record, is_seeded=False) for record in sampled]
    found += [Picked(record=record, is_seeded=True) for record in seeded]
    chance.shuffle(found)
    return found


def enlarged(gate: Gate, plan: SamplingPlan, failed_before: int) -> SamplingPlan:
    """The plan, made a quarter larger as often as it takes for a flawless review to keep the gate's rules.

    After failed samples of the same data the level is smaller, so the plan that was enough at first shows less. Raises
    `Malformed` where no sample is large enough.
    """
    larger = plan
    while not would_keep(gate, documents=larger.documents, seeds=larger.seeds, failed_before=failed_before):
        larger = SamplingPlan(documents=larger.documents * 5 // 4 + 1, seeds=larger.seeds * 5 // 4 + 1)
    return larger


def would_keep(gate: Gate, *, documents: int, seeds: int, failed_before: int) -> bool:
    """Whether a review of this size in which nothing was marked but every seed keeps the gate's rules about reviews."""
    measured = review_measurements(leaks=0, documents=documents, found=seeds, seeds=seeds, failed_before=failed_before)
    about = gate.digest()  # any digest: nothing is judged here but the size of a sample
    return outcome_of(gate, Evidence(about=about, produced_by=about, measurements=measured)) is Outcome.PASS


def runs(text: str, start: int, end: int) -> tuple[Mark, ...]:
    """The runs of letters and digits in `text[start:end]`: what a mark has to cover."""
    found: list[Mark] = []
    begun: int | None = None
    for position in range(start, end + 1):
        inside = position < end and text[position].isalnum()
        if inside and begun is None:
            begun = position
        elif not inside and begun is not None:
            found.append(Mark(start=begun, end=position))
            begun = None
    return tuple(found)


def merged(marks: Iterable[Mark], length: int) -> tuple[Mark, ...]:
    """Marks in order, those that touch or overlap as one. Raises `Malformed` for one beyond a text of this length."""
    found: list[Mark] = []
    for mark in sorted(marks, key=lambda one: (one.start, one.end)):
        if mark.end > length:
            raise Malformed("mark_outside", "A mark ends after the text.", param="marks")
        if found and mark.start <= found[-1].end:
            found[-1] = Mark(start=found[-1].start, end=max(found[-1].end, mark.end))
        else:
            found.append(mark)
    return tuple(found)


def covers(marks: Sequence[Mark], seed: Sequence[Mark]) -> bool:
    """Whether every part of a seed lies in one of `marks`, of which no two touch. An empty seed is not found."""
    return bool(seed) and all(any(mark.start <= part.start and part.end <= mark.end for mark in marks) for part in seed)


def counted(sample: Sample, answers: Mapping[int, Sequence[Mark]]) -> Counts:
    """What the answers to all items of a sample come to. A mark in a seeded text beside its seed counts for nothing.

    (The record is not one of the random sample; who reads the leaks afterwards sees it.) Raises `KeyError` for an item
    without an answer.
    """
    marked = [(item, answers[number]) for number, item in enumerate(sample.items)]
    return Counts(
        leaks=sum(1 for item, marks in marked if not item.seed and marks),
        documents=sum(1 for item in sample.items if not item.seed),
        found=sum(1 for item, marks in marked if covers(marks, item.seed)),
        seeds=sum(1 for item in sample.items if item.seed),
    )


def needs_review(gate: Gate, verdict: Verdict, evidence: Sequence[Evidence]) -> bool:
    """Whether the verdict would be another one if people read a sample: see `awaits_people`."""
    return awaits_people(gate, verdict, evidence) and any(
        finding.outcome is Outcome.UNKNOWN and finding.metric.startswith(REVIEW_METRICS) for finding in verdict.findings
    )


def awaits_people(gate: Gate, verdict: Verdict, evidence: Sequence[Evidence]) -> bool:
    """Whether all that keeps a gate from passing is what only people can provide, and nobody has provided yet.

    A metric with contradictory measurements waits for nothing, nor does a review that the gate has no plan for.
    """
    measured = {one.metric for each in evidence if each.about == verdict.about for one in each.measurements}
    open_ones = [finding for finding in verdict.findings if finding.outcome is not Outcome.PASS]
    return bool(open_ones) and all(
        finding.outcome is Outcome.UNKNOWN and finding.metric not in measured and _given_by_people(gate, finding.metric)
        for finding in open_ones
    )


def _given_by_people(gate: Gate, metric: str) -> bool:
    return metric in {ATTESTED, AGREED} or (metric.startswith(REVIEW_METRICS) and gate.review is not None)


def outcome_of(gate: Gate, evidence: Evidence) -> Outcome:
    """Whether a closed review alone keeps the gate's rules about reviews: what decides if its sample has passed."""
    findings = judge(gate, evidence.about, [evidence]).findings
    outcomes = {finding.outcome for finding in findings if finding.metric.startswith(REVIEW_METRICS)}
    return Outcome.PASS if outcomes <= {Outcome.PASS} else Outcome.FAIL
