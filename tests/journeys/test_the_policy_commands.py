"""`tunewarden operator policy ...`: on the platform's machine, each as the owner of a key."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from tests.conftest import POLICIES
from tests.journeys.theatre import Theatre, in_folder
from typer.testing import CliRunner

from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.entry.cli import app


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    monkeypatch.setenv("TUNEWARDEN_HOME", str(made.settings.home))
    yield made
    made.close()


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped policy and one line more."""
    folder = Path(copytree(POLICIES / "access", tmp_path / "access"))
    with (folder / "policy.csv").open("a") as file:
        file.write("reviewer,read-model,model,always,allow\n")
    return folder


def run(theatre: Theatre, who: str, *arguments: str, of: str = "operator policy") -> str:
    """What the command prints with that person's key; raises what it raises."""
    key = theatre.settings.home / f"{who}.key"
    key.write_text(theatre.tokens[who])
    key.chmod(0o600)
    done = CliRunner().invoke(app, (*of.split(), *arguments, "--key-file", str(key)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_policy_goes_its_way_on_the_command_line(theatre: Theatre, changed: Path) -> None:
    folder = ("--folder", str(changed))
    seen = run(theatre, "otto", "simulate", *folder)
    assert "reviewer gains read-model, for example: of a model, own" in seen
    assert re.search(r"since .*: 0 of \d+ refusals would be allowed, 0 of \d+ deeds refused", seen)
    assert json.loads(run(theatre, "pia", "simulate", *folder, "--json"))["rules"] > 60
    told = run(theatre, "ada", "propose", *folder)
    (line,) = re.findall(r"policy activate (\S+) --digest (\S+) --report (\S+)", told)
    identifier, digest, report = line
    with pytest.raises(Refused):
        run(theatre, "ada", "activate", identifier, "--digest", digest, "--report", report)
    assert "in force" in run(theatre, "pia", "activate", identifier, "--digest", digest, "--report", report)
    first, second = (json.loads(one) for one in run(theatre, "otto", "history", "--json").splitlines())
    assert (first["state"], second["state"], second["proposed_by"]) == ("superseded", "active", "prn-ada")
    told = run(theatre, "otto", "history")
    assert second["proposed_at"] in told
    assert second["activated_at"] in told
    back = run(theatre, "ada", "rollback", first["id"])
    assert "reviewer loses read-model" in back
    assert f"--digest {first['digest']}" in back


def test_roles_are_granted_and_taken_back_on_the_command_line(theatre: Theatre) -> None:
    granted = json.loads(run(theatre, "ada", "grant", "prn-dana", "reviewer", "--json"))
    assert (granted["done"], granted["receipt"]["index"]) == ("granted", len(theatre.entries()) - 1)
    assert "taken back" in run(theatre, "ada", "revoke", "prn-dana", "reviewer")
    row = run(theatre, "pia", "grants").splitlines()[1].split()
    assert [*row[:4], row[5]] == ["prn-dana", "reviewer", "*", "prn-ada", "prn-ada"]
    assert row[4] < row[6], "when it was granted, and when it was taken back"
    (one,) = run(theatre, "pia", "grants", "--json").splitlines()
    assert json.loads(one)["revoked_by"] == "prn-ada"
    group = theatre.must("ada", "POST", "/v1/organization/groups", json={"name": "nurses"})["id"]
    assert "granted" in run(theatre, "ada", "grant", group, "reviewer")
    assert "taken back" in run(theatre, "ada", "revoke", group, "reviewer")
    kinds = [type(entry.event).__name__ for entry in theatre.entries()[-2:]]
    assert kinds == ["GroupRoleGranted", "GroupRoleRevoked"]


def test_projects_are_made_and_archived_and_keys_and_roles_are_of_one_on_the_command_line(theatre: Theatre) -> None:
    made = run(theatre, "ada", "create", "North\nclinic", of="operator projects")
    project = made.partition(":")[0]
    assert "granted" in run(theatre, "ada", "grant", "prn-dana", "reviewer", "--project", project)
    with pytest.raises(NotFound):
        run(theatre, "ada", "grant", "prn-dana", "reviewer", "--project", "proj-" + "f" * 32)
    done = CliRunner().invoke(
        app, ("operator", "keys", "create", "--role", "steward", "--project", project), catch_exceptions=False
    )
    token = done.stdout.split()[-1]
    assert theatre.client.get("/v1/datasets", headers={"authorization": f"Bearer {token}"}).json()["data"] == []
    assert "renamed" in run(theatre, "ada", "rename", project, "South", of="operator projects")
    assert "archived" in run(theatre, "ada", "archive", project, of="operator projects")
    (one,) = map(json.loads, run(theatre, "otto", "list", "--json", of="operator projects").splitlines())
    assert (one["state"], one["project"]["name"]) == ("archived", "South")
    assert "South" not in repr(theatre.entries())


def test_a_key_that_nobody_has_or_others_can_read_opens_nothing(theatre: Theatre, changed: Path) -> None:
    key = theatre.settings.home / "other.key"
    key.write_text("tw-" + "x" * 43)
    arguments = ("operator", "policy", "simulate", "--folder", str(changed), "--key-file", str(key))
    for mode, code in ((0o600, "key_unknown"), (0o644, "key_readable_by_others")):
        key.chmod(mode)
        with pytest.raises(Refused) as caught:
            CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert caught.value.code == code


def test_a_file_with_a_fault_is_not_proposed(theatre: Theatre, changed: Path) -> None:
    with (changed / "policy.csv").open("a") as file:
        file.write("anyone,read-model,model,always,allow\n")
    with pytest.raises(Malformed, match="line"):
        run(theatre, "ada", "propose", "--folder", str(changed))
