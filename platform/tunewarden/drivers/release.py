"""The release key: signs each adapter and the statement of how it came to be, so that others can check both offline.

Trusted: whoever reads the key file can sign any adapter. They cannot make the log name it: the digests of the documents
and of the key are in the entry that registers the model. It is never the log's key. A key in a key-management service
is a later driver.

Sources: OpenSSF Model Signing v1.0 (library `model-signing`, key mode), DSSE v1.0.2 (protocol.md), FIPS 186-5 (ECDSA on
P-256 with SHA-256).
"""

import hashlib
import shutil
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.keyfiles import create_secret, read_secret
from tunewarden.usecases.ports import Attested
from tunewarden.usecases.releases import ADAPTER_FILE

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_LARGEST_KEY_FILE = 10_000  # bytes


class KeyFileRelease:
    """Signs with the ECDSA P-256 key in a file of mode 0600 (PKCS#8, PEM, not encrypted)."""

    def __init__(self, path: Path) -> None:
        """Raises as `load_release_key` does."""
        self._path = path
        load_release_key(path)

    def attest(self, adapter: BinaryIO, statement: bytes) -> Attested:
        """Sign both. The adapter lies in a temporary folder of mode 0700 meanwhile, under the name that is signed.

        The file is read anew each time, as the library does: a key that was replaced meanwhile signs all or nothing.
        Raises as `load_release_key` does.
        """
        private = load_release_key(self._path)
        key = public_pem(private)
        envelope = encode(
            {
                "payload": b64encode(statement).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [
                    {
                        "keyid": hashlib.sha256(key).hexdigest(),
                        "sig": b64encode(
                            private.sign(pre_authentication_encoding(statement), ec.ECDSA(hashes.SHA256()))
                        ).decode(),
                    }
                ],
            }
        )
        return Attested(signature=self._model_signature(adapter), statement=envelope, key=key)

    def _model_signature(self, adapter: BinaryIO) -> bytes:
        from model_signing import signing  # half a second; only the worker needs it

        with TemporaryDirectory() as place:
            folder, signature = Path(place) / "adapter", Path(place) / "model.sig"
            folder.mkdir()
            with (folder / ADAPTER_FILE).open("wb") as file:
                shutil.copyfileobj(adapter, file)
            config = signing.Config()  # type: ignore[no-untyped-call]
            config.use_elliptic_key_signer(private_key=self._path).sign(folder, signature)
            return signature.read_bytes()


def pre_authentication_encoding(payload: bytes) -> bytes:
    """What a DSSE signature over an in-toto Statement is over (PAE)."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as one PEM block; its SHA-256 names the key, in entries as in both documents."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_or_create_release_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in the file `path`, which is made with mode 0600 where it is missing. Raises as `load_release_key`."""
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        create_secret(
            path,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    return load_release_key(path)


def load_release_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in the file `path`.

    Raises `Unavailable` where there is none, `Refused` for a file that others than its owner can read or write, and
    `Corrupted` for one that is not an ECDSA P-256 key in an unencrypted PKCS#8 PEM block.
    """
    try:
        key = serialization.load_pem_private_key(read_secret(path, _LARGEST_KEY_FILE), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _malformed(path) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _malformed(path)
    return key


def _malformed(path: Path) -> Corrupted:
    return Corrupted("key_malformed", f"The key file {path.name} does not hold an ECDSA P-256 key in PEM (PKCS#8).")
