"""The release key in memory: made anew for each platform, and its documents written out by hand.

It passes the same contract tests as `drivers/release.py`, whose model signature a library writes.
"""

import hashlib
from base64 import b64encode
from typing import BinaryIO

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tunewarden.domain.canonical import Plain, encode
from tunewarden.drivers.release import PAYLOAD_TYPE, pre_authentication_encoding, public_pem
from tunewarden.usecases.ports import Attested
from tunewarden.usecases.releases import ADAPTER_FILE


class MemoryRelease:
    """Signs with a key that nobody else has; the same content gives the same bytes (RFC 6979)."""

    def __init__(self, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())

    def attest(self, adapter: BinaryIO, statement: bytes) -> Attested:
        """As `KeyFileRelease.attest`."""
        key = public_pem(self._key)
        signature: Plain = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(key).hexdigest()}, "tlogEntries": []},
            "dsseEnvelope": self._envelope(encode(_model(hashlib.sha256(adapter.read())))),
        }
        return Attested(signature=encode(signature), statement=encode(self._envelope(statement)), key=key)

    def _envelope(self, payload: bytes) -> Plain:
        hashing = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = self._key.sign(pre_authentication_encoding(payload), hashing)
        return {
            "payload": b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": "", "sig": b64encode(signature).decode()}],
        }


def _model(adapter: "hashlib._Hash") -> Plain:
    """The manifest that OpenSSF Model Signing signs, of one file: the subject is the digest over the list's digests."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "adapter", "digest": {"sha256": hashlib.sha256(adapter.digest()).hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "resources": [{"algorithm": "sha256", "digest": adapter.hexdigest(), "name": ADAPTER_FILE}],
            "serialization": {"allow_symlinks": False, "hash_type": "sha256", "ignore_paths": [], "method": "files"},
        },
    }
