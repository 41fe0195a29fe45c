"""Registering data: with conditions, once, and never a second time for a second budget."""

from dataclasses import replace
from io import BytesIO

import pytest
from tests.conftest import ANN, DANA, Stage, registration

from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import ActionRefused, DatasetRegistered, DatasetRetired, DatasetVersionAdded
from tunewarden.usecases import datasets, files


def test_a_dataset_its_version_and_its_end_are_in_the_log(stage: Stage) -> None:
    dataset = stage.dataset()
    datasets.retire(stage.platform, DANA, dataset.id)
    kinds = [type(entry.event) for entry in stage.entries()]
    assert [kind for kind in kinds if kind in {DatasetRegistered, DatasetVersionAdded, DatasetRetired}] == [
        DatasetRegistered,
        DatasetVersionAdded,
        DatasetRetired,
    ]


def test_the_same_records_cannot_get_a_second_budget_from_a_second_dataset(stage: Stage) -> None:
    first = stage.dataset()
    second, _ = datasets.register(stage.platform, DANA, registration())
    again, _ = files.upload(stage.platform, DANA, filename="b.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    with pytest.raises(Refused, match=first.id) as refused:
        datasets.add_version(stage.platform, DANA, second.id, again.id)
    assert (refused.value.code, refused.value.who) == ("already_registered", "privacy-officer")
    last = stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert (last.code, last.resource) == ("already_registered", second.id)


def test_the_same_records_again_in_the_same_dataset_change_nothing(stage: Stage) -> None:
    dataset = stage.dataset()
    again, _ = files.upload(stage.platform, DANA, filename="b.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    after, _ = datasets.add_version(stage.platform, DANA, dataset.id, again.id)
    assert [version.digest for version in after.versions] == [version.digest for version in dataset.versions]


def test_only_a_steward_registers(stage: Stage) -> None:
    with pytest.raises(Refused):
        datasets.register(stage.platform, ANN, registration())
    assert datasets.listed(stage.platform, DANA) == []


def test_a_date_that_has_passed_is_no_retention(stage: Stage) -> None:
    stage.clock.now = stage.clock.now.replace(year=2028)
    with pytest.raises(Refused, match="has passed"):
        datasets.register(stage.platform, DANA, registration())


def test_a_retired_dataset_takes_no_more_records(stage: Stage) -> None:
    dataset = stage.dataset()
    datasets.retire(stage.platform, DANA, dataset.id)
    more, _ = files.upload(stage.platform, DANA, filename="b.csv", purpose="fine-tune", content=BytesIO(b"more"))
    with pytest.raises(Refused, match="retired"):
        datasets.add_version(stage.platform, DANA, dataset.id, more.id)


@pytest.mark.parametrize("held_out", list(HeldOut))
def test_what_may_leave_about_held_out_persons_is_in_the_log(stage: Stage, held_out: HeldOut) -> None:
    dataset, _ = datasets.register(stage.platform, DANA, replace(registration(), held_out=held_out))
    assert dataset.held_out is held_out
    event = stage.entries()[-1].event
    assert isinstance(event, DatasetRegistered)
    assert event.held_out is held_out


@pytest.mark.parametrize("person", ["patient", None])
def test_training_and_figures_cost_different_persons_only_where_a_column_names_them(
    stage: Stage, person: str | None
) -> None:
    asked = registration()
    dataset, _ = datasets.register(stage.platform, DANA, replace(asked, columns=replace(asked.columns, person=person)))
    with stage.platform.view() as view:
        assert view.ledgers.get(dataset.id).apart is (person is not None)
