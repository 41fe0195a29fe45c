"""Waiting for people: the sample is fixed first, read blindly by others than who asked, and decides when it is read."""

from dataclasses import replace

import pytest
from tests.conftest import ANN, DANA, REA, RON, Stage, measured
from tests.usecases.reviewing import NAME, PLAN, READ, SIGNED, Reviewing, gate, reviewing

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import Conflict, Refused, Unavailable
from tunewarden.domain.events import (
    BudgetSettled,
    GateJudged,
    RequestEnded,
    ReviewAnswered,
    ReviewClosed,
    ReviewOpened,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Evidence, Outcome, SamplingPlan
from tunewarden.domain.reviews import Mark
from tunewarden.domain.sampling import ADJUSTED, SENSITIVITY
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import datasets, jobs, requests, reviews


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage)


def events(house: Reviewing, *kinds: type) -> list[object]:
    return [entry.event for entry in house.stage.entries() if isinstance(entry.event, kinds)]


def test_a_request_that_only_people_can_let_pass_waits_and_keeps_its_budget(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    assert request.state is State.IN_REVIEW
    assert (request.ended_at, set(request.outputs)) == (None, {StepName.DEIDENTIFY})
    assert datasets.budget(house.stage.platform, DANA, dataset.id).left == 8, "2 of 10 stay reserved"
    assert jobs.waiting(house.stage.platform) == []
    last = [type(entry.event) for entry in house.stage.entries()][-3:]
    assert last == [StepFinished, GateJudged, ReviewOpened], "one commit"
    [verdict] = events(house, GateJudged)
    assert isinstance(verdict, GateJudged)
    assert verdict.outcome is Outcome.UNKNOWN


def test_what_is_read_is_drawn_and_in_the_log_before_anybody_reads(house: Reviewing) -> None:
    request = house.waiting()
    [opened] = events(house, ReviewOpened)
    review = house.review()
    sample = house.sample(review)
    assert opened == ReviewOpened(
        review=review.id,
        request=request.id,
        about=request.outputs[StepName.DEIDENTIFY],
        sample=review.sample,
        documents=PLAN.documents,
        seeds=PLAN.seeds,
        failed_before=0,
    )
    assert sum(1 for item in sample.items if item.seed) == PLAN.seeds
    assert len({item.record for item in sample.items}) == PLAN.documents + PLAN.seeds, "seeds are in other records"


def test_a_clean_sample_read_by_two_lets_the_request_go_on(house: Reviewing) -> None:
    request = house.waiting()
    assert house.read(house.review().id, leaks=0) == 20
    assert house.now(request.id).state is State.DEIDENTIFIED
    kinds = [type(entry.event) for entry in house.stage.entries()][-3:]
    assert kinds == [ReviewAnswered, ReviewClosed, GateJudged], "the last answer closes and judges, in one commit"
    [closed] = events(house, ReviewClosed)
    assert isinstance(closed, ReviewClosed)
    assert (closed.leaks, closed.documents, closed.found, closed.seeds) == (0, 12, 8, 8)
    review = house.review()
    assert (review.outcome, review.evidence) == (Outcome.PASS, closed.evidence)
    for _ in (StepName.TRAIN, StepName.MEASURE):
        request = house.advance(request.id)
    assert request.state is State.MEASURED
    readers = {entry.actor for entry in house.stage.entries() if isinstance(entry.event, ReviewAnswered)}
    assert readers == {REA.id, RON.id}


def test_the_evidence_of_people_is_about_the_clean_version_and_says_who_read_what(house: Reviewing) -> None:
    request = house.waiting()
    house.read(house.review().id, misses=1)
    review = house.review()
    assert review.evidence is not None
    evidence = from_plain(Evidence, decode(house.stage.blobs.read(review.evidence)))
    assert evidence.about == request.outputs[StepName.DEIDENTIFY]
    assert evidence.produced_by != house.cleaning.identity
    assert evidence.details is not None
    details = decode(house.stage.blobs.read(evidence.details))
    assert isinstance(details, dict)
    assert details["counts"] == {"leaks": 0, "documents": 12, "found": 7, "seeds": 8}
    assert {item["by"] for item in details["items"]} == {REA.id, RON.id}
    assert NAME.encode() not in house.stage.blobs.read(evidence.details), "offsets and no text"


def test_a_sample_with_leaks_blocks_settles_and_is_spent(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    house.read(house.review().id, leaks=2)
    blocked = house.now(request.id)
    assert (blocked.state, blocked.ended_because) == (State.BLOCKED, "gate_fail")
    assert [type(entry.event) for entry in house.stage.entries()][-3:] == [GateJudged, BudgetSettled, RequestEnded]
    assert datasets.budget(house.stage.platform, DANA, dataset.id).left == 10
    # The same records again: what was read is remembered, and nobody draws until luck is on their side.
    again = house.waiting(dataset)
    assert again.state is State.BLOCKED
    assert (len(events(house, ReviewOpened)), house.samples.drawn) == (1, 1)
    # Other records of the same data: a larger sample, at half the level.
    house.cleaning.made = "cleaned better"
    better = house.waiting(dataset)
    review = house.review()
    assert better.state is State.IN_REVIEW
    assert (review.failed_before, review.documents > PLAN.documents) == (1, True)
    house.read(review.id)
    assert house.now(better.id).state is State.DEIDENTIFIED


def test_a_sample_given_up_counts_as_failed(house: Reviewing) -> None:
    """Or whoever sees it go badly would withdraw, and draw again."""
    dataset = house.stage.dataset()
    given_up = house.waiting(dataset)
    house.read(house.review().id, leaks=2, but_one=True)
    requests.cancel(house.stage.platform, ANN, given_up.id)
    house.cleaning.made = "cleaned otherwise"
    house.waiting(dataset)
    assert house.review().failed_before == 1


def test_a_passed_sample_does_not_count_against_the_next_one(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    house.waiting(dataset)
    house.read(house.review().id)
    house.cleaning.made = "cleaned otherwise"
    house.waiting(dataset)
    assert house.review().failed_before == 0


@pytest.mark.parametrize(("leaks", "misses"), [(0, 8), (99, 8)], ids=["marks nothing at all", "misses every seed"])
def test_readers_who_do_not_see_the_seeds_let_nothing_pass(house: Reviewing, leaks: int, misses: int) -> None:
    request = house.waiting()
    house.read(house.review().id, leaks=leaks, misses=misses)
    assert house.now(request.id).state is State.BLOCKED
    last = [one for one in events(house, GateJudged) if isinstance(one, GateJudged)][-1]
    [adjusted] = [finding.measured for finding in last.findings if finding.metric == ADJUSTED]
    assert adjusted is not None
    assert adjusted.high == 1


def test_a_reader_who_marks_everything_lets_nothing_pass(house: Reviewing) -> None:
    request, platform = house.waiting(), house.stage.platform
    review = house.review().id
    while (page := reviews.following(platform, REA, review)[1]) is not None:
        reviews.answer(platform, REA, review, page.item, [Mark(start=0, end=len(page.text))])
    assert house.now(request.id).state is State.BLOCKED


def test_what_the_step_measured_badly_is_not_read_by_anybody(house: Reviewing) -> None:
    house.cleaning.recall = "0.5"
    assert house.waiting().state is State.BLOCKED
    assert (events(house, ReviewOpened), house.samples.drawn) == ([], 0)


def test_a_second_request_with_the_same_clean_version_waits_for_the_same_review_and_both_go_on(
    house: Reviewing,
) -> None:
    dataset = house.stage.dataset()
    one, other = house.waiting(dataset), house.waiting(dataset)
    assert (one.state, other.state) == (State.IN_REVIEW, State.IN_REVIEW)
    assert len(events(house, ReviewOpened)) == 1
    house.read(house.review().id)
    assert {house.now(request.id).state for request in (one, other)} == {State.DEIDENTIFIED}
    third = house.waiting(dataset)
    assert third.state is State.DEIDENTIFIED, "a passed review is used again"
    assert len(events(house, ReviewOpened)) == 1


def test_who_is_waited_for_no_more_reads_no_more_and_goes_on_where_it_was_when_somebody_waits_again(
    house: Reviewing,
) -> None:
    dataset = house.stage.dataset()
    request, platform = house.waiting(dataset), house.stage.platform
    review = house.review().id
    assert house.read(review, REA, but_one=True) == 19
    assert [one.id for one in reviews.listed(platform, REA)] == [review]
    requests.cancel(platform, ANN, request.id)
    assert house.now(request.id).state is State.CANCELLED
    assert reviews.listed(platform, REA) == []
    with pytest.raises(Conflict, match="No request waits"):
        reviews.following(platform, REA, review)
    again = house.waiting(dataset)
    assert house.read(review, REA) == 1
    assert house.now(again.id).state is State.DEIDENTIFIED


def test_a_stricter_plan_wants_a_sample_of_its_own(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    house.waiting(dataset)
    house.read(house.review().id)
    house.stage.policies.gates["training"] = gate(*READ, review=SamplingPlan(documents=20, seeds=8))
    assert house.waiting(dataset).state is State.IN_REVIEW
    assert [one.documents for one in events(house, ReviewOpened) if isinstance(one, ReviewOpened)] == [12, 20]


def test_a_gate_that_changed_while_people_read_is_not_passed(house: Reviewing) -> None:
    request = house.waiting()
    house.stage.policies.gates["training"] = gate(*READ, SIGNED)
    house.read(house.review().id)
    ended = house.now(request.id)
    assert (ended.state, ended.ended_because) == (State.FAILED, "gate_changed")
    assert [type(entry.event) for entry in house.stage.entries()][-2:] == [BudgetSettled, RequestEnded]


def test_a_process_that_draws_no_samples_tries_again_later(house: Reviewing) -> None:
    request = house.request()
    draw, house.stage.platform = house.stage.platform.draw, replace(house.stage.platform, draw=None)
    with pytest.raises(Unavailable):
        house.advance(request.id)
    house.stage.platform = replace(house.stage.platform, draw=draw)
    assert house.advance(request.id).state is State.IN_REVIEW


def test_too_few_records_to_show_anything_are_not_read_at_all(house: Reviewing) -> None:
    house.samples.records = 5
    request = house.request()
    with pytest.raises(Refused, match="too few"):
        house.advance(request.id)
    assert house.now(request.id).state is State.FAILED
    assert [type(entry.event) for entry in house.stage.entries()][-3:] == [StepFailed, BudgetSettled, RequestEnded]
    assert events(house, ReviewOpened) == []


def test_no_step_begins_while_people_are_waited_for(house: Reviewing) -> None:
    request = house.waiting()
    with pytest.raises(Refused, match="no next step"):
        house.advance(request.id)
    assert len(events(house, StepStarted)) == 1


def test_a_gate_without_a_plan_or_a_signature_to_wait_for_blocks_at_once(stage: Stage) -> None:
    house = reviewing(stage, *READ, review=None)
    request = house.waiting()
    assert (request.state, request.ended_because) == (State.BLOCKED, "gate_unknown")


def test_a_request_withdrawn_while_its_sample_was_drawn_opens_no_review(house: Reviewing) -> None:
    request = house.request()
    inner = house.samples

    def while_cancelling(clean: object, plan: object) -> object:
        requests.cancel(house.stage.platform, ANN, request.id)
        return inner(clean, plan)  # type: ignore[arg-type]

    house.stage.platform = replace(house.stage.platform, draw=while_cancelling)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="cancelled"):
        house.advance(request.id)
    assert events(house, ReviewOpened) == []
    assert house.now(request.id).state is State.CANCELLED


def test_what_only_people_can_say_is_not_believed_of_the_step(stage: Stage) -> None:
    house = reviewing(stage)
    house.cleaning.claims = (measured(ADJUSTED, "0"), measured(SENSITIVITY, "1"))
    assert house.waiting().state is State.IN_REVIEW
    house.read(house.review().id, leaks=2)
    assert house.stage.steps[StepName.TRAIN].seen == []
