"""The signed tree head as a reader sees it. Signatures are not checked here: that is the auditor's work."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

_SIGNED_BY = "\N{EM DASH} "  # C2SP signed-note: how the line of a signature begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Whose log this is and what was signed; parts that were not given are empty.

    Attributes:
        size: of the tree, in words.
        root: 64 hex digits.
        cosigners: names of further signatures on the note, in its order, each once.
        key: name and id of the log's key (`name+id`), without the key itself.
        fingerprint: SHA-256 of the whole vkey line, 64 hex digits; `tunewarden-audit` prints the same.
    """

    origin: str
    size: str
    root: str = ""
    signer: str = ""
    cosigners: tuple[str, ...] = ()
    key: str = ""
    fingerprint: str = ""


def head(origin: str, size: int, note: str, vkey: str) -> Head:
    """From a C2SP checkpoint (signed note) and a vkey line; either may be empty."""
    names = tuple(dict.fromkeys(_signers(note)))
    return Head(
        origin=origin,
        size=f"{size:,}",
        root=_root(note),
        signer=next((name for name in names if name == origin), ""),
        cosigners=tuple(name for name in names if name != origin),
        key=key_name(vkey),
        fingerprint=sha256(vkey.encode()).hexdigest() if vkey else "",
    )


def key_name(vkey: str) -> str:
    """Name and id of a key (`name+id`), without the key itself, whose base64 may have a plus too."""
    return "+".join(vkey.split("+", 2)[:2])


def _signers(note: str) -> Iterator[str]:
    for line in note.splitlines():
        if line.startswith(_SIGNED_BY):
            yield line.removeprefix(_SIGNED_BY).partition(" ")[0]


def _root(note: str) -> str:
    """The third line of a checkpoint; empty where it is not base64."""
    lines = note.splitlines()
    try:
        return b64decode(lines[2], validate=True).hex() if len(lines) > 2 else ""
    except binascii.Error:
        return ""
