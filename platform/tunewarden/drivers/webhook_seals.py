"""The webhook key: seals addresses and signing secrets, and signs what is sent (Standard Webhooks 1.0.0).

All follows from one 32-byte key by HKDF-SHA256 (RFC 5869): the key of the envelopes in the database, and an Ed25519 key
(RFC 8032) whose public half anybody may have, so that an auditor needs no shared secret to see who sent a message. Api
and notifier hold it. Who has it can forge messages; nothing in the platform is decided by one.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.envelopes import SealedEnvelopes

_SECRET, _PUBLIC = "whsec_", "whpk_"
_BYTES = 32


class WebhookSeals:
    """Of one webhook key."""

    def __init__(self, key: bytes) -> None:
        self._envelopes = SealedEnvelopes(_derived(key, b"tunewarden webhook envelopes"))
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(key, b"tunewarden webhook signatures"))

    @property
    def public_key(self) -> str:
        """`whpk_` and the 32 bytes of the Ed25519 public key in base64."""
        return _PUBLIC + base64.b64encode(self._signing.public_key().public_bytes_raw()).decode()

    def seal(self, about: str, content: bytes) -> str:
        """See `usecases.ports.Envelopes`."""
        return self._envelopes.seal(about, content)

    def open(self, about: str, sealed: str) -> bytes:
        """See `usecases.ports.Envelopes`. Raises `Corrupted`."""
        return self._envelopes.open(about, sealed)

    def signatures(self, message: str, timestamp: int, body: bytes, shared: Sequence[str]) -> str:
        """The header `webhook-signature`: one `v1` for each shared secret, and one `v1a`, with spaces between.

        Raises `Corrupted` for what is no secret.
        """
        signed = f"{message}.{timestamp}.".encode() + body
        macs = [base64.b64encode(hmac.digest(_raw(one), signed, hashlib.sha256)).decode() for one in shared]
        asymmetric = base64.b64encode(self._signing.sign(signed)).decode()
        return " ".join([*(f"v1,{mac}" for mac in macs), f"v1a,{asymmetric}"])


def new_secret() -> str:
    """A fresh signing secret: `whsec_` and 256 random bits in base64. Shown once, and stored sealed."""
    return _SECRET + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def _raw(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except ValueError:
        raise Corrupted("webhook_secret_corrupted", "What should be a signing secret is none.") from None


def _derived(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_BYTES, salt=None, info=info).derive(key)
