"""What keeps the story whole: rotations of the log's signing key, and legal holds on anything in it."""

from tunewarden.domain.events import HoldPlaced, HoldReleased, SigningKeyRotated
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.retention import WHOLE_LOG
from tunewarden.entry.report.facts import Said, of
from tunewarden.entry.report.figures import instant, short


def rotations(report: LineageReport) -> tuple[Said, ...]:
    """Every change of the key that signs the log, in log order: the keys by name and id."""
    return tuple(
        Said(
            f"From {instant(entry.at)} on, the log is signed by the key {_key(event.new_key)} and no longer by "
            f"{_key(event.old_key)}; both signed the change.",
            (entry.index,),
        )
        for entry, event in of(report.keys, SigningKeyRotated)
    )


def holds(report: LineageReport) -> tuple[Said, ...]:
    """Every legal hold on something in the story, in log order, and whether it is in force."""
    released = {event.hold: entry for entry, event in of(report.holds, HoldReleased)}
    found = []
    for entry, event in of(report.holds, HoldPlaced):
        on = "the whole log" if event.resource == WHOLE_LOG else short(event.resource)
        end = released.get(event.hold)
        until = "is in force" if end is None else f"was released at {instant(end.at)}"
        log = (entry.index,) if end is None else (entry.index, end.index)
        found.append(Said(f"A legal hold on {on}, placed at {instant(entry.at)}, {until}.", log))
    return tuple(found)


def _key(vkey: str) -> str:
    """Name and id of a key, without the key itself."""
    return vkey.rpartition("+")[0]
