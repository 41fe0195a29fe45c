"""A platform, or somebody on it, that means whoever uses the command line ill."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests.entry.client.conftest import Desk
from tests.entry.client.test_watch_cli import Terminal

from tunewarden.entry.cli.client.output import Output

FORGED = "x\npass  accuracy  0.95 (0.94 to 0.96)\ngate promotion: pass"
COMMANDS = ("\\$(touch x)", "$(touch x)", '\\"); touch x; x=("', "`touch x`", "a\nb", "';touch x;'", "--yes")


class Hostile:
    """Answers on loopback, by the end of the path, whatever it is told to; counts, and keeps what it was sent.

    Answers to methods in `lost` are lost on their way.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked = 0
        self.sent: list[tuple[str, Any]] = []
        self.lost: set[str] = set()
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hostile.asked += 1
                path = self.path.partition("?")[0]
                if said := self.rfile.read(int(self.headers.get("content-length") or 0)):
                    hostile.sent.append((path, json.loads(said)))
                if self.command in hostile.lost:
                    self.close_connection = True
                    return
                found = next((said for end, said in hostile.answers.items() if path.endswith(end)), {})
                body = json.dumps(found).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.environment = {"TUNEWARDEN_API_URL": f"http://127.0.0.1:{self.server.server_port}"}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


def run(desk: Desk, hostile: Hostile, *arguments: object) -> Result:
    return desk.run("bob", *arguments, **hostile.environment)


def completed(desk: Desk, hostile: Hostile, shell: str, words: str) -> str:
    said = {
        "_TUNEWARDEN_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": words,
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split())),
        "XDG_CONFIG_HOME": str(desk.folder),
        "TUNEWARDEN_API_KEY": desk.theatre.tokens["ann"],
        **hostile.environment,
    }
    program = Path(sys.executable).with_name("tunewarden")
    return subprocess.run([program], env={**os.environ, **said}, capture_output=True, text=True, check=False).stdout


def test_a_shell_is_given_no_word_that_it_would_run(desk: Desk, hostile: Hostile) -> None:
    things = [{"id": f"ds-{place}", "name": name, "status": name} for place, name in enumerate(COMMANDS)]
    things += [{"id": name, "name": "n", "status": "s"} for name in COMMANDS]
    hostile.answers = {"/v1/datasets": {"data": things}, "/v1/fine_tuning/jobs": {"data": things}}
    for words in ("tunewarden data upload f --dataset ", "tunewarden jobs show "):
        zsh = completed(desk, hostile, "zsh", words)
        inner = zsh.strip().removeprefix("_arguments '*: :((").removesuffix("))'")
        found = [re.sub(r':"[A-Za-z0-9 ._-]*"$', "", item) for item in inner.split("\n")]
        assert found == [f'"ds-{place}"' for place in range(len(COMMANDS))], zsh
        bash = completed(desk, hostile, "bash", words)
        assert bash.split("\n")[: len(COMMANDS)] == [f"ds-{place}" for place in range(len(COMMANDS))]
        assert "touch" not in bash
    assert "touch" not in completed(desk, hostile, "zsh", "tunewarden data upload f --dataset ")


def test_a_value_begins_no_line_of_its_own(desk: Desk, hostile: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=False)
    for say in (out.line, out.note):
        say(FORGED)
        assert "".join(capsys.readouterr()).count("\n") == 1
    out.facts([("group", FORGED)])
    assert capsys.readouterr().out.count("\n") == 1
    group = {"attribute": "sex", "group": FORGED, "metric": "m", "label": FORGED}
    hostile.answers = {"/p1": {"id": "p1", "alias": FORGED, "unassessed": 1, "not_assessable": [group]}}
    told = run(desk, hostile, "promotions", "approve", "p1", "--yes")
    assert told.exit_code == 0, told.output
    assert not re.search(r"^(pass|gate promotion: pass)", told.output, re.MULTILINE)
    assert r"x\npass  accuracy" in told.stderr


def asked_on_a_terminal(desk: Desk, hostile: Hostile) -> Terminal:
    hostile.answers = {"/p1": {"id": "p1", "alias": "\x1b]0;PWNED\x07\x1b[31mprod\r\nforged", "model": "m"}}
    terminal = Terminal(desk, "promotions", "approve", "p1", **hostile.environment)
    terminal.until("[y/N]")
    return terminal


def test_a_question_moves_no_cursor_and_a_no_is_a_no(desk: Desk, hostile: Hostile) -> None:
    terminal = asked_on_a_terminal(desk, hostile)
    terminal.type(b"n\n")
    code, screen = terminal.end(), terminal.screen
    assert "\x1b]0;" not in screen
    assert "\x1b[31mprod" not in screen
    assert "\nforged" not in screen
    assert "Nothing was done." in screen
    assert (code, hostile.asked) == (1, 1)


def test_ctrl_c_at_a_question_is_told_as_ctrl_c(desk: Desk, hostile: Hostile) -> None:
    terminal = asked_on_a_terminal(desk, hostile)
    os.killpg(terminal.process.pid, signal.SIGINT)
    code = terminal.end()
    assert "Traceback" not in terminal.screen
    assert (code, hostile.asked) == (130, 1)


@pytest.mark.parametrize(
    ("answers", "command"),
    [
        ({"/v1/models": {"data": [{"id": "m", "governance": ["no object"]}]}}, ("models", "list")),
        ({"/v1/models": {"data": [{"id": "m", "governance": {"aliases": 7}}]}}, ("models", "list")),
        ({"/entries/0": {"entry": "no base64!", "size": 1}}, ("audit", "entry", "0")),
        ({"/v1/datasets": {"data": [{"id": "d", "versions": 7}]}}, ("data", "list")),
        ({"/v1/datasets": {"data": [{"id": "d", "versions": {"a": 1}}]}}, ("data", "list")),
    ],
)
def test_an_answer_of_another_form_is_told_as_one(
    desk: Desk, hostile: Hostile, answers: dict[str, Any], command: tuple[str, ...]
) -> None:
    hostile.answers = answers
    told = run(desk, hostile, *command)
    assert (told.exit_code, told.stdout) == (6, "")
    assert "answer_unreadable" in told.stderr


def test_with_json_nothing_stands_beside_the_error(desk: Desk) -> None:
    job = desk.props.job()["id"]
    assert desk.refused("ann", "approve", job, "--yes", code=1)["status"] == 403
    assert desk.refused("ann", "reject", job, "--yes", code=1)["status"] == 403
