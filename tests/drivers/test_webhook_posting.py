"""One delivery: to the address that was checked, in bounded time, whatever the other side does."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.webhook_holds import Answer
from tunewarden.drivers.webhook_addresses import Target, read_url
from tunewarden.drivers.webhook_posting import Sender

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
Act = Callable[[socket.socket], None]


class Other:
    """The other side: takes connections one after the other, reads one request of each, and does what a test says."""

    def __init__(self, act: Act, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._act, self._context = act, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            with taken:
                try:
                    if self._context is not None:
                        taken = self._context.wrap_socket(taken, server_side=True)
                    self.requests.append(_request(taken))
                    self._act(taken)
                except OSError:
                    pass
                finally:
                    taken.close()

    def end(self) -> None:
        self.over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def _request(taken: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := taken.recv(4096)):
            return received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    while len(body) < length:
        body += taken.recv(4096)
    return head + b"\r\n\r\n" + body


Serve = Callable[..., Other]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Other] = []

    def begin(act: Act, context: ssl.SSLContext | None = None) -> Other:
        made.append(Other(act, context))
        return made[-1]

    yield begin
    for one in made:
        one.end()


def said(answer: bytes) -> Act:
    return lambda taken: taken.sendall(answer)


def sent(other: Other, seconds: float = 5.0) -> int:
    return answered(other, seconds).status


def answered(other: Other, seconds: float = 5.0) -> Answer:
    target = Target(scheme="http", host="hooks.example", port=other.port, path="/in?x=1")
    return Sender(seconds=seconds)(target, "127.0.0.1", {"webhook-id": "evt-1"}, b'{"a":1}')


def test_what_is_sent_is_one_post_for_the_host_that_was_named_to_the_address_that_was_checked(serve: Serve) -> None:
    other = serve(said(OK))
    assert sent(other) == 204
    (request,) = other.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /in?x=1 http/1.1"
    assert f"host: hooks.example:{other.port}".encode() in lines
    assert b"webhook-id: evt-1" in lines
    assert body == b'{"a":1}'


@pytest.mark.parametrize("status", [200, 202, 204, 301, 302, 303, 307, 308, 400, 410, 500, 503])
def test_the_status_is_what_is_told_and_no_redirect_is_followed(serve: Serve, status: int) -> None:
    other = serve(said(f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()))
    assert sent(other) == status
    assert len(other.requests) == 1


@pytest.mark.parametrize(
    ("lines", "told"),
    [(b"", ""), (b"Retry-After: 120\r\n", "120"), (b"retry-after: 1\r\nRETRY-AFTER: 2\r\n", "1, 2")],
)
def test_when_to_come_again_is_told_as_it_is_said(serve: Serve, lines: bytes, told: str) -> None:
    other = serve(said(b"HTTP/1.1 503 X\r\n" + lines + b"Content-Length: 0\r\n\r\n"))
    assert answered(other) == Answer(status=503, retry_after=told)


def drip(taken: socket.socket) -> None:
    """It begins well; then a byte now and then of one line, so that no single reading takes long and none ends."""
    over = threading.Event()
    taken.sendall(b"HTTP/1.1 200 OK\r\nx-more: ")
    for _ in range(1000):  # or until whoever sent it has hung up
        taken.sendall(b"y")
        over.wait(0.02)


def endless_head(taken: socket.socket) -> None:
    taken.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        taken.sendall(b"x-more: " + b"y" * 1000 + b"\r\n")


def continues(taken: socket.socket) -> None:
    while True:
        taken.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def silent(taken: socket.socket) -> None:
    taken.settimeout(30)
    taken.recv(1)  # until the sender gives up


@pytest.mark.parametrize("act", [drip, endless_head, continues, silent, said(b""), said(b"nonsense\r\n\r\n")])
def test_whatever_comes_instead_of_an_answer_ends_in_bounded_time(serve: Serve, act: Act) -> None:
    other = serve(act)
    with pytest.raises(Unavailable) as error:
        sent(other, seconds=0.3)
    assert error.value.code == "webhook_unreachable"
    assert "127.0.0.1" not in str(error.value)
    assert "example" not in str(error.value)


def test_a_head_that_goes_on_for_ever_a_byte_at_a_time_is_cut_when_the_time_of_all_of_it_is_over(serve: Serve) -> None:
    with pytest.raises(Unavailable, match="TimeoutError"):
        sent(serve(drip), seconds=0.3)


def test_the_body_of_an_answer_is_not_waited_for(serve: Serve) -> None:
    def endless_body(taken: socket.socket) -> None:
        taken.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        silent(taken)

    assert sent(serve(endless_body), seconds=30) == 200


def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    target = Target(scheme="http", host="hooks.example", port=port, path="/")
    with pytest.raises(Unavailable):
        Sender(seconds=1.0)(target, "127.0.0.1", {}, b"{}")


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def test_tls_is_for_the_name_and_not_for_the_address_that_is_connected_to(serve: Serve, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    other = serve(said(OK), context)

    def over_tls(name: str, trusted: ssl.SSLContext | None) -> Answer:
        target = read_url(f"https://{name}:{other.port}/")
        return Sender(trusted, seconds=5.0)(target, "127.0.0.1", {}, b"{}")

    trusting = ssl.create_default_context(cafile=str(certificate))
    assert over_tls("hooks.example", trusting).status == 204
    with pytest.raises(Unavailable):
        over_tls("other.example", trusting)
    with pytest.raises(Unavailable):
        over_tls("hooks.example", None)


def test_a_handshake_that_never_ends_is_cut() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        one, _ = listening.accept()
        taken.append(one)
        for _ in range(100):  # a byte of a record that is never whole, now and then
            try:
                one.sendall(b"\x16")
            except OSError:
                return
            threading.Event().wait(0.05)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    target = read_url(f"https://hooks.example:{listening.getsockname()[1]}/")
    with pytest.raises(Unavailable):
        Sender(seconds=0.3)(target, "127.0.0.1", {}, b"{}")
    for one in taken:
        one.close()
    thread.join()
    listening.close()
