"""Files that hold master keys and other secrets of 32 bytes: plain for their owner alone, or wrapped by a KMS.

Plain, a file is nothing but its keys, one after the other; each file of before holds one. Wrapped, it is a line that
says so, then a line of hexadecimal digits for each: nobody reads anything with the file alone. The first key is the one
in use; those behind it are there while a rotation is under way, and are destroyed at its end.

Not reached by destroying a key in a file: copies of it, and what a file system or a disk keeps of old blocks. A key
that a KMS wrapped dies with the KMS's own key too.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewarden.domain.errors import Corrupted, Refused, Unavailable
from tunewarden.drivers.keyfiles import create_secret, flush_folder, read_secret
from tunewarden.drivers.keys_master import KEY_BYTES, MasterKey

_WRAPPED = b"tunewarden keys, wrapped\n"
_MOST_BYTES = 64 * 1024
_MOST_KEYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A file of keys.

    Attributes:
        purpose: what they are for, one word; a KMS binds them to it, so that files cannot be exchanged, and so that it
            can allow a process one file and not another.
        kms: wraps them; None where they lie in plain.
    """

    path: Path
    purpose: str
    kms: MasterKey | None = None

    def load(self) -> tuple[bytes, ...]:
        """The keys, the one in use first. Asks the KMS for each.

        Raises as `keyfiles.read_secret` does; `Corrupted` for a file that holds no keys or others than were put there,
        `Unavailable` where the KMS does not answer, and `Refused` where a file is plain and a KMS is named, or the
        other way round: who runs it believes something else than what is so.
        """
        content = read_secret(self.path, _MOST_BYTES)
        is_wrapped = content.startswith(_WRAPPED)
        if is_wrapped and self.kms is None:
            raise Refused(
                "key_wrapped",
                f"The key file {self.path.name} is wrapped by a key-management service, and none is named.",
                remedy="Name it: TUNEWARDEN_KMS.",
                who="administrator",
            )
        if not is_wrapped and self.kms is not None:
            raise Refused(
                "key_in_plain",
                f"The key file {self.path.name} holds its key in plain, and a key-management service is named.",
                remedy="Wrap it: `tunewarden master-keys wrap`.",
                who="administrator",
            )
        return self._unwrapped(content) if is_wrapped else self._plain(content)

    def create(self) -> None:
        """One random key, unless the file is there; of several that come first at once, one does it."""
        if not self.path.exists():
            create_secret(self.path, self._content([secrets.token_bytes(KEY_BYTES)]))

    def replace(self, keys: Sequence[bytes]) -> None:
        """Put these keys in place of what is there: all of them or, after a crash, what was there before.

        Raises `Unavailable` where the file cannot be written.
        """
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.new")
        content = self._content(keys)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
            flush_folder(self.path.parent)
        except OSError as error:
            draft.unlink(missing_ok=True)
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise Unavailable(
                "key_not_written",
                f"The key file {self.path.name} cannot be replaced ({reason}).",
                remedy="Where it is mounted for reading only, put the new key before the old one there, then repeat.",
                who="administrator",
            ) from error

    def wrap(self) -> None:
        """Wrap what lies there, plain or wrapped, by the KMS as it is now. Raises as `load` and `replace` do."""
        content = read_secret(self.path, _MOST_BYTES)
        self.replace(self._unwrapped(content) if content.startswith(_WRAPPED) else self._plain(content))

    def _content(self, keys: Sequence[bytes]) -> bytes:
        if self.kms is None:
            return b"".join(keys)
        lines = (self.kms.wrap(key, self._context()).hex() for key in keys)
        return _WRAPPED + "".join(f"{line}\n" for line in lines).encode()

    def _plain(self, content: bytes) -> tuple[bytes, ...]:
        count, rest = divmod(len(content), KEY_BYTES)
        if rest or not 1 <= count <= _MOST_KEYS:
            raise self._malformed()
        return tuple(content[place : place + KEY_BYTES] for place in range(0, len(content), KEY_BYTES))

    def _unwrapped(self, content: bytes) -> tuple[bytes, ...]:
        assert self.kms is not None
        try:
            wrapped = [bytes.fromhex(line) for line in content.removeprefix(_WRAPPED).decode("ascii").splitlines()]
        except ValueError:
            raise self._malformed() from None
        keys = tuple(self.kms.unwrap(each, self._context()) for each in wrapped)
        if not 1 <= len(keys) <= _MOST_KEYS or any(len(key) != KEY_BYTES for key in keys):
            raise self._malformed()
        return keys

    def _context(self) -> str:
        return f"tunewarden key file {self.purpose}"

    def _malformed(self) -> Corrupted:
        return Corrupted(
            "key_malformed", f"The key file {self.path.name} does not hold keys of {KEY_BYTES} bytes, or too many."
        )


def keys_in_words(text: str) -> tuple[bytes, ...]:
    """Keys from a setting: 64 hexadecimal digits each, the one in use first, commas between. Raises `Corrupted`."""
    try:
        keys = tuple(bytes.fromhex(word) for word in text.split(","))
    except ValueError:
        keys = ()
    if not 1 <= len(keys) <= _MOST_KEYS or any(len(key) != KEY_BYTES for key in keys):
        raise Corrupted(
            "key_malformed",
            f"The setting with the master keys does not hold {2 * KEY_BYTES} hexadecimal digits for each, "
            "with commas between.",
            who="administrator",
        )
    return keys
