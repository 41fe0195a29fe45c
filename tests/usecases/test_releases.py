"""What is signed when a model version is registered, and that nothing is registered unsigned."""

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import ANN, Stage
from tests.usecases.test_jobs import advance, approved, events, finished

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import ModelRegistered, StepFailed, StepFinished
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import requests


def registered(stage: Stage) -> ModelRegistered:
    (event,) = events(stage, ModelRegistered)
    assert isinstance(event, ModelRegistered)
    return event


def statement(stage: Stage) -> dict[str, Any]:
    named = registered(stage).statement
    assert named is not None
    found = json.loads(b64decode(json.loads(stage.blobs.read(named))["payload"]))
    assert isinstance(found, dict)
    return found


def test_the_entry_names_the_three_documents_and_they_are_stored(stage: Stage) -> None:
    finished(stage)
    event = registered(stage)
    for digest in (event.signature, event.statement, event.release_key):
        assert digest is not None
        assert digest_bytes(stage.blobs.read(digest)) == digest


def test_the_statement_says_what_the_plan_and_the_log_say(stage: Stage) -> None:
    request = finished(stage)
    said = statement(stage)
    adapter = registered(stage).adapter.removeprefix("sha256:")
    assert said["subject"] == [{"name": "adapter.safetensors", "digest": {"sha256": adapter}}]
    definition = said["predicate"]["buildDefinition"]
    needed = {one["name"]: one["digest"]["sha256"] for one in definition["resolvedDependencies"]}
    assert needed["base-model/tiny"] == request.plan.base_model.digest.removeprefix("sha256:")
    assert needed[f"dataset-version/{request.plan.dataset}"] == request.plan.dataset_version.removeprefix("sha256:")
    assert needed["plan"] == request.plan.digest().removeprefix("sha256:")
    lineage = said["predicate"]["tunewarden_lineage"]
    assert (lineage["requested_by"], lineage["approved_by"]) == (request.requested_by, request.approved_by)
    logged = [event for event in events(stage, StepFinished) if isinstance(event, StepFinished)]
    assert [(step["step"], step["output"], step["evidence"], step["details"]) for step in lineage["steps"]] == [
        (event.step, event.output, event.evidence, event.details) for event in logged
    ]
    assert lineage["steps"][0]["given"] == request.plan.dataset_version
    assert lineage["steps"][1]["given"] == lineage["steps"][0]["output"]
    assert {step["produced_by"] for step in lineage["steps"]} == {stage.steps[StepName.TRAIN].identity}


def test_nothing_that_the_requester_typed_is_in_the_statement(stage: Stage) -> None:
    finished(stage)
    text = json.dumps(statement(stage))
    assert not [word for word in ("Emergency notes", "notes.csv", "emergency", "burn") if word in text]


def test_without_a_release_key_no_model_is_registered(stage: Stage) -> None:
    request = approved(stage)
    request = advance(stage, advance(stage, request.id).id)
    stage.platform = replace(stage.platform, release=None)
    with pytest.raises(Unavailable) as refused:
        advance(stage, request.id)
    assert (refused.value.code, refused.value.who) == ("release_key_missing", "administrator")
    assert events(stage, ModelRegistered) == []
    assert requests.get(stage.platform, ANN, request.id).state is State.TRAINED
    assert len(events(stage, StepFailed)) == 1


def test_a_step_that_is_repeated_after_signing_failed_registers_one_model(stage: Stage) -> None:
    held = stage.platform.release
    request = approved(stage)
    request = advance(stage, advance(stage, request.id).id)
    stage.platform = replace(stage.platform, release=None)
    with pytest.raises(Unavailable):
        advance(stage, request.id)
    stage.platform = replace(stage.platform, release=held)
    assert advance(stage, request.id).state is State.MEASURED
    assert registered(stage).signature is not None
