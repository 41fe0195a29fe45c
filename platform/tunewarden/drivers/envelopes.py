"""A few words on their way from one process to another over the database, for nobody else to read.

An envelope is AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA256 (RFC 5869) derives from the master key, with
what it is about as associated data, so that it cannot be laid into another row. Content is padded to whole 256 bytes,
so that its length says little. The database is not trusted with it; whoever has the master key can read it.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted

_NONCE = 12
_WHOLE = 256
_END = b"\x80"  # ISO/IEC 7816-4: one such byte, then zeros
_KEY_BYTES = 32


class SealedEnvelopes:
    """`usecases.ports.Envelopes`; `master_key` has 32 bytes."""

    def __init__(self, master_key: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"tunewarden envelope").derive(master_key)
        self._cipher = AESGCM(key)

    def seal(self, about: str, content: bytes) -> str:
        """An envelope around `content`, in hexadecimal digits; no two are alike."""
        nonce = secrets.token_bytes(_NONCE)
        padded = content + _END
        padded += bytes(-len(padded) % _WHOLE)
        return (nonce + self._cipher.encrypt(nonce, padded, about.encode())).hex()

    def open(self, about: str, sealed: str) -> bytes:
        """The inverse of `seal`. Raises `Corrupted` for an envelope about something else, of another key or damaged."""
        try:
            data = bytes.fromhex(sealed)
            padded = self._cipher.decrypt(data[:_NONCE], data[_NONCE:], about.encode())
        except (InvalidTag, ValueError):
            raise Corrupted(
                "envelope_corrupted",
                "What was sealed is not what was stored, or the blob key is another one.",
                remedy="Restore the blob key, and ask again.",
                who="administrator",
            ) from None
        return padded[: padded.rindex(_END)]
