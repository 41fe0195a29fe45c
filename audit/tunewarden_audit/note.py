"""C2SP signed notes with Ed25519 keys, and the tree head (C2SP checkpoint) that such a note carries.

Sources: c2sp.org/signed-note v1, c2sp.org/tlog-checkpoint v1, c2sp.org/tlog-cosignature v1, RFC 8032. Other signature
types are ignored, as the specification asks: a note stands when a key that the caller trusts has signed it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tunewarden_audit.merkle import HASH_BYTES

ED25519 = b"\x01"  # signature type (C2SP signed-note): a log's own
COSIGNATURE = b"\x04"  # a witness's: the signature is preceded by a time (C2SP tlog-cosignature)
LONGEST_NOTE = 1_000_000  # bytes
MOST_SIGNATURES = 100
LARGEST_SIZE = 2**63 - 1
_TIME_BYTES = 8
_DASH = "\N{EM DASH} "
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")

# Curve25519 in Edwards form (RFC 8032 section 5.1): x^2 in terms of y, and the y of the eight points of small order.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER_EIGHT_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_LOW_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_EIGHT_Y, _P - _ORDER_EIGHT_Y})


class InvalidNote(ValueError):
    """The note is malformed, or no trusted key has signed it. The message never quotes the note."""


class NotSigned(InvalidNote):
    """The note is well formed, but no trusted key has signed it."""


class InvalidKey(ValueError):
    """The key is malformed, or of a kind that must not be trusted."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a log's or a witness's key. Make one with `load_key`, which refuses keys that fit too much."""

    name: str
    public: bytes  # 32 bytes, RFC 8032 section 5.1.2
    algorithm: bytes = ED25519

    @property
    def is_witness(self) -> bool:
        return self.algorithm == COSIGNATURE

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys apart; not a fingerprint."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.algorithm + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as one line of text: name+id+base64, as the Go checksum database writes it."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(self.algorithm + self.public)}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the vkey line, 64 hex digits: to be compared over another channel than the bundle's."""
        return hashlib.sha256(self.vkey.encode()).hexdigest()

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether this key signed the note's text (RFC 8032 section 5.1.7); `signature` without the key's id."""
        message = text
        if self.is_witness:
            if cosigned_at(signature) > LARGEST_SIZE:
                return False
            message, signature = cosigned(text, cosigned_at(signature)), signature[_TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The private half. Only the sealer holds the log's; a witness has its own."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)
    algorithm: bytes = ED25519

    def __post_init__(self) -> None:
        _require_name(self.name)

    @classmethod
    def generate(cls, name: str, algorithm: bytes = ED25519) -> SignerKey:
        """A fresh key from the operating system's randomness; `name` is the log's origin, or the witness's name."""
        return cls(name, Ed25519PrivateKey.generate(), algorithm)

    @classmethod
    def from_pem(cls, name: str, pem: bytes, algorithm: bytes = ED25519) -> SignerKey:
        """The key in an unencrypted PKCS#8 PEM block; raises InvalidKey, whose message never quotes it."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidKey("the signing key is not an unencrypted PKCS#8 PEM block") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidKey("the signing key is not an Ed25519 key")
        key = cls(name, private, algorithm)
        _require_sound_point(key.verifier.public)
        return key

    def pem(self) -> bytes:
        """The private key as an unencrypted PKCS#8 PEM block: a secret."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw(), self.algorithm)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the trusted keys whose signatures under it were verified; never empty.

    `times` has, for each witness among them, when it says that it cosigned: seconds since 1970, the newest if several.
    """

    text: str
    signed_by: tuple[VerifierKey, ...]
    times: Mapping[VerifierKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a log signs: that it has `size` entries whose tree has this root."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text (C2SP checkpoint)."""
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), _base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> TreeHead:
        """The tree head in a note's text; raises InvalidNote unless `text` is exactly how it is written."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or "" in lines:
            raise InvalidNote("a tree head is three lines or more, none of them empty")
        origin, size, root, *extensions = lines
        if not _DECIMAL.fullmatch(size) or int(size) > LARGEST_SIZE:
            raise InvalidNote("the tree size is not a plain decimal number below 2**63")
        root_bytes = _strict_base64(root)
        if root_bytes is None or len(root_bytes) != HASH_BYTES:
            raise InvalidNote(f"the root is not {HASH_BYTES} bytes of base64")
        return cls(origin, int(size), root_bytes, tuple(extensions))


def load_key(vkey: str) -> VerifierKey:
    """The public key in a vkey line (name+id+base64); raises InvalidKey.

    Refused besides malformed ones: non-canonical encodings, points off the curve, and points of small order, under
    which one signature fits many messages. The `cryptography` library accepts those at load.
    """
    name, _, rest = vkey.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    _require_name(name)
    raw = _strict_base64(encoded)
    if raw is None or len(raw) != 1 + HASH_BYTES:
        raise InvalidKey("a vkey is name+id+base64 of 33 bytes")
    if raw[:1] not in {ED25519, COSIGNATURE}:
        raise InvalidKey(f"key type {raw[0]:#04x} is not Ed25519 (0x01 for logs, 0x04 for witnesses)")
    _require_sound_point(raw[1:])
    key = VerifierKey(name, raw[1:], raw[:1])
    if key_id != key.key_id.hex():
        raise InvalidKey("the id in the vkey is not the id of its name and key")
    return key


def open_note(text: bytes | str, keys: Iterable[VerifierKey]) -> Note:
    """The note's text, once a trusted key is seen to have signed it; raises InvalidNote.

    1. Form: UTF-8, no control characters but newline, a text, an empty line, one to 100 signature lines.
    2. Signatures of keys that are not in `keys` are ignored, as C2SP asks.
    3. Every signature that claims a trusted key's name and id must verify.
    4. At least one must be there.
    """
    # 1
    body, lines = _split_note(text)
    trusted = {(key.name, key.key_id): key for key in keys}
    signed_by: list[VerifierKey] = []
    times: dict[VerifierKey, int] = {}
    for line in lines:
        name, signature = _signature_line(line)
        # 2
        key = trusted.get((name, signature[:4]))
        if key is None:
            continue
        # 3
        if not key.verifies(body.encode(), signature[4:]):
            raise InvalidNote("a signature with a trusted key's name and id does not verify")
        if key not in signed_by:
            signed_by.append(key)
        if key.is_witness:
            times[key] = max(cosigned_at(signature[4:]), times.get(key, 0))
    # 4
    if not signed_by:
        raise NotSigned("no trusted key has signed this note")
    return Note(body, tuple(signed_by), times)


def signed_head(text: bytes | str, keys: Iterable[VerifierKey]) -> TreeHead:
    """The tree head in a checkpoint that a trusted key signed under the log's own name; raises InvalidNote."""
    signed = open_note(text, keys)
    head = TreeHead.parse(signed.text)
    if head.origin not in {key.name for key in signed.signed_by if not key.is_witness}:
        raise InvalidNote("the origin of the checkpoint is not the name of the key that signed it")
    return head


