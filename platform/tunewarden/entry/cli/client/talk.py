"""One command's talk with the platform: whom it asks, how it answers people, and what it ends with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.errors import Corrupted, Malformed, TunewardenError, Unavailable
from tunewarden.entry.cli.client.declined import Declined, of_error
from tunewarden.entry.cli.client.output import Output
from tunewarden.entry.cli.client.plain import plain
from tunewarden.entry.cli.exits import Exit

if TYPE_CHECKING:
    from tunewarden.entry.cli.client.api import Api

AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on the output, and nothing else.")]
Once = Annotated[
    str,
    typer.Option(
        "--idempotency-key", help="Of your choice: said again within 24 hours it is the same request, done once."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,255}")


@dataclass(frozen=True, slots=True)
class Talk:
    """Whom to ask, and whom to tell."""

    api: Api
    out: Output

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask the person at the terminal. Raises `Malformed` where nobody can answer; a no ends the command."""
        if yes:
            return
        if self.out.as_json or not _is_answered():
            raise Malformed("confirmation_needed", "Nobody is here to confirm it.", remedy="Say --yes.")
        if not typer.confirm(plain(question), err=True):
            self.out.note("Nothing was done.")
            raise typer.Exit(Exit.REFUSED)


@contextmanager
def talking(*, as_json: bool) -> Iterator[Talk]:
    """As whoever is logged in. Whatever is raised within ends the command with its reason and its exit code."""
    with telling(as_json=as_json) as out:
        from tunewarden.entry.cli.client.api import Api
        from tunewarden.entry.cli.client.credentials import current

        with Api(credentials=current(os.environ)) as api, _read_as_expected():
            yield Talk(api, out)


@contextmanager
def telling(*, as_json: bool) -> Iterator[Output]:
    """The same for a command that asks nobody, or not as who is logged in."""
    out = Output(as_json=as_json)
    try:
        yield out
    except TunewardenError as error:
        out.declined(of_error(error))
        raise typer.Exit(of_error(error).exit_code) from None
    except Declined as error:
        out.declined(error)
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:  # who read the output has enough
        raise
    except OSError as error:
        no = of_error(Unavailable("file_unusable", f"A file cannot be read or written ({type(error).__name__})."))
        out.declined(no)
        raise typer.Exit(no.exit_code) from None
    except typer.Abort:  # Ctrl-C at a question, before anything was asked for
        out.note("Stopped.")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except KeyboardInterrupt:
        out.note("Stopped. What was asked for may have been done: look before asking again.")
        raise typer.Exit(Exit.INTERRUPTED) from None


@contextmanager
def _read_as_expected() -> Iterator[None]:
    """What is answered may be of any shape; a member that is none of what it has to be is no fault of the command."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Corrupted(
            "answer_unreadable",
            f"The answer has another form than this version of tunewarden expects ({type(error).__name__}).",
            remedy="Look at the URL, and whether both are of one version.",
        ) from error


def at(path: str, *ids: str) -> str:
    """A path with the ids of things in it. Raises `Malformed` for what can be no id, before anybody is asked."""
    for one in ids:
        if not is_id(one):
            raise Malformed("id_malformed", "An id or a name of a model has letters, digits and . _ : - alone.")
    return path.format(*ids)


def is_id(text: str) -> bool:
    """Whether it can be an id or a name of a model: nothing in it means more to a path or to a shell."""
    return _ID.fullmatch(text) is not None


def word(said: dict[str, Any], *path: str) -> str:
    """A text somewhere in an answer; empty where there is none."""
    found: Any = said
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None or isinstance(found, dict | list) else str(found)


def entry(done: dict[str, Any], *path: str) -> str:
    """Which entry of the log says so. What is read where the first answer was lost has no receipt."""
    index = word(done, *path, "receipt", "index")
    return f"entry {index} of the log" if index else "done before; its entry is in the log"


def _is_answered() -> bool:
    import sys

    return sys.stdin.isatty()
