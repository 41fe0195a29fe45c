"""Models of learning curves are gone once their request has ended, however it did."""

import os
from pathlib import Path

import pytest
from tests.conftest import ANN, Stage
from tests.usecases.test_requests import ask

from tunewarden.entry.leftovers import remove_ended
from tunewarden.steps.train.places import requests_with_parts
from tunewarden.usecases import requests


def left(scratch: Path, request: str) -> Path:
    """Something that a training left of a part."""
    folder = scratch / "curves" / request / "0.5"
    folder.mkdir(parents=True)
    (folder / "checkpoint.safetensors").write_bytes(b"weights")
    return folder


def test_what_a_request_under_way_left_stays_and_goes_when_it_has_ended(stage: Stage, tmp_path: Path) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    place = left(tmp_path, request.id)
    remove_ended(tmp_path, stage.platform)
    assert place.exists()
    requests.cancel(stage.platform, ANN, request.id)
    remove_ended(tmp_path, stage.platform)
    assert requests_with_parts(tmp_path) == []
    remove_ended(tmp_path, stage.platform)


def test_what_belongs_to_no_request_that_is_known_goes(stage: Stage, tmp_path: Path) -> None:
    left(tmp_path, "ftjob-of-another-database")
    remove_ended(tmp_path, stage.platform)
    assert requests_with_parts(tmp_path) == []


def test_a_scratch_folder_without_curves_or_that_is_not_there_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "ftjob-1" / "checkpoint.safetensors"
    other.parent.mkdir()
    other.write_bytes(b"weights")
    remove_ended(tmp_path, stage.platform)
    remove_ended(tmp_path / "nowhere", stage.platform)
    assert other.exists()


def test_what_is_no_folder_is_nothing_that_a_training_left(stage: Stage, tmp_path: Path) -> None:
    """Nor is a link that leads elsewhere."""
    elsewhere = left(tmp_path / "elsewhere", "ftjob-1")
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "notes").write_bytes(b"")
    (tmp_path / "curves" / "ftjob-2").symlink_to(elsewhere)
    assert requests_with_parts(tmp_path) == []
    remove_ended(tmp_path, stage.platform)
    assert elsewhere.exists()


@pytest.mark.parametrize("fails", ["listdir", "rmdir"])
def test_what_the_file_system_refuses_stops_nothing_and_is_tried_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    left(tmp_path, "ftjob-of-another-database")
    with monkeypatch.context() as broken:
        broken.setattr(os, fails, refuse)
        remove_ended(tmp_path, stage.platform)
    assert requests_with_parts(tmp_path) == ["ftjob-of-another-database"]
    remove_ended(tmp_path, stage.platform)
    assert requests_with_parts(tmp_path) == []
