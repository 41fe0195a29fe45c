"""Time stamps of heads by an authority that openssl plays, and that openssl verifies."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.entry.log_tampering import append, fresh

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.drivers.posting import Answer, HttpPost, Post
from tunewarden.drivers.timestamps import read_roots, time_stamp
from tunewarden.entry.sealer import REFUSED, run
from tunewarden.entry.settings import Settings
from tunewarden_audit.note import load_key, open_note

CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {0}/serial
signer_cert = {0}/tsa.pem
signer_key = {0}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """A time stamp authority on loopback, and the folder with its root certificate."""

    url: str
    root: Path
    folder: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine")
    folder = tmp_path_factory.mktemp("tsa")
    _certificates(folder)
    (folder / "tsa.cnf").write_text(CONFIG.format(folder))
    (folder / "serial").write_text("01\n")

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query, reply = folder / "query.tsq", folder / "reply.tsr"
            query.write_bytes(self.rfile.read(int(self.headers["content-length"])))
            command = [openssl, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", query, "-out", reply]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(reply.read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Authority(f"http://127.0.0.1:{server.server_address[1]}/", folder / "root.pem", folder)
    server.shutdown()
    server.server_close()
    thread.join()


def _certificates(folder: Path) -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test root")])
    root = _certificate(root_name, root_name, root_key.public_key()).sign(root_key, hashes.SHA256())
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test time stamps")])
    for usage, file in (
        (ExtendedKeyUsageOID.TIME_STAMPING, "tsa.pem"),
        (ExtendedKeyUsageOID.CODE_SIGNING, "other.pem"),
    ):
        stamping = _certificate(name, root_name, key.public_key(), usage).sign(root_key, hashes.SHA256())
        (folder / file).write_bytes(stamping.public_bytes(serialization.Encoding.PEM))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    usage: x509.ObjectIdentifier | None = None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder


def verified_by_openssl(authority: Authority, token: Path, data: Path) -> bool:
    command = ["openssl", "ts", "-verify", "-in", token, "-data", data, "-CAfile", authority.root]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_running_sealer_has_its_newest_head_time_stamped(tmp_path: Path, authority: Authority) -> None:
    settings = fresh(tmp_path).model_copy(
        update={"timestamp_url": authority.url, "timestamp_root_file": authority.root}
    )
    append(settings, 3)
    token = settings.anchors_directory / f"{3:020d}.tsr"
    deadline = time.monotonic() + 120

    def stamped() -> bool:
        assert time.monotonic() < deadline
        return token.exists()

    assert run(settings, stamped) == 0
    head = token.with_suffix(".checkpoint")
    open_note(head.read_bytes(), [load_key(settings.log_vkey.read_text())])
    assert verified_by_openssl(authority, token, head)
    head.write_bytes(head.read_bytes() + b"x")
    assert not verified_by_openssl(authority, token, head)


def test_a_token_over_something_else_or_by_somebody_else_is_refused(tmp_path: Path, authority: Authority) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _certificates(other)
    post = HttpPost()
    assert time_stamp(post, authority.url, read_roots(authority.root), b"head")
    with pytest.raises(Unavailable, match="does not verify"):
        time_stamp(post, authority.url, read_roots(other / "root.pem"), b"head")
    replayed = post(authority.url, (authority.folder / "query.tsq").read_bytes(), "application/timestamp-query")
    with pytest.raises(Unavailable, match="does not verify"):
        time_stamp(lambda *_: replayed, authority.url, read_roots(authority.root), b"head")
    post.close()


def test_a_token_over_another_message_with_the_right_nonce_is_refused(authority: Authority) -> None:
    post = HttpPost()

    def swapped(url: str, body: bytes, content_type: str) -> Answer:
        other = body.replace(sha256(b"head").digest(), sha256(b"other").digest())
        assert other != body
        return post(url, other, content_type)

    with pytest.raises(Unavailable, match="does not verify"):
        time_stamp(swapped, authority.url, read_roots(authority.root), b"head")
    post.close()


def signed_anew(authority: Authority, answer: Answer, certificate: str) -> Answer:
    """The same statement under the signature of another certificate of the same key (CMS, RFC 5652)."""
    folder = authority.folder
    (folder / "reply.tsr").write_bytes(answer.body)
    type_of_statement = "1.2.840.113549.1.9.16.1.4"
    for command in (
        "ts -reply -in reply.tsr -token_out -out token",
        "cms -verify -noverify -binary -inform DER -in token -out statement",
        f"cms -sign -binary -nodetach -cades -econtent_type {type_of_statement} -signer {certificate} -inkey tsa.key "
        "-in statement -outform DER -out token",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    content = b"\x30\x03\x02\x01\x00" + (folder / "token").read_bytes()  # granted, and the token
    return Answer(status=200, content_type="", body=b"\x30\x82" + len(content).to_bytes(2, "big") + content)


def test_a_certificate_that_is_not_for_time_stamps_makes_none(authority: Authority) -> None:
    post = HttpPost()

    def by(certificate: str) -> Post:
        return lambda *request: signed_anew(authority, post(*request), certificate)

    assert time_stamp(by("tsa.pem"), authority.url, read_roots(authority.root), b"head")
    with pytest.raises(Unavailable, match="does not verify"):
        time_stamp(by("other.pem"), authority.url, read_roots(authority.root), b"head")
    post.close()


@pytest.mark.parametrize(
    "body", [b"", b"<h1>", b"\x30\x80", b"\x30\x05\x30\x03\x02\x01\x02", b"\x30\x05\x30\x03\x02\x01\x00"], ids=range(5)
)
def test_an_answer_without_a_token_is_no_time_stamp(authority: Authority, body: bytes) -> None:
    answer = Answer(status=200, content_type="application/timestamp-reply", body=body)
    with pytest.raises(Unavailable, match="does not verify"):
        time_stamp(lambda *_: answer, authority.url, read_roots(authority.root), b"head")


def test_a_root_that_is_in_the_file_twice_counts_once(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "roots.pem").write_bytes(authority.root.read_bytes() * 2)
    post = HttpPost()
    assert time_stamp(post, authority.url, read_roots(tmp_path / "roots.pem"), b"head")
    post.close()


def test_an_authority_without_a_root_certificate_is_refused_at_start(tmp_path: Path) -> None:
    settings = fresh(tmp_path)
    missing = settings.model_copy(update={"timestamp_url": "http://127.0.0.1:1"})
    assert run(missing, lambda: False) == REFUSED
    empty = tmp_path / "root.pem"
    empty.write_text("none\n")
    with pytest.raises(Refused, match="cannot be read"):
        read_roots(empty)
    assert Settings().timestamp_url == ""
