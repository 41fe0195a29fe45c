"""What an alias named when, folded from log entries alone: from each entry that moved it to the next about it.

An alias that goes back (`AliasRolledBack`) is moved by the entry after, so that moves and takings-off tell everything.
Not known is what stands in entries that lost their bodies when their retention ended: where the next entry about an
alias says that it named something else before, nobody can tell since when.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import AliasMoved
from tunewarden.domain.names import Alias, ModelId, ProjectId
from tunewarden.domain.registry_events import AliasCleared


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which an alias of a project named one model version.

    Attributes:
        since: the entry that moved it there.
        until: the entry that moved it on or took it off; None where it names it still.
        is_end_known: false where `until` only says that by then it named something else.
    """

    alias: Alias
    project: ProjectId
    model: ModelId
    since: Entry
    until: Entry | None = None
    is_end_known: bool = True

    def covers(self, at: datetime) -> bool:
        """Whether it is known to have named it then; of two entries of one instant the later counts."""
        return self.is_end_known and self.since.at <= at and (self.until is None or at < self.until.at)


def stretches(entries: Iterable[Entry]) -> Mapping[tuple[Alias, ProjectId], Sequence[Stretch]]:
    """Of every alias of every project, in log order. `entries` are those of a log, or its moves and takings-off."""
    found: dict[tuple[Alias, ProjectId], list[Stretch]] = {}
    for entry in entries:
        match entry.event:
            case AliasMoved(alias=alias, project=project, model=model, previous=previous):
                told = found.setdefault((alias, project), [])
                _end(told, entry, previous)
                told.append(Stretch(alias=alias, project=project, model=model, since=entry))
            case AliasCleared(alias=alias, project=project, model=model):
                _end(found.setdefault((alias, project), []), entry, model)
    return found


def _end(told: list[Stretch], entry: Entry, named: ModelId | None) -> None:
    """`entry` says what the alias `named` before it."""
    if told and told[-1].until is None:
        told[-1] = replace(told[-1], until=entry, is_end_known=told[-1].model == named)
