"""Who acts on the command line: whoever's API key is in a file that only its owner can read."""

from pathlib import Path

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.drivers.identity import Bearer, identify
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build
from tunewarden.usecases.ports import Platform, Principal


def acting(key_file: Path) -> tuple[Platform, Principal]:
    """The platform, and whose key is in the file. Raises `Refused` for a key nobody has or that others can read."""
    if key_file.exists() and key_file.stat().st_mode & 0o077:
        raise Refused("key_readable_by_others", "The key file can be read by others.", remedy="Make it 0600.")
    platform = build(Settings())
    found = identify(platform.view, read_small(key_file).strip(), platform.clock())
    if not isinstance(found, Bearer):
        raise Refused("key_unknown", "The file does not hold an API key that works.", who="administrator")
    return platform, found.principal


def read_small(path: Path) -> str:
    """A small text file. Raises `Malformed`; never repeats what is in it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(65_536)
    except (OSError, UnicodeDecodeError) as error:
        raise Malformed("file_unreadable", f"{path.name} cannot be read as text ({type(error).__name__}).") from error
