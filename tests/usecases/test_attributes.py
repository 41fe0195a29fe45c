"""Protected attributes: one step lays them apart, one reads them, each time in the log; they end with the request."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.conftest import ANN, BOB, DANA, MEMBERS, PIA, WORKER, Stage, measured
from tests.usecases.test_erasures import TENANT_KEY, erased, key_of, vault
from tests.usecases.test_jobs import advance, approved, events, finished
from tests.usecases.test_requests import ask

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.datasets import Columns, Dataset
from tunewarden.domain.errors import Conflict, Corrupted, IllegalTransition, Unavailable
from tunewarden.domain.events import DatasetRetired, RequestEnded, StepFailed
from tunewarden.domain.names import RequestId
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.drivers.attributes import SealedAttributes
from tunewarden.drivers.memory_attributes import MemoryAttributeRows
from tunewarden.usecases import attributes, datasets, requests, suspending
from tunewarden.usecases.attribute_doors import Line, Whose, table_key
from tunewarden.usecases.ports import Attempt

ABOUT = (AttributesKept, AttributesRead, AttributesDestroyed)
WHO = "Ada Lovelace, 1815-12-10"


@dataclass(slots=True)
class House:
    """A stage whose steps lay attributes apart and read them, and what they read."""

    stage: Stage
    person: str = ""
    read: list[Sequence[Mapping[str, str]]] = field(default_factory=list)

    def line(self) -> Line:
        return Line(whose=Whose(record=7, persons=(self.person,)), protected={"sex": "f"})

    def lay_apart(self, attempt: Attempt) -> None:
        assert attempt.keep is not None
        self.person = pseudonym(TENANT_KEY, attempt.plan.dataset, WHO)
        key_of(self.stage, attempt.plan.dataset)
        attempt.keep(iter([self.line()]))

    def look(self, attempt: Attempt) -> None:
        assert attempt.attributes is not None
        self.read.append(attempt.attributes([self.line().whose]))

    def told(self) -> list[type]:
        return [type(event) for event in events(self.stage, *ABOUT)]

    def rows(self, request: TrainingRequest) -> int:
        log = self.stage.platform.log
        rows = MemoryAttributeRows(log._state)  # type: ignore[attr-defined]
        return len(list(rows.all(request.plan.dataset, table_key(request.id))))


@pytest.fixture
def house(stage: Stage) -> House:
    known = vault(stage)
    rows = MemoryAttributeRows(stage.platform.log._state)  # type: ignore[attr-defined]
    stage.platform = replace(
        stage.platform,
        pseudonyms=lambda dataset, person: pseudonym(TENANT_KEY, dataset, person),
        attributes=SealedAttributes(rows, known),
    )
    made = House(stage)
    stage.steps[StepName.DEIDENTIFY].during = made.lay_apart
    stage.steps[StepName.MEASURE].during = made.look
    return made


def under_way(house: House, steps: int) -> TrainingRequest:
    request = approved(house.stage)
    for _ in range(steps):
        request = advance(house.stage, request.id)
    return request


def test_they_are_kept_read_once_and_destroyed_with_the_end_of_measuring(house: House) -> None:
    request = under_way(house, 2)
    assert house.rows(request) == 1
    request = advance(house.stage, request.id)
    assert request.state is State.MEASURED
    assert house.read == [[{"sex": "f"}]]
    kept, read, destroyed = events(house.stage, *ABOUT)
    assert isinstance(kept, AttributesKept)
    about = {"request": request.id, "dataset": request.plan.dataset, "version": request.plan.dataset_version}
    assert kept == AttributesKept(**about, attempt=1, table=kept.table)
    assert read == AttributesRead(**about, attempt=3, table=kept.table, reads=1)
    assert destroyed == AttributesDestroyed(request=request.id, dataset=request.plan.dataset)
    assert house.rows(request) == 0
    assert vault(house.stage).known(request.plan.dataset, [table_key(request.id)]) == {table_key(request.id): None}


def test_only_its_own_door_is_handed_to_a_step(house: House) -> None:
    finished(house.stage)
    doors = {
        name: (step.seen[0].keep is not None, step.seen[0].attributes is not None)
        for name, step in house.stage.steps.items()
    }
    assert doors == {
        StepName.DEIDENTIFY: (True, False),
        StepName.TRAIN: (False, False),
        StepName.MEASURE: (False, True),
    }


@pytest.mark.parametrize("step", list(StepName))
def test_a_door_that_was_kept_opens_in_no_other_step(house: House, step: StepName) -> None:
    """Whoever keeps the callable of an earlier attempt has nothing by it later."""
    request, stage = approved(house.stage), house.stage
    found: list[type[Exception]] = []

    def trying(attempt: Attempt) -> None:
        for name, door in (
            (StepName.DEIDENTIFY, lambda: attributes.keep(stage.platform, WORKER, request_of(attempt), [house.line()])),
            (StepName.MEASURE, lambda: attributes.read(stage.platform, WORKER, request_of(attempt), [])),
        ):
            if name is not step:
                with pytest.raises(IllegalTransition):
                    door()
                found.append(IllegalTransition)

    def request_of(attempt: Attempt) -> TrainingRequest:
        with stage.platform.view() as view:
            return view.requests.get(attempt.request)

    stage.steps[step].during = trying
    for name in StepName:
        advance(stage, request.id)
        if name is step:
            break
    assert found


def measured_on(stage: Stage, dataset: Dataset) -> RequestId:
    request, _ = requests.submit(stage.platform, ANN, ask(dataset))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        advance(stage, request.id)
    return request.id


def test_every_reading_of_a_datasets_attributes_is_counted_whichever_request_it_is_for(house: House) -> None:
    stage = house.stage
    dataset = stage.dataset(epsilon="100")
    first = measured_on(stage, dataset)

    def twice(attempt: Attempt) -> None:
        house.look(attempt)
        house.look(attempt)

    stage.steps[StepName.MEASURE].during = twice
    stage.steps[StepName.TRAIN].members = tuple(one[::-1] for one in MEMBERS)  # persons who have their budget still
    request = measured_on(stage, dataset)
    reads = [event for event in events(stage, AttributesRead) if isinstance(event, AttributesRead)]
    assert [(one.request, one.reads) for one in reads] == [(first, 1), (request, 2), (request, 3)]
    stage.steps[StepName.TRAIN].members = tuple(one[1:] + one[:1] for one in MEMBERS)
    other = finished(stage)
    assert [one.reads for one in events(stage, AttributesRead) if one.request == other.id] == [1, 2], "its own count"  # type: ignore[attr-defined]


def test_a_reading_is_in_the_log_even_where_nothing_comes_of_it(house: House) -> None:
    request = under_way(house, 2)
    house.person = "0" * 64
    with pytest.raises(Corrupted):
        advance(house.stage, request.id)
    assert house.told() == [AttributesKept, AttributesRead, AttributesDestroyed], "it ended, and they with it"


def withdrawn(house: House, request: TrainingRequest) -> None:
    requests.cancel(house.stage.platform, ANN, request.id)


def retired(house: House, request: TrainingRequest) -> None:
    datasets.retire(house.stage.platform, DANA, request.plan.dataset)


def person_erased(house: House, request: TrainingRequest) -> None:
    erased(house.stage, request.plan.dataset, WHO)


def corrupted(house: House, request: TrainingRequest) -> None:
    house.stage.steps[StepName.TRAIN].error = Corrupted("blob_corrupted", "x")
    with pytest.raises(Corrupted):
        advance(house.stage, request.id)


@pytest.mark.parametrize("end", [withdrawn, retired, person_erased, corrupted])
def test_however_a_request_ends_its_attributes_end_with_it(
    house: House, end: Callable[[House, TrainingRequest], None]
) -> None:
    request = under_way(house, 1)
    other = under_way(house, 1)
    end(house, request)
    assert house.told() == [AttributesKept, AttributesKept, AttributesDestroyed]
    assert (house.rows(request), house.rows(other)) == (0, 1)
    if end is not retired:
        last = events(house.stage, AttributesDestroyed, RequestEnded)[-2:]
        assert [type(one) for one in last] == [AttributesDestroyed, RequestEnded], "before it is over"


def test_a_retired_datasets_suspended_request_has_none_and_gets_none(house: House) -> None:
    request = under_way(house, 1)
    suspending.suspend(house.stage.platform, PIA, request.id)
    retired(house, request)
    assert house.told() == [AttributesKept, AttributesDestroyed]


def test_a_blocked_request_and_one_that_never_began(house: House) -> None:
    house.stage.steps[StepName.DEIDENTIFY].measurements = (measured("deid.planted_recall", "0.5"),)
    blocked = under_way(house, 1)
    assert blocked.state is State.BLOCKED
    assert house.told() == [AttributesKept, AttributesDestroyed]
    never = approved(house.stage)
    withdrawn(house, never)
    assert len(house.told()) == 2, "nothing was there, so nothing is said"
    assert vault(house.stage).known(never.plan.dataset, [table_key(never.id)]) == {}


def test_a_release_that_is_made_again_takes_the_place_of_the_one_before(house: House) -> None:
    request, stage = approved(house.stage), house.stage

    def twice(attempt: Attempt) -> None:
        house.lay_apart(attempt)
        if attempt.number == 1:
            raise Unavailable("disk_full", "x")

    stage.steps[StepName.DEIDENTIFY].during = twice
    with pytest.raises(Unavailable):
        advance(stage, request.id)
    for _ in StepName:
        advance(stage, request.id)
    assert house.told() == [AttributesKept, AttributesKept, AttributesRead, AttributesDestroyed]
    assert house.read == [[{"sex": "f"}]]


def test_none_are_kept_for_a_request_that_was_withdrawn_meanwhile(house: House) -> None:
    request, stage = approved(house.stage), house.stage

    def withdrawing(attempt: Attempt) -> None:
        withdrawn(house, request)
        house.lay_apart(attempt)

    stage.steps[StepName.DEIDENTIFY].during = withdrawing
    with pytest.raises((Conflict, IllegalTransition)):
        advance(stage, request.id)
    assert not events(stage, AttributesKept)
    assert house.rows(request) == 0


def test_an_attempt_that_was_overtaken_keeps_nothing(house: House) -> None:
    """Its lease was lost while it wrote; another attempt has begun, and only what that one writes counts."""
    request, stage = approved(house.stage), house.stage
    overtaken: list[Attempt] = []

    def slow(attempt: Attempt) -> None:
        if attempt.number == 1:
            overtaken.append(attempt)
            raise Unavailable("lease_lost", "x")
        key_of(stage, attempt.plan.dataset)
        keep = overtaken[0].keep
        assert keep is not None
        with pytest.raises(Conflict):
            keep([house.line()])
        house.lay_apart(attempt)

        def during() -> Iterator[Line]:
            requests.cancel(stage.platform, ANN, request.id)
            yield house.line()

        assert attempt.keep is not None
        attempt.keep(during())

    stage.steps[StepName.DEIDENTIFY].during = slow
    with pytest.raises(Unavailable):
        advance(stage, request.id)
    with pytest.raises((Conflict, IllegalTransition)):
        advance(stage, request.id)
    assert house.told() == [AttributesKept, AttributesDestroyed]
    assert house.rows(request) == 0


def test_a_writer_who_is_overtaken_while_writing_leaves_no_entry_and_the_other_ones_table_holds(house: House) -> None:
    request, stage = approved(house.stage), house.stage

    def overtaken(attempt: Attempt) -> None:
        stage.steps[StepName.DEIDENTIFY].during = house.lay_apart

        def during() -> Iterator[Line]:
            assert advance(stage, request.id).state is State.DEIDENTIFIED
            yield house.line()

        assert attempt.keep is not None
        attempt.keep(during())

    stage.steps[StepName.DEIDENTIFY].during = overtaken
    with pytest.raises(IllegalTransition):
        advance(stage, request.id)
    (kept,) = events(stage, AttributesKept)
    assert isinstance(kept, AttributesKept)
    assert kept.attempt == 2
    for _ in range(2):
        advance(stage, request.id)
    assert house.read == [[{"sex": "f"}]]


def test_a_table_that_somebody_changed_ends_the_request(house: House) -> None:
    request = under_way(house, 2)
    rows = MemoryAttributeRows(house.stage.platform.log._state)  # type: ignore[attr-defined]
    rows.replace(request.plan.dataset, table_key(request.id), [])
    with pytest.raises(Corrupted):
        advance(house.stage, request.id)
    (failed,) = events(house.stage, StepFailed)
    assert isinstance(failed, StepFailed)
    assert failed.code == "attributes_corrupted"


def test_a_dataset_without_protected_columns_has_none_and_no_entry(house: House) -> None:
    request, stage = approved(house.stage), house.stage
    with stage.platform.work(WORKER.id) as work:
        dataset = work.datasets.get(request.plan.dataset)
        work.datasets.put(replace(dataset, columns=Columns(text="note", label="burn", person="patient")))
        work.record(DatasetRetired(dataset=dataset.id))  # any entry
        work.commit()
    stage.steps[StepName.MEASURE].during = lambda _: None
    for _ in StepName:
        request = advance(stage, request.id)
    assert (request.state, house.told(), house.rows(request)) == (State.MEASURED, [], 0)


def test_a_process_without_the_keys_neither_keeps_nor_reads(house: House) -> None:
    request, stage = approved(house.stage), house.stage
    stage.platform = replace(stage.platform, attributes=None)
    with pytest.raises(Unavailable):
        advance(stage, request.id)
    assert not house.told()
