"""Purposes: set anew by a steward, inherited by models, and asked for whenever something is used."""

from typing import Any

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, Stage
from tests.usecases.reviewing import Reviewing, reviewing
from tests.usecases.test_jobs import advance, approved, events, promoted
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import AdapterTaken, BudgetSettled, PurposesChanged, RequestEnded
from tunewarden.domain.names import ModelId
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import datasets, models, reports, requests, reviews
from tunewarden.usecases.ports import Attempt, Principal


@pytest.fixture
def reviewed(stage: Stage) -> Reviewing:
    return reviewing(stage)


CARE, RESEARCH = frozenset({Purpose.CARE}), frozenset({Purpose.RESEARCH})


def set_purposes(stage: Stage, dataset: Any, purposes: frozenset[Purpose], who: Principal = DANA) -> Any:
    return datasets.set_purposes(stage.platform, who, dataset, purposes)[0]


def dataset_of(stage: Stage, model: ModelId) -> Any:
    with stage.platform.view() as view:
        return view.requests.get(view.models.get(model).request).plan.dataset


def test_a_steward_sets_purposes_and_the_entry_says_which(stage: Stage) -> None:
    dataset = stage.dataset()
    changed = set_purposes(stage, dataset.id, CARE | RESEARCH)
    assert changed.purposes == CARE | RESEARCH
    assert datasets.get(stage.platform, DANA, dataset.id).purposes == CARE | RESEARCH
    said = PurposesChanged(dataset=dataset.id, purposes=(Purpose.CARE, Purpose.RESEARCH))
    assert stage.entries()[-1].event == said


@pytest.mark.parametrize("who", [ANN, BOB, PIA, OTTO, ADA, EVE])
def test_nobody_else_does(stage: Stage, who: Principal) -> None:
    dataset = stage.dataset()
    with pytest.raises(NotFound if who is EVE else Refused):  # whoever has no role sees nothing
        set_purposes(stage, dataset.id, CARE, who)
    assert refusals(stage)[-1].resource == dataset.id
    assert datasets.get(stage.platform, DANA, dataset.id).purposes == RESEARCH


def test_a_dataset_has_a_purpose_and_a_retired_one_gets_no_other(stage: Stage) -> None:
    dataset = stage.dataset()
    with pytest.raises(Malformed):
        set_purposes(stage, dataset.id, frozenset())
    datasets.retire(stage.platform, DANA, dataset.id)
    with pytest.raises(Refused):
        set_purposes(stage, dataset.id, CARE)


@pytest.mark.parametrize("steps", range(len(StepName)))
def test_an_approved_request_whose_purpose_goes_has_failed_with_that_reason(stage: Stage, steps: int) -> None:
    request = approved(stage)
    for _ in range(steps):
        request = advance(stage, request.id)
    set_purposes(stage, request.plan.dataset, CARE)
    ended = requests.get(stage.platform, ANN, request.id)
    assert (ended.state, ended.ended_because) == (State.FAILED, "purpose_taken_back")
    assert events(stage, BudgetSettled, RequestEnded)[-1] == RequestEnded(
        request=request.id, state=State.FAILED, because="purpose_taken_back"
    )
    with pytest.raises(IllegalTransition):
        advance(stage, request.id)


def test_a_step_that_is_under_way_when_the_purpose_goes_makes_no_model(stage: Stage) -> None:
    request = approved(stage)
    advance(stage, request.id)

    def meanwhile(_: Attempt) -> None:
        set_purposes(stage, request.plan.dataset, CARE)

    stage.steps[StepName.TRAIN].during = meanwhile
    with pytest.raises(IllegalTransition):
        advance(stage, request.id)
    assert requests.get(stage.platform, ANN, request.id).state is State.FAILED
    assert models.listed(stage.platform, OTTO) == []


def test_what_still_fits_goes_on(stage: Stage) -> None:
    going, other = approved(stage), approved(stage)
    set_purposes(stage, going.plan.dataset, CARE | RESEARCH)
    assert requests.get(stage.platform, ANN, going.id).state is State.APPROVED
    assert requests.get(stage.platform, ANN, other.id).state is State.APPROVED


