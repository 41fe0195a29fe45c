"""What a new model is held against: the version of the same dataset that an alias names, and nothing else."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import ANN, BOB, Stage
from tests.usecases.test_jobs import CY, advance
from tests.usecases.test_requests import ask

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.names import Alias, Digest, ModelId, RequestId
from tunewarden.domain.training import StepName, Task, TrainingRequest
from tunewarden.usecases import models, requests
from tunewarden.usecases.ports import Attempt
from tunewarden.usecases.promoted import Promoted, promoted_before


@pytest.fixture
def seen(stage: Stage) -> list[Attempt]:
    """The attempts of the measuring step."""
    found: list[Attempt] = []
    stage.steps[StepName.MEASURE].during = found.append
    return found


def trained(stage: Stage, dataset: Dataset, epsilon: str = "1") -> TrainingRequest:
    request, _ = requests.submit(stage.platform, ANN, replace(ask(dataset), epsilon=Decimal(epsilon)))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = advance(stage, request.id)
    return request


def promote(stage: Stage, request: TrainingRequest, alias: Alias = Alias.PRODUCTION) -> ModelId:
    assert request.model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, request.model, alias)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    return request.model


def compared(stage: Stage, request: RequestId) -> Promoted | None:
    with stage.platform.work(ANN.id) as work:
        return promoted_before(work, work.requests.get(request))


def test_the_measuring_step_is_handed_the_version_that_was_promoted_last(stage: Stage, seen: list[Attempt]) -> None:
    dataset = stage.dataset()
    first = trained(stage, dataset)
    trained(stage, dataset)
    assert [attempt.promoted for attempt in seen] == [None, None], "what was only registered is used by nobody"
    promote(stage, first)
    trained(stage, dataset)
    assert seen[-1].promoted == Promoted(plan=first.plan, adapter=first.outputs[StepName.TRAIN])


def test_only_the_measuring_step_is_handed_it(stage: Stage) -> None:
    dataset = stage.dataset()
    promote(stage, trained(stage, dataset))
    others: list[Attempt] = []
    for step in (StepName.DEIDENTIFY, StepName.TRAIN):
        stage.steps[step].during = others.append
    trained(stage, dataset)
    assert [attempt.promoted for attempt in others] == [None, None]


def test_the_last_promotion_counts_whatever_the_alias(stage: Stage) -> None:
    dataset = stage.dataset()
    first, second = trained(stage, dataset), trained(stage, dataset)
    promote(stage, second, Alias.STAGING)
    promote(stage, first, Alias.PRODUCTION)
    third = trained(stage, dataset)
    assert compared(stage, third.id) == Promoted(plan=first.plan, adapter=first.outputs[StepName.TRAIN])


def test_a_model_of_another_dataset_may_have_been_trained_on_who_is_held_out_here(stage: Stage) -> None:
    promote(stage, trained(stage, stage.dataset()))
    other = trained(stage, stage.dataset())
    assert compared(stage, other.id) is None


def test_where_no_column_tells_persons_only_the_same_version_has_the_same_ones_held_out(stage: Stage) -> None:
    dataset = stage.dataset()
    promote(stage, trained(stage, dataset))
    new = trained(stage, dataset)
    with stage.platform.work(ANN.id) as work:
        (version,) = work.datasets.get(dataset.id).versions
        another = replace(version, digest=Digest("sha256:" + "9" * 64))
        whole = work.datasets.get(dataset.id).with_version(another)
        later = replace(new, plan=replace(new.plan, dataset_version=another.digest))
        work.datasets.put(whole)
        assert promoted_before(work, later) is not None
        work.datasets.put(replace(whole, columns=replace(whole.columns, person=None)))
        assert promoted_before(work, later) is None
        assert promoted_before(work, new) is not None


def test_what_was_proposed_first_and_approved_last_was_promoted_last(stage: Stage) -> None:
    dataset = stage.dataset()
    first, second, third = (trained(stage, dataset, epsilon) for epsilon in ("1", "2", "3"))
    promote(stage, first, Alias.PRODUCTION)
    assert third.model is not None
    early, _, _ = models.propose(stage.platform, BOB, third.model, Alias.PRODUCTION)
    promote(stage, second, Alias.STAGING)
    models.approve(stage.platform, CY, early.id, early.verdict)
    assert compared(stage, first.id) == Promoted(plan=third.plan, adapter=third.outputs[StepName.TRAIN])


def test_a_model_of_other_classes_answers_another_question(stage: Stage) -> None:
    dataset = stage.dataset()
    promote(stage, trained(stage, dataset))
    new = trained(stage, dataset)
    assert compared(stage, new.id) is not None
    with stage.platform.work(ANN.id) as work:
        (version,) = work.datasets.get(dataset.id).versions
        other = replace(version, digest=Digest("sha256:" + "9" * 64), labels=("yes", "perhaps"))
        work.datasets.put(work.datasets.get(dataset.id).with_version(other))
        asked = replace(new, plan=replace(new.plan, dataset_version=other.digest))
        assert promoted_before(work, asked) is None
        same = replace(other, labels=version.labels)
        work.datasets.put(work.datasets.get(dataset.id).with_version(same))
        assert promoted_before(work, asked) is not None


def test_of_models_that_complete_texts_only_those_over_the_same_base_model_and_dataset_are_compared(
    stage: Stage,
) -> None:
    """Their dataset has no classes by which another one could be told."""
    dataset = stage.dataset()
    old = trained(stage, dataset)
    promote(stage, old)
    new, other = trained(stage, dataset), trained(stage, stage.dataset())

    def completing(request: TrainingRequest) -> TrainingRequest:
        plan = replace(request.plan, recipe=replace(request.plan.recipe, task=Task.COMPLETION))
        return replace(request, plan=plan)

    with stage.platform.work(ANN.id) as work:
        work.requests.put(completing(old))
        assert promoted_before(work, completing(new)) is not None
        assert promoted_before(work, completing(other)) is None
        elsewhere = replace(new.plan.base_model, digest=Digest("sha256:" + "8" * 64))
        over_another = completing(replace(new, plan=replace(new.plan, base_model=elsewhere)))
        assert promoted_before(work, over_another) is None
        assert promoted_before(work, new) is None, "nor with one that tells classes"
