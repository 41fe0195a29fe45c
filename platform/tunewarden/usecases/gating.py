"""Which gate guards what; and the one between de-identification and training, asked when the step is done, and again
when people said something.

What the step measured and what people say of the same clean version are judged together. Where nothing but what people
provide is missing, the request waits and keeps its reservation; every judgement is an entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.errors import Conflict, PlanMismatch, Refused, Unavailable
from tunewarden.domain.events import GateJudged, RequestEnded, ReviewOpened
from tunewarden.domain.gates import Evidence, Gate, Outcome, SamplingPlan, Verdict, judge
from tunewarden.domain.names import Digest, PolicyName, RequestId, ReviewId
from tunewarden.domain.reviews import (
    AGREED,
    REVIEW_METRICS,
    Item,
    Review,
    Sample,
    awaits_people,
    enlarged,
    needs_review,
    would_keep,
)
from tunewarden.domain.training import Plan, State, StepName, Task, TrainingRequest
from tunewarden.usecases.custody import version_key
from tunewarden.usecases.ports import Blobs, Platform, UnitOfWork, View
from tunewarden.usecases.requests import settle

GATED = StepName.DEIDENTIFY
"""The step whose output the gate guards."""


PROMOTION_GATES: Mapping[Task, PolicyName] = MappingProxyType(
    {Task.CLASSIFICATION: PolicyName("promotion"), Task.COMPLETION: PolicyName("promotion-completion")}
)
"""Task -> the gate before an alias may name what was trained for it. No measure of one task is one of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A sample that was drawn and stored, before the unit of work that opens its review."""

    sample: Digest
    documents: int
    seeds: int
    failed_before: int


def pinned_gate(platform: Platform, request: TrainingRequest) -> Gate:
    """The gate of today, which has to be the one that the approved plan names. Raises `PlanMismatch` otherwise."""
    gate = platform.policies.gate(platform.training_gate)
    if gate.digest() != request.plan.training_gate:
        raise PlanMismatch(
            "gate_changed",
            "The gate that guards training is another one than in the approved plan.",
            remedy="Ask again; the new request will name the gate of today.",
            who="requester",
        )
    return gate


def promotion_gate(platform: Platform, plan: Plan) -> Gate:
    """The gate of today that guards the promotion of what was trained by `plan`: that of its task, and no other.

    Raises `NotFound` where there is none. A task without a gate of its own is promoted by nothing.
    """
    return platform.policies.gate(PROMOTION_GATES[plan.recipe.task])


def _store_of_texts(platform: Platform, view: View, plan: Plan) -> Blobs:
    """Where texts of a dataset version are put: they go when its key does."""
    version = view.datasets.get(plan.dataset).version(plan.dataset_version)
    if platform.rows is None or version.sealed is None:
        return platform.blobs
    return platform.rows.version(plan.dataset, version_key(version.source))


def _known(platform: Platform, shelves: View | UnitOfWork, gate: Gate, made: Evidence) -> list[Evidence]:
    """What the step measured and what people said. What only people can say is not believed of the step."""
    measured = tuple(
        one for one in made.measurements if one.metric != AGREED and not one.metric.startswith(REVIEW_METRICS)
    )
    return [replace(made, measurements=measured), *_said_by_people(platform, shelves, gate, made.about)]


def _said_by_people(platform: Platform, shelves: View | UnitOfWork, gate: Gate, about: Digest) -> list[Evidence]:
    """What counts for this gate today: signatures that neither ended nor were withdrawn, and the gate's own review."""
    today = platform.clock().date()
    found = [one.evidence() for one in shelves.attestations.all() if one.about == about and one.holds_on(today)]
    closed = [one.evidence for one in _reviews(shelves, gate.review, about) if one.evidence is not None]
    return found + [from_plain(Evidence, decode(platform.blobs.read(evidence))) for evidence in closed]


def prepared(platform: Platform, request: TrainingRequest, gate: Gate, made: Evidence) -> Ready | None:
    """Draw a sample of what the step made, where the gate will want one read and none is being read already.

    Reads records, so it is done while no unit of work is open. Raises `Unavailable` in a process that draws none.
    """
    with platform.view() as view:
        evidence = _known(platform, view, gate, made)
        wanted = needs_review(gate, judge(gate, made.about, evidence), evidence)
        if not wanted or gate.review is None or _reviews(view, gate.review, made.about):
            return None
        failed_before = _failed_before(view, request)
        texts = _store_of_texts(platform, view, request.plan)
    if platform.draw is None:
        raise Unavailable("no_samples_here", "This process draws no samples for reviews.", who="administrator")
    drawn = platform.draw(made.about, enlarged(gate, gate.review, failed_before))
    items = [Item(record=one.record, text=texts.put_bytes(one.text.encode("utf-8")), seed=one.seed) for one in drawn]
    sample = Sample(about=made.about, items=tuple(items))
    seeds = sum(1 for item in items if item.seed)
    documents = len(items) - seeds
    if not would_keep(gate, documents=documents, seeds=seeds, failed_before=failed_before):
        raise Refused(
            "too_few_to_review",
            f"There are {documents} records to read and {seeds} to seed: too few for the gate's rules.",
            remedy="Add records, or have a gate reviewed that asks for less.",
            who="steward",
        )
    digest = platform.blobs.put_bytes(encode(sample))
    return Ready(sample=digest, documents=documents, seeds=seeds, failed_before=failed_before)


