"""What the log has told of protected attributes that lie apart, each request's in a table of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunewarden_audit.conduct.facts import Fact

KINDS = frozenset({"AttributesKept", "AttributesRead", "AttributesDestroyed"})


@dataclass(slots=True)
class Kept:
    """What was so before the entry at hand.

    Attributes:
        tables: request -> digest of what was kept last, until it was destroyed.
        destroyed: requests whose attributes were.
        reads: dataset -> how often its attributes were read, as the newest reading says.
    """

    tables: dict[str, str] = field(default_factory=dict)
    destroyed: set[str] = field(default_factory=set)
    reads: dict[str, int] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """Take an entry of one of `KINDS` into account."""
        match fact.kind:
            case "AttributesKept":
                self.tables[fact["request"]] = fact["table"]
            case "AttributesRead":
                self.reads[fact["dataset"]] = fact["reads"]
            case _:
                self.tables.pop(fact["request"], None)
                self.destroyed.add(fact["request"])
