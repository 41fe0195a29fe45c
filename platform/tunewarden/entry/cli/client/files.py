"""Files that a command writes: never over another one, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tunewarden.domain.errors import Conflict, Unavailable


def write_new(file: Path, text: str) -> None:
    """Raises as `made` does."""
    made(file, lambda out: out.write(text.encode("utf-8")))


def made(file: Path, write: Callable[[BinaryIO], int]) -> int:
    """What `write` returned, once the file is there.

    Raises `Conflict` where a file of that name is there, `Unavailable` where it cannot be written, and what `write`
    raises; then nothing is left.
    """
    if os.path.lexists(file):
        raise _exists()
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as out:
            count = write(out)
        os.link(partial, file)  # unlike a renaming it replaces no file that came meanwhile
    except FileExistsError:
        raise _exists() from None
    except OSError as error:
        raise Unavailable("file_unwritable", f"The file cannot be written ({type(error).__name__}).") from None
    finally:
        with contextlib.suppress(OSError):  # not there, or never could be
            partial.unlink()
    return count


def _exists() -> Conflict:
    return Conflict("file_exists", "There is a file of that name.", remedy="Name another one.")
