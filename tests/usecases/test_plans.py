"""What a plan takes from the dataset and the base model: the task, the layers, and whose rows are whose."""

from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
from dp_accounting.rdp import RdpAccountant
from tests.conftest import ANN, DANA, Stage, few_records, registration
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.allowed import BaseFit
from tunewarden.domain.datasets import Columns, Dataset
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Recipe, Task
from tunewarden.drivers import accounting
from tunewarden.usecases import datasets, files, requests
from tunewarden.usecases.ports import Blobs, Ingested

COMPLETIONS = Columns(text="asked", label=None, person="patient", completion="answered")
ENCODER, LLAMA = BaseFit(tasks={Task.CLASSIFICATION}), BaseFit(tasks={Task.COMPLETION}, lora_targets=("q_proj",))


def dataset_of(stage: Stage, columns: Columns, shared_rows: int = 0) -> Dataset:
    """One hundred persons with as many rows, of which so many have two owners."""

    def ingest(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        made = few_records(blobs, digest, filename, columns)
        return replace(made, shared_rows=shared_rows, labels=made.labels if columns.label else ())

    platform = replace(stage.platform, ingest=ingest)
    registered, _ = datasets.register(platform, DANA, replace(registration(), columns=columns))
    stored, _ = files.upload(
        platform, DANA, filename="a.csv", purpose="fine-tune", content=BytesIO(b"some%d" % shared_rows)
    )
    return datasets.add_version(platform, DANA, registered.id, stored.id)[0]


@pytest.mark.parametrize("asked", [None, Task.COMPLETION])
def test_a_dataset_of_completions_is_planned_as_one_with_the_layers_of_its_base_model(
    stage: Stage, asked: Task | None
) -> None:
    stage.policies.fit = replace(LLAMA, max_tokens=128, lower_case=False)
    request, _ = requests.submit(stage.platform, ANN, ask(dataset_of(stage, COMPLETIONS), task=asked))
    recipe = request.plan.recipe
    assert (recipe.task, recipe.lora_targets) == (Task.COMPLETION, ("q_proj",))
    assert (recipe.max_tokens, recipe.lower_case) == (128, False)


def test_a_plan_for_an_encoder_is_the_one_it_always_was(stage: Stage) -> None:
    stage.policies.fit = ENCODER
    dataset = stage.dataset()
    recipe = requests.submit(stage.platform, ANN, ask(dataset))[0].plan.recipe
    assert recipe == Recipe(expected_units=recipe.expected_units, canaries=recipe.canaries)


@pytest.mark.parametrize("asked", list(Task))
def test_another_task_than_the_columns_are_for_is_refused_with_the_one_they_are_for(stage: Stage, asked: Task) -> None:
    columns = registration().columns if asked is Task.COMPLETION else COMPLETIONS
    with pytest.raises(Malformed) as refused:
        requests.submit(stage.platform, ANN, ask(dataset_of(stage, columns), task=asked))
    assert (refused.value.code, refused.value.param) == ("task_not_of_dataset", "governance.task")
    assert refusals(stage)[-1].code == "task_not_of_dataset"


@pytest.mark.parametrize("fit", [ENCODER, LLAMA])
def test_a_base_model_that_cannot_learn_the_task_is_refused_before_anything_is_promised(
    stage: Stage, fit: BaseFit
) -> None:
    stage.policies.fit = fit
    dataset = dataset_of(stage, COMPLETIONS if fit is ENCODER else registration().columns)
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset))
    assert (refused.value.code, refused.value.who) == ("task_not_for_base_model", "administrator")
    assert refusals(stage)[-1].code == "task_not_for_base_model"
    assert datasets.budget(stage.platform, DANA, dataset.id).left == 10


def test_where_the_person_is_the_unit_shared_rows_are_refused_with_the_way_that_is_left(stage: Stage) -> None:
    stage.policies.allowed = replace(stage.policies.allowed, units=set(PrivacyUnit))
    dataset = dataset_of(stage, registration().columns, shared_rows=1)
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset))
    assert (refused.value.code, refused.value.param) == ("rows_of_several_persons", "governance.privacy.unit")
    assert "'record'" in refused.value.remedy
    assert refusals(stage)[-1].code == "rows_of_several_persons"
    request, _ = requests.submit(stage.platform, ANN, ask(dataset, unit=PrivacyUnit.RECORD, rows_per_person=3))
    assert request.plan.mechanism.contributions == 3


def test_epsilon_of_shared_rows_is_that_of_a_person_with_all_the_rows_that_may_be_theirs(stage: Stage) -> None:
    """Where everybody is in every update, k rows of a person are one Gaussian of k times the sensitivity."""
    stage.policies.allowed = replace(stage.policies.allowed, units={PrivacyUnit.RECORD})
    platform = replace(stage.platform, accountant=accounting.epsilon, calibrate=accounting.calibrate)
    dataset = dataset_of(stage, registration().columns, shared_rows=20)
    asked = ask(dataset, unit=PrivacyUnit.RECORD, rows_per_person=4, expected_units=76)
    mechanism = requests.submit(platform, ANN, asked)[0].plan.mechanism
    assert (mechanism.sampling_rate, mechanism.contributions) == (1, 4)
    by_hand = RdpAccountant()
    by_hand.compose(SelfComposedDpEvent(GaussianDpEvent(float(mechanism.noise_multiplier) / 4), mechanism.updates))
    found = by_hand.get_epsilon(float(dataset.budget.delta))
    assert 7.9 < found <= 8.0001
    assert accounting.epsilon([mechanism], dataset.budget.delta) <= Decimal(8)


def test_fewer_units_are_expected_where_rows_are_shared_because_some_are_held_out_with_somebody(stage: Stage) -> None:
    stage.policies.allowed = replace(stage.policies.allowed, units={PrivacyUnit.RECORD})
    for shared, most in ((0, 80), (100, 64)):
        dataset = dataset_of(stage, replace(registration().columns, separator=";"), shared_rows=shared)
        asked = ask(dataset, unit=PrivacyUnit.RECORD, epsilon=Decimal(1), rows_per_person=2)
        requests.submit(stage.platform, ANN, replace(asked, expected_units=most))
        with pytest.raises(Refused, match="are there to train on"):
            requests.submit(stage.platform, ANN, replace(asked, expected_units=most + 1))
