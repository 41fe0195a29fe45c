"""Aliases that were taken off, and model versions that were retired, in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import AliasMoved, Event, ModelRegistered
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import Alias
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.removals import RemovalReason
from tunewarden.entry.report.facts import Said, of, only
from tunewarden.entry.report.figures import instant

REASONS: Mapping[RemovalReason, str] = {
    RemovalReason.REPLACED: "another one took its place",
    RemovalReason.HARMFUL: "it does harm",
    RemovalReason.DATA_WITHDRAWN: "what it learnt from may not be used any more",
    RemovalReason.NOT_NEEDED: "nobody needs it any more",
    RemovalReason.NOT_WHAT_IT_SAYS: "its evidence, or its plan, turned out to be wrong",
}
ACTS: Mapping[type[Event], str] = {
    AliasClearingAsked: "asked that an alias be taken off",
    AliasCleared: "took an alias off",
    ModelRetired: "retired the model version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What became of an alias: the last entry about it, whether it names the model version, and since or until when."""

    entry: Entry
    names_it: bool
    was_taken_off: bool = False


def named(report: LineageReport) -> Mapping[Alias, Named]:
    """Every alias that ever named the model version, by name."""
    model, found = only(report.model, ModelRegistered).model, dict[Alias, Named]()
    for entry in report.aliases:
        match entry.event:
            case AliasMoved(alias=alias, model=moved):
                found[alias] = Named(entry=entry, names_it=moved == model)
            case AliasCleared(alias=alias):
                found[alias] = Named(entry=entry, names_it=False, was_taken_off=True)
    return {alias: found[alias] for alias in sorted(found)}


def told_of_removal(event: Event) -> str:
    """A line of the time line; empty for another event."""
    match event:
        case AliasClearingAsked(alias=alias, reason=reason):
            return f"Asked that the alias {alias} be taken off this model version, because {REASONS[reason]}"
        case AliasCleared(alias=alias, reason=reason):
            return f"Took the alias {alias} off this model version, because {REASONS[reason]}; it names none now"
        case ModelRetired(reason=reason):
            return f"Retired the model version for good, because {REASONS[reason]}"
    return ""


def retired(report: LineageReport) -> tuple[Said, ...]:
    """That no alias will name it again."""
    return tuple(
        Said(f"It was retired for good at {instant(entry.at)}, because {REASONS[event.reason]}.", (entry.index,))
        for entry, event in of(report.aliases, ModelRetired)
    )
