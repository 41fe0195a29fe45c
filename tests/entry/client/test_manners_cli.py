"""What holds for every command of the client: exit codes, JSON alone on the output, help, and plain text."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, strategies as st
from tests.conftest import ROOT
from tests.entry.client.conftest import Desk
from typer.testing import CliRunner

from tunewarden.domain.errors import Conflict, Corrupted, Malformed, NotFound, Refused, TunewardenError, Unavailable
from tunewarden.entry.api.errors import STATUS
from tunewarden.entry.cli import app, is_for_programs
from tunewarden.entry.cli.client import completing
from tunewarden.entry.cli.client.output import day_of, left_shown, short, spent_shown
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.exits import MEANINGS, TABLE, Exit, exit_of, exit_of_status
from tunewarden.entry.sealer import REFUSED

GROUPS = ("plan", "jobs", "promotions", "audit", "keys", "projects", "emergency", "evidence", "gates", "budgets")
ON_FILES = {"data check", *(f"policy {name}" for name in ("check", "diff", "explain"))}
"""Commands of the client's groups that ask no API."""
ALONE = ("login", "logout", "whoami", "approvals", "approve", "endorse", "reject", "promote", "lineage")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the client."""
    root: Any = typer.main.get_command(app)
    for name in ALONE:
        yield name, root.commands[name]
    for group in (*GROUPS, "data", "models", "policy"):
        for name, command in leaves(root.commands[group], group):
            if name not in ON_FILES:
                yield name, command


def test_every_command_speaks_json_and_says_what_it_does() -> None:
    for name, command in commands():
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, name
        assert command.help, name


def test_the_commands_beside_the_client_speak_json_too() -> None:
    root: Any = typer.main.get_command(app)
    groups = ("operator", "policy", "privacy", "log", "master-keys")
    found = {name: one for group in groups for name, one in leaves(root.commands[group], group)}
    assert {"operator policy grant", "log sinks", "log hold list", "policy diff"} <= found.keys()
    mute = {name for name, one in found.items() if not any("--json" in parameter.opts for parameter in one.params)}
    assert mute == set()


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below one that does something, with its words."""
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield name, command
    for word, one in inner.items():
        yield from leaves(one, f"{name} {word}")


@pytest.mark.parametrize(
    ("line", "is_asked"),
    [
        ("master-keys status --json", True),
        ("operator keys revoke prn-1 --json", True),
        ("log sinks --json", True),
        ("log sinks test siem --json", True),
        ("master-keys status", False),
        ("data check notes.csv --json REPORT.json", False),
        ("", False),
    ],
)
def test_an_error_is_json_where_json_was_asked_for_and_not_a_file_of_it(line: str, is_asked: bool) -> None:
    assert is_for_programs(line.split()) is is_asked


def test_an_error_on_the_platforms_machine_is_one_document_too(desk: Desk) -> None:
    program = Path(sys.executable).with_name("tunewarden")
    said = {**os.environ, "TUNEWARDEN_HOME": str(desk.theatre.settings.home)}
    command = [program, "operator", "keys", "revoke", "prn-" + "0" * 32]
    told = subprocess.run([*command, "--json"], env=said, capture_output=True, text=True, check=False)
    error = json.loads(told.stderr)["error"]
    assert (told.returncode, told.stdout, error["code"]) == (3, "", "principal_not_found")


def test_what_can_be_asked_of_a_person_can_be_answered_by_a_script() -> None:
    asking = {
        "approve",
        "endorse",
        "reject",
        "jobs cancel",
        "keys revoke",
        "models retire",
        "policy activate",
        "projects archive",
        "promotions approve",
        "promotions override",
    }
    found = {name for name, command in commands() if any("--yes" in parameter.opts for parameter in command.params)}
    assert found == asking


def test_an_error_has_the_same_exit_code_from_here_and_from_there() -> None:
    for kind in (Malformed, Refused, NotFound, Conflict, Unavailable, Corrupted):
        error: TunewardenError = kind("code", "Reason.")
        assert exit_of(error) is exit_of_status(STATUS[kind]), kind
    assert exit_of_status(401) is Exit.NOT_LOGGED_IN
    assert exit_of_status(429) is Exit.UNAVAILABLE
    assert exit_of_status(418) is Exit.REFUSED


def test_one_number_has_one_meaning_for_the_sealer_too() -> None:
    assert Exit(REFUSED) is Exit.UNSIGNED
    every = (Malformed, Refused, NotFound, Conflict, Unavailable, Corrupted)
    assert REFUSED not in {exit_of(kind("code", "Reason.")) for kind in every}
    assert REFUSED not in {exit_of_status(status) for status in range(300, 600)}


def test_every_exit_code_is_explained_in_the_help() -> None:
    assert MEANINGS.keys() == set(Exit)
    told = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert " ".join(TABLE.split()) in told


