"""The closed set of facts that the audit log can hold.

An entry holds identifiers, digests, words of closed vocabularies, integers and decimal strings: never text typed by a
person, never data, never a name. Nothing erasable is ever appended, so append-only and erasure can live together.

Law of evolution: fields of an event are never reordered, removed or given another meaning; new ones come last and have
a default; otherwise a new event type is made. `tests/domain/test_events.py` pins the bytes of one example of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import cast, get_args

from tunewarden.domain.canonical import Plain, decode, encode, from_plain, instant_text, to_plain
from tunewarden.domain.datasets import LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.gates import Finding, Outcome
from tunewarden.domain.names import (
    Action,
    Alias,
    DatasetId,
    Digest,
    FileId,
    ModelId,
    PolicyName,
    PrincipalId,
    PromotionId,
    RequestId,
    Role,
)
from tunewarden.domain.privacy import Mechanism
from tunewarden.domain.training import State, StepName

_VERSION = 1
LARGEST_ENTRY = 65_535  # bytes; the uint16 of C2SP tlog-tiles entry bundles


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCreated:
    """An API key was made for a principal with these roles. The key itself is nowhere but with its owner."""

    principal: PrincipalId
    roles: tuple[Role, ...]


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
    """Bytes were stored."""

    file: FileId
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRegistered:
    """A dataset exists, with the conditions of its use."""

    dataset: DatasetId
    purposes: tuple[Purpose, ...]
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: date
    columns: Digest
    row_is_person: bool
    epsilon_limit: Decimal
    delta: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersionAdded:
    """A dataset got a new content."""

    dataset: DatasetId
    version: Digest
    file: FileId
    source: Digest
    rows: int
    persons: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRetired:
    """A dataset may not be used any more."""

    dataset: DatasetId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSubmitted:
    """A training was asked for."""

    request: RequestId
    plan: Digest
    dataset: DatasetId
    dataset_version: Digest
    purpose: Purpose
    base_model: PolicyName
    base_digest: Digest
    profile: Digest
    training_gate: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproved:
    """Somebody else approved exactly this plan."""

    request: RequestId
    plan: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """A request reached a terminal state. `because` is a code; empty where the state says it all."""

    request: RequestId
    state: State
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReserved:
    """A mechanism was promised to a request."""

    dataset: DatasetId
    request: RequestId
    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCharged:
    """Updates were paid for, before their result existed. `charged` is the request's total so far."""

    dataset: DatasetId
    request: RequestId
    attempt: int
    updates: int
    charged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettled:
    """What never ran was given back. `epsilon_spent` is the dataset's, over all trainings, at its delta."""

    dataset: DatasetId
    request: RequestId
    charged: int
    returned: int
    epsilon_spent: Decimal


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
    """A model version exists; nobody may use it before an alias names it."""

    model: ModelId
    request: RequestId
    plan: Digest
    adapter: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionProposed:
    """Somebody wants an alias to name a model version; `verdict` is what the gate said then."""

    promotion: PromotionId
    model: ModelId
    alias: Alias
    verdict: Digest
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionApproved:
    """Somebody else approved it, after the gate passed once more."""

    promotion: PromotionId
    model: ModelId
    verdict: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMoved:
    """An alias names another model version now; `previous` is None the first time."""

    alias: Alias
    model: ModelId
    previous: ModelId | None


Event = (
    KeyCreated
    | KeyRevoked
    | ActionRefused
    | FileUploaded
    | DatasetRegistered
    | DatasetVersionAdded
    | DatasetRetired
    | RequestSubmitted
    | RequestApproved
    | RequestEnded
    | BudgetReserved
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
)

EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType({kind.__name__: kind for kind in get_args(Event)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact at an index of the log, with who did it and when (server time)."""

    index: int
    at: datetime
    actor: PrincipalId
    event: Event


def about(event: Event) -> str | None:
    """The training request that an event is about; None where it is about something else."""
    if isinstance(event, ActionRefused):
        return event.resource
    return getattr(event, "request", None)


def entry_bytes(event: Event, *, actor: PrincipalId, at: datetime) -> bytes:
    """The canonical bytes of an entry, which the log hashes. Its index is its position, so it is not inside."""
    kind = type(event).__name__
    body = {"actor": actor, "at": instant_text(at), "fact": to_plain(event), "type": kind, "v": _VERSION}
    data = encode(cast(Plain, body))
    if len(data) > LARGEST_ENTRY:
        raise Corrupted("entry_too_large", f"A {kind} of {len(data)} bytes is larger than an entry may be.")
    return data


def read_entry(index: int, data: bytes) -> Entry:
    """The inverse of `entry_bytes`; raises `Corrupted` for anything that this version cannot read exactly."""
    body = decode(data)
    if not isinstance(body, dict) or body.keys() != {"actor", "at", "fact", "type", "v"} or body["v"] != _VERSION:
        raise Corrupted("entry_malformed", f"Entry {index} does not have the form of version {_VERSION}.")
    kind = EVENT_TYPES.get(str(body["type"]))
    if kind is None:
        raise Corrupted("entry_unknown", f"Entry {index} is of a type that this version does not know.")
    actor, at = PrincipalId(str(body["actor"])), datetime.fromisoformat(str(body["at"]))
    return Entry(index=index, at=at, actor=actor, event=from_plain(kind, body["fact"]))
