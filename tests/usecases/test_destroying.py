"""The end of retention: what can be read goes, and a request that stands still does not keep it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ANN, BOB, PIA, WORKER, Stage, digest
from tests.usecases.test_jobs import events
from tests.usecases.test_requests import ask
from tests.usecases.test_voting import with_cast

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.events import KeyRevoked, RequestEnded
from tunewarden.domain.key_events import VersionDestroyed
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases import destroying, requests, suspending

OVER = timedelta(days=60)


@pytest.fixture
def dataset(stage: Stage) -> Dataset:
    """One whose version has a key of its own."""
    with_cast(stage)
    plain = stage.dataset()
    sealed = replace(plain, versions=tuple(replace(one, sealed=digest("sealed")) for one in plain.versions))
    with stage.platform.work(PrincipalId("operator")) as work:
        work.datasets.put(sealed)
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))  # any entry
        work.commit()
    return sealed


def submitted(stage: Stage, dataset: Dataset, *, is_approved: bool = True) -> TrainingRequest:
    request, _ = requests.submit(stage.platform, ANN, ask(dataset))
    if is_approved:
        request, _ = requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    return request


@pytest.mark.parametrize(("is_approved", "end"), [(True, State.FAILED), (False, State.REJECTED)])
def test_a_suspended_request_does_not_keep_records_and_ends_with_them(
    stage: Stage, dataset: Dataset, is_approved: bool, end: State
) -> None:
    request = submitted(stage, dataset, is_approved=is_approved)
    suspending.suspend(stage.platform, PIA, request.id)
    assert destroying.due(stage.platform) == []
    stage.clock.advance(OVER)
    assert destroying.due(stage.platform) == [dataset.id]
    ended = destroying.destroy(stage.platform, WORKER, dataset.id)
    assert all(version.destroyed for version in ended.versions)
    assert len(events(stage, VersionDestroyed)) == 1
    assert events(stage, RequestEnded)[-1] == RequestEnded(
        request=request.id, state=end, because="suspended_past_retention"
    )
    with stage.platform.view() as view:
        assert view.requests.get(request.id).state is end
        assert view.ledgers.get(dataset.id).account(request.id).reserved == 0


def test_a_request_that_a_worker_may_be_busy_with_is_waited_for(stage: Stage, dataset: Dataset) -> None:
    submitted(stage, dataset)
    stage.clock.advance(OVER)
    assert destroying.due(stage.platform) == []
    assert not any(one.destroyed for one in destroying.destroy(stage.platform, WORKER, dataset.id).versions)


def test_only_what_is_suspended_on_that_dataset_ends(stage: Stage, dataset: Dataset) -> None:
    waiting = submitted(stage, dataset, is_approved=False)
    other = submitted(stage, stage.dataset())
    suspending.suspend(stage.platform, PIA, other.id)
    stage.clock.advance(OVER)
    destroying.destroy(stage.platform, WORKER, dataset.id)
    with stage.platform.view() as view:
        assert not view.requests.get(waiting.id).terminal
        assert not view.requests.get(other.id).terminal
