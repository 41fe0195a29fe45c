"""The API key on this machine: read from where only its owner reads, and kept the same way."""

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import typer

from tunewarden.domain.errors import Corrupted, Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.names import EVERYWHERE, project_id
from tunewarden.entry.cli.client.address import Address, address
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.exits import Exit

URL, KEY, PROJECT = "TUNEWARDEN_API_URL", "TUNEWARDEN_API_KEY", "TUNEWARDEN_API_PROJECT"
"""Environment variables that win over what `tunewarden login` stored."""

_LARGEST = 64 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,8192}")  # an API key, or a token of an identity provider
_SAID: ContextVar[str | None] = ContextVar("project", default=None)
"""The project of the command line's own option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Whom to ask, with which key, and in which project alone; in none of them where that is empty.

    The key shows up in no text made of this.
    """

    address: Address
    key: str = field(repr=False)
    project: str = ""


@contextlib.contextmanager
def acting_in(project: str | None) -> Iterator[None]:
    """Within, commands act in this project, whatever else says; in none for an empty text. None says nothing."""
    token = _SAID.set(project)
    try:
        yield
    finally:
        _SAID.reset(token)


def folder() -> Path:
    """Where this program keeps what belongs to one person: `~/.config/tunewarden` on Linux, or as XDG says."""
    return Path(typer.get_app_dir("tunewarden"))


def stored_at() -> Path:
    """The file of `tunewarden login`."""
    return folder() / "login.json"


def current(environment: Mapping[str, str]) -> Credentials:
    """Whom to ask now: the environment first, then what was stored.

    A stored key goes to the address that it was stored for and to no other, whatever the environment says; and a
    project is stored for its key, so it says nothing about another one. Raises `Declined` where nobody logged in, and
    as `load` does.
    """
    url, key = environment.get(URL, ""), environment.get(KEY, "")
    found = None if url and key else load()
    if url:
        named = address(url, insecure=found is not None and _same(found, url))
        if not key and (found is None or found.address != named):
            raise _nobody(f"No key is stored for the address that {URL} names.")
    elif found is not None:
        named = found.address
    else:
        raise _nobody("Nobody is logged in here.")
    project = _SAID.get()
    if project is None:
        project = environment.get(PROJECT, "") or ("" if found is None or key else found.project)
    key = require_key(key or (found.key if found else ""))
    return Credentials(address=named, key=key, project=require_project(project))


def load() -> Credentials | None:
    """What was stored; None where nothing was. Raises `Refused` for a file that others can read, and `Corrupted`."""
    path = stored_at()
    if not os.path.lexists(path):
        return None
    try:
        said = json.loads(read_private(path))
        return Credentials(
            address=address(said["url"], insecure=said["insecure"] is True),
            key=require_key(said["key"]),
            project=require_project(said.get("project", "")),  # logins of before have none
        )
    except (ValueError, KeyError, TypeError, Malformed, AttributeError):
        raise Corrupted(
            "login_unreadable", "The stored login cannot be read.", remedy="Run `tunewarden login` again."
        ) from None


def store(credentials: Credentials, *, insecure: bool) -> Path:
    """Keep it for the next commands, in a file for its owner only. Raises `Unavailable`."""
    path = stored_at()
    said = {"url": credentials.address.text, "key": credentials.key, "insecure": insecure}
    if credentials.project:
        said["project"] = credentials.project
    write_private(path, json.dumps(said) + "\n")
    return path


def forget() -> bool:
    """Remove what was stored; whether anything was. Raises `Unavailable`."""
    try:
        stored_at().unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise Unavailable("file_unwritable", f"The login cannot be removed ({type(error).__name__}).") from None
    return True


def read_private(path: Path) -> str:
    """A small text file of one's own that nobody else can read.

    Raises `Refused` where others can, or where it is none of ours; `Malformed` for what is no such file.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no such key file.") from None
    except OSError as error:
        raise Malformed("file_unreadable", f"The file cannot be read ({type(error).__name__}).") from None
    with os.fdopen(number, "rb") as file:
        facts = os.fstat(number)  # of what was opened, not of what is at the path by now
        if not stat.S_ISREG(facts.st_mode):
            raise Malformed("file_unreadable", "It is no plain file.")
        if facts.st_mode & 0o077 or facts.st_uid not in {os.getuid(), 0}:
            raise Refused(
                "key_readable_by_others", "The file with the key can be read by others.", remedy="Make it 0600, yours."
            )
        try:
            return file.read(_LARGEST).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("file_unreadable", "It is no text.") from None


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner only, whole or not at all. Raises `Unavailable`."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise Unavailable("file_unwritable", f"{path.name} cannot be written ({type(error).__name__}).") from None


def require_key(text: str) -> str:
    """What can be sent as a key, without the blanks around it. Raises `Malformed`, which never repeats it."""
    key = text.strip()
    if not _KEY.fullmatch(key):
        raise Malformed("key_malformed", "This is no API key: one has no blanks, and only visible characters of ASCII.")
    return key


def require_project(text: str) -> str:
    """The id of a project; empty for none, which '*' says too. Raises `Malformed`."""
    return project_id(text) if text and text != EVERYWHERE else ""


def said_project() -> str:
    """The project of the command line's own option; empty where it said none. Raises `Malformed`."""
    return require_project(_SAID.get() or "")


def _same(found: Credentials, url: str) -> bool:
    """Whether a URL is that of the stored login, which said whether http may be."""
    return address(url, insecure=True) == found.address


def _nobody(reason: str) -> Declined:
    remedy = f"Run `tunewarden login URL`, or set {URL} and {KEY}."
    return Declined("not_logged_in", reason, exit_code=Exit.NOT_LOGGED_IN, remedy=remedy)
