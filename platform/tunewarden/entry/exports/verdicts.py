"""`verdicts.json`: every time a gate was asked about this model or what it was made from, whatever it said."""

from tunewarden.domain.canonical import encode, instant_text, to_plain
from tunewarden.usecases.reports import Lineage


def verdicts(lineage: Lineage) -> bytes:
    """Canonical JSON: log index, time and actor of each entry, and its whole fact, in log order."""
    return encode(
        {
            "verdicts": [
                {
                    "actor": entry.actor,
                    "at": instant_text(entry.at),
                    "index": entry.index,
                    "verdict": to_plain(entry.event),
                }
                for entry in lineage.report.verdicts
            ]
        }
    )
