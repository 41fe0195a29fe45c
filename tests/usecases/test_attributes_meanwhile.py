"""What ends a request while its protected attributes are written or read: the log says what happened, no more."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from tests.conftest import WORKER
from tests.usecases.test_attributes import House, house as house, measured_on, retired, under_way, withdrawn
from tests.usecases.test_audit_trail import pruned
from tests.usecases.test_erasures import key_of
from tests.usecases.test_jobs import advance, approved

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.errors import Refused, TunewardenError
from tunewarden.domain.names import DatasetId, Digest, RequestId
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.usecases import attributes
from tunewarden.usecases.attribute_doors import Line
from tunewarden.usecases.ports import Attempt


@pytest.mark.parametrize("end", [withdrawn, retired])
def test_a_request_that_ends_while_they_are_written_has_them_destroyed_and_never_kept(
    house: House, end: Callable[[House, TrainingRequest], None]
) -> None:
    request, stage = approved(house.stage), house.stage

    def writing(attempt: Attempt) -> None:
        key_of(stage, attempt.plan.dataset)

        def during() -> Iterator[Line]:
            yield house.line()
            end(house, request)

        assert attempt.keep is not None
        attempt.keep(during())

    stage.steps[StepName.DEIDENTIFY].during = writing
    with pytest.raises(TunewardenError):
        advance(stage, request.id)
    assert house.told() == [AttributesDestroyed]
    assert house.rows(request) == 0


def test_rows_that_are_stored_when_the_dataset_is_retired_are_not_said_to_be_kept(house: House) -> None:
    request, stage = approved(house.stage), house.stage
    known = stage.platform.attributes
    assert known is not None

    class Slow:
        def keep(self, dataset: DatasetId, request_id: RequestId, lines: Iterable[Line]) -> Digest:
            table = known.keep(dataset, request_id, lines)
            retired(house, request)
            return table

        read = staticmethod(known.read)

    stage.platform = replace(stage.platform, attributes=Slow())
    with pytest.raises(Refused):
        advance(stage, request.id)
    assert house.told() == [AttributesDestroyed]
    assert house.rows(request) == 0


def test_a_step_whose_dataset_is_retired_meanwhile_reads_nothing_and_no_entry_says_so(house: House) -> None:
    request, stage = under_way(house, 2), house.stage

    def late(attempt: Attempt) -> None:
        retired(house, request)
        house.look(attempt)

    stage.steps[StepName.MEASURE].during = late
    with pytest.raises(Refused) as refused:
        advance(stage, request.id)
    assert refused.value.code == "dataset_retired"
    assert house.told() == [AttributesKept, AttributesDestroyed]


def test_readings_are_counted_on_where_the_entry_of_one_lost_its_body(house: House) -> None:
    stage = house.stage
    dataset = stage.dataset(epsilon="100")

    def thrice(attempt: Attempt) -> None:
        for _ in range(3):
            house.look(attempt)

    stage.steps[StepName.MEASURE].during = thrice
    measured_on(stage, dataset)
    with stage.platform.view() as view:
        first, *_ = [entry.index for entry in view.entries() if isinstance(entry.event, AttributesRead)]
    pruned(stage, [first])
    with stage.platform.work(WORKER.id) as work:
        assert attributes.reads_of(work, dataset.id) == 3
