"""Where a file is de-identified: a temporary folder with everything encrypted, under a key that is on no disk."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.keyfiles import KEY_BYTES
from tunewarden.entry.wiring import OpenBlobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Blobs and a folder for the journals, both gone afterwards.

    `open_blobs` is how another process of the same user on this machine reaches the blobs while this one lives; None
    where the system has no files that lie in memory alone (Linux has).
    """

    blobs: DirectoryBlobs
    scratch: Path
    open_blobs: OpenBlobs | None


@contextmanager
def workplace() -> Iterator[Workplace]:
    """Made now, and taken away at the end. Killed before that, its folder stays, and nobody can read it any more."""
    key = secrets.token_bytes(KEY_BYTES)
    with tempfile.TemporaryDirectory(prefix="tunewarden-") as folder, _in_memory(key) as key_file:
        place, scratch = Path(folder) / "blobs", Path(folder) / "scratch"
        scratch.mkdir(mode=0o700)
        yield Workplace(
            blobs=DirectoryBlobs(place, key),
            scratch=scratch,
            open_blobs=None if key_file is None else OpenBlobs(place, key_file),
        )


@contextmanager
def _in_memory(key: bytes) -> Iterator[Path | None]:
    """The key as a file of this process that lies on no disk."""
    if not hasattr(os, "memfd_create"):
        yield None
        return
    descriptor = os.memfd_create("key")
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, key)
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)
