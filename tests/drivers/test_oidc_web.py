"""Asking an identity provider: its own origin alone, no redirects, bounded answers. Over real sockets, on loopback."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.oidc_web import HttpWeb, origin

SEEN: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        SEEN.append(self.path)
        match self.path:
            case "/moved":
                self._say(302, b"{}", location="/fine")
            case "/long":
                self._say(200, b'{"a": "' + b"x" * 300_000 + b'"}')
            case "/list":
                self._say(200, b"[]")
            case "/deep":
                self._say(200, b"[" * 100_000)
            case "/bad":
                self._say(500, b"{}")
            case _:
                self._say(200, b'{"a": 1}')

    def do_POST(self) -> None:
        SEEN.append(self.headers.get("authorization", ""))
        body = self.rfile.read(int(self.headers["content-length"]))
        SEEN.append(body.decode())
        self._say({"/no": 400, "/bad": 503}.get(self.path, 200), b'{"id_token": "x"}')

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web(address: str) -> Iterator[HttpWeb]:
    made = HttpWeb(address)
    yield made
    made.close()


def test_an_object_is_read(web: HttpWeb, address: str) -> None:
    assert web.get(f"{address}/fine") == {"a": 1}


@pytest.mark.parametrize("path", ["moved", "long", "list", "deep", "bad"])
def test_what_is_no_bounded_object_is_of_no_use(web: HttpWeb, address: str, path: str) -> None:
    with pytest.raises(Unavailable):
        web.get(f"{address}/{path}")
    assert [f"/{path}"] == SEEN, "no redirect was followed"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "http://localhost:{port}/x",
        "https://127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@evil.example/x",
        "http://user:pw@127.0.0.1:{port}/x",
        "http://evil.example/x",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://[",
        "http://127.0.0.1:99999/x",
        "",
    ],
)
def test_no_other_place_is_asked_whatever_the_provider_names(web: HttpWeb, address: str, url: str) -> None:
    with pytest.raises(Unavailable):
        web.get(url.replace("{port}", address.rpartition(":")[2]))
    assert SEEN == []


def test_a_connection_ends_with_its_answer_though_the_provider_would_keep_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as aside:

        def answer() -> bytes:
            taken, _ = listening.accept()
            with taken, taken.makefile("rwb") as lines:
                taken.settimeout(5)
                while lines.readline().strip():
                    pass
                lines.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                lines.flush()
                return lines.read(1)

        afterwards = aside.submit(answer)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        web = HttpWeb(address)
        assert web.get(f"{address}/keys") == {}
        assert afterwards.result() == b""
        web.close()


def test_nobody_there_is_unavailable() -> None:
    web = HttpWeb("http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        web.get("http://127.0.0.1:1/x")
    web.close()


def test_a_form_is_sent_and_the_client_says_who_it_is_as_the_rfc_has_it(web: HttpWeb, address: str) -> None:
    assert web.post(f"{address}/yes", {"code": "a b"}, ("my client", "a:b")) == {"id_token": "x"}
    assert SEEN == ["Basic bXkrY2xpZW50OmElM0Fi", "code=a+b"]  # my+client:a%3Ab
    assert web.post(f"{address}/no", {"code": "x"}, None) is None
    assert SEEN[2] == ""
    with pytest.raises(Unavailable):
        web.post(f"{address}/bad", {"code": "x"}, None)


def test_plain_http_is_for_this_machine_alone() -> None:
    assert origin("https://id.example/a") == origin("https://id.example:443") != origin("https://id.example:8443")
    for url in ("http://id.example", "ftp://id.example", "https://"):
        with pytest.raises(Unavailable):
            origin(url)
