"""Master keys: what data keys are wrapped under, and nothing else.

A data key is 32 random bytes that seal content: of one person, of one dataset version, of one upload. It is stored
wrapped. Whoever has the master key and the wrapped key has the data key, so destroying either is enough. A master key
may lie in a file (`LocalMaster`) or in somebody else's machine that never hands it out (`kms_*`).

A wrapped key says which master key, in which version, wrapped it:
`"twk1" || length of the version (1 byte) || version (ASCII) || what the master key made of the data key`.
It is bound to its context (whose key it is): moved to another row, it does not open. Until a first rotation person keys
had no such head; they are read as ever.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tunewarden.domain.errors import Corrupted

KEY_BYTES = 32
FIRST = "vault"
"""The purpose of the master key that wrapped before versions had names."""

_MAGIC = b"twk1"
_NONCE = 12
_LONGEST_VERSION = 255


class MasterKey(Protocol):
    """Wraps keys of 32 bytes. Trusted: whoever can ask it to unwrap can read whatever they can fetch."""

    @property
    def version(self) -> str:
        """Names the master key that wraps now."""

    def wrap(self, key: bytes, context: str) -> bytes:
        """`key` for storing, bound to `context`. Raises `Unavailable`."""

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """The inverse. Raises `Corrupted` for what was wrapped by another one, of another context, or damaged."""


class Wrapped(NamedTuple):
    """A wrapped key in its parts; `version` is None where it was wrapped before versions had names."""

    version: str | None
    sealed: bytes


def wrapped_by(version: str, sealed: bytes) -> bytes:
    """The stored form."""
    name = version.encode("ascii")
    if not 0 < len(name) <= _LONGEST_VERSION:
        raise ValueError(f"a version has 1 to {_LONGEST_VERSION} characters")
    return _MAGIC + bytes([len(name)]) + name + sealed


def parts(wrapped: bytes) -> Wrapped:
    """The inverse of `wrapped_by`. Raises `Corrupted` where it breaks off."""
    if not is_wrapped(wrapped):
        return Wrapped(None, wrapped)
    end = len(_MAGIC) + 1 + (wrapped[len(_MAGIC)] if len(wrapped) > len(_MAGIC) else 0)
    name = wrapped[len(_MAGIC) + 1 : end]
    if not name.isascii() or len(wrapped) <= end or not name:
        raise wrapped_corrupted()
    return Wrapped(name.decode("ascii"), wrapped[end:])


def is_wrapped(content: bytes) -> bool:
    """Whether it begins as a wrapped key does. A plain key does so once in 2^32."""
    return content.startswith(_MAGIC)


def fingerprint(purpose: str, key: bytes) -> str:
    """What a local master key is called: it tells keys apart, and nothing of the key."""
    return f"{purpose}-" + hashlib.sha256(b"tunewarden master key\x00" + key).hexdigest()[:16]


class LocalMaster:
    """AES-256-GCM (NIST SP 800-38D) under a key that this process holds; random nonces, so up to 2^32 wrappings."""

    def __init__(self, purpose: str, load: Callable[[], Sequence[bytes]]) -> None:
        """`load` gives every master key that may still be met, the one that wraps first; 32 bytes each."""
        self.purpose, self._load = purpose, load
        self._ciphers: dict[str, AESGCM] = {}
        self.refresh()

    @property
    def version(self) -> str:
        return next(iter(self._ciphers))

    def __len__(self) -> int:
        """How many master keys there are: two while one is rotated away."""
        return len(self._ciphers)

    def refresh(self) -> None:
        """Load again: another process may have begun or ended a rotation."""
        self._ciphers = {fingerprint(self.purpose, key): AESGCM(key) for key in self._load()}

    def has(self, version: str) -> bool:
        """Whether it can wrap under that version; loads again where it cannot yet."""
        if version not in self._ciphers:
            self.refresh()
        return version in self._ciphers

    def wrap(self, key: bytes, context: str, version: str | None = None) -> bytes:
        """As `MasterKey.wrap`; under `version`, which it has, or the first."""
        ciphers, nonce = self._ciphers, secrets.token_bytes(_NONCE)
        name = version or next(iter(ciphers))
        return wrapped_by(name, nonce + ciphers[name].encrypt(nonce, key, context.encode()))

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, sealed = parts(wrapped)
        if version is not None and not self.has(version):
            raise wrapped_corrupted()
        ciphers, nonce, rest = self._ciphers, sealed[:_NONCE], sealed[_NONCE:]
        named = ciphers if version is None else {version: ciphers.get(version)}
        for cipher in named.values():
            try:
                if cipher is not None:
                    return cipher.decrypt(nonce, rest, context.encode())
            except (InvalidTag, ValueError):
                continue
        raise wrapped_corrupted()

    def made(self, wrapped: bytes) -> bool:
        """Whether a master key of this purpose wrapped it; those without a version are of "vault"."""
        version = parts(wrapped).version
        return self.purpose == (FIRST if version is None else version.rpartition("-")[0])

    def rewrapped(self, wrapped: bytes, context: str) -> bytes | None:
        """The same data key wrapped by the newest master key; None where it is already. Raises as `unwrap` does."""
        if parts(wrapped).version == self.version:
            return None
        return self.wrap(self.unwrap(wrapped, context), context)


def wrapped_corrupted() -> Corrupted:
    """What every driver raises for a wrapped key that it did not make, or not for this context."""
    return Corrupted(
        "wrapped_key_corrupted",
        "A wrapped data key is not what was stored here, or the master key is another one.",
        remedy="Restore the master key, and what it wrapped, from a copy.",
        who="administrator",
    )
