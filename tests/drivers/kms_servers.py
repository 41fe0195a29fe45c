"""Key-management services on loopback: Amazon's protocol as moto speaks it, Google's over gRPC, transit's over HTTP.

moto is other people's and knows AWS's answers. The other two are written here after the documentation of the services:
they show that requests and answers are well formed and what becomes of failures, not that the real services agree.
"""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tunewarden.drivers.kms_gcp import crc32c


@dataclass
class Engine:
    """What a server seals with. `fail` makes it answer something else: a status for HTTP."""

    keys: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    fail: Callable[[], tuple[int, bytes]] | None = None

    def seal(self, name: str, plain: bytes, about: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.keys.setdefault(name, secrets.token_bytes(32))).encrypt(nonce, plain, about)

    def open(self, name: str, sealed: bytes, about: bytes) -> bytes:
        return AESGCM(self.keys.setdefault(name, secrets.token_bytes(32))).decrypt(sealed[:12], sealed[12:], about)


@contextmanager
def transit(engine: Engine, token: str) -> Iterator[str]:
    """`POST /v1/MOUNT/encrypt/NAME` and `decrypt`; yields `http://127.0.0.1:PORT`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            engine.asked.append((self.path, self.headers["x-vault-token"]))
            status, body = engine.fail() if engine.fail else self.answer(asked)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self, asked: dict[str, str]) -> tuple[int, bytes]:
            if self.headers["x-vault-token"] != token:
                return 403, b'{"errors": ["permission denied"]}'
            _, what, name = self.path.rsplit("/", 2)
            about = base64.b64decode(asked["associated_data"])
            if what == "encrypt":
                sealed = base64.b64encode(engine.seal(name, base64.b64decode(asked["plaintext"]), about)).decode()
                return 200, json.dumps({"data": {"ciphertext": f"vault:v1:{sealed}", "key_version": 1}}).encode()
            try:
                sealed = base64.b64decode(asked["ciphertext"].removeprefix("vault:v1:"))
                plain = engine.open(name, sealed, about)
            except (InvalidTag, ValueError):
                return 400, b'{"errors": ["cipher: message authentication failed"]}'
            return 200, json.dumps({"data": {"plaintext": base64.b64encode(plain).decode()}}).encode()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def google(engine: Engine) -> Iterator[Any]:
    """Yields Google's own client, connected to a gRPC server of ours. Needs the library."""
    import grpc
    from google.cloud import kms
    from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

    def encrypt(asked: Any, _: Any) -> Any:
        assert crc32c(asked.plaintext) == asked.plaintext_crc32c
        sealed = engine.seal(asked.name, asked.plaintext, asked.additional_authenticated_data)
        return kms.EncryptResponse(
            name=f"{asked.name}/cryptoKeyVersions/1",
            ciphertext=sealed,
            ciphertext_crc32c=crc32c(sealed) ^ bool(engine.fail),
            verified_plaintext_crc32c=True,
            verified_additional_authenticated_data_crc32c=True,
        )

    def decrypt(asked: Any, context: Any) -> Any:
        try:
            plain = engine.open(asked.name, asked.ciphertext, asked.additional_authenticated_data)
        except InvalidTag:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed")
        return kms.DecryptResponse(plaintext=plain, plaintext_crc32c=crc32c(plain) ^ bool(engine.fail))

    def method(does: Any, request: Any, response: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(does, request.deserialize, response.serialize)

    methods = {
        "Encrypt": method(encrypt, kms.EncryptRequest, kms.EncryptResponse),
        "Decrypt": method(decrypt, kms.DecryptRequest, kms.DecryptResponse),
    }
    server = grpc.server(ThreadPoolExecutor(2))
    service = "google.cloud.kms.v1.KeyManagementService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield kms.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))
    finally:
        channel.close()
        server.stop(None)
