"""What sections are made of: statements with the log entries they rest on, and typed ways into a report."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import Event, KeyCreated, PrincipalIdentified
from tunewarden.domain.lineage import LineageReport
from tunewarden.entry.report.figures import short

T = TypeVar("T", bound=Event)


@dataclass(frozen=True, slots=True)
class Name:
    """A digest or identifier: `shown` cut to 12 characters, `whole` for the title and the table of entries."""

    whole: str

    @property
    def shown(self) -> str:
        """What is printed."""
        return short(self.whole)


@dataclass(frozen=True, slots=True)
class Said:
    """A statement and the indices of the entries it rests on."""

    text: str
    log: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a side column or a table of facts; `value` is a plain text or a name that is cut."""

    label: str
    value: str | Name
    log: tuple[int, ...] = ()


def of(entries: Iterable[Entry], kind: type[T]) -> list[tuple[Entry, T]]:
    """The entries of one kind of event, with the event, in log order."""
    return [(entry, entry.event) for entry in entries if isinstance(entry.event, kind)]


def introduced(report: LineageReport) -> list[tuple[Entry, KeyCreated | PrincipalIdentified]]:
    """Where the log says who somebody is who acts in the story, and in which roles."""
    found = [(entry, entry.event) for entry in report.principals]
    return [(entry, event) for entry, event in found if isinstance(event, KeyCreated | PrincipalIdentified)]


def only(entry: Entry, kind: type[T]) -> T:
    """The event of an entry that can be of one kind only; raises `Corrupted` for another."""
    if not isinstance(entry.event, kind):
        raise Corrupted("lineage_broken", f"Entry {entry.index} is not a {kind.__name__}.")
    return entry.event


def indices(entries: Iterable[Entry]) -> tuple[int, ...]:
    """Where these entries stand in the log, each once."""
    return tuple(sorted({entry.index for entry in entries}))
