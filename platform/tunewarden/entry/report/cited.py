"""The final table: every log entry that the report rests on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, to_plain
from tunewarden.domain.entries import Entry
from tunewarden.entry.report import words
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import instant, is_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """An entry.

    Attributes:
        told: its words and numbers.
        names: its digests and identifiers and who wrote it, whole, where no entry above has named them.
    """

    index: int
    at: str
    who: Name
    kind: str
    told: str
    names: tuple[tuple[str, str], ...]


def cited(entries: Iterable[Entry]) -> tuple[Cited, ...]:
    """In the order given."""
    return tuple(_cited(entries))


def _cited(entries: Iterable[Entry]) -> Iterator[Cited]:
    seen: set[str] = set()
    for entry in entries:
        members = dict(_members(to_plain(entry.event)))
        names = {name: value for name, value in members.items() if is_name(value)}
        if is_name(entry.actor):
            names["by"] = entry.actor
        yield Cited(
            index=entry.index,
            at=instant(entry.at),
            who=Name(entry.actor),
            kind=type(entry.event).__name__,
            told=", ".join(f"{name} {value}" for name, value in members.items() if name not in names and value),
            names=tuple((name, value) for name, value in names.items() if value not in seen),
        )
        seen.update(names.values())


def _members(event: Plain) -> Iterator[tuple[str, str]]:
    """The members of an event that are a word, a number or a list of words; tables are told in their sections."""
    for name, value in event.items() if isinstance(event, Mapping) else ():
        match value:
            case bool():
                yield words.spaced(name), "yes" if value else "no"
            case str() | int():
                yield words.spaced(name), str(value)
            case [*items] if all(isinstance(item, str) for item in items):
                yield words.spaced(name), " ".join(str(item) for item in items)
