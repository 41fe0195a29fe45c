"""The command line against a platform on loopback: the real API over SQLite, the real commands, a home of its own."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import Result
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder
from typer.testing import CliRunner

from tunewarden.entry.cli import app


class Server:
    """The API on one port of loopback, which can be stopped and started again."""

    def __init__(self, application: Any) -> None:
        self._application = application
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self._listening = listening
        self._server = uvicorn.Server(uvicorn.Config(self._application, log_level="critical", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Somebody's place: the command line with a config folder of its own, logged in as one of the cast."""

    theatre: Theatre
    server: Server
    folder: Path
    props: Props
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, who: str, *arguments: object, typed: str | None = None, **environment: str) -> Result:
        """A command with somebody's key; with none for "nobody"."""
        said = {
            "XDG_CONFIG_HOME": str(self.folder / who),
            "TUNEWARDEN_HOME": str(self.folder / "nowhere"),
            "TUNEWARDEN_API_URL": self.server.address,
            "TUNEWARDEN_API_KEY": self.theatre.tokens.get(who, ""),
            **environment,
        }
        return CliRunner().invoke(app, [str(one) for one in arguments], input=typed, env=said)

    def json(self, who: str, *arguments: object, code: int = 0) -> Any:
        """The one JSON document that a command says with --json."""
        result = self.run(who, *arguments, "--json")
        assert result.exit_code == code, result.output
        assert result.stdout.isascii()
        assert result.stdout.count("\n") == 1, result.stdout
        return json.loads(result.stdout)

    def lines(self, who: str, *arguments: object) -> list[Any]:
        """The JSON lines that a list says with --json."""
        result = self.run(who, *arguments, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def refused(self, who: str, *arguments: object, code: int) -> Any:
        """The error that a command says with --json: nothing on the output, one document beside it."""
        result = self.run(who, *arguments, "--json")
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        (line,) = result.stderr.splitlines()
        return json.loads(line)["error"]


Open = Callable[[], Desk]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("client") / "home", largest_upload_bytes=50_000_000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(theatre: Theatre) -> Iterator[Server]:
    made = Server(theatre.client.app)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def props(theatre: Theatre) -> Props:
    return Props(theatre=theatre)


@pytest.fixture
def desk(theatre: Theatre, server: Server, props: Props, tmp_path: Path) -> Desk:
    return Desk(theatre=theatre, server=server, folder=tmp_path, props=props)


@pytest.fixture
def plan_file(desk: Desk, tmp_path: Path) -> Path:
    """A whole plan of ann's."""
    dataset = desk.props.kept.get("dataset") or desk.props.dataset()
    desk.props.kept["dataset"] = dataset
    path = tmp_path / "plan.toml"
    said = ("--model", "tiny", "--dataset", dataset, "--purpose", "research", "--epsilon", "1")
    assert desk.run("ann", "plan", "new", path, *said).exit_code == 0
    return path
