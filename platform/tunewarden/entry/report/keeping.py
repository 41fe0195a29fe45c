"""What keeps the story whole: rotations of the log's signing key, and legal holds on anything in it."""

from tunewarden.domain.events import HoldPlaced, HoldReleased, SigningKeyRotated
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.retention import WHOLE_LOG
from tunewarden.entry.report.facts import Said, of
from tunewarden.entry.report.figures import instant, short
from tunewarden.entry.report.head import key_name
from tunewarden.entry.report.standing import who


def rotations(report: LineageReport) -> tuple[Said, ...]:
    """Every change of the key that signs the log, in log order: the keys by name and id."""
    return tuple(
        Said(
            f"From {instant(entry.at)} on, the log is signed by the key {key_name(event.new_key)} and no longer by "
            f"{key_name(event.old_key)}; both signed the change.",
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
        found.append(
            Said(f"A legal hold on {on}, placed by {who(report, entry)} at {instant(entry.at)}, {until}.", log)
        )
    return tuple(found)