def decided(
    platform: Platform,
    work: UnitOfWork,
    request: TrainingRequest,
    gate: Gate,
    made: Evidence,
    ready: Ready | None = None,
) -> TrainingRequest:
    """Judge what a request's de-identification made; the request in the state that follows, which the caller puts.

    It is de-identified where the gate passes; in review where only what people provide is missing, with a review opened
    where one is needed; and blocked, settled and ended otherwise.
    """
    evidence = _known(platform, work, gate, made)
    verdict = judge(gate, made.about, evidence)
    work.record(judged(request.id, verdict))
    if verdict.outcome is Outcome.PASS:
        return request if request.state is State.DEIDENTIFIED else request.to(State.DEIDENTIFIED)
    if not awaits_people(gate, verdict, evidence):
        return _ended(platform, work, request, State.BLOCKED, f"gate_{verdict.outcome}")
    plan = gate.review if needs_review(gate, verdict, evidence) else None
    if plan is not None and not _reviews(work, plan, made.about):
        _open(platform, work, request, made.about, plan, ready)
    return request if request.state is State.IN_REVIEW else request.to(State.IN_REVIEW)


def judged_again(
    platform: Platform, work: UnitOfWork, about: Digest, state: State = State.IN_REVIEW
) -> list[TrainingRequest]:
    """Ask the gate once more for every request in `state` with this clean version, after people said something.

    In state `DEIDENTIFIED` are those whose training has not ended: where they took back what the gate relied on, they
    wait for people again, and a training that is under way stops at its next charge. A request whose gate has changed
    meanwhile has failed, as it would have before de-identification was judged.
    """
    after = []
    for request in _standing_with(work, about, state):
        made = from_plain(Evidence, decode(platform.blobs.read(request.evidence[GATED])))
        try:
            gate = pinned_gate(platform, request)
        except PlanMismatch as changed:
            decision = failed(platform, work, request, changed.code)
        else:
            decision = decided(platform, work, request, gate, made)
        work.requests.put(decision)
        after.append(decision)
    return after


def waiting_with(shelves: View | UnitOfWork, about: Digest) -> list[TrainingRequest]:
    """The requests that wait for people to say something of this clean version, oldest first."""
    return _standing_with(shelves, about, State.IN_REVIEW)


def _standing_with(shelves: View | UnitOfWork, about: Digest, state: State) -> list[TrainingRequest]:
    return [one for one in shelves.requests.all() if one.state is state and one.outputs.get(GATED) == about]


def judged(request: RequestId, verdict: Verdict) -> GateJudged:
    """The entry of a verdict; failing ones are recorded exactly as passing ones."""
    return GateJudged(
        request=request,
        gate=verdict.gate,
        gate_digest=verdict.gate_digest,
        about=verdict.about,
        outcome=verdict.outcome,
        findings=verdict.findings,
    )


def verdict_in(entry: GateJudged) -> Verdict:
    """The verdict that an entry tells."""
    return Verdict(gate=entry.gate, gate_digest=entry.gate_digest, about=entry.about, findings=entry.findings)


def failed(platform: Platform, work: UnitOfWork, request: TrainingRequest, code: str) -> TrainingRequest:
    """The request has failed for good; what was promised to it and never ran is given back. The caller puts it."""
    return _ended(platform, work, request, State.FAILED, code)


def turned_down(platform: Platform, work: UnitOfWork, request: TrainingRequest, code: str) -> TrainingRequest:
    """The same of a request that waits for approval: nobody may approve it any more."""
    return _ended(platform, work, request, State.REJECTED, code)


def _ended(
    platform: Platform, work: UnitOfWork, request: TrainingRequest, state: State, because: str
) -> TrainingRequest:
    ended = request.ended(state, platform.clock(), because)
    settle(platform, work, ended)
    work.record(RequestEnded(request=request.id, state=state, because=because))
    return ended


def _reviews(shelves: View | UnitOfWork, plan: SamplingPlan | None, about: Digest) -> Sequence[Review]:
    """The review of a clean version by this plan, open or closed; there is never a second one."""
    return [one for one in shelves.reviews.all() if plan is not None and (one.about, one.plan) == (about, plan)]


def _failed_before(shelves: View | UnitOfWork, request: TrainingRequest) -> int:
    """Samples of the same data that have not passed. An open one counts too, or it would be given up to try again."""
    data = request.plan.dataset_version
    return sum(1 for one in shelves.reviews.all() if one.data == data and one.outcome is not Outcome.PASS)


def _open(
    platform: Platform,
    work: UnitOfWork,
    request: TrainingRequest,
    about: Digest,
    plan: SamplingPlan,
    ready: Ready | None,
) -> None:
    if ready is None or ready.failed_before != _failed_before(work, request):
        raise Conflict("review_changed", "What people said of these data changed meanwhile; ask again.")
    review = Review(
        id=ReviewId(platform.new_id("review")),
        request=request.id,
        data=request.plan.dataset_version,
        about=about,
        plan=plan,
        sample=ready.sample,
        documents=ready.documents,
        seeds=ready.seeds,
        opened_at=platform.clock(),
        failed_before=ready.failed_before,
    )
    work.reviews.put(review)
    work.record(
        ReviewOpened(
            review=review.id,
            request=request.id,
            about=about,
            sample=review.sample,
            documents=review.documents,
            seeds=review.seeds,
            failed_before=review.failed_before,
        )
    )
