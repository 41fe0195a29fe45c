"""Once a person was erased, nothing is made any more from records that were read before; reports tell of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.conftest import ANN, PIA, REA, WORKER, Stage
from tests.usecases.reviewing import READ, reviewing
from tests.usecases.test_erasures import TENANT_KEY, WHO, erased, house, key_of
from tests.usecases.test_jobs import advance, approved, events
from tests.usecases.test_requests import ask as ask_for_training

from tunewarden.domain.errors import Conflict, IllegalTransition, Refused
from tunewarden.domain.events import (
    BudgetCharged,
    BudgetSettled,
    ErasureAsked,
    ModelRegistered,
    PersonErased,
    RequestEnded,
    StepFailed,
)
from tunewarden.domain.lineage import Story, fold
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import erasures, requests, retention, reviews
from tunewarden.usecases.erasures import OUTDATED
from tunewarden.usecases.ports import Attempt

assert house  # the fixture


def test_a_release_that_was_under_way_is_made_again_without_the_person(house: Stage) -> None:
    request = approved(house)
    dataset = request.plan.dataset
    key_of(house, dataset)
    house.steps[StepName.DEIDENTIFY].during = once(lambda: erased(house, dataset))
    with pytest.raises(Conflict):
        advance(house, request.id)
    (failed,) = events(house, StepFailed)
    assert isinstance(failed, StepFailed)
    assert failed.code == "person_erased_meanwhile"
    again = advance(house, request.id)
    assert (again.state, again.attempt) == (State.DEIDENTIFIED, 2)


def once(act: Callable[[], object]) -> Callable[[Attempt], None]:
    acts = iter([act])

    def during(_: Attempt) -> None:
        for each in acts:
            each()
            return

    return during


@pytest.mark.parametrize("after", [1, 2])
def test_a_request_that_has_read_the_records_ends_with_the_erasure(house: Stage, after: int) -> None:
    request = approved(house)
    key_of(house, request.plan.dataset)
    for _ in range(after):
        advance(house, request.id)
    erased(house, request.plan.dataset)
    ended = requests.get(house.platform, ANN, request.id)
    assert (ended.state, ended.ended_because) == (State.FAILED, OUTDATED)
    told = [type(entry.event) for entry in house.entries()[-3:]]
    assert told == [PersonErased, BudgetSettled, RequestEnded], "in one transaction"
    with pytest.raises(IllegalTransition):
        advance(house, request.id)
    assert not events(house, ModelRegistered)


def test_a_training_that_is_under_way_pays_for_nothing_more_and_stops(house: Stage) -> None:
    request = approved(house)
    key_of(house, request.plan.dataset)
    advance(house, request.id)
    house.steps[StepName.TRAIN].during = once(lambda: erased(house, request.plan.dataset))
    with pytest.raises(Refused):
        advance(house, request.id)
    assert not events(house, BudgetCharged)
    assert requests.get(house.platform, ANN, request.id).ended_because == OUTDATED


def test_a_step_that_ends_after_an_erasure_makes_no_model(house: Stage) -> None:
    request = approved(house)
    key_of(house, request.plan.dataset)
    for _ in range(2):
        advance(house, request.id)
    house.steps[StepName.MEASURE].during = once(lambda: erased(house, request.plan.dataset))
    with pytest.raises(Refused):
        advance(house, request.id)
    assert not events(house, ModelRegistered)


def test_readers_are_shown_no_text_of_a_release_from_before(stage: Stage) -> None:
    house = reviewing(stage, *READ)
    dataset = stage.dataset()
    house.waiting(dataset)
    review = house.review()
    reviews.following(stage.platform, REA, review.id)
    stage.platform = replace(stage.platform, pseudonyms=lambda of, person: pseudonym(TENANT_KEY, of, person))
    key_of(stage, dataset.id)
    erased(stage, dataset.id)
    with pytest.raises(Conflict) as raised:
        reviews.following(stage.platform, REA, review.id)
    assert raised.value.code == "review_not_wanted"


def test_what_waits_for_approval_or_is_a_model_already_stays(house: Stage) -> None:
    waits, _ = requests.submit(house.platform, ANN, ask_for_training(house.dataset()))
    key_of(house, waits.plan.dataset)
    erased(house, waits.plan.dataset)
    assert requests.get(house.platform, ANN, waits.id).state is State.AWAITING_APPROVAL
    done = approved(house)
    for _ in StepName:
        done = advance(house, done.id)
    key_of(house, done.plan.dataset)
    erased(house, done.plan.dataset)
    assert requests.get(house.platform, ANN, done.id).state is State.MEASURED


def test_the_erasure_of_somebody_who_is_in_no_release_or_in_another_dataset_stops_nothing(house: Stage) -> None:
    request = approved(house)
    other = house.dataset().id
    key_of(house, other)
    for _ in StepName:
        erased(house, request.plan.dataset, "nobody")
        erased(house, other)
        request = advance(house, request.id)
    assert request.model is not None


def test_the_lineage_of_a_model_tells_of_erasures_from_its_dataset(house: Stage) -> None:
    request = approved(house)
    for _ in StepName:
        request = advance(house, request.id)
    dataset = request.plan.dataset
    key_of(house, dataset)
    done = erased(house, dataset)
    refused, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    retention.place_hold(house.platform, PIA, dataset, None)
    erasures.carry_out(house.platform, WORKER, refused.id)
    other = house.dataset().id
    assert request.model is not None
    story = Story(model=request.model, request=request.id, dataset=dataset, version=request.plan.dataset_version)
    told = fold(house.entries(), story)
    assert [type(entry.event) for entry in told.erasures] == [ErasureAsked, PersonErased, ErasureAsked]
    assert [getattr(entry.event, "erasure", "") for entry in told.erasures] == [done.id, done.id, refused.id]
    assert [getattr(entry.event, "resource", "") for entry in told.refusals] == [refused.id]
    assert other not in {getattr(entry.event, "dataset", "") for entry in told.erasures}
