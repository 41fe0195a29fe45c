"""A stage whose gate wants a sample read and a report signed; what the step makes is as small as a test needs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from tests.conftest import ANN, BOB, REA, RON, WORKER, Stage, measured
from tests.usecases.test_requests import ask

from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.gates import Bound, Gate, Measurement, Rule, SamplingPlan
from tunewarden.domain.names import Digest, PolicyName, RequestId, ReviewId
from tunewarden.domain.reviews import ATTESTED, Mark, Review, Sample, picked, runs
from tunewarden.domain.sampling import ADJUSTED, SENSITIVITY
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import jobs, requests, reviews
from tunewarden.usecases.ports import Attempt, Drawn, Principal, StepResult

PLAN = SamplingPlan(documents=12, seeds=8)
RECORDS = 40
NAME = "Ilse Wanda"


def rule(metric: str, limit: str, bound: Bound) -> Rule:
    return Rule(metric=metric, bound=bound, limit=Decimal(limit), because="A test says so.", remedy="Do better.")


RECALL = rule("deid.planted_recall", "0.9", Bound.AT_LEAST)
SIGNED = rule(ATTESTED, "1", Bound.AT_LEAST)
READ = (rule(ADJUSTED, "0.5", Bound.AT_MOST), rule(SENSITIVITY, "0.6", Bound.AT_LEAST))
"""What a review of `PLAN` keeps with no leak and every seed found, and not with one leak more."""


def gate(*rules: Rule, review: SamplingPlan | None = PLAN) -> Gate:
    return Gate(name=PolicyName("training"), rules=(RECALL, *rules), review=review)


@dataclass(slots=True)
class FewSamples:
    """Draws as the real one does, from records that are made up here; `usecases.ports.Draw`."""

    records: int = RECORDS
    chance: Random = field(default_factory=lambda: Random(7))
    drawn: int = 0

    def __call__(self, clean: Digest, plan: SamplingPlan) -> Sequence[Drawn]:
        assert clean.startswith("sha256:")
        self.drawn += 1
        return [self._one(one.record, is_seeded=one.is_seeded) for one in picked(self.records, plan, self.chance)]

    def _one(self, record: int, *, is_seeded: bool) -> Drawn:
        text = f"Record {record}: [NAME] was seen for a cough."
        if not is_seeded:
            return Drawn(record=record, text=text, seed=())
        text += f" Emergency contact: {NAME}."
        start = text.index(NAME)
        return Drawn(record=record, text=text, seed=runs(text, start, start + len(NAME)))


@dataclass(slots=True)
class CleaningStep:
    """De-identifies to the same clean version for the same `made`, with a report to sign where `report` says one."""

    stage: Stage
    made: str = "clean"
    report: bytes | None = b'{"categories":[]}'
    recall: str = "0.95"
    claims: tuple[Measurement, ...] = ()
    identity: Digest = field(default_factory=lambda: Digest("sha256:" + "e" * 64))
    during: Callable[[Attempt], None] = lambda _: None

    def __call__(self, attempt: Attempt) -> StepResult:
        self.during(attempt)
        blobs = self.stage.blobs
        report = None if self.report is None else blobs.put_bytes(self.report)
        return StepResult(
            output=blobs.put_bytes(encode({"made": self.made})),
            measurements=(measured("deid.planted_recall", self.recall), *self.claims),
            details=blobs.put_bytes(encode({"report": report})),
            counts={"records": RECORDS},
        )


@dataclass(slots=True)
class Reviewing:
    """A stage with a stricter gate, the step that it judges, and whoever draws."""

    stage: Stage
    samples: FewSamples
    cleaning: CleaningStep

    def request(self, dataset: Dataset | None = None, *, who: Principal = ANN) -> TrainingRequest:
        """One that was asked for and approved, before any step."""
        dataset = dataset or self.stage.dataset()
        platform = self.stage.platform
        request, _ = requests.submit(platform, who, ask(dataset, epsilon=Decimal(2)))
        return requests.approve(platform, BOB, request.id, request.plan.digest())[0]

    def advance(self, request: RequestId) -> TrainingRequest:
        pipeline = {**self.stage.steps, StepName.DEIDENTIFY: self.cleaning}
        return jobs.advance(self.stage.platform, WORKER, pipeline, GUARDED, request)

    def waiting(self, dataset: Dataset | None = None) -> TrainingRequest:
        """A request after its de-identification."""
        return self.advance(self.request(dataset).id)

    def now(self, request: RequestId) -> TrainingRequest:
        with self.stage.platform.view() as view:
            return view.requests.get(request)

    def review(self) -> Review:
        """The newest."""
        with self.stage.platform.view() as view:
            return view.reviews.all()[-1]

    def sample(self, review: Review) -> Sample:
        return from_plain(Sample, decode(self.stage.blobs.read(review.sample)))

    def read(
        self,
        review: ReviewId,
        *readers: Principal,
        leaks: int = 0,
        misses: int = 0,
        but_one: bool = False,
    ) -> int:
        """Read what is left in turns: mark the first so many documents, miss the first so many seeds.

        Leaves the last one unread where asked to. Returns how many were answered.
        """
        answered, platform = 0, self.stage.platform
        while True:
            who = (readers or (REA, RON))[answered % len(readers or (REA, RON))]
            now, page = reviews.following(platform, who, review)
            if page is None or (but_one and len(now.unread()) == 1):
                return answered
            marks: list[Mark] = []
            if NAME in page.text:
                misses -= 1
                start = page.text.index(NAME)
                if misses < 0:
                    marks = [Mark(start=start, end=start + 4), Mark(start=start + 5, end=start + 10)]
            elif leaks > 0:
                leaks -= 1
                marks = [Mark(start=0, end=6)]
            reviews.answer(platform, who, review, page.item, marks)
            answered += 1


def reviewing(
    stage: Stage, *rules: Rule, method: str = "hipaa-safe-harbor", review: SamplingPlan | None = PLAN
) -> Reviewing:
    """The stage, with the gate's rules beside the one on recall, and a profile that claims `method`."""
    stage.policies.gates["training"] = gate(*(rules or READ), review=review)
    stage.policies.profiles["default"] = encode({"name": "default", "method": method})
    samples = FewSamples()
    stage.platform = replace(stage.platform, draw=samples)
    return Reviewing(stage, samples, CleaningStep(stage))
