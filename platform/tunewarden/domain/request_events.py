"""Facts about a training request: asked for, approved, ended. See `events.py` for what an event may hold."""

from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import EVERYWHERE, DatasetId, Digest, PolicyName, ProjectId, RequestId, Role
from tunewarden.domain.training import State, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSubmitted:
    """A training was asked for. `task` is what the plan says is learnt; which gate guards promotion follows from it."""

    request: RequestId
    plan: Digest
    dataset: DatasetId
    dataset_version: Digest
    purpose: Purpose
    base_model: PolicyName
    base_digest: Digest
    profile: Digest
    training_gate: Digest
    task: Task = field(default=Task.CLASSIFICATION, metadata=LATER)
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproved:
    """Somebody else approved exactly this plan, in this role; of before, where nothing more is said, as an approver.

    It may be trained once `persons` beside the requester have approved or endorsed it, in `roles` different ones:
    `quorum` is the digest of the rule that says so.
    """

    request: RequestId
    plan: Digest
    role: Role | None = field(default=None, metadata=LATER)
    quorum: Digest | None = field(default=None, metadata=LATER)
    persons: int = field(default=1, metadata=LATER)
    roles: int = field(default=1, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEndorsed:
    """Somebody else says yes to exactly this plan beside who approves it; as `RequestApproved`."""

    request: RequestId
    plan: Digest
    role: Role
    quorum: Digest
    persons: int
    roles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded:
    """A request reached a terminal state. `because` is a code; empty where the state says it all."""

    request: RequestId
    state: State
    because: str
