"""What the log has told of persons who were erased from datasets."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunewarden_audit.conduct.facts import Fact


@dataclass(slots=True)
class Erased:
    """What was so before the entry at hand.

    Attributes:
        asked: erasure -> the dataset it was asked for.
        waiting: erasure -> index at which it was asked for, until it has an outcome.
        latest: dataset -> index of the newest entry that destroyed a person's key.
        read: request -> index at which de-identifying its records began last.
        versions: dataset -> the versions of it that were begun to be de-identified.
        owed: dataset version -> how many persons of it, at least, were erased.
        destroyed: (dataset, version) whose key was destroyed.
        held: legal holds in force -> what they are on.
    """

    asked: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    versions: dict[str, set[str]] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    destroyed: set[tuple[str, str]] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)

    def began(self, fact: Fact, dataset: str) -> None:
        """De-identifying a dataset version began: keys of its persons may be made."""
        self.read[fact["request"]] = fact.index
        self.versions.setdefault(dataset, set()).add(fact["given"])

    def was_asked(self, fact: Fact) -> None:
        """Somebody asked for an erasure."""
        self.asked[fact["erasure"]] = fact["dataset"]
        self.waiting[fact["erasure"]] = fact.index

    def was_refused(self, fact: Fact) -> None:
        """Something was refused: an erasure, perhaps."""
        if fact["action"] == "carry-out-erasure":
            self.waiting.pop(fact["resource"], None)

    def was_erased(self, fact: Fact, *, knows_all: bool) -> None:
        """A person was erased.

        Keys are made by de-identifying alone. So where one version was ever begun, the person is in that one.
        `knows_all` says that no entry is missing that may tell of another.
        """
        self.waiting.pop(fact["erasure"], None)
        if not fact["keys"]:
            return
        self.latest[fact["dataset"]] = fact.index
        versions = self.versions.get(fact["dataset"], set())
        if knows_all and len(versions) == 1:
            (version,) = versions
            self.owed[version] = self.owed.get(version, 0) + fact["keys"]

    def outdated_by(self, request: str, dataset: str) -> int | None:
        """The entry that erased a person after the records of a request were read; None where none did."""
        latest, read = self.latest.get(dataset), self.read.get(request)
        return latest if latest is not None and read is not None and read < latest else None
