"""Protected attributes that lie apart, in plain words."""

from collections.abc import Mapping

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.events import Event
from tunewarden.domain.lineage import LineageReport
from tunewarden.entry.report.facts import Said, of
from tunewarden.entry.report.figures import count

ACTS: Mapping[type[Event], str] = {AttributesRead: "read the protected attributes"}


def told_of_attributes(event: Event) -> str:
    """Empty for what is about something else."""
    match event:
        case AttributesKept():
            return "Laid the protected attributes of those held out apart, sealed; training is not given them"
        case AttributesRead(reads=1):
            return "Began to read the protected attributes, for the first time from this dataset"
        case AttributesRead(reads=reads):
            return f"Began to read the protected attributes; those of this dataset were read {reads - 1:,} times before"
        case AttributesDestroyed():
            return "Destroyed the protected attributes of this training, and their key"
    return ""


def readings(report: LineageReport) -> tuple[Said, ...]:
    """How often the attributes behind these figures were read; nothing where they were not, or lay beside the texts."""
    read = of(report.attributes, AttributesRead)
    gone = [entry.index for entry, _ in of(report.attributes, AttributesDestroyed)]
    if not read:
        return ()
    ended = "destroyed when measuring was over" if gone else "not destroyed yet"
    here, all_of_them = len(read), read[-1][1].reads
    text = (
        f"The protected attributes lay apart from the texts, for those held out only; they were read "
        f"{count(here, 'time')} for this model and {count(all_of_them, 'time')} from this dataset until then, and are "
        f"{ended}. Figures of several readings can be subtracted from each other: the more, the more they tell."
    )
    return (Said(text, (*(entry.index for entry, _ in read), *gone)),)
