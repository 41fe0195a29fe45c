"""The doors to the outside, as the use cases see them.

`drivers/memory.py` has every one of them in memory; each real driver passes the same contract tests.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import BinaryIO, Protocol, Self, TypeVar

from tunewarden.domain.datasets import Columns, Dataset
from tunewarden.domain.events import Entry, Event
from tunewarden.domain.gates import Gate, Measurement
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
from tunewarden.domain.privacy import Accountant, Ledger, Mechanism
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion
from tunewarden.domain.training import BaseModel, Plan, StepName, TrainingRequest

K = TypeVar("K", contravariant=True)
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts, authenticated. `name` is for screens only and is never logged."""

    id: PrincipalId
    roles: frozenset[Role]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key as it is stored: its SHA-256 (64 hex digits), whose it is, and whether it still works."""

    hash: str
    principal: PrincipalId
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An upload: whose it is, what it is called, and its bytes by digest."""

    id: FileId
    owner: PrincipalId
    filename: str
    purpose: str
    digest: Digest
    size: int
    uploaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the caller of a state change keeps: where its (last) entry is, and the hash of that entry's leaf.

    With it the caller can prove later that an entry was dropped or changed. `leaf_hash` is SHA-256, 64 hex digits.
    """

    index: int
    leaf_hash: str


class Shelf(Protocol[K, V_co]):
    """Things of one kind by their key, for reading."""

    def get(self, key: K) -> V_co:
        """Raise `NotFound` where there is none."""

    def find(self, key: K) -> V_co | None:
        """None where there is none."""

    def all(self) -> Sequence[V_co]:
        """Everything, oldest first."""


class Store(Shelf[K, V], Protocol[K, V]):
    """Things of one kind by their key, inside one unit of work."""

    def put(self, value: V) -> None:
        """Add or replace; seen by others after commit."""


class View(Protocol):
    """One moment of state and log, for reading. It waits for nobody, and nobody waits for it."""

    @property
    def principals(self) -> Shelf[PrincipalId, Principal]: ...
    @property
    def keys(self) -> Shelf[str, KeyRecord]: ...
    @property
    def files(self) -> Shelf[FileId, StoredFile]: ...
    @property
    def datasets(self) -> Shelf[DatasetId, Dataset]: ...
    @property
    def requests(self) -> Shelf[RequestId, TrainingRequest]: ...
    @property
    def ledgers(self) -> Shelf[DatasetId, Ledger]: ...
    @property
    def models(self) -> Shelf[ModelId, ModelVersion]: ...
    @property
    def promotions(self) -> Shelf[PromotionId, Promotion]: ...
    @property
    def aliases(self) -> Shelf[Alias, AliasTarget]: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def entries(self, start: int = 0) -> Iterable[Entry]:
        """The committed entries from index `start` on, in order."""


class UnitOfWork(Protocol):
    """One transaction on state and log together: both or neither. Leaving without `commit` undoes everything.

    Units of work that write are serial: what one reads does not change before it commits.
    """

    principals: Store[PrincipalId, Principal]
    keys: Store[str, KeyRecord]
    files: Store[FileId, StoredFile]
    datasets: Store[DatasetId, Dataset]
    requests: Store[RequestId, TrainingRequest]
    ledgers: Store[DatasetId, Ledger]
    models: Store[ModelId, ModelVersion]
    promotions: Store[PromotionId, Promotion]
    aliases: Store[Alias, AliasTarget]

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def record(self, event: Event) -> None:
        """Append `event` to the log when this unit of work commits, as done by its actor now."""

    def commit(self) -> Receipt:
        """Make state and entries durable. Raises `UnrecordedChange` if state was put and nothing was recorded."""

    def entries(self, start: int = 0) -> Iterable[Entry]:
        """The committed entries from index `start` on, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTreeHead:
    """What the sealer signed last: the log's size, and the signed note (C2SP tlog-checkpoint) that says so."""

    size: int
    note: str


class SealedLog(Protocol):
    """The log as an auditor sees it: bytes, proofs and signed heads."""

    def head(self) -> SignedTreeHead | None:
        """The newest signed tree head; None before the first."""

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry. Raises `NotFound`."""

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """RFC 6962 section 2.1.1 audit paths (32 bytes a node) of entries in the tree of the first `size`."""


Work = Callable[[PrincipalId], UnitOfWork]
"""Begins a unit of work in which that principal acts."""

Views = Callable[[], View]
"""Begins a view of state and log as they are now."""

Clock = Callable[[], datetime]
"""Now, with a time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an action is about.

    Attributes:
        kind: "file", "dataset", "request", "model", "promotion", "log" or "key".
        id: empty where the thing does not exist yet or the action is about all of a kind.
        author: who asked for it or owns it; None where nobody does.
    """

    kind: str
    id: str = ""
    author: PrincipalId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Of the access driver. `because` is the line of the policy that decided, or `no-rule-allows`."""

    allowed: bool
    because: str
    who: str = ""


