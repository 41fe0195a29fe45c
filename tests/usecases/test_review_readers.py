"""Who reads a sample and who does not, one text at a time, once; and who sees what was marked."""

from datetime import timedelta

import pytest
from tests.conftest import ANN, BOB, DANA, OTTO, PIA, REA, RON, Stage
from tests.usecases.reviewing import NAME, PLAN, Reviewing, reviewing

from tunewarden.domain.errors import Conflict, Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused, BudgetSettled, RequestEnded, ReviewAnswered
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PrincipalId, ReviewId, Role
from tunewarden.domain.reviews import Mark
from tunewarden.domain.training import State
from tunewarden.usecases import datasets, reviews
from tunewarden.usecases.ports import Principal


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage)


def events(house: Reviewing, *kinds: type) -> list[object]:
    return [entry.event for entry in house.stage.entries() if isinstance(entry.event, kinds)]


def test_who_asked_for_the_training_may_not_read_it_whatever_roles_they_hold(house: Reviewing) -> None:
    both = Principal(id=ANN.id, roles=frozenset(Role))
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    assert reviews.listed(platform, both) == []
    with pytest.raises(Refused) as refused:
        reviews.following(platform, both, review)
    assert (refused.value.rule, refused.value.who) == ("anyone/review-sample/own", "privacy-officer, reviewer")
    last = house.stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert last.resource == review
    with pytest.raises(Refused):
        reviews.answer(platform, both, review, 0, [])


def test_whoever_asked_for_any_of_the_trainings_that_wait_may_not_read(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    house.waiting(dataset)
    other = Principal(id=PrincipalId("prn-olga"), roles=frozenset({Role.REQUESTER, Role.REVIEWER}))
    assert house.advance(house.request(dataset, who=other).id).state is State.IN_REVIEW
    with pytest.raises(Refused):
        reviews.following(house.stage.platform, other, house.review().id)


@pytest.mark.parametrize("who", [BOB, DANA, OTTO], ids=lambda who: str(who.id))
def test_nobody_reads_without_the_role(house: Reviewing, who: Principal) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    assert reviews.listed(platform, who) == []
    with pytest.raises(Refused):
        reviews.following(platform, who, review)
    with pytest.raises(Refused):
        reviews.answer(platform, who, review, 0, [])
    with pytest.raises(NotFound):
        reviews.leaks(platform, who, review)


def test_a_text_is_one_readers_alone_until_it_is_answered_or_long_forgotten(house: Reviewing) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    _, mine = reviews.following(platform, REA, review)
    _, yours = reviews.following(platform, RON, review)
    _, again = reviews.following(platform, REA, review)
    assert mine is not None
    assert yours is not None
    assert again == mine, "opening twice shows the same"
    assert mine.item != yours.item
    with pytest.raises(Conflict, match="not have this text open"):
        reviews.answer(platform, RON, review, mine.item, [])
    house.stage.clock.advance(reviews.LEASE + timedelta(seconds=1))
    _, taken_over = reviews.following(platform, RON, review)
    assert taken_over is not None
    assert taken_over.item == mine.item
    with pytest.raises(Conflict, match="not have this text open"):
        reviews.answer(platform, REA, review, mine.item, [])
    reviews.answer(platform, RON, review, mine.item, [])
    assert house.review().answered == (mine.item,)


def test_an_answer_stays(house: Reviewing) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    _, page = reviews.following(platform, REA, review)
    assert page is not None
    reviews.answer(platform, REA, review, page.item, [])
    platform.claims.take(REA.id, [f"{review}.{page.item}"], platform.clock(), reviews.LEASE)
    with pytest.raises(Conflict, match="answered before"):
        reviews.answer(platform, REA, review, page.item, [Mark(start=0, end=6)])
    assert len(events(house, ReviewAnswered)) == 1


def test_a_closed_review_is_over(house: Reviewing) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    house.read(review)
    assert reviews.following(platform, REA, review)[1] is None
    assert reviews.listed(platform, REA) == []
    platform.claims.take(REA.id, [f"{review}.0"], platform.clock(), reviews.LEASE)
    with pytest.raises(Conflict, match="closed"):
        reviews.answer(platform, REA, review, 0, [])


@pytest.mark.parametrize(("item", "marks"), [(20, []), (-1, []), (None, [Mark(start=5, end=500)])])
def test_an_answer_that_cannot_be_is_refused(house: Reviewing, item: int | None, marks: list[Mark]) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    _, page = reviews.following(platform, REA, review)
    assert page is not None
    with pytest.raises(Malformed):
        reviews.answer(platform, REA, review, page.item if item is None else item, marks)
    assert house.review().answered == ()


def test_marks_of_overlapping_parts_are_kept_as_one(house: Reviewing) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    _, page = reviews.following(platform, REA, review)
    assert page is not None
    reviews.answer(platform, REA, review, page.item, [Mark(start=3, end=6), Mark(start=0, end=4)])
    assert events(house, ReviewAnswered) == [ReviewAnswered(review=review, item=page.item, marks=1)]


def test_records_that_may_not_be_used_any_more_are_not_read(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    datasets.retire(house.stage.platform, DANA, dataset.id)
    with pytest.raises(Refused, match="retired"):
        reviews.following(house.stage.platform, REA, house.review().id)
    ended = house.now(request.id)
    assert (ended.state, ended.ended_because) == (State.FAILED, "dataset_retired")
    assert [type(entry.event) for entry in house.stage.entries()][-3:] == [BudgetSettled, RequestEnded, ActionRefused]


def test_a_review_that_is_not_there_is_not_found(house: Reviewing) -> None:
    with pytest.raises(NotFound):
        reviews.following(house.stage.platform, REA, ReviewId("review-" + "9" * 32))


def test_the_privacy_officer_sees_each_leak_where_it_was_marked_and_nobody_does_before_the_end(
    house: Reviewing,
) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    house.read(review, REA, leaks=2, but_one=True)
    assert reviews.leaks(platform, PIA, review)[1] == []
    house.read(review, REA, leaks=2)
    found = reviews.leaks(platform, PIA, review)[1]
    assert len(found) in {2, 3}
    sample = house.sample(house.review())
    for leak in found:
        assert (leak.marks, leak.is_seeded) == ((Mark(start=0, end=6),), False)
        assert leak.record == sample.items[leak.item].record
        assert leak.text.startswith(f"Record {leak.record}:")


def test_a_leak_beside_a_seed_is_shown_and_the_found_seed_is_not(house: Reviewing) -> None:
    house.waiting()
    review, platform = house.review().id, house.stage.platform
    while (page := reviews.following(platform, REA, review)[1]) is not None:
        start = page.text.find(NAME)
        seed = [Mark(start=start, end=start + len(NAME))] if start >= 0 else []
        reviews.answer(platform, REA, review, page.item, [Mark(start=0, end=6), *seed] if seed else [])
    found = reviews.leaks(platform, PIA, review)[1]
    assert [(leak.is_seeded, leak.marks) for leak in found] == [(True, (Mark(start=0, end=6),))] * PLAN.seeds
    assert house.review().outcome is Outcome.PASS, "records that were seeded are none of the random sample"


def test_nothing_that_was_read_or_marked_is_in_the_log(house: Reviewing) -> None:
    house.waiting()
    house.read(house.review().id, leaks=3)
    with house.stage.platform.view() as view:
        told = repr(list(view.entries()))
    assert "Record" not in told
    assert NAME not in told
