"""The closed set of facts that the audit log can hold.

An entry holds identifiers, digests, words of closed vocabularies, integers and decimal strings: never text typed by a
person, never data, never a name. Nothing erasable is ever appended, so append-only and erasure can live together.

Law of evolution: fields of an event are never reordered, removed or given another meaning; new ones come last and have
a default; otherwise a new event type is made. `tests/domain/test_events.py` pins the bytes of one example of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import get_args

from tunewarden.domain.attribute_events import AttributeEvent
from tunewarden.domain.canonical import LATER
from tunewarden.domain.datasets import HeldOut, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.emergency_events import EmergencyEvent
from tunewarden.domain.erasure_events import ErasureAsked as ErasureAsked, PersonErased as PersonErased
from tunewarden.domain.file_events import FileEvent
from tunewarden.domain.gates import Finding, Outcome
from tunewarden.domain.group_events import GroupEvent
from tunewarden.domain.identities import KeyId, KeyKind
from tunewarden.domain.identity_events import (
    KeyAdded as KeyAdded,
    KeyWithdrawn as KeyWithdrawn,
    LoginsRefused as LoginsRefused,
    PrincipalIdentified as PrincipalIdentified,
)
from tunewarden.domain.key_events import KeyEvent
from tunewarden.domain.ledger_events import (
    BudgetCharged as BudgetCharged,
    BudgetReserved as BudgetReserved,
    BudgetSettled as BudgetSettled,
    CohortAdmitted as CohortAdmitted,
)
from tunewarden.domain.names import (
    EVERYWHERE,
    Action,
    Alias,
    DatasetId,
    Digest,
    FileId,
    ModelId,
    PolicyName,
    PrincipalId,
    ProjectId,
    PromotionId,
    RequestId,
    Role,
)
from tunewarden.domain.override_events import OverrideEvent
from tunewarden.domain.policy_events import PolicyEvent
from tunewarden.domain.privacy_events import PromiseDisproved as PromiseDisproved
from tunewarden.domain.project_events import ProjectEvent
from tunewarden.domain.purpose_events import AdapterTaken as AdapterTaken, PurposesChanged as PurposesChanged
from tunewarden.domain.registry_events import RegistryEvent
from tunewarden.domain.request_events import (
    RequestApproved as RequestApproved,
    RequestEnded as RequestEnded,
    RequestEndorsed as RequestEndorsed,
    RequestSubmitted as RequestSubmitted,
)
from tunewarden.domain.retention_events import (
    HoldPlaced as HoldPlaced,
    HoldReleased as HoldReleased,
    PruneFinished as PruneFinished,
    PruneProposed as PruneProposed,
    PruneStarted as PruneStarted,
    RetentionEvent,
)
from tunewarden.domain.review_events import (
    ReportAttested as ReportAttested,
    ReviewAnswered as ReviewAnswered,
    ReviewClosed as ReviewClosed,
    ReviewOpened as ReviewOpened,
    SignatureWithdrawn as SignatureWithdrawn,
)
from tunewarden.domain.training import StepName
from tunewarden.domain.vote_events import VoteEvent
from tunewarden.domain.webhook_events import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCreated:
    """A principal with these roles was made, with an API key, of which `identity_events.KeyAdded` explains the rest."""

    principal: PrincipalId
    roles: tuple[Role, ...]
    key: KeyId | None = field(default=None, metadata=LATER)
    kind: KeyKind | None = field(default=None, metadata=LATER)
    scope: tuple[Role, ...] = field(default=(), metadata=LATER)
    request: RequestId | None = field(default=None, metadata=LATER)
    expires: datetime | None = field(default=None, metadata=LATER)
    service: bool = field(default=False, metadata=LATER)
    project: ProjectId | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked:
    """The keys of a principal stopped working."""

    principal: PrincipalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRefused:
    """Somebody was told no. `resource` is an id, or the kind of thing where no id was known; `rule` is what decided."""

    action: Action
    resource: str
    code: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUploaded:
    """Bytes were stored, in a project or in none (`EVERYWHERE`); so wherever an event has a `project`.

    `expires`: from then on nobody is given them, and they are deleted; None where they are kept while needed.
    """

    file: FileId
    digest: Digest
    size: int
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)
    expires: datetime | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRegistered:
    """A dataset exists, with the conditions of its use.

    `namespace` says which identifier its persons are known by, across datasets; None where by none.
    """

    dataset: DatasetId
    purposes: tuple[Purpose, ...]
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: date
    columns: Digest
    row_is_person: bool
    epsilon_limit: Decimal
    delta: Decimal
    namespace: PolicyName | None = field(default=None, metadata=LATER)
    held_out: HeldOut = field(default=HeldOut.PRIVATE, metadata=LATER)
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersionAdded:
    """A dataset got a new content; `sealed`: its rows lie in this blob, each under the keys of its persons.

    `report` is the digest of what was counted in it (`data_report.DataReport`).
    """

    dataset: DatasetId
    version: Digest
    file: FileId
    source: Digest
    rows: int
    persons: int
    sealed: Digest | None = field(default=None, metadata=LATER)
    report: Digest | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRetired:
    """A dataset may not be used any more."""

    dataset: DatasetId


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """The intent: an attempt of a step begins with this input."""

    request: RequestId
    attempt: int
    step: StepName
    given: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """The outcome: the step made this output and this evidence. `counts` are whole numbers named by fixed words."""

    request: RequestId
    attempt: int
    step: StepName
    output: Digest
    evidence: Digest
    details: Digest | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """The outcome: the attempt ended without an output."""

    request: RequestId
    attempt: int
    step: StepName
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJudged:
    """A gate was asked. Failing verdicts are recorded exactly as passing ones."""

    request: RequestId
    gate: PolicyName
    gate_digest: Digest
    about: Digest
    outcome: Outcome
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered:
    """A model version exists; nobody may use it before an alias names it.

    `signature` and `statement` are what the release key said of the adapter (OpenSSF Model Signing; in-toto Statement),
    `release_key` is its public half in PEM. None of them in entries from before releases were signed.
    """

    model: ModelId
    request: RequestId
    plan: Digest
    adapter: Digest
    signature: Digest | None = None
    statement: Digest | None = None
    release_key: Digest | None = None
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionProposed:
    """Somebody wants an alias to name a model version; `verdict` is what the gate said then."""

    promotion: PromotionId
    model: ModelId
    alias: Alias
    verdict: Digest
    outcome: Outcome
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionApproved:
    """Somebody else approved it, in this role, after the gate passed once more. Of before: as an approver.

    `unassessed`: how many groups and comparisons nobody can say anything about, which they signed for; None of before.
    """

    promotion: PromotionId
    model: ModelId
    verdict: Digest
    role: Role | None = field(default=None, metadata=LATER)
    unassessed: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMoved:
    """An alias of a project names another model version now; `previous` is None the first time."""

    alias: Alias
    model: ModelId
    previous: ModelId | None
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRotated:
    """The log is signed by another key from here on. Keys as vkey lines, signatures in base64: audit/FORMAT.md, 10."""

    old_key: str
    new_key: str
    old_signature: str
    new_signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTraced:
    """Somebody looked up which models learned from one person of a dataset. Counts what was found, nothing else.

    `versions` are those of the dataset that hold the person, `models` the model versions made from them.
    """

    dataset: DatasetId
    versions: int
    models: int


Event = (
    KeyCreated
    | KeyRevoked
    | ActionRefused
    | FileUploaded
    | FileEvent
    | DatasetRegistered
    | DatasetVersionAdded
    | DatasetRetired
    | RequestSubmitted
    | RequestApproved
    | RequestEnded
    | BudgetReserved
    | CohortAdmitted
    | BudgetCharged
    | BudgetSettled
    | StepStarted
    | StepFinished
    | StepFailed
    | GateJudged
    | ModelRegistered
    | PromotionProposed
    | PromotionApproved
    | AliasMoved
    | RetentionEvent
    | SigningKeyRotated
    | PersonTraced
    | AdapterTaken
    | ReviewOpened
    | ReviewAnswered
    | ReviewClosed
    | ReportAttested
    | ErasureAsked
    | PersonErased
    | SignatureWithdrawn
    | PromiseDisproved
    | KeyAdded
    | KeyWithdrawn
    | PrincipalIdentified
    | LoginsRefused
    | PurposesChanged
    | RequestEndorsed
    | KeyEvent
    | PolicyEvent
    | GroupEvent
    | ProjectEvent
    | VoteEvent
    | EmergencyEvent
    | OverrideEvent
    | RegistryEvent
    | AttributeEvent
    | WebhookEvent
)

EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in get_args(Event)})


def about(event: Event) -> str | None:
    """The training request that an event is about; None where it is about something else."""
    if isinstance(event, ActionRefused):
        return event.resource
    return getattr(event, "request", None)