Access = Callable[[Principal, Action, Resource], Decision]
"""Denies by default, and when anything goes wrong."""


class Blobs(Protocol):
    """Bytes by their digest. Not trusted: every read is checked."""

    def put(self, source: BinaryIO) -> Digest:
        """Store everything that `source` yields, durably; the same bytes again change nothing."""

    def put_bytes(self, data: bytes) -> Digest:
        """Store a small document."""

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of bytes that have been checked against `digest`. Raises `NotFound` or `Corrupted`."""

    def read(self, digest: Digest) -> bytes:
        """A small document, whole. Raises `NotFound` or `Corrupted`."""

    def size(self, digest: Digest) -> int:
        """How many bytes. Raises `NotFound`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """Records as every step reads them.

    Attributes:
        records: digest of a blob with one canonical JSON object a line, in file order:
            {"label": int, "person": str, "protected": {column: str}, "text": str}.
            `label` is an index into `labels`; numeric protected columns are banded.
        rows, persons: counts.
        labels: the classes, sorted.
    """

    records: Digest
    rows: int
    persons: int
    labels: tuple[str, ...]


Ingest = Callable[[Blobs, Digest, str, Columns], Ingested]
"""(blobs, digest of an upload, its file name, columns) -> records. Raises `Malformed`; never repeats a value."""


class Policies(Protocol):
    """The policy files, each pinned by digest."""

    def gate(self, name: PolicyName) -> Gate:
        """Raise `NotFound`, or `Malformed` for a file that breaks its own form."""

    def profile(self, name: PolicyName) -> bytes:
        """The canonical bytes of a de-identification profile; their digest names it. Raises `NotFound`."""

    def base_model(self, name: PolicyName) -> BaseModel:
        """Of the allowlist; raise `Refused` for any other."""


class Calibrate(Protocol):
    """Finds the least noise that keeps a promise."""

    def __call__(self, template: Mechanism, epsilon: Decimal, delta: Decimal) -> Mechanism:
        """`template` with the smallest noise multiplier whose epsilon at `delta` is at most `epsilon`."""


Charge = Callable[[int], None]
"""Pay for so many further updates, durably, before their result exists. Raises `BudgetExceeded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one step, as the step sees it.

    Attributes:
        records: digest of the dataset version's records, in the form that `Ingested` states.
        labels: the classes of the dataset version.
        outputs: what the steps before made, by step.
        charged: updates that earlier attempts were charged; the ledger's word, not the step's.
        charge: must be called before every block of updates.
    """

    request: RequestId
    number: int
    plan: Plan
    records: Digest
    labels: tuple[str, ...]
    outputs: Mapping[StepName, Digest]
    charge: Charge
    charged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step made.

    Attributes:
        output: digest of what the next step reads.
        measurements: about `output`.
        details: digest of the document (canonical JSON) with the tables behind the measurements.
        counts: whole numbers for the log, named by fixed words (entity types, "records", "updates").
        about: what the measurements are about, where that is not `output` (the measuring step measures the adapter).
    """

    output: Digest
    measurements: tuple[Measurement, ...]
    details: Digest
    counts: Mapping[str, int]
    about: Digest | None = None


class Step(Protocol):
    """One stage of the pipeline. Safe to repeat: outputs are content-addressed."""

    identity: Digest
    """Digest of what identifies this step's code and settings; evidence names it as its producer."""

    def __call__(self, attempt: Attempt) -> StepResult:
        """Do the work. Raises one of ours; anything else counts as a failed attempt."""


class Claims(Protocol):
    """Which worker is busy with which request. Not state that anybody answers for, so it is not logged."""

    def take(self, worker: str, among: Sequence[RequestId], now: datetime, lease: timedelta) -> RequestId | None:
        """Claim the first request of `among` that nobody holds a live claim on; None if there is none."""

    def renew(self, worker: str, request: RequestId, now: datetime, lease: timedelta) -> bool:
        """Keep a claim; False when it was lost to somebody else."""

    def release(self, worker: str, request: RequestId) -> None:
        """Give a claim up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything outside that a use case may need; wired once, in `entry/wiring.py`."""

    work: Work
    view: Views
    access: Access
    blobs: Blobs
    clock: Clock
    claims: Claims
    policies: Policies
    ingest: Ingest
    accountant: Accountant
    calibrate: Calibrate
    log: SealedLog
    new_id: Callable[[str], str]
    """prefix -> a fresh, unguessable, sortable identifier."""