def test_the_readme_has_every_exit_code() -> None:
    table = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {int(code): means.replace("`", "") for code, means in table} == {
        int(code): means for code, means in MEANINGS.items()
    }


def test_every_command_line_of_the_readme_is_one_that_there_is() -> None:
    root: Any = typer.main.get_command(app)
    told = re.findall(r"^tunewarden (.+?)(?:  +#.*)?$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(told) > 20
    for line in told:
        words, command = shlex.split(line), root
        while words[0] in {option for parameter in root.params for option in parameter.opts}:
            words = words[2:]
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert not getattr(command, "commands", None), line
        assert {word for word in words if word.startswith("--")} <= options, line


def test_exit_codes_of_real_answers(desk: Desk) -> None:
    job = desk.props.job()["id"]
    assert desk.run("ann", "jobs", "show", job).exit_code == 0
    assert desk.run("ann", "approve", job, "--yes").exit_code == 1
    assert desk.run("ann", "jobs", "show").exit_code == 2
    assert desk.run("ann", "jobs", "create", desk.folder / "none.toml").exit_code == 3
    assert desk.run("bob", "approve", job, "--yes", "--digest", "sha256:" + "1" * 64).exit_code == 4
    assert desk.run("ann", "jobs", "show", job, TUNEWARDEN_API_KEY="tw-" + "x" * 43).exit_code == 8


def test_a_refusal_tells_people_what_to_do_and_who_can(desk: Desk) -> None:
    job = desk.props.job()["id"]
    told = desk.run("ann", "approve", job, "--yes")
    assert told.stdout == ""
    assert re.search(r"^  who can: approver$", told.stderr, re.MULTILINE)
    assert re.search(r"^  request: req_[0-9a-f]{24}$", told.stderr, re.MULTILINE)
    assert desk.theatre.tokens["ann"] not in told.output


def test_job_ids_are_completed_for_who_is_logged_in_and_for_nobody_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.props.job()["id"]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(desk.folder))
    monkeypatch.setenv("TUNEWARDEN_API_URL", desk.server.address)
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ann"])
    assert (made, "queued") in completing.job_ids("ftjob-")
    assert completing.job_ids(made) == [(made, "queued")]
    assert completing.job_ids("x") == []
    dataset = desk.props.kept["dataset"]
    assert dataset in [found for found, _ in completing.dataset_ids("ds-")]
    monkeypatch.setenv("TUNEWARDEN_API_KEY", "tw-" + "x" * 43)
    assert completing.job_ids("") == []
    monkeypatch.setenv("TUNEWARDEN_API_URL", "http://127.0.0.1:9")
    assert completing.job_ids("") == []
    monkeypatch.delenv("TUNEWARDEN_API_URL")
    monkeypatch.delenv("TUNEWARDEN_API_KEY")
    assert completing.model_ids("") == []


def test_a_shell_completes_ids(desk: Desk) -> None:
    made = desk.props.job()["id"]
    said = {
        "_TUNEWARDEN_COMPLETE": "complete_bash",
        "COMP_WORDS": f"tunewarden jobs show {made[:8]}",
        "COMP_CWORD": "3",
        "XDG_CONFIG_HOME": str(desk.folder),
        "TUNEWARDEN_API_URL": desk.server.address,
        "TUNEWARDEN_API_KEY": desk.theatre.tokens["ann"],
    }
    program = Path(sys.executable).with_name("tunewarden")
    done = subprocess.run([program], env={**os.environ, **said}, capture_output=True, text=True, check=False)
    assert made in done.stdout.splitlines(), done.stderr
    said["TUNEWARDEN_API_KEY"] = "tw-" + "x" * 43
    none = subprocess.run([program], env={**os.environ, **said}, capture_output=True, text=True, check=False)
    assert (none.stdout.strip(), none.stderr) == ("", "")


@given(st.text())
def test_plain_text_has_nothing_that_is_not_shown(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert not any(unshown in shown for unshown in "\u202e\u2066\u200b\x9b\x07\r\u2028")
    assert plain(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_plain_text_leaves_alone_what_is_shown(text: str) -> None:
    assert plain(text) == text


def test_figures_for_people() -> None:
    assert [spent_shown(one) for one in ("0.05263157894736842105263157895", "1", "2.50", "0.00000001", "NaN", "x")] == [
        "0.0527",
        "1",
        "2.5",
        "0.0001",
        "NaN",
        "x",
    ]
    assert [left_shown(one) for one in ("0.99999999", "0.00001", "")] == ["0.9999", "0", ""]
    assert day_of(1_700_000_000) == "2023-11-14 22:13Z"
    assert [day_of(one) for one in (None, "x", -1, 10**18)] == [""] * 4
    assert short("sha256:" + "ab" * 32) == "sha256:abababababab"
    assert short(None) == ""