def sign_note(text: str, key: SignerKey) -> str:
    """The note with this one signature; raises InvalidNote for a text that no note can carry."""
    if not text.endswith("\n") or text.startswith("\n"):
        raise InvalidNote("a note's text begins with a line and ends with a newline")
    _require_plain(text)
    return f"{text}\n{_signed_line(key, key.private.sign(text.encode()))}"


def add_signature(note: str, line: str) -> str:
    """The note with one more signature line, in place of an earlier one of the same key; raises InvalidNote."""
    body, lines = _split_note(note)
    name, signature = _signature_line(line.removesuffix("\n"))
    others = [one for one in lines if (_signature_line(one)[0], _signature_line(one)[1][:4]) != (name, signature[:4])]
    return "\n".join([body, *others, line.removesuffix("\n"), ""])


def signature_of(note: str, key: VerifierKey) -> str:
    """The first signature line that claims to be this key's; raises NotSigned. Not checked: that it verifies."""
    for line in _split_note(note)[1]:
        name, signature = _signature_line(line)
        if (name, signature[:4]) == (key.name, key.key_id):
            return f"{line}\n"
    raise NotSigned("the note has no signature line of that key")


def cosign(note: str, key: SignerKey, time: int) -> str:
    """The signature line of a witness under a checkpoint, at `time` in seconds since 1970 (C2SP tlog-cosignature v1).

    Not checked: that the checkpoint is consistent with what the witness has seen; see `witness`.
    """
    body, _ = _split_note(note)
    signature = key.private.sign(cosigned(body.encode(), time))
    return _signed_line(key, time.to_bytes(_TIME_BYTES, "big") + signature)


def cosigned(text: bytes, time: int) -> bytes:
    """What a witness signs under a checkpoint's text at a time."""
    return b"cosignature/v1\ntime %d\n%b" % (time, text)


def cosigned_at(signature: bytes) -> int:
    """The time in a cosignature (without the key's id), seconds since 1970."""
    return int.from_bytes(signature[:_TIME_BYTES], "big")


def _signed_line(key: SignerKey, signature: bytes) -> str:
    return f"{_DASH}{key.name} {_base64(key.verifier.key_id + signature)}\n"


def _split_note(text: bytes | str) -> tuple[str, list[str]]:
    """The note's text with its last newline, and its signature lines."""
    if len(text) > LONGEST_NOTE:
        raise InvalidNote(f"the note is longer than {LONGEST_NOTE:,} bytes")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidNote("the note is not UTF-8") from None
    _require_plain(text)
    body, separator, signatures = text.rpartition("\n\n")
    if not separator or not body or not signatures.endswith("\n"):
        raise InvalidNote("a note is a text, an empty line and signature lines that end with a newline")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise InvalidNote(f"the note has more than {MOST_SIGNATURES} signatures")
    return body + "\n", lines


def _signature_line(line: str) -> tuple[str, bytes]:
    """The key's name, and four bytes of key id before the signature itself."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _strict_base64(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or signature is None or len(signature) < 5:
        raise InvalidNote("a signature line is not: em dash, key name, base64")
    return name, signature


def _require_plain(text: str) -> None:
    if "\r" in text:
        raise InvalidNote("the note holds a carriage return (CRLF line ends?); its lines end with a newline only")
    if any(character < " " and character != "\n" for character in text):
        raise InvalidNote("the note holds a control character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidNote("the note holds half of a surrogate pair")


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def _require_name(name: str) -> None:
    if not _is_name(name):
        raise InvalidKey("a key's name is not empty and holds neither spaces nor a plus sign")


def _require_sound_point(public: bytes) -> None:
    y = int.from_bytes(public, "little") & (2**255 - 1)  # the topmost bit is the sign of x
    if y >= _P:
        raise InvalidKey("the Ed25519 public key is non-canonical: its y is not below 2**255 - 19")
    if y in _LOW_ORDER_Y:
        raise InvalidKey("the Ed25519 public key is of low order: one signature would fit many messages")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise InvalidKey("the Ed25519 public key is not a point of the curve")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _strict_base64(text: str) -> bytes | None:
    """The bytes, or None unless `text` is exactly how they are written (RFC 4648 section 4)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None
