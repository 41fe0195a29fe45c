"""A few words on their way from one process to another over the database, for nobody else to read.

An envelope is AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA256 (RFC 5869) derives from the blob key, with
what it is about as associated data, so that it cannot be laid into another row. Content is padded to whole 256 bytes,
so that its length says little. The database is not trusted with it; whoever has the blob key can read it.
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.blob_keys import Keys, as_keys

_NONCE = 12
_WHOLE = 256
_END = b"\x80"  # ISO/IEC 7816-4: one such byte, then zeros
_KEY_BYTES = 32


class SealedEnvelopes:
    """`usecases.ports.Envelopes`; a blob key has 32 bytes. Sealed under the first, opened by any."""

    def __init__(self, blob_key: bytes | Keys) -> None:
        self._keys = as_keys(blob_key)

    def seal(self, about: str, content: bytes) -> str:
        """An envelope around `content`, in hexadecimal digits; no two are alike."""
        nonce = secrets.token_bytes(_NONCE)
        padded = content + _END
        padded += bytes(-len(padded) % _WHOLE)
        return (nonce + _cipher(self._keys()[0]).encrypt(nonce, padded, about.encode())).hex()

    def open(self, about: str, sealed: str) -> bytes:
        """The inverse of `seal`. Raises `Corrupted` for an envelope about something else, of another key or damaged."""
        for key in self._keys():
            try:
                data = bytes.fromhex(sealed)
                padded = _cipher(key).decrypt(data[:_NONCE], data[_NONCE:], about.encode())
            except (InvalidTag, ValueError):
                continue
            return padded[: padded.rindex(_END)]
        raise Corrupted(
            "envelope_corrupted",
            "What was sealed is not what was stored, or the blob key is another one.",
            remedy="Restore the blob key, and ask again.",
            who="administrator",
        )


class SealedMarks:
    """Marks of words: the same of the same words, and saying nothing of them to who has not the blob key.

    HMAC-SHA256 (RFC 2104) under keys that HKDF-SHA256 derives from the blob keys. What was marked under one that was
    destroyed is not recognised any more.
    """

    def __init__(self, blob_key: bytes | Keys) -> None:
        self._keys = as_keys(blob_key)

    def __call__(self, *words: bytes) -> tuple[tuple[str, ...], ...]:
        """A mark of each, 64 hex digits, under one key after the other: first those of now, then those of before."""
        keys = [_derived(key, b"tunewarden mark") for key in self._keys()]
        return tuple(tuple(hmac.new(key, one, hashlib.sha256).hexdigest() for one in words) for key in keys)


def _cipher(blob_key: bytes) -> AESGCM:
    return AESGCM(_derived(blob_key, b"tunewarden envelope"))


def _derived(blob_key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(blob_key)
