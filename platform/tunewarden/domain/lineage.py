"""The lineage of a model version, folded from log entries alone: it cannot say what the log does not.

Every statement of the report is an entry, so every statement has an index that an auditor can check.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyClosed,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import (
    ActionRefused,
    AdapterTaken,
    AliasMoved,
    BudgetCharged,
    BudgetReserved,
    BudgetSettled,
    CohortAdmitted,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    ErasureAsked,
    Event,
    GateJudged,
    HoldPlaced,
    HoldReleased,
    KeyCreated,
    KeyRevoked,
    ModelRegistered,
    PersonErased,
    PrincipalIdentified,
    PromiseDisproved,
    PromotionApproved,
    PromotionProposed,
    PurposesChanged,
    ReportAttested,
    RequestApproved,
    RequestEnded,
    RequestEndorsed,
    RequestSubmitted,
    ReviewAnswered,
    ReviewClosed,
    ReviewOpened,
    SignatureWithdrawn,
    SigningKeyRotated,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.key_events import VersionDestroyed
from tunewarden.domain.names import DatasetId, Digest, ModelId, PrincipalId, RequestId, ReviewId
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.retention import WHOLE_LOG
from tunewarden.domain.vote_events import QuorumInForce, VoteLapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The ids that hold a report together. Whoever asks takes them from the state; the log has to agree with them."""

    model: ModelId
    request: RequestId
    dataset: DatasetId
    version: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageReport:
    """What was trained, on what, for whom and why; who allowed it; what it cost; what was refused on the way.

    Each field holds entries in log order. `fold` checks that there is exactly one where there must be.

    Attributes:
        version: the first entry that added it; the same content may be added again.
        purposes: whenever what the dataset may be used for was set anew.
        quorums: whenever another rule came in force of how many have to agree to a plan.
        approvals: who agreed to the plan, and whose vote lapsed.
        reviews: what people said of the clean version, for this request or for another one that made the same.
        ended: the end of the request, and the retirement of the dataset.
        erasures: of persons of the dataset, asked for and carried out; what was made before one holds the person.
        taken: whenever the weights left the house.
        principals: keys made for, and taken from, everybody who acts in the story, and who they are to a provider.
        keys: every rotation of the log's signing key.
        holds: legal holds on anything in the story, and their release.
        alarms: that the model version was shown to leak more than its training claims.
        interventions: that the request was suspended and resumed, that an alias was put back to the model version or
            away from it, and the emergencies because of which this, or reading the report, was done.
        attributes: that protected attributes were laid apart, read by the measuring step, and destroyed.
        size: how many entries the log had.
    """

    model: Entry
    request: Entry
    dataset: Entry
    version: Entry
    purposes: tuple[Entry, ...]
    quorums: tuple[Entry, ...]
    approvals: tuple[Entry, ...]
    budget: tuple[Entry, ...]
    steps: tuple[Entry, ...]
    reviews: tuple[Entry, ...]
    verdicts: tuple[Entry, ...]
    ended: tuple[Entry, ...]
    promotions: tuple[Entry, ...]
    aliases: tuple[Entry, ...]
    erasures: tuple[Entry, ...]
    taken: tuple[Entry, ...]
    refusals: tuple[Entry, ...]
    principals: tuple[Entry, ...]
    keys: tuple[Entry, ...]
    holds: tuple[Entry, ...]
    alarms: tuple[Entry, ...]
    interventions: tuple[Entry, ...]
    attributes: tuple[Entry, ...]
    size: int

    def entries(self) -> tuple[Entry, ...]:
        """Every entry the report rests on, once, in log order."""
        found: dict[int, Entry] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            for entry in value if isinstance(value, tuple) else (value,):
                if isinstance(entry, Entry):
                    found[entry.index] = entry
        return tuple(found[index] for index in sorted(found))


