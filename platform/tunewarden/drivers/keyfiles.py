"""Secret keys in files that only their owner can read.

Trusted: whoever reads these files can decrypt every blob. A key in a key-management service is a later driver.
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from tunewarden.domain.errors import Corrupted, Refused, Unavailable

KEY_BYTES = 32


def load_key(path: Path) -> bytes:
    """The 32 bytes in the file `path`.

    Raises as `read_secret` does, and `Corrupted` for a file that does not hold 32 bytes.
    """
    key = read_secret(path, KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise Corrupted("key_malformed", f"The key file {path.name} does not hold {KEY_BYTES} bytes.")
    return key


def read_secret(path: Path, most: int) -> bytes:
    """The bytes in a file that only its owner can reach, `most` of them and one more at most.

    Raises `Unavailable` where there is none, and `Refused` for a file that others than its owner can read or write. Not
    checked: who can read its folder.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(most + 1)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable(
            "key_unavailable",
            f"The key file {path.name} cannot be read ({reason}).",
            remedy="Provide it, or restore it from its copy; what was encrypted under a lost key cannot be read again.",
            who="administrator",
        ) from error
    if mode & 0o077:
        raise Refused(
            "key_readable_by_others",
            f"The key file {path.name} has mode {mode:04o}; only its owner may have access to it.",
            remedy="Set its mode to 0600, and replace the key if others may have read it.",
            who="administrator",
        )
    return content


def create_secret(path: Path, content: bytes) -> None:
    """Make `path` appear with this whole content and mode 0600, or leave the one that is there."""
    with suppress(FileExistsError):
        _create(path, content)


def _create(path: Path, content: bytes) -> None:
    """Make `path` appear with its whole content or not at all; raises `FileExistsError`."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # unlike a rename, a link never replaces a key that somebody else made meanwhile
    finally:
        draft.unlink()
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
