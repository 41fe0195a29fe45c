"""Reading a random sample of released records: who may, what comes next, what was marked, and what that measures.

A reader sees one text at a time and answers it once; whoever opened a text has it to themselves for a while. When all
are answered the review closes itself, is measured, and the gate is asked again, in the commit of the last answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from tunewarden.domain.canonical import decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.deidentification import left_standing
from tunewarden.domain.errors import Conflict, Malformed, Refused
from tunewarden.domain.events import ReviewAnswered, ReviewClosed
from tunewarden.domain.gates import Evidence, Gate
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Action, ReviewId
from tunewarden.domain.reviews import (
    MOST_MARKS,
    Answer,
    Counts,
    Mark,
    Review,
    Sample,
    answer_id,
    counted,
    covers,
    merged,
    outcome_of,
)
from tunewarden.domain.sampling import review_measurements
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.gating import failed, judged_again, waiting_with
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_review

LEASE = timedelta(hours=2)
"""How long a text is one reader's alone after it was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A text to read: which item of how many, and how many were read. Nothing tells whether it carries a seed.

    Attributes:
        standing: kinds of which something is left in on purpose, so that it is no leak.
    """

    review: Review
    item: int
    text: str
    standing: tuple[EntityType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A text in which something was marked, for whoever has to mend it. `is_seeded`: a seed is in it, too."""

    item: int
    record: int
    text: str
    marks: tuple[Mark, ...]
    is_seeded: bool


def listed(platform: Platform, principal: Principal) -> list[Review]:
    """The open reviews that this principal may read for and that somebody waits for, oldest first."""
    with platform.view() as view:
        found = [one for one in view.reviews.all() if one.is_open and waiting_with(view, one.about)]
        mine = [(one, _resource(view, principal, one)) for one in found]
    return [one for one, what in mine if platform.access(principal, Action.REVIEW_SAMPLE, what).allowed]


def following(platform: Platform, principal: Principal, identifier: ReviewId) -> tuple[Review, Page | None]:
    """The review and the next text for this reader: the one they have open, else one that nobody has. None if none is.

    Raises `NotFound` or `Refused`; `Conflict` where nobody waits for the review any more.
    """
    with refusals_recorded(platform, principal, Action.REVIEW_SAMPLE, "review", identifier):
        with platform.view() as view:
            review = view.reviews.get(identifier)
            permit(platform, principal, Action.REVIEW_SAMPLE, _resource(view, principal, review))
            profile = decode(platform.blobs.read(view.requests.get(review.request).plan.profile))
        _end_if_unusable(platform, principal, review)
        if review.is_open:
            _require_wanted(platform, review)
        unread = [answer_id(identifier, item) for item in review.unread()]
        now = platform.clock()
        claimed = platform.claims.held(principal.id, unread, now) or platform.claims.take(
            principal.id, unread, now, LEASE
        )
        if claimed is None:
            return review, None
        item = int(claimed.rpartition(".")[2])
        text = _text(platform, _sample(platform, review), item)
        return review, Page(review=review, item=item, text=text, standing=left_standing(profile))


def answer(
    platform: Platform, principal: Principal, identifier: ReviewId, item: int, marks: Sequence[Mark]
) -> tuple[Review, Receipt]:
    """Say what still identifies somebody in an item, or with no mark that nothing does; once and for all.

    The last answer closes the review. Raises `NotFound`, `Refused`, `Malformed`, and `Conflict` where the item was
    answered, is somebody else's now, or the review is over.
    """
    with refusals_recorded(platform, principal, Action.REVIEW_SAMPLE, "review", identifier):
        with platform.view() as view:
            review = view.reviews.get(identifier)
            permit(platform, principal, Action.REVIEW_SAMPLE, _resource(view, principal, review))
        if not 0 <= item < review.items:
            raise Malformed("item_unknown", f"The review has items 0 to {review.items - 1}.", param="item")
        if len(marks) > MOST_MARKS:
            raise Malformed("marks_too_many", f"A text has at most {MOST_MARKS} marks.", param="marks")
        _end_if_unusable(platform, principal, review)
        sample = _sample(platform, review)
        whole = merged(marks, len(_text(platform, sample, item)))
        claim = answer_id(identifier, item)
        if platform.claims.held(principal.id, [claim], platform.clock()) is None:
            raise Conflict("item_not_yours", "You do not have this text open (any more).", remedy="Open the next one.")
        with platform.work(principal.id) as work:
            review = _require_open(work.reviews.get(identifier), item)
            permit(platform, principal, Action.REVIEW_SAMPLE, _resource(work, principal, review))
            review = replace(review, answered=(*review.answered, item))
            work.answers.put(
                Answer(id=claim, review=identifier, item=item, by=principal.id, at=platform.clock(), marks=whole)
            )
            work.record(ReviewAnswered(review=identifier, item=item, marks=len(whole)))
            if not review.unread():
                review = _closed(platform, work, review, sample)
            work.reviews.put(review)
            if not review.is_open:
                judged_again(platform, work, review.about)
            receipt = work.commit()
        platform.claims.release(principal.id, claim)
        return review, receipt


def get(platform: Platform, principal: Principal, identifier: ReviewId) -> Review:
    """A review, for who may see what came of it. Raises `NotFound`."""
    with platform.view() as view:
        review = view.reviews.get(identifier)
        about = of_review(review, view.requests.get(review.request))
    permit_to_see(platform, principal, Action.READ_REVIEW, about)
    return review


