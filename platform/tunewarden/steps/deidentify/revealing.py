"""Keyed digests, and pseudonyms that the person's key turns back.

    1. A subkey for each use is derived from the person's data key: HKDF-SHA256 (RFC 5869), the use as `info`.
    2. Digest: HMAC-SHA256 (RFC 2104) of kind and value; its first four bytes in hexadecimal.
    3. Pseudonym: AES-SIV (RFC 5297) of the value with the kind as associated data: the same value gives the same
       pseudonym, a changed one does not open. In base 32 (RFC 4648) without padding.

Both show that two mentions are the same value. The digest tells one person's values apart, not everybody's: of four
bytes two values of a person collide once in four billion pairs.
"""

import base64
import binascii
import hmac

import regex
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.identifiers import EntityType

_PSEUDONYM = regex.compile(r"\[(?P<kind>[A-Z-]+)~(?P<sealed>[A-Z2-7]{27,})\]")
_DIGEST_BYTES = 4


def subkey(key: bytes, use: str, length: int = 32) -> bytes:
    """`length` bytes for one use of a person's data key."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"tunewarden person {use}".encode()).derive(key)


def keyed_digest(value: str, entity: EntityType, key: bytes) -> str:
    """Such as `[NAME-7f3a9c01]`; case and spacing of the value make no difference."""
    message = f"{entity.value}\0{folded(value)}".encode()
    digest = hmac.digest(subkey(key, "digest"), message, "sha256")[:_DIGEST_BYTES]
    return f"[{entity.value.upper()}-{digest.hex()}]"


def pseudonym(value: str, entity: EntityType, key: bytes) -> str:
    """Such as `[MEDICAL-RECORD~MFRGG...]`; `reveal` turns it back."""
    sealed = AESSIV(subkey(key, "pseudonym", 64)).encrypt(value.encode(), [entity.value.encode()])
    return f"[{entity.value.upper()}~{base64.b32encode(sealed).decode().rstrip('=')}]"


def reveal(text: str, key: bytes) -> tuple[str, int, int]:
    """`text` with the pseudonyms that this person's key opens turned back: (text, how many were, how many were not)."""
    cipher = AESSIV(subkey(key, "pseudonym", 64))
    opened = closed = 0

    def original(match: "regex.Match[str]") -> str:
        nonlocal opened, closed
        sealed = match["sealed"]
        try:
            token = base64.b32decode(sealed + "=" * (-len(sealed) % 8))
            value = cipher.decrypt(token, [match["kind"].lower().encode()]).decode()
        except (InvalidTag, binascii.Error):
            closed += 1
            return str(match[0])
        opened += 1
        return value

    turned: str = _PSEUDONYM.sub(original, text)
    return turned, opened, closed


def folded(value: str) -> str:
    """`value` without differences of case and spacing."""
    return " ".join(value.casefold().split())
