"""Retention classes and legal hold: which log entries may lose their body, as of a day. The leaf hash always stays.

Entries belong to *stories*: a request with its model and promotions, a dataset, a file, a principal. A story is kept
or dropped whole, so that no report ever rests on half of one, and what a kept story rests on (the dataset of a request,
the file of a version, whoever acted) is kept with it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.emergency_events import EmergencyOpened, EmergencyReviewed
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.events import (
    EVENT_TYPES,
    ActionRefused,
    AliasMoved,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    Event,
    HoldPlaced,
    HoldReleased,
    KeyCreated,
    KeyRevoked,
    ModelRegistered,
    PrincipalIdentified,
    PromotionProposed,
    PruneFinished,
    PruneProposed,
    PruneStarted,
    ReportAttested,
    RequestEnded,
    RequestSubmitted,
    ReviewOpened,
    SignatureWithdrawn,
    StepFinished,
)
from tunewarden.domain.file_events import UploadEnded
from tunewarden.domain.group_events import GroupCreated, GroupDeleted
from tunewarden.domain.names import Digest, HoldId, PrincipalId, PruneId
from tunewarden.domain.registry_events import AliasCleared
from tunewarden.domain.webhook_events import WebhookCreated, WebhookDeleted

WHOLE_LOG = "log"
LEAST_DAYS = 184
"""The longest six months there are: Regulation (EU) 2024/1689 Art. 19(1) and 26(6), at least six months."""

_IDS = (
    "request",
    "dataset",
    "model",
    "previous",
    "promotion",
    "file",
    "upload",
    "principal",
    "group",
    "review",
    "emergency",
    "webhook",
)
"""Fields of events that hold the id of something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """How long bodies are kept: `days` after the entry's own day (UTC), None for ever; `because` names the law.

    The day itself does not count and the last one is kept to its end: Regulation (EEC, Euratom) No 1182/71 Art. 3.
    """

    days: int | None
    because: str

    def __post_init__(self) -> None:
        if self.days is not None and self.days < LEAST_DAYS:
            raise Malformed("retention_too_short", f"A retention class is shorter than {LEAST_DAYS} days.")

    def over(self, since: date, as_of: date) -> bool:
        """Whether an entry of the day `since` has been kept long enough on the day `as_of`."""
        return self.days is not None and since + timedelta(days=self.days) < as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Retention classes, and the class of each type of event; a type without a class refuses the whole."""

    classes: Mapping[str, RetentionClass]
    events: Mapping[str, str]

    def __post_init__(self) -> None:
        wrong = (self.events.keys() ^ EVENT_TYPES.keys()) | (set(self.events.values()) - self.classes.keys())
        if wrong:
            raise Malformed("retention_incomplete", f"Missing or unknown: {', '.join(sorted(wrong))}.")

    def of(self, event: Event) -> RetentionClass:
        """The class of an event."""
        return self.classes[self.events[type(event).__name__]]

    def digest(self) -> Digest:
        """What a proposal to prune names."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold that was not released."""

    id: HoldId
    resource: str
    placed: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Entries that may lose their body: sorted indices, and the ids of everything they are about."""

    indices: tuple[int, ...]
    about: frozenset[str]

    def digest(self) -> Digest:
        """Of the sorted indices; the log carries it before and after the bodies are dropped."""
        return digest_of(self.indices)

    def disturbed_by(self, entry: Entry) -> bool:
        """Whether an entry that came later might keep any of them: a hold, or something about or by the same things.

        Or might have dropped some: the end of another pruning.
        """
        later = {*mentioned(entry.event), entry.actor}
        return isinstance(entry.event, HoldPlaced | PruneFinished) or not self.about.isdisjoint(later)


NOTHING_DUE = Due(indices=(), about=frozenset())


def mentioned(event: Event) -> frozenset[str]:
    """The ids of the things that an event is about. Holds and prunings are about themselves alone."""
    found = {getattr(event, name, None) for name in _IDS}
    if isinstance(event, ActionRefused) and "-" in event.resource:  # an id, and not the kind of thing
        found.add(event.resource)
    return frozenset(identifier for identifier in found if identifier)


def concerns(entry: Entry, resource: str) -> bool:
    """Whether an entry is about a thing, or by it."""
    return resource == entry.actor or resource in mentioned(entry.event)


def holds(entries: Iterable[Entry]) -> list[Hold]:
    """The legal holds that are in force, oldest first."""
    placed: dict[HoldId, Hold] = {}
    for entry in entries:
        match entry.event:
            case HoldPlaced(hold=hold, resource=resource):
                placed[hold] = Hold(id=hold, resource=resource, placed=entry)
            case HoldReleased(hold=hold):
                placed.pop(hold, None)
    return list(placed.values())


def covered(placed: Iterable[Hold], entries: Iterable[Entry], things: Collection[str]) -> Set[str]:
    """Those of `things` whose story one of these holds covers, as pruning would see it.

    `entries` is the log; it is read once, and only where a hold is on something else than they or the whole log.
    """
    on = {hold.resource for hold in placed}
    if WHOLE_LOG in on:
        return set(things)
    directly = on.intersection(things)
    if not on or len(directly) == len(set(things)):
        return directly
    stories = _Stories(list(entries))
    kept = stories.with_foundations({story for resource in on for story in stories.covered_by(resource)})
    return (kept | directly).intersection(things)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """How far a pruning has come: proposed, started (the intent), finished (the outcome)."""

    proposed_by: PrincipalId
    proposed: PruneProposed
    started: PruneStarted | None = None
    finished: PruneFinished | None = None


def prunes(entries: Iterable[Entry]) -> dict[PruneId, Prune]:
    """Every pruning that the log tells of, oldest first."""
    found: dict[PruneId, Prune] = {}
    for entry in entries:
        match entry.event:
            case PruneProposed(prune=prune) as event:
                found[prune] = Prune(proposed_by=entry.actor, proposed=event)
            case PruneStarted(prune=prune) as event:
                found[prune] = replace(found[prune], started=event)
            case PruneFinished(prune=prune) as event:
                found[prune] = replace(found[prune], finished=event)
    return found


def require_explained(entries: Iterable[Entry], dropped: Mapping[str, Sequence[int]]) -> None:
    """Raise `Corrupted` unless the log tells of exactly the bodies that are gone.

    Who can write to the database could hide an entry from every report by taking its body away; the digest of the
    indices in the log's own entries shows it.
    """
    told = prunes(entries)
    for prune, indices in dropped.items():
        known = told.get(PruneId(prune))
        if known is None or known.finished is None or known.finished.indices != digest_of(tuple(indices)):
            raise Corrupted(
                "bodies_missing",
                f"{len(indices)} entries have no body, the first is {indices[0]}, and the log does not say why.",
                remedy="Restore them from a copy of the log; keep the database as it is for the auditor.",
                who="auditor",
            )


def due(entries: Iterable[Entry], retention: Retention, as_of: date, size: int) -> Due:
    """Which of the first `size` entries may lose their body as of a day.

    `entries` is the whole log, without what lost its body before. A story is dropped when
    1. the class of each of its entries has ended,
    2. the state does not need it: open requests, what an alias names, datasets in use, principals whose keys work,
    3. no legal hold covers it, and
    4. no story that rests on it is kept.
    """
    log = list(entries)
    stories = _Stories(log)
    kept = {story for entry in log if not _over(entry, retention, as_of) for story in stories.of(entry)}
    kept |= _needed(log, stories)
    for hold in holds(log):
        kept |= stories.covered_by(hold.resource)
    kept = stories.with_foundations(kept)
    dropped = [entry for entry in log if entry.index < size and kept.isdisjoint(stories.of(entry))]
    return Due(
        indices=tuple(entry.index for entry in dropped),
        about=frozenset(name for entry in dropped for name in mentioned(entry.event)),
    )


def _over(entry: Entry, retention: Retention, as_of: date) -> bool:
    return retention.of(entry.event).over(entry.at.date(), as_of)


@dataclass(slots=True)
class _Stories:
    """Which stories an entry belongs to, and which stories rest on which."""

    log: Sequence[Entry]
    _request_of: dict[str, str] = field(default_factory=dict)  # request, model or promotion -> request
    _datasets_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by request
    _files_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # dataset -> files
    _uploads_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # file -> it came in parts as
    _release_of: dict[str, Digest] = field(default_factory=dict)  # review -> clean version
    _released_by: dict[Digest, set[str]] = field(default_factory=lambda: defaultdict(set))  # output -> requests

    def __post_init__(self) -> None:
        for entry in self.log:
            if named := getattr(entry.event, "request", None):
                self._request_of[named] = named
                if dataset := getattr(entry.event, "dataset", None):
                    self._datasets_of[named].add(dataset)
            match entry.event:
                case ModelRegistered(model=model, request=request):
                    self._request_of[model] = request
                case PromotionProposed(promotion=promotion, model=model) if model in self._request_of:
                    self._request_of[promotion] = self._request_of[model]
                case DatasetVersionAdded(dataset=dataset, file=file):
                    self._files_of[dataset].add(file)
                case UploadEnded(upload=upload, file=file) if file is not None:
                    self._uploads_of[file].add(upload)
                case ReviewOpened(review=review, about=about):
                    self._release_of[review] = about
                case StepFinished(request=request, output=output):
                    self._released_by[output].add(request)

    def of(self, entry: Entry) -> Set[str]:
        """The requests it is about; else the other things; else itself alone."""
        names = mentioned(entry.event)
        requests = {self._request_of[name] for name in names if name in self._request_of} | self._relying_on(entry)
        if requests:
            return requests
        if isinstance(entry.event, DatasetVersionAdded):
            return {entry.event.dataset}
        return names or {f"entry {entry.index}"}

    def _relying_on(self, entry: Entry) -> Set[str]:
        """What people said of a clean version belongs to every request that made it, whoever asked first."""
        if isinstance(entry.event, ReportAttested | SignatureWithdrawn):
            return self._released_by.get(entry.event.about, set())
        release = self._release_of.get(getattr(entry.event, "review", ""))
        return set() if release is None else self._released_by.get(release, set())

    def of_model(self, model: str) -> str:
        """The request that made a model version."""
        return self._request_of.get(model, model)

    def covered_by(self, resource: str) -> set[str]:
        """What a legal hold keeps: the story of the thing, those that rest on it, and all that a principal did."""
        if resource == WHOLE_LOG:
            return {story for entry in self.log for story in self.of(entry)}
        held = {self._request_of.get(resource, resource)}
        held |= {file for file, uploads in self._uploads_of.items() if resource in uploads}
        held |= {dataset for dataset, files in self._files_of.items() if not held.isdisjoint(files)}
        held |= {request for request, datasets in self._datasets_of.items() if not held.isdisjoint(datasets)}
        return held | {story for entry in self.log if entry.actor == resource for story in self.of(entry)}

    def with_foundations(self, kept: Set[str]) -> set[str]:
        """`kept` with everything it rests on: datasets of requests, their files and uploads, principals who acted.

        And emergencies because of which they did. And what those rest on: whoever gave a principal who acted their key,
        and so on.
        """
        actors: dict[str, set[str]] = defaultdict(set)
        for entry in self.log:
            for story in self.of(entry):
                actors[story] |= {entry.actor, getattr(entry.event, "emergency", None) or entry.actor}
        found, new = set[str](), set(kept)
        while new:
            found |= new
            below = (self._datasets_of, self._files_of, self._uploads_of, actors)
            new = {name for story in new for rests_on in below for name in rests_on.get(story, ())} - found
        return found


def _needed(log: Sequence[Entry], stories: _Stories) -> set[str]:
    """The stories that the platform's state rests on today."""
    opened: set[str] = set()
    for entry in log:
        match entry.event:
            case RequestSubmitted(request=started) | DatasetRegistered(dataset=started):
                opened.add(started)
            case KeyCreated(principal=started) | PrincipalIdentified(principal=started):
                opened.add(started)
            case GroupCreated(group=started):  # who is in it holds what it holds
                opened.add(started)
            case GroupDeleted(group=ended) | WebhookDeleted(webhook=ended):
                opened.discard(ended)
            case WebhookCreated(webhook=started):
                opened.add(started)
            case EmergencyOpened(emergency=started):  # whoever opened it waits for its review
                opened.add(started)
            case EmergencyReviewed(emergency=ended):
                opened.discard(ended)
            case RequestEnded(request=ended) | DatasetRetired(dataset=ended) | KeyRevoked(principal=ended):
                opened.discard(ended)
    return opened | _named(log, stories)


def _named(log: Sequence[Entry], stories: _Stories) -> set[str]:
    """The stories of the model versions that aliases name today."""
    named: dict[tuple[str, str], str] = {}
    for entry in log:
        match entry.event:
            case AliasMoved(alias=alias, model=model, project=project):
                named[alias, project] = stories.of_model(model)
            case AliasCleared(alias=alias, project=project):
                named.pop((alias, project), None)
    return set(named.values())
