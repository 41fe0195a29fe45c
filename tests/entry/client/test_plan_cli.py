"""`tunewarden plan`: files that explain themselves, what would come of them, and what they mean."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.entry.client.conftest import Desk

from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import BudgetReserved, RequestSubmitted
from tunewarden.entry.cli.client.plan import asked
from tunewarden.entry.cli.client.plan_file import OPEN, read, template


def test_a_fresh_plan_file_says_what_is_still_open_and_is_sent_nowhere(desk: Desk) -> None:
    path = desk.folder / "plan.toml"
    told = desk.run("ann", "plan", "new", path, "--model", "tiny")
    assert f"3 things still have to be said: replace {OPEN}" in told.stdout
    other = desk.folder / "other.toml"
    said = {"object": "plan.file", "file": str(other), "incomplete": 4}
    assert desk.json("ann", "plan", "new", other) == said
    error = desk.refused("ann", "plan", "validate", path, code=2)
    assert error["code"] == "plan_incomplete"
    assert "dataset, privacy.epsilon, purpose" in error["message"]


def test_a_plan_file_is_never_written_over_another_file(desk: Desk) -> None:
    path = desk.folder / "plan.toml"
    path.write_text("mine")
    assert desk.refused("ann", "plan", "new", path, code=4)["code"] == "file_exists"
    assert path.read_text() == "mine"


def test_what_is_said_in_a_template_stays_one_value_of_toml() -> None:
    hostile = 'x"\nepsilon = "0.001"\n# \\'
    said = tomllib.loads(template({"model": hostile, "dataset": hostile, "purpose": "research", "epsilon": "1"}))
    assert (said["model"], said["dataset"], said["privacy"]["epsilon"]) == (hostile, hostile, "1")


def test_the_digest_that_validating_says_is_that_of_the_job(desk: Desk, plan_file: Path) -> None:
    before = len(desk.theatre.entries())
    found = desk.json("ann", "plan", "validate", plan_file)
    events = [one.event for one in desk.theatre.entries()[before:]]
    assert [one for one in events if isinstance(one, RequestSubmitted | BudgetReserved)] == []
    assert found["accepted"] is True
    job = desk.json("ann", "jobs", "create", plan_file, "--expect", found["digest"])
    assert job["governance"]["plan"] == found["digest"]
    told = desk.run("ann", "plan", "validate", plan_file)
    assert f"Next: tunewarden jobs create {plan_file} --expect {found['digest']}" in told.stdout


def test_a_plan_file_can_be_pinned_to_the_plan_that_it_is_now(desk: Desk, plan_file: Path) -> None:
    pinned = desk.folder / "pinned.json"
    found = desk.json("ann", "plan", "validate", plan_file, "--out", pinned)
    assert json.loads(pinned.read_text())["expected_plan"] == found["digest"]
    assert desk.json("ann", "jobs", "create", pinned)["governance"]["plan"] == found["digest"]


def test_where_no_plan_can_be_made_no_file_is_written(desk: Desk, plan_file: Path) -> None:
    plan_file.write_text(plan_file.read_text().replace('"tiny"', '"no-such-model"').replace('"default"', '"none"'))
    pinned = desk.folder / "pinned.json"
    assert not desk.json("ann", "plan", "validate", plan_file, "--out", pinned, code=1).get("digest")
    assert not pinned.exists()
    assert f"{pinned} is not written" in desk.run("ann", "plan", "validate", plan_file, "--out", pinned).stderr


def test_a_place_where_nothing_can_be_written_is_told_as_one(desk: Desk, plan_file: Path) -> None:
    for nowhere in (plan_file / "below" / "plan.toml", desk.folder / ("x" * 250 + ".toml")):
        assert desk.refused("ann", "plan", "new", nowhere, code=5)["code"] == "file_unwritable"
    assert desk.refused("ann", "plan", "explain", "x" * 300, code=2)["code"] == "id_malformed"
    nowhere = desk.folder / "none" / "picture.svg"
    assert desk.refused("ann", "plan", "explain", plan_file, "--svg", nowhere, code=5)["code"] == "file_unusable"


def test_everything_in_the_way_is_told_and_ends_with_one(desk: Desk, plan_file: Path) -> None:
    other = plan_file.read_text().replace('"research"', '"marketing"').replace('epsilon = "1"', 'epsilon = "99999999"')
    plan_file.write_text(other)
    result = desk.run("ann", "plan", "validate", plan_file)
    assert result.exit_code == 1
    assert "in the way: " in result.stdout
    assert "who can: " in result.stdout
    assert desk.json("ann", "plan", "validate", plan_file, code=1)["accepted"] is False


def test_a_misspelt_safeguard_is_refused(desk: Desk, plan_file: Path) -> None:
    plan_file.write_text("twinz = true\n" + plan_file.read_text())
    assert desk.refused("ann", "plan", "validate", plan_file, code=2)["status"] == 422


def test_a_plan_is_explained_from_its_file_and_from_its_job_alike(desk: Desk, plan_file: Path) -> None:
    from_file = desk.run("ann", "plan", "explain", plan_file, "--svg", desk.folder / "picture.svg")
    assert from_file.exit_code == 0, from_file.output
    assert "Epsilon 1 at delta" in from_file.stdout
    assert (desk.folder / "picture.svg").read_text().startswith("<svg")
    job = desk.json("ann", "jobs", "create", plan_file)
    of_job = desk.json("bob", "plan", "explain", job["id"])
    assert of_job["digest"] == job["governance"]["plan"]
    assert of_job["epsilon"] == "1"


def test_a_whole_body_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text('{"model": "tiny", "training_file": "ds-1", "governance": {"purpose": "research"}}')
    assert asked(path) == json.loads(path.read_text())
    path.write_text('{"model": "tiny"}')
    assert asked(path, "sha256:0") == {"plan": {"model": "tiny"}, "expected_plan": "sha256:0"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.toml", b"a = "),
        ("p.toml", b"\xff"),
        ("p.toml", b"a = 2026-01-01"),
        ("p.toml", b"a = inf"),
        ("p.toml", b"a = nan"),
        ("p.json", b"[]"),
        ("p.json", b'{"model": "m", "model": "other"}'),
        ("p.json", b'{"privacy": {"epsilon": "1", "epsilon": "9"}}'),
        ("p.json", b'{"a": "\\ud800"}'),
        ("p.json", b'{"\\udfff": "a"}'),
        ("p.json", b'{"a": NaN}'),
        ("p.json", b"[" * 100_000),
        ("p.json", b'{"a":' * 20 + b"1" + b"}" * 20),
        ("p.json", b" " * 1_100_000 + b"{}"),
    ],
)
def test_what_is_no_plan_file_is_refused_without_repeating_it(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Malformed) as no:
        read(path)
    assert no.value.code == "plan_file_malformed"