def fold(entries: Iterable[Entry], story: Story) -> LineageReport:
    """The report, from one reading of `entries`: the log, or its beginning for a report as of an earlier time.

    Keeps the entries of the story and those about API keys, nothing else. Raises `NotFound` if the entries have no
    such model, `Corrupted` if its story has a hole or is another one than the state says.
    """
    told: dict[str, list[Entry]] = {name: [] for name in (*_ONCE, *_BRANCHES)}
    api_keys: list[tuple[PrincipalId, Entry]] = []
    said, emergencies = _SaidOfReleases(), list[Entry]()
    thread, size = _Thread(story), 0
    for entry in entries:
        size = entry.index + 1
        branch = thread.branch(entry.event)
        if branch is not None:
            told[branch].append(entry)
        elif isinstance(entry.event, KeyCreated | KeyRevoked | PrincipalIdentified):
            api_keys.append((entry.event.principal, entry))
        elif isinstance(entry.event, _OF_EMERGENCIES):
            emergencies.append(entry)
        else:
            said.add(entry)
    if not told["model"]:
        raise NotFound("model_not_found", "The log has no model version with this id.")
    if any(len(told[name]) != 1 for name in _ONCE if name != "version") or not told["version"]:
        raise Corrupted("lineage_broken", "The log tells the beginning of this story twice, or not at all.")
    if not _agrees(told["model"][0], told["request"][0], story):
        raise Corrupted("lineage_broken", "The log tells another story of this model than the state.")
    told["reviews"] = said.of(told["steps"])
    told["interventions"] = _with_emergencies(told["interventions"], emergencies)
    actors = {entry.actor for kept in told.values() for entry in kept}
    return LineageReport(
        model=told["model"][0],
        request=told["request"][0],
        dataset=told["dataset"][0],
        version=told["version"][0],
        **{name: tuple(told[name]) for name in _BRANCHES},
        principals=tuple(entry for principal, entry in api_keys if principal in actors),
        size=size,
    )


def documents(report: LineageReport) -> tuple[Digest, ...]:
    """The digests of every document that the report's entries name and that an auditor reads beside them.

    Not the records: neither an upload nor a de-identified text is ever part of a report.
    """
    named: list[Digest] = []
    for entry in report.entries():
        match entry.event:
            case RequestSubmitted(plan=plan, profile=profile, training_gate=gate):
                named += [plan, profile, gate]
            case GateJudged(gate_digest=gate):
                named.append(gate)
            case (
                PromotionProposed(verdict=verdict)
                | PromotionApproved(verdict=verdict)
                | GateOverridden(verdict=verdict)
            ):
                named.append(verdict)
            case AliasCleared(registry=document):
                named.append(document)
            case ReviewClosed(evidence=document) | ReportAttested(report=document):
                named.append(document)
            case StepFinished(evidence=evidence, details=details):
                named += [evidence] if details is None else [evidence, details]
            case _:
                pass
    return tuple(dict.fromkeys(named))


_ONCE = ("model", "request", "dataset", "version")
_BRANCHES = (
    "purposes",
    "quorums",
    "approvals",
    "budget",
    "steps",
    "reviews",
    "verdicts",
    "ended",
    "promotions",
    "aliases",
    "erasures",
    "taken",
    "refusals",
    "keys",
    "holds",
    "alarms",
    "interventions",
    "attributes",
)
_OF_EMERGENCIES = EmergencyOpened | EmergencyConfirmed | EmergencyClosed | EmergencyReviewed


def _with_emergencies(told: Iterable[Entry], emergencies: Iterable[Entry]) -> list[Entry]:
    """What was done, and the emergencies that it names, in log order."""
    done = list(told)
    named = {getattr(entry.event, "emergency", None) for entry in done}
    of_these = [entry for entry in emergencies if getattr(entry.event, "emergency", "") in named]
    return sorted((*done, *of_these), key=lambda entry: entry.index)


class _SaidOfReleases:
    """What people said of every clean version, because it may have been said before the story came to its own."""

    def __init__(self) -> None:
        self._about: dict[ReviewId, Digest] = {}
        self._said: list[tuple[Digest, Entry]] = []

    def add(self, entry: Entry) -> None:
        match entry.event:
            case ReviewOpened(review=review, about=about):
                self._about[review] = about
                self._said.append((about, entry))
            case ReviewAnswered(review=review) | ReviewClosed(review=review) if review in self._about:
                self._said.append((self._about[review], entry))
            case ReportAttested(about=about) | SignatureWithdrawn(about=about):
                self._said.append((about, entry))

    def of(self, steps: Iterable[Entry]) -> list[Entry]:
        """Of what these steps made."""
        made = {entry.event.output for entry in steps if isinstance(entry.event, StepFinished)}
        return [entry for about, entry in self._said if about in made]


