"""What answers to one request: bounded, taken as it is, and never led elsewhere."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.posting import HttpPost

Speak = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(speak: Speak, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """An address on loopback where `speak` answers every POST."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):  # the other side hung up
                speak(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def post() -> Iterator[HttpPost]:
    made = HttpPost(patience_seconds=0.5)
    yield made
    made.close()


def endless(door: BaseHTTPRequestHandler) -> None:
    door.send_response(200)
    door.send_header("content-length", str(10**9))
    door.end_headers()
    for _ in range(10_000):
        door.wfile.write(b"x" * 65_536)


def dripping(door: BaseHTTPRequestHandler) -> None:
    door.send_response(200)
    door.send_header("content-length", "1000")
    door.end_headers()
    for _ in range(1000):
        door.wfile.write(b"x")
        time.sleep(0.1)


def silent(_door: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize("speak", [endless, dripping, silent])
def test_an_answer_that_has_no_end_is_given_up(post: HttpPost, speak: Speak) -> None:
    began = time.monotonic()
    with answering(speak) as address, pytest.raises(Unavailable):
        post(f"{address}/", b"x", "text/plain")
    assert time.monotonic() - began < 60, "the drops would fall for longer"


BOMB = gzip.compress(bytes(8 * 1024 * 1024))


def packed(door: BaseHTTPRequestHandler) -> None:
    door.send_response(200)
    door.send_header("content-encoding", "gzip")
    door.send_header("content-length", str(len(BOMB)))
    door.end_headers()
    door.wfile.write(BOMB)


def test_nothing_is_unpacked_so_that_nothing_can_expand(post: HttpPost) -> None:
    with answering(packed) as address:
        assert post(f"{address}/", b"x", "text/plain").body == BOMB


def test_a_redirect_is_an_answer_and_is_not_followed(post: HttpPost) -> None:
    asked: list[str] = []

    def elsewhere(door: BaseHTTPRequestHandler) -> None:
        asked.append(door.path)
        door.send_response(307)
        door.send_header("location", "/elsewhere")
        door.send_header("content-length", "0")
        door.end_headers()

    with answering(elsewhere) as address:
        assert post(f"{address}/here", b"x", "text/plain").status == 307
    assert asked == ["/here"]


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://[::1"])
def test_an_address_that_is_none_gives_no_answer(post: HttpPost, url: str) -> None:
    with pytest.raises(Unavailable):
        post(url, b"x", "text/plain")


@pytest.fixture
def own_certificate(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate for 127.0.0.1 that nobody vouches for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "both.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


def test_a_certificate_that_nobody_vouches_for_gets_no_request(post: HttpPost, own_certificate: ssl.SSLContext) -> None:
    asked: list[str] = []
    with (
        answering(lambda door: asked.append(door.path), own_certificate) as address,
        pytest.raises(Unavailable, match="ConnectError"),
    ):
        post(f"{address}/", b"x", "text/plain")
    assert asked == []
