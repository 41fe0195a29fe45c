"""The two files that the sealer keeps outside the database: its signing key and its last signed head.

A witness keeps its key in the same way. Whoever holds the lock beside the state is the only sealer on this machine.
"""

from __future__ import annotations

import base64
import binascii
import errno
import fcntl
import os
import stat
from pathlib import Path

from tunewarden_audit import canonical
from tunewarden_audit.log import Signed, SignedStateBroken
from tunewarden_audit.merkle import Frontier
from tunewarden_audit.note import ED25519, InvalidKey, SignerKey


class InUse(Exception):
    """Another process holds the lock."""


def hold(state: Path) -> int:
    """Take the lock beside a state file; returns the open descriptor, and closing it lets the lock go (flock(2)).

    Raises InUse. Not seen: a sealer on another machine that has a copy of the state; witnesses see that one.
    """
    descriptor = os.open(state.with_name(state.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise InUse(f"another process holds the lock beside {state.name}: only one may sign") from None
    return descriptor


def create_key(path: Path, name: str, algorithm: bytes = ED25519) -> SignerKey:
    """Generate a signing key into a new file of mode 0600; raises FileExistsError rather than replace one."""
    key = SignerKey.generate(name, algorithm)
    draft = _draft(path, key.pem())
    try:
        path.hardlink_to(draft)  # unlike a rename, it never replaces a key
    finally:
        draft.unlink()
    _flush_folder(path.parent)
    return key


def read_key(path: Path, name: str, algorithm: bytes = ED25519) -> SignerKey:
    """The signing key in a file that only its owner may read; raises InvalidKey, FileNotFoundError."""
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise InvalidKey(f"{path.name} has mode {mode:04o}: others may read the signing key; make it 0600")
        return SignerKey.from_pem(name, file.read(), algorithm)


def replace_key(path: Path, key: SignerKey) -> None:
    """Put another signing key in the place of the one in the file. A crash leaves one of the two, whole."""
    replace_file(path, key.pem())


def replace_file(path: Path, data: bytes) -> None:
    """Written beside it, flushed, renamed, and the folder flushed: after a power cut the old one is there, or this."""
    _draft(path, data).replace(path)
    _flush_folder(path.parent)


def write_state(path: Path, signed: Signed) -> None:
    """Replace the state file. A crash leaves the old one or the new one, whole.

    The rename in it is the point of no return: from there on this head has been signed.
    """
    replace_file(path, _encode(signed))


def read_state(path: Path) -> Signed | None:
    """The last signed head; None when there is no such file. Raises SignedStateBroken for one that cannot be read.

    Not checked: the signature; `seal` and `replay` do. Only a log that never signed may lack the file: when the
    database holds a published checkpoint and this returns None, the caller must refuse to start.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _decode(data)
    except (canonical.NotCanonical, binascii.Error, AttributeError, KeyError, TypeError, ValueError):
        raise SignedStateBroken(f"the state file {path.name} is damaged; restore the newest copy of it") from None


def _encode(signed: Signed) -> bytes:
    return canonical.encode(
        {
            "checkpoint": signed.checkpoint,
            "frontier": [_text(peak) for peak in signed.frontier.peaks],
            "key": signed.key,
            "last_leaf": _text(signed.last_leaf),
            "size": signed.size,
            "v": 2,
        }
    )


def _decode(data: bytes) -> Signed:
    state = canonical.decode(data)
    if state["v"] != 2 or not isinstance(state["checkpoint"], str) or not isinstance(state["key"], str):
        raise ValueError("not a state of version 2")
    peaks = tuple(base64.b64decode(peak, validate=True) for peak in state["frontier"])
    signed = Signed(
        checkpoint=state["checkpoint"],
        key=state["key"],
        frontier=Frontier(state["size"], peaks),
        last_leaf=base64.b64decode(state["last_leaf"], validate=True),
    )
    if _encode(signed) != data:  # base64 has spare bits
        raise ValueError("not written by us")
    return signed


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _draft(path: Path, data: bytes) -> Path:
    """The bytes, flushed, in a file of mode 0600 beside the one that is meant; its name is nobody else's."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # what a crash left, of whatever mode
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
