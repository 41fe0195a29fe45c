"""The pages of docs/ are programs: every block of them runs, in order, against a served platform.

The platform is a real one, on SQLite, behind a server on loopback; what `tunewarden serve` starts beside it, the worker
and the sealer, does not run, so a request is approved and never trained. The journeys and `make demo` go on from there.
"""

import contextlib
import io
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from tests.conftest import ROOT
from typer.testing import CliRunner

from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.api.app import create_app
from tunewarden.entry.cli import app as commands
from tunewarden.entry.running import running
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys

DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVED = "tunewarden serve"
"""What the fixture does in its place."""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a platform with nothing in it, whose home commands of the same test find."""
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path))
    settings = Settings()
    create_keys(settings)
    migrate(settings.database)
    platform = build(settings)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    application = create_app(platform, settings, running=running(settings, platform))
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()
    application.state.doors.close()


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each."""
    return _BLOCK.findall((DOCS / page).read_text())


def typed(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def keys_made(page: str) -> dict[str, str]:
    """Runs the page's commands: name of a person in capitals, as pages name the variable -> their key."""
    made = {}
    for language, block in blocks(page):
        for line in typed(block) if language == "console" else ():
            if line == SERVED:
                continue
            words = shlex.split(line)
            assert words[0] == "tunewarden", line
            result = CliRunner().invoke(commands, words[1:])
            assert result.exit_code == 0, result.output
            made[f"{words[-1].upper()}_KEY"] = result.output.split()[-1]
    return made


def run(page: str, names: dict[str, object] | None = None) -> tuple[dict[str, object], str]:
    """Runs the page's blocks of Python as one program: what they named, and what they printed."""
    names = names if names is not None else {}
    printed = io.StringIO()
    for number, (language, block) in enumerate(blocks(page)):
        if language == "python":
            with contextlib.redirect_stdout(printed):
                exec(compile(block, f"{page}, block {number}", "exec"), names)  # noqa: S102 the page is ours
    return names, printed.getvalue()


def test_the_quickstart_does_what_it_says(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the page for those who come from the OpenAI API, with its dataset and its people."""
    monkeypatch.setenv("TUNEWARDEN_URL", address)
    for name, key in keys_made("quickstart.md").items():
        monkeypatch.setenv(name, key)
    names, printed = run("quickstart.md")
    for said in (
        "120 rows of 120 persons",
        "accepted: True left of the budget afterwards:",
        "queued awaiting-approval entry of the log:",
        "access_denied - ",
        "approved",
        "RequestSubmitted",
        "paused",
        "cancelled",
    ):
        assert said in printed, printed
    dataset = names["dataset"]
    assert isinstance(dataset, dict)
    monkeypatch.setenv("DATASET", dataset["id"])
    _, printed = run("coming-from-openai.md")
    for said in (
        "processed",
        "file_not_in_a_dataset - ",
        "validation_file_not_used validation_file",
        "True\n",
    ):
        assert said in printed, printed


def test_every_block_is_of_a_kind_that_is_run() -> None:
    """Here; and what is YAML by the program that it is for, in tests/entry/api/test_litellm.py."""
    for page in DOCS.glob("*.md"):
        assert {language for language, _ in blocks(page.name)} <= {"python", "console", "yaml"}, page.name
        assert (page.read_text().count("```") // 2) == len(blocks(page.name)), page.name


def test_every_code_that_a_page_names_is_documented() -> None:
    from tunewarden.entry.codes import codes

    for page in DOCS.glob("*.md"):
        named = re.findall(r"`(?:[45]\d\d )?([a-z]+(?:_[a-z]+)+)`", page.read_text())
        for one in re.findall(r"[45]\d\d `([a-z_]+)`", page.read_text()):
            assert one in codes(), f"{page.name}: {one}"
        assert named