def leaks(platform: Platform, principal: Principal, identifier: ReviewId) -> tuple[Review, list[Leak]]:
    """Every text in which something else than its seed was marked; none while the review is open.

    Raises `NotFound`, and `Refused` where the dataset may not be used any more for what the texts were made for.
    """
    review = get(platform, principal, identifier)
    if review.is_open:
        return review, []
    with refusals_recorded(platform, principal, Action.READ_REVIEW, "review", identifier):
        with platform.view() as view:
            request = view.requests.get(review.request)
            texts = _for_purpose(view, of_review(review, request), request)
        permit(platform, principal, Action.READ_REVIEW, texts)
    sample = _sample(platform, review)
    with platform.view() as view:
        marked = {item: view.answers.get(answer_id(identifier, item)).marks for item in range(review.items)}
    found = []
    for item, what in enumerate(sample.items):
        marks = tuple(mark for mark in marked[item] if not _is_seed(mark, what.seed))
        if marks:
            text = platform.blobs.read(what.text).decode("utf-8")
            found.append(Leak(item=item, record=what.record, text=text, marks=marks, is_seeded=bool(what.seed)))
    return review, found


def _is_seed(mark: Mark, seed: Sequence[Mark]) -> bool:
    """Whether a mark touches the seed: then it is about what was put in."""
    return any(mark.start < part.end and part.start < mark.end for part in seed)


def _closed(platform: Platform, work: UnitOfWork, review: Review, sample: Sample) -> Review:
    """Everything was read: count, measure, and say so."""
    answers = {item: work.answers.get(answer_id(review.id, item)) for item in range(review.items)}
    counts = counted(sample, {item: one.marks for item, one in answers.items()})
    evidence = Evidence(
        about=review.about,
        produced_by=digest_of({"review": review.sample, "readers": sorted({one.by for one in answers.values()})}),
        measurements=review_measurements(
            leaks=counts.leaks,
            documents=counts.documents,
            found=counts.found,
            seeds=counts.seeds,
            failed_before=review.failed_before,
        ),
        details=platform.blobs.put_bytes(_details(review, sample, answers, counts)),
    )
    work.record(
        ReviewClosed(
            review=review.id,
            leaks=counts.leaks,
            documents=counts.documents,
            found=counts.found,
            seeds=counts.seeds,
            evidence=platform.blobs.put_bytes(encode(evidence)),
        )
    )
    gate = from_plain(Gate, decode(platform.blobs.read(work.requests.get(review.request).plan.training_gate)))
    return replace(review, outcome=outcome_of(gate, evidence), evidence=digest_of(evidence))


def _details(review: Review, sample: Sample, answers: Mapping[int, Answer], counts: Counts) -> bytes:
    """Who read what, where they marked, and which were seeds: offsets, no text."""
    return encode(
        {
            "review": review.id,
            "sample": review.sample,
            "failed_before": review.failed_before,
            "counts": to_plain(counts),
            "items": [
                {
                    "record": item.record,
                    "by": answers[number].by,
                    "marks": to_plain(answers[number].marks),
                    "seed": to_plain(item.seed),
                    "seed_found": covers(answers[number].marks, item.seed),
                }
                for number, item in enumerate(sample.items)
            ],
        }
    )


def _require_open(review: Review, item: int) -> Review:
    if not review.is_open:
        raise Conflict("review_closed", "Everything was read; the review is closed.")
    if item in review.answered:
        raise Conflict("item_answered", "This text was answered before; an answer stays.")
    return review


def _require_wanted(platform: Platform, review: Review) -> None:
    with platform.view() as view:
        if not waiting_with(view, review.about):
            raise Conflict("review_not_wanted", "No request waits for this review (any more).")


def _end_if_unusable(platform: Platform, principal: Principal, review: Review) -> None:
    """Nobody reads records that may not be used any more: the requests that wait end, as they would before a step."""
    with platform.view() as view:
        waiting = waiting_with(view, review.about)
        if not waiting or _refusal(platform, view, waiting[0]) is None:
            return
    with platform.work(principal.id) as work:
        refusal: Refused | None = None
        for request in waiting_with(work, review.about):
            refusal = _refusal(platform, work, request)
            if refusal is not None:
                work.requests.put(failed(platform, work, request, refusal.code))
        if refusal is None:
            return
        work.commit()
    raise refusal


def _refusal(platform: Platform, shelves: View | UnitOfWork, request: TrainingRequest) -> Refused | None:
    try:
        shelves.datasets.get(request.plan.dataset).require_usable_for(request.plan.purpose, platform.clock().date())
    except Refused as refusal:
        return refusal
    return None


def _resource(shelves: View | UnitOfWork, principal: Principal, review: Review) -> Resource:
    """The review as the access policy sees it: its author is who asked for any training that waits for it.

    Its texts are read for the purpose of a training that waits for them, else of the one that they were made for.
    """
    waiting = waiting_with(shelves, review.about)
    author = principal.id if principal.id in {one.requested_by for one in waiting} else None
    request = shelves.requests.get(review.request)
    return _for_purpose(shelves, of_review(review, request, author), waiting[0] if waiting else request)


def _for_purpose(shelves: View | UnitOfWork, about: Resource, request: TrainingRequest) -> Resource:
    """The same with what its texts are read for, and what their dataset may be used for."""
    purposes = shelves.datasets.get(request.plan.dataset).purposes
    return replace(about, purpose=request.plan.purpose, purposes=purposes)


def _sample(platform: Platform, review: Review) -> Sample:
    return from_plain(Sample, decode(platform.blobs.read(review.sample)))


def _text(platform: Platform, sample: Sample, item: int) -> str:
    return platform.blobs.read(sample.items[item].text).decode("utf-8")