class _Thread:
    """Which branch of the story an event belongs to; remembers the promotions, erasures and holds that joined it."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._known: set[str] = {story.model, story.request, story.dataset}

    def branch(self, event: Event) -> str | None:
        """None for what is no part of the story."""
        return self._of_data(event) or self._of_request(event) or self._of_model(event) or self._beside(event)

    def _of_data(self, event: Event) -> str | None:
        story = self._story
        match event:
            case DatasetRegistered(dataset=story.dataset):
                return "dataset"
            case DatasetVersionAdded(dataset=story.dataset, version=story.version):
                return "version"
            case PurposesChanged(dataset=story.dataset):
                return "purposes"
            case DatasetRetired(dataset=story.dataset):
                return "ended"
            case VersionDestroyed(dataset=story.dataset, version=story.version):
                return "ended"
            case ErasureAsked(dataset=story.dataset, erasure=erasure):
                self._known.add(erasure)
                return "erasures"
            case PersonErased(dataset=story.dataset):
                return "erasures"
        return None

    def _of_request(self, event: Event) -> str | None:
        if getattr(event, "request", None) != self._story.request:
            return None
        match event:
            case RequestSubmitted():
                return "request"
            case RequestApproved() | RequestEndorsed() | VoteLapsed():
                return "approvals"
            case BudgetReserved() | CohortAdmitted() | BudgetCharged() | BudgetSettled():
                return "budget"
            case StepStarted() | StepFinished() | StepFailed():
                return "steps"
            case RequestEnded():
                return "ended"
            case ReviewOpened(review=review):  # it is told with what else was said of the clean version
                self._known.add(review)
        return self._of_the_work(event)

    def _of_the_work(self, event: Event) -> str | None:
        match event:
            case GateJudged():
                return "verdicts"
            case RequestSuspended() | RequestResumed():
                return "interventions"
            case AttributesKept() | AttributesRead() | AttributesDestroyed():
                return "attributes"
        return None

    def _of_model(self, event: Event) -> str | None:
        model = self._story.model
        match event:
            case ModelRegistered(model=registered) if registered == model:
                return "model"
            case PromotionProposed(model=proposed, promotion=promotion) if proposed == model:
                self._known.add(promotion)
                return "promotions"
            case PromotionApproved(model=approved) | GateOverridden(model=approved) if approved == model:
                return "promotions"
            case AliasMoved(model=named, previous=previous) if model in (named, previous):
                return "aliases"
            case AliasCleared(model=named) | AliasClearingAsked(model=named) | ModelRetired(model=named) if (
                named == model
            ):
                return "aliases"
            case AliasRolledBack(model=named, previous=previous) if model in (named, previous):
                return "interventions"
            case EmergencyUsed(model=read) if read == model:
                return "interventions"
            case AdapterTaken(model=taken) if taken == model:
                return "taken"
            case PromiseDisproved(model=shown) if shown == model:
                return "alarms"
        return None

    def _beside(self, event: Event) -> str | None:
        match event:
            case SigningKeyRotated():
                return "keys"
            case QuorumInForce():
                return "quorums"
            case ActionRefused(resource=resource) if resource in self._known:
                return "refusals"
            case HoldPlaced(resource=resource, hold=hold) if resource in self._known or resource == WHOLE_LOG:
                self._known.add(hold)
                return "holds"
            case HoldReleased(hold=hold) if hold in self._known:
                return "holds"
        return None


def _agrees(model: Entry, request: Entry, story: Story) -> bool:
    """Whether the log says of this model and this request what the state says."""
    made, asked = model.event, request.event
    return (
        isinstance(made, ModelRegistered)
        and made.request == story.request
        and isinstance(asked, RequestSubmitted)
        and (asked.dataset, asked.dataset_version) == (story.dataset, story.version)
    )