def test_what_waits_for_approval_is_turned_down_when_its_purpose_goes_and_gives_its_budget_back(stage: Stage) -> None:
    waiting, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    set_purposes(stage, waiting.plan.dataset, CARE)
    ended = requests.get(stage.platform, ANN, waiting.id)
    assert (ended.state, ended.ended_because) == (State.REJECTED, "purpose_taken_back")
    said = RequestEnded(request=waiting.id, state=State.REJECTED, because="purpose_taken_back")
    assert [entry.event for entry in stage.entries()][-1] == said
    assert datasets.budget(stage.platform, DANA, waiting.plan.dataset).spent == 0
    with pytest.raises(IllegalTransition):
        requests.approve(stage.platform, BOB, waiting.id, waiting.plan.digest())


def test_a_sample_is_read_for_the_purpose_of_the_training_that_waits_for_it(reviewed: Reviewing) -> None:
    request = reviewed.waiting()
    review = reviewed.review()
    reviews.following(reviewed.stage.platform, REA, review.id)
    set_purposes(reviewed.stage, request.plan.dataset, CARE)
    for asks in (
        lambda: reviews.following(reviewed.stage.platform, REA, review.id),
        lambda: reviews.answer(reviewed.stage.platform, REA, review.id, 0, ()),
    ):
        with pytest.raises(Refused) as refused:
            asks()
        assert refused.value.rule == "anyone/review-sample/purpose-differs"
    assert reviews.listed(reviewed.stage.platform, REA) == []


def test_texts_that_leak_are_shown_only_as_long_as_their_purpose_is_one(reviewed: Reviewing) -> None:
    request = reviewed.waiting()
    review = reviewed.review()
    reviewed.read(review.id)
    assert reviews.leaks(reviewed.stage.platform, PIA, review.id)[1] == []
    set_purposes(reviewed.stage, request.plan.dataset, CARE)
    with pytest.raises(Refused) as refused:
        reviews.leaks(reviewed.stage.platform, PIA, review.id)
    assert refused.value.rule == "anyone/read-review/purpose-differs"
    assert reviews.get(reviewed.stage.platform, PIA, review.id).id == review.id


def test_a_model_is_taken_for_what_it_was_trained_for_and_the_entry_says_so(stage: Stage) -> None:
    model = promoted(stage)
    for purpose in (None, Purpose.RESEARCH):
        models.take_adapter(stage.platform, ANN, model, purpose)[0].close()
        assert events(stage, AdapterTaken)[-1].purpose is Purpose.RESEARCH  # type: ignore[attr-defined]


@pytest.mark.parametrize("who", [ANN, OTTO])
def test_and_for_nothing_else_even_where_its_dataset_may_be_used_for_it(stage: Stage, who: Principal) -> None:
    model = promoted(stage)
    set_purposes(stage, dataset_of(stage, model), CARE | RESEARCH)
    with pytest.raises(Refused) as refused:
        models.take_adapter(stage.platform, who, model, Purpose.CARE)
    assert refused.value.rule == "anyone/take-adapter/purpose-differs"
    assert refusals(stage)[-1].resource == model
    assert events(stage, AdapterTaken) == []


def test_what_may_not_be_done_with_the_data_any_more_may_not_be_done_with_the_model(stage: Stage) -> None:
    model = promoted(stage)
    dataset = dataset_of(stage, model)
    set_purposes(stage, dataset, CARE)
    for purpose in (None, Purpose.RESEARCH, Purpose.CARE):
        with pytest.raises(Refused) as refused:
            models.take_adapter(stage.platform, ANN, model, purpose)
        assert refused.value.rule == "anyone/take-adapter/purpose-differs"
    set_purposes(stage, dataset, RESEARCH)
    models.take_adapter(stage.platform, ANN, model)[0].close()


def test_what_a_model_may_be_used_for_is_told_for_each(stage: Stage) -> None:
    model = promoted(stage)
    found = models.get(stage.platform, ANN, model)
    assert models.purposes(stage.platform, [found]) == {model: RESEARCH}
    set_purposes(stage, dataset_of(stage, model), CARE)
    assert models.purposes(stage.platform, [found]) == {model: frozenset()}


def test_lineage_tells_of_changed_purposes(stage: Stage) -> None:
    model = promoted(stage)
    set_purposes(stage, dataset_of(stage, model), CARE | RESEARCH)
    report = reports.lineage(stage.platform, OTTO, model).report
    assert [entry.index for entry in report.purposes] == [stage.entries()[-1].index]


def test_whom_a_dataset_or_a_model_is_hidden_from_learns_nothing_by_trying(stage: Stage) -> None:
    model = promoted(stage)
    with pytest.raises(NotFound):
        models.take_adapter(stage.platform, EVE, model, Purpose.RESEARCH)
