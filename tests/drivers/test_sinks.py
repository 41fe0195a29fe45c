"""Receivers outside: what counts as taken over, what is sent again, and whom they trust."""

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.entry.siem.receivers import Collector, SyslogServer, collecting

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.drivers import sinks
from tunewarden.drivers.sinks import FileReceiver, HttpReceiver, Outgoing, SyslogReceiver

AT = dt.datetime(2026, 11, 21, 2, 3, 4, 567000, tzinfo=dt.UTC)


def event(text: str, kind: str = "KeyCreated") -> Outgoing:
    return Outgoing(kind=kind, at=AT, severity=6, line=text, media_type="application/json")


def test_a_file_gets_a_line_for_each_event_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = FileReceiver(tmp_path / "events")
    assert file.deliver([event("one"), event("zw\u00f6lf")]).accepted == 2
    assert file.deliver([event("three")]).error is None
    assert (tmp_path / "events").read_text() == "one\nzw\u00f6lf\nthree\n"
    assert (tmp_path / "events").stat().st_mode & 0o077 == 0


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("one\ntw")
    FileReceiver(tmp_path / "events").deliver([event("two")])
    assert (tmp_path / "events").read_text() == "one\ntw\ntwo\n"


def test_a_file_that_cannot_be_written_is_said_without_its_path(tmp_path: Path) -> None:
    done = FileReceiver(tmp_path / "CANARY" / "events").deliver([event("one")])
    assert done.accepted == 0
    assert isinstance(done.error, Unavailable)
    assert "CANARY" not in str(done.error)


@pytest.fixture
def syslog() -> Iterator[SyslogServer]:
    server = SyslogServer()
    yield server
    server.close()


def test_syslog_messages_are_rfc_5424_with_octet_counting(syslog: SyslogServer) -> None:
    receiver = SyslogReceiver("127.0.0.1", syslog.port)
    assert receiver.deliver([event("CEF:0|one"), event("zw\u00f6lf \u2014", kind="RequestSubmitted")]).accepted == 2
    first, second = syslog.wait_for(2)
    assert first == b"<110>1 2026-11-21T02:03:04.567Z - tunewarden - KeyCreated - CEF:0|one"
    assert second.decode().endswith(" - tunewarden - RequestSubmitted - zw\u00f6lf \u2014")
    receiver.close()


def test_after_a_broken_connection_what_was_not_confirmed_is_sent_again(syslog: SyslogServer) -> None:
    receiver = SyslogReceiver("127.0.0.1", syslog.port)
    receiver.deliver([event("one")])
    receiver.deliver([event("two")])
    syslog.wait_for(2)
    syslog.hang_up()
    receiver.deliver([event("three")])
    texts = [message.decode().rsplit(" ", 1)[1] for message in syslog.wait_for(5)]
    assert texts == ["one", "two", "one", "two", "three"]
    receiver.close()


def test_what_the_receivers_tcp_has_not_acknowledged_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our machine dies: the connection is reset, and what the operating system still held is gone."""
    monkeypatch.setattr(sinks, "_SECONDS", 0.5)
    slow = socket.create_server(("127.0.0.1", 0))
    receiver, taken = SyslogReceiver("127.0.0.1", slow.getsockname()[1]), 0
    receiver._connected().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    while receiver.deliver([event("x" * 60_000)]).error is None:
        taken += 1
        assert taken < 1_000, "a connection that holds 60 MB"
    connection, _ = slow.accept()
    got = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(1 << 20):
            got += part
    connection.close()
    slow.close()
    assert got.count(b"x" * 60_000) >= taken > 0


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_a_host_name_that_is_none_is_unavailable_and_not_said(host: str) -> None:
    syslog = SyslogReceiver(host, 6514).deliver([event("one")])
    http = HttpReceiver(f"https://{host}/")
    for done in (syslog, http.deliver([event("one")])):
        assert isinstance(done.error, Unavailable)
        assert host not in str(done.error)
    http.close()


def test_a_syslog_receiver_that_is_not_there_is_unavailable() -> None:
    done = SyslogReceiver("127.0.0.1", 1).deliver([event("one")])
    assert (done.accepted, type(done.error)) == (0, Unavailable)


@dataclass(frozen=True)
class Certified:
    ca_file: str
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """A certificate for 127.0.0.1 that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Certified(str(folder / "cert.pem"), context)


