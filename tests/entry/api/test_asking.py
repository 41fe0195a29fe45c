"""What is asked for may stand in three places of a body; wherever it stands it is the same, and never two things."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest
from tunewarden.entry.api.asking import ask_of, asked, gathered, plan_file
from tunewarden.entry.api.job_schemas import JobIn

WHOLE: dict[str, Any] = {
    "model": "tiny",
    "training_file": "file-1",
    "dataset": "ds-1",
    "purpose": "research",
    "privacy": {"epsilon": "3.0", "delta": "0.00001", "canaries": 2},
    "protected_attributes": ["sex", "age"],
    "deidentification_profile": "strict",
    "task": "classification",
    "fairness": {"tolerances": {"accuracy": "0.05"}},
    "mitigation": {"weights": ["1", "0.5"], "swaps": ["sex"]},
    "twins": True,
    "learning_curve": ["0.5"],
    "hyperparameters": {"n_epochs": 3, "batch_size": 8},
    "suffix": "burns",
    "metadata": {"team": "1.0"},
    "expected_plan": "sha256:" + "a" * 64,
}
OUTERMOST = {"model", "training_file", "hyperparameters", "suffix", "metadata", "expected_plan"}
ELSE: dict[str, Any] = {
    "model": "large",
    "training_file": "file-2",
    "dataset": "ds-2",
    "purpose": "care-quality",
    "protected_attributes": ["sex"],
    "deidentification_profile": "default",
    "task": "completion",
    "fairness": {"tolerances": {"accuracy": "0.06"}},
    "mitigation": {"weights": ["1", "0.4"], "swaps": ["sex"]},
    "twins": False,
    "learning_curve": ["0.25", "0.5"],
    "suffix": "scalds",
    "metadata": {"team": "1"},
    "expected_plan": "sha256:" + "b" * 64,
}


def read(body: dict[str, Any]) -> JobIn:
    return JobIn.model_validate_json(json.dumps(body))


@st.composite
def spread(draw: st.DrawFn) -> dict[str, Any]:
    """`WHOLE`, each member of it in one place at least, or in several."""
    body: dict[str, Any] = {"governance": {}, "plan": {}}
    for name, value in WHOLE.items():
        places = [body, body["plan"], *([] if name in OUTERMOST else [body["governance"]])]
        for place in draw(st.lists(st.sampled_from(range(len(places))), min_size=1, unique=True)):
            places[place][name] = value
    if draw(st.booleans()):  # parts of one object may stand apart, and numbers be written in other ways
        body["privacy"], body["plan"]["privacy"] = {"epsilon": 3}, {"delta": 1e-05, "canaries": 2}
        body["governance"]["privacy"] = {"epsilon": "3", "delta": "0.00001"}
    return {name: value for name, value in body.items() if value != {}}


@given(body=spread())
def test_wherever_it_stands_it_is_the_same_question(body: dict[str, Any]) -> None:
    one, whole = asked(read(body)), asked(read(WHOLE))
    assert (one.dataset, one.protected, one.expected) == ("ds-1", {"sex", "age"}, WHOLE["expected_plan"])
    assert one == whole


@given(name=st.sampled_from(sorted(ELSE)), places=st.permutations(["", "plan", "governance"]))
def test_what_is_said_twice_and_differs_is_refused_by_name_without_its_value(name: str, places: list[str]) -> None:
    here, there = [place for place in places if place != "governance" or name not in OUTERMOST][:2]
    body: dict[str, Any] = {**WHOLE, "plan": {}, "governance": {}}
    del body[name]
    for place, said in ((here, WHOLE), (there, ELSE)):
        (body[place] if place else body)[name] = said[name]
    with pytest.raises(Malformed) as refused:
        asked(read(body))
    assert (refused.value.code, refused.value.param) == ("parameters_differ", name)
    text = str(ELSE[name])
    assert len(text) < 5 or text not in str(refused.value)


def test_members_of_one_object_differ_by_their_own_name() -> None:
    for other in ({"epsilon": 4}, {"delta": "0.0001"}, {"canaries": 3}):
        with pytest.raises(Malformed) as refused:
            asked(read({**WHOLE, "governance": {"privacy": other}}))
        assert refused.value.param == f"privacy.{next(iter(other))}"


@pytest.mark.parametrize(
    ("name", "param"),
    [
        ("model", "model"),
        ("purpose", "governance.purpose"),
        ("privacy", "governance.privacy.epsilon"),
    ],
)
def test_what_nobody_can_guess_has_to_be_said_somewhere(name: str, param: str) -> None:
    body = {key: value for key, value in WHOLE.items() if key != name}
    with pytest.raises(Malformed) as refused:
        asked(read(body))
    assert (refused.value.code, refused.value.param) == ("invalid_request", param)
    assert asked(read({**body, "plan": {name: WHOLE[name]}})) == asked(read(WHOLE))


def test_a_dataset_is_its_own_training_file_and_one_of_them_is_needed() -> None:
    body = {key: value for key, value in WHOLE.items() if key not in {"training_file", "dataset"}}
    assert asked(read({**body, "dataset": "ds-1"})).training_file == "ds-1"
    with pytest.raises(Malformed) as refused:
        asked(read(body))
    assert refused.value.param == "training_file"


@given(body=spread(), as_plan=st.booleans())
def test_a_plan_file_asks_the_same_and_for_no_other_plan(body: dict[str, Any], as_plan: bool) -> None:
    digest = Digest("sha256:" + "c" * 64)
    file = plan_file(gathered(read(body)), digest)
    again = gathered(read({"plan": file} if as_plan else file))
    assert json.loads(json.dumps(file)) == file
    assert ask_of(again) == replace(asked(read(WHOLE)), expected=digest)
