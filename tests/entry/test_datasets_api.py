"""Datasets over HTTP: what is learnt, from whose rows, and which task a plan may then be for."""

from typing import Any

import openai
import pytest
from tests.entry.conftest import Served
from tests.entry.test_api import DATASET, create, register


def test_a_dataset_of_completions_with_several_persons_a_row_says_so(served: Served) -> None:
    columns = {"text": "asked", "completion": "answered", "person": "who", "separator": ";"}
    dana = served.client("dana")
    dataset: Any = dana.post("/datasets", cast_to=object, body={**DATASET, "columns": columns})
    said = dana.get(f"/datasets/{dataset['id']}", cast_to=object)["columns"]  # type: ignore[index]
    assert {name: said[name] for name in ("text", "completion", "label", "separator")} == {
        "text": "asked",
        "completion": "answered",
        "label": None,
        "separator": ";",
    }
    file = dana.files.create(file=("pairs.csv", b"pairs"), purpose="fine-tune")
    added: Any = dana.post(f"/datasets/{dataset['id']}/versions", cast_to=object, body={"file_id": file.id})
    assert added["versions"][0]["shared_rows"] == 0
    job: Any = create(served, dataset["id"], task="completion")
    assert job.governance["task"] == "completion"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"text": "a", "person": None}, "label_or_completion"),
        ({"text": "a", "label": "b", "completion": "c", "person": None}, "label_or_completion"),
        ({"text": "a", "label": "b", "person": None, "separator": ";"}, "separator_without_person"),
        ({"text": "a", "label": "b", "person": "who", "separator": "x"}, "separator_malformed"),
        ({"text": "a", "label": "b", "person": "who", "separator": ""}, "separator_malformed"),
    ],
)
def test_columns_that_contradict_each_other_are_unprocessable(served: Served, columns: Any, code: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        served.client("dana").post("/datasets", cast_to=object, body={**DATASET, "columns": columns})
    assert refused.value.code == code


def test_a_task_is_one_of_two_words_and_that_of_the_dataset(served: Served) -> None:
    dataset = register(served)
    for task in ("translation", "completion"):
        with pytest.raises(openai.UnprocessableEntityError):
            create(served, dataset, task=task)
    job: Any = create(served, dataset, task="classification")
    assert job.governance["task"] == "classification"
