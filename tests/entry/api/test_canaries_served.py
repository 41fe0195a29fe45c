"""What the server of an api process answers and writes down when what comes is no HTTP, or a read breaks.

The server is configured as `tunewarden api` configures it, and its own lines are searched too.
"""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.conftest import ANN, Stage
from tests.entry.api.planting import Planted

from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.names import Digest
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.server import Server, configured
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import KeyRecord

HOST = "host: x\r\nconnection: close\r\n"
FORM = "content-type: multipart/form-data; boundary=cut"
OTHER_FORM = "content-type: multipart/form-data; boundary="


class Breaking(io.RawIOBase):
    """A stream that gives two bytes, and then breaks with words of what it was reading."""

    def __init__(self, words: str) -> None:
        self._words, self._left = words, 2

    def readable(self) -> bool:
        return True

    def read(self, _size: int = -1) -> bytes:
        if self._left == 0:
            raise ValueError(f"cannot read {self._words}")
        self._left -= 1
        return b"x"


class BreakingBlobs(MemoryBlobs):
    """Blobs of which every stream breaks."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def open(self, digest: Digest) -> Any:
        assert self.read(digest)
        return Breaking(self._words)


@dataclass(slots=True, kw_only=True)
class Serving:
    """A server on loopback, and what it said."""

    port: int
    token: str
    said: io.StringIO
    planted: Planted = field(default_factory=Planted)

    def word(self, place: str) -> str:
        return self.planted.word(place)

    def send(self, data: str, *, is_all: bool = True) -> bytes:
        """What comes back until the line is closed; where it is not all that was announced, we close it."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            with suppress(OSError):
                line.sendall(data.encode("latin-1"))
                if not is_all:
                    line.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while piece := line.recv(65536):
                    received += piece
        return received

    def ask(self, head: str, body: str = "", *, is_all: bool = True) -> bytes:
        return self.send(f"{head}\r\nauthorization: Bearer {self.token}\r\n{HOST}\r\n{body}", is_all=is_all)


@pytest.fixture
def serving(stage: Stage, tmp_path: Path) -> Iterator[Serving]:
    token, said, planted = new_token(), io.StringIO(), Planted()
    with stage.platform.work(ANN.id) as work:
        work.principals.put(ANN)
        work.keys.put(KeyRecord(hash=token_hash(token), principal=ANN.id))
        work.record(KeyRevoked(principal=ANN.id))  # any entry: state never changes without one
        work.commit()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    settings = Settings(home=tmp_path)
    blobs = BreakingBlobs(planted.word("a stream that breaks"))
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=said))  # ours writes to the first stderr
    try:
        with redirect_stderr(said), redirect_stdout(said):
            app = create_app(replace(stage.platform, blobs=blobs), settings)
            server = Server(configured(app, settings))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            yield Serving(port=listening.getsockname()[1], token=token, said=said, planted=planted)
            server.should_exit = True
            thread.join()
    finally:
        structlog.configure(**before)
        listening.close()


def hostile(serving: Serving) -> Iterator[tuple[str, bytes]]:
    """What was sent, and what was answered."""
    w = serving.word
    lines = {
        "no request": f"{w('no request')} {w('no request, either')}\r\n\r\n",
        "method": f"{w('method')} / HTTP/1.1\r\n{HOST}\r\n",
        "version": f"GET / HTTP/9.{w('version')}\r\n{HOST}\r\n",
        "target": f"GET /{w('path')}?{w('query')}={w('value')}#{w('fragment')} HTTP/1.1\r\n{HOST}\r\n",
        "host": f"GET / HTTP/1.1\r\nhost: {w('host')}\r\nconnection: close\r\n\r\n",
        "absolute target": f"GET http://{w('host of a target')}/x HTTP/1.1\r\n{HOST}\r\n",
        "name of a header": f"GET / HTTP/1.1\r\n{HOST}{w('name')}\x01{w('rest of a name')}: 1\r\n\r\n",
        "value of a header": f"GET / HTTP/1.1\r\n{HOST}user-agent: {w('value of a header')}\x00\r\n\r\n",
        "long header": f"GET / HTTP/1.1\r\n{HOST}cookie: {w('long header') * 6000}\r\n\r\n",
        "length": f"POST /v1/datasets HTTP/1.1\r\n{HOST}content-length: {w('length')}\r\n\r\n",
        "coding": f"POST /v1/datasets HTTP/1.1\r\n{HOST}transfer-encoding: {w('coding')}\r\n\r\n",
        "expectation": f"GET /nowhere HTTP/1.1\r\n{HOST}expect: {w('expectation')}\r\n\r\n",
        "upgrade": (
            f"GET /{w('upgraded path')} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {w('key of a socket')}\r\n\r\n"
        ),
        "http/2": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{w('frames')}",
        "tls": "\x16\x03\x01" + w("tls"),
    }
    for name, line in lines.items():
        yield name, serving.send(line)
    yield (
        "half a body",
        serving.ask("POST /v1/datasets HTTP/1.1\r\ncontent-length: 500", '{"a": "' + w("half a body"), is_all=False),
    )
    part = f'--cut\r\ncontent-disposition: form-data; name="file"; filename="{w("file")}.csv"\r\n{w("head of a part")}'
    head = "POST /v1/files HTTP/1.1\r\ncontent-length: {}\r\n"
    yield "broken part", serving.ask(head.format(len(part) + 2) + FORM, part + "\r\n")
    yield "half a file", serving.ask(head.format(len(part) + 900) + FORM, part + w("half a file"), is_all=False)
    yield "boundary", serving.ask(head.format(8) + OTHER_FORM + w("boundary") + "\t\x7f", w("cut off")[:8])


UNANSWERED = {"half a body", "half a file"}
"""Whoever breaks off gets no answer."""


def test_nothing_that_came_over_the_line_is_told_to_anybody(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    answers = dict(hostile(serving))
    assert [name for name, answer in answers.items() if serving.planted.found_in(answer)] == []
    assert {name for name, answer in answers.items() if not answer.startswith(b"HTTP/1.1 4")} <= UNANSWERED
    assert serving.said.getvalue(), "the server says something of what is no HTTP"
    assert serving.planted.found_in(serving.said.getvalue().encode()) == set()
    # The reader of forms says which byte of a file it stumbled on.
    assert {one.name for one in caplog.records} == {"uvicorn.error"}


def test_an_answer_that_breaks_off_says_nothing_of_what_it_was_reading(serving: Serving) -> None:
    body = '--cut\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nnote\r\n'
    body += '--cut\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--cut--\r\n'
    made = serving.ask(f"POST /v1/files HTTP/1.1\r\ncontent-length: {len(body)}\r\n{FORM}", body)
    file = made.partition(b'"id":"')[2].partition(b'"')[0].decode()
    assert file.startswith("file-"), (made, serving.said.getvalue())
    got = serving.ask(f"GET /v1/files/{file}/content HTTP/1.1")
    said = serving.said.getvalue()
    assert got.startswith(b"HTTP/1.1 200"), got[:300]
    assert "ValueError" in said, "what kind of exception it was is said"
    assert serving.planted.found_in(got) == set()
    assert serving.planted.found_in(said.encode()) == set()
    assert "Traceback" not in said
