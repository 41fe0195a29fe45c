"""The blob keys of a running process: the first seals, all of them open; looked up again whenever the file changed."""

from collections.abc import Callable, Sequence

from tunewarden.drivers.keys_file import KeyFile

Keys = Callable[[], Sequence[bytes]]
"""The keys of 32 bytes as they are now, the one that seals first; more than one while one is rotated away."""


class BlobKeys:
    """`Keys` from a file. Asks a key-management service again only where the file is another one."""

    def __init__(self, file: KeyFile) -> None:
        """Raises as `KeyFile.load` does, and so does every call."""
        self._file = file
        self._seen = self._stamp()
        self._keys = file.load()

    def __call__(self) -> Sequence[bytes]:
        stamp = self._stamp()
        if stamp != self._seen:
            self._keys = self._file.load()
            self._seen = stamp
        return self._keys

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one file from another that took its place; None where there is none, which `load` explains."""
        try:
            about = self._file.path.stat()
        except OSError:
            return None
        return about.st_ino, about.st_mtime_ns, about.st_size


def as_keys(keys: bytes | Keys) -> Keys:
    """One key that never changes, or what says which there are."""
    return (lambda: (keys,)) if isinstance(keys, bytes) else keys