def test_syslog_over_tls_goes_only_to_whom_the_certificate_names(certified: Certified) -> None:
    server = SyslogServer(certified.server)
    trusting = SyslogReceiver("127.0.0.1", server.port, ssl.create_default_context(cafile=certified.ca_file))
    assert trusting.deliver([event("one")]).accepted == 1
    assert trusting.deliver([event("two")]).accepted == 1
    assert len(server.wait_for(2)) == 2
    trusting.close()
    stranger = SyslogReceiver("127.0.0.1", server.port, ssl.create_default_context())
    done = stranger.deliver([event("secret")])
    assert isinstance(done.error, Unavailable)
    assert "SSLCertVerificationError" in str(done.error)
    assert len(server.messages) == 2
    server.close()


def test_closing_tells_a_tls_receiver_that_this_is_the_end_and_nothing_is_lost(certified: Certified) -> None:
    """RFC 5425 section 4.4. The session tickets of TLS 1.3 are never read: closing at once would be a reset."""
    listening, ends = socket.create_server(("127.0.0.1", 0)), list[bytes]()

    def serve() -> None:
        accepted, _ = listening.accept()
        accepted.settimeout(20)
        with certified.server.wrap_socket(accepted, server_side=True, suppress_ragged_eofs=False) as connection:
            time.sleep(0.3)  # the other side has closed by now
            ends.append(connection.recv(65536))
            ends.append(connection.recv(65536))  # SSLEOFError, were there no close_notify

    thread = threading.Thread(target=serve)
    thread.start()
    receiver = SyslogReceiver(
        "127.0.0.1", listening.getsockname()[1], ssl.create_default_context(cafile=certified.ca_file)
    )
    assert receiver.deliver([event("last words")]).accepted == 1
    receiver.close()
    thread.join()
    listening.close()
    assert ends[0].endswith(b"last words")
    assert ends[1] == b""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def test_each_event_is_posted_with_its_type_and_the_token(collector: Collector) -> None:
    receiver = HttpReceiver(collector.url, token="secret")
    assert receiver.deliver([event("one"), event("two")]).accepted == 2
    assert collector.got == [("one", "application/json", "Bearer secret"), ("two", "application/json", "Bearer secret")]
    receiver.close()


def test_a_token_that_names_its_scheme_is_sent_as_it_is(collector: Collector) -> None:
    receiver = HttpReceiver(collector.url, token="Splunk 1234-5678")
    receiver.deliver([event("one")])
    assert collector.got[0][2] == "Splunk 1234-5678"
    receiver.close()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_answer_about_the_event_is_a_refusal(collector: Collector, status: int) -> None:
    collector.statuses = [204, status]
    receiver = HttpReceiver(collector.url)
    done = receiver.deliver([event("one"), event("two"), event("three")])
    assert (done.accepted, type(done.error)) == (1, Refused)
    assert done.error is not None
    assert done.error.code == f"sink_answered_{status}"
    assert len(collector.got) == 2, "the third waits its turn"
    receiver.close()


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 408, 415, 429, 500, 501, 502, 503, 504])
def test_an_answer_that_says_nothing_about_the_event_is_waited_out_and_no_redirect_is_followed(
    collector: Collector, status: int
) -> None:
    collector.statuses = [status]
    receiver = HttpReceiver(collector.url, token="secret")
    done = receiver.deliver([event("one")])
    assert (done.accepted, type(done.error)) == (0, Unavailable)
    assert len(collector.got) == 1
    receiver.close()


def test_an_endless_answer_is_not_read_to_its_end(collector: Collector) -> None:
    collector.body = b"x" * 10_000_000
    receiver = HttpReceiver(collector.url)
    assert receiver.deliver([event("one")]).accepted == 1
    collector.body = b""
    assert receiver.deliver([event("two")]).accepted == 1
    receiver.close()


def test_a_collector_that_is_not_there_is_unavailable_and_its_address_is_not_said() -> None:
    receiver = HttpReceiver("http://127.0.0.1:1/CANARY")
    done = receiver.deliver([event("one")])
    assert isinstance(done.error, Unavailable)
    assert "CANARY" not in str(done.error)
    receiver.close()
