"""The doors to state and log: units of work that change them, views that read them, the log as an auditor sees it.

The other doors are in `ports.py`, which hands these on; import them from there.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TypeVar

from tunewarden.domain.attestations import Attestation
from tunewarden.domain.break_glass import Emergency
from tunewarden.domain.canonical import LATER
from tunewarden.domain.cohorts import Cohort, CohortId, Combination
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.entries import Entry
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.events import Event
from tunewarden.domain.files import Upload
from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind, key_id
from tunewarden.domain.names import (
    EVERYWHERE,
    AnswerId,
    AttestationId,
    DatasetId,
    Digest,
    EmergencyId,
    ErasureId,
    FileId,
    ModelId,
    PrincipalId,
    ProjectId,
    PromotionId,
    PruneId,
    RequestId,
    ReviewId,
    Role,
    UploadId,
    WebhookId,
)
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.projects import Project
from tunewarden.domain.registry import AliasKey, AliasTarget, ModelVersion, Promotion
from tunewarden.domain.reviews import Answer, Review
from tunewarden.domain.training import TrainingRequest
from tunewarden.domain.webhooks import Webhook
from tunewarden.usecases.policy_doors import PolicyShelf, PolicyStore
from tunewarden.usecases.repeats import Keeping

K = TypeVar("K", contravariant=True)
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts, authenticated. `name` is for screens only, never logged; who is `revoked` changes nothing more.

    Attributes:
        bound_to: the one training request that whoever acts may touch; None where they may touch others. Of the key
            that was used, so it is never stored.
        scoped: whether the key is for some of their roles only, so that roles which were granted to them do not count.
            Of the key too.
        as_of: when the identity provider said these roles; None where no provider did.
        within: the one project in which whoever acts does; None where they act wherever they hold a role. Of the key
            too, or of a request that names a project.
    """

    id: PrincipalId
    roles: frozenset[Role]
    name: str = ""
    revoked: bool = False
    kind: PrincipalKind = field(default=PrincipalKind.PERSON, metadata=LATER)
    bound_to: RequestId | None = field(default=None, metadata=LATER)
    as_of: datetime | None = field(default=None, metadata=LATER)
    scoped: bool = field(default=False, metadata=LATER)
    within: ProjectId | None = field(default=None, metadata=LATER)

    @property
    def place(self) -> ProjectId:
        """Where what they make is: in the project in which they act, else in none."""
        return EVERYWHERE if self.within is None else self.within


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key as it is stored: its SHA-256 (64 hex digits), whose it is, and whether it still works.

    Attributes:
        kind: which doors it opens; None for one from before there were kinds: all of them.
        scope: for which of the principal's roles at most; None for all.
        request: the one training request that it may touch; None where it may touch others.
        created, expires: when it was made, and the instant from which it no longer works; None where nobody said.
        project: the one project in which it opens anything; None where in all.
        name: for screens only, never logged; empty where nobody gave it one.
    """

    hash: str
    principal: PrincipalId
    revoked: bool = False
    kind: KeyKind | None = field(default=None, metadata=LATER)
    scope: frozenset[Role] | None = field(default=None, metadata=LATER)
    request: RequestId | None = field(default=None, metadata=LATER)
    created: datetime | None = field(default=None, metadata=LATER)
    expires: datetime | None = field(default=None, metadata=LATER)
    project: ProjectId | None = field(default=None, metadata=LATER)
    name: str = field(default="", metadata=LATER)

    @property
    def id(self) -> KeyId:
        """What it is called in lists and in the log."""
        return key_id(self.hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An upload: whose it is, what it is called, its bytes by digest, and the project it is in, or `EVERYWHERE`.

    Attributes:
        expires_at: from then on it is there for nobody; None where it is kept for as long as it is needed.
        deleted: whether its content was deleted; its name went with it.
    """

    id: FileId
    owner: PrincipalId
    filename: str
    purpose: str
    digest: Digest
    size: int
    uploaded_at: datetime
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)
    expires_at: datetime | None = field(default=None, metadata=LATER)
    deleted: bool = field(default=False, metadata=LATER)

    def is_there(self, now: datetime) -> bool:
        """Whether it was not deleted, and its time is not over."""
        return not self.deleted and (self.expires_at is None or now < self.expires_at)


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

    def all(self, holding: str = "") -> Sequence[V_co]:
        """Everything in whose stored form `holding` stands somewhere, oldest first; the store looks."""


class Store(Shelf[K, V], Protocol[K, V]):
    """Things of one kind by their key, inside one unit of work."""

    def put(self, value: V) -> None:
        """Add or replace; seen by others after commit."""


class Removable(Store[K, V], Protocol[K, V]):
    """The same of things of which nothing stays once they are deleted, but what the log has."""

    def remove(self, key: K) -> None:
        """It is there no more, as far as it was; seen by others after commit."""


class View(Protocol):
    """One moment of state and log, for reading. It waits for nobody, and nobody waits for it."""

    @property
    def principals(self) -> Shelf[PrincipalId, Principal]: ...
    @property
    def keys(self) -> Shelf[str, KeyRecord]: ...
    @property
    def files(self) -> Shelf[FileId, StoredFile]: ...
    @property
    def uploads(self) -> Shelf[UploadId, Upload]: ...
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
    def aliases(self) -> Shelf[AliasKey, AliasTarget]: ...
    @property
    def reviews(self) -> Shelf[ReviewId, Review]: ...
    @property
    def answers(self) -> Shelf[AnswerId, Answer]: ...
    @property
    def attestations(self) -> Shelf[AttestationId, Attestation]: ...
    @property
    def erasures(self) -> Shelf[ErasureId, Erasure]: ...
    @property
    def cohorts(self) -> Shelf[CohortId, Cohort]: ...
    @property
    def projects(self) -> Shelf[ProjectId, Project]: ...
    @property
    def emergencies(self) -> Shelf[EmergencyId, Emergency]: ...
    @property
    def webhooks(self) -> Shelf[WebhookId, Webhook]: ...
    @property
    def policies(self) -> PolicyShelf: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def size(self) -> int:
        """How many entries the log has, those that lost their body too."""

    def entries(self, start: int = 0, stop: int | None = None) -> Iterable[Entry]:
        """The committed entries from index `start` on, before `stop`, that still have their body, in order."""

    def entries_naming(self, identifier: str, start: int = 0) -> Iterable[Entry]:
        """Of these, from index `start` on, in order, those in whose canonical bytes `identifier` stands, one of ours.

        Far cheaper than reading all. It may stand there as a part of something longer, so look at the field meant.
        """

    def entries_about(
        self, requests: Collection[RequestId], kind: type[Event] | None = None, start: int = 0
    ) -> Iterable[Entry]:
        """Those from index `start` on that are about one of these requests (`domain.events.about`), of one kind or all.

        In order. What it takes depends on how many these are, and not on how long the log is.
        """

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        """Sorted indices of entries without a body, by the pruning that dropped them; under "" where none says so."""


class UnitOfWork(Protocol):
    """One transaction on state and log together: both or neither. Leaving without `commit` undoes everything.

    Units of work that write are serial: what one reads does not change before it commits. Reading or changing anything
    raises `Refused` where the principal who acts was revoked meanwhile; only recording (a refusal) does not ask.
    """

    principals: Store[PrincipalId, Principal]
    keys: Store[str, KeyRecord]
    files: Store[FileId, StoredFile]
    uploads: Store[UploadId, Upload]
    datasets: Store[DatasetId, Dataset]
    requests: Store[RequestId, TrainingRequest]
    ledgers: Store[DatasetId, Ledger]
    models: Store[ModelId, ModelVersion]
    promotions: Store[PromotionId, Promotion]
    aliases: Store[AliasKey, AliasTarget]
    reviews: Store[ReviewId, Review]
    answers: Store[AnswerId, Answer]
    attestations: Store[AttestationId, Attestation]
    erasures: Store[ErasureId, Erasure]
    cohorts: Store[CohortId, Cohort]
    projects: Store[ProjectId, Project]
    emergencies: Store[EmergencyId, Emergency]
    webhooks: Removable[WebhookId, Webhook]

    @property
    def policies(self) -> PolicyStore: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def record(self, event: Event) -> None:
        """Append `event` to the log when this unit of work commits, as done by its actor then.

        It is dated at the commit, so that the dates in the log go forward as far as the clock does.
        """

    def drop_bodies(self, prune: PruneId, indices: Sequence[int]) -> None:
        """Drop the bodies of entries for ever when this unit of work commits; their leaf hashes stay."""

    def forget(self, dataset: DatasetId, pseudonym: str) -> bool:
        """Destroy the data key of a person for good when this unit of work commits; False where there was none.

        The vault has no other way to lose a key, so none goes without an entry. Whoever had none gets none any more.
        Protected attributes that lie under the key go with it (`attribute_doors.table_key`).
        """

    def combinations(self, cohort: CohortId, roll: int | None = None) -> Mapping[Combination, int]:
        """Of the persons of a cohort who were not left out: how many are in which others that were admitted.

        Everybody is counted once; who is in no other one, under the empty combination. Raises `Conflict` where nobody
        is put down for it, or not under the number `roll`: another attempt took the place of that one.
        """

    def leave_out(self, cohort: CohortId, combinations: Set[Combination]) -> int:
        """Leave the persons of a cohort out who are in exactly these others, for good; how many these are."""

    def keeping(self, ask: Keeping) -> None:
        """Ask, when this unit of work commits, what is to be kept of the request that it is of, and commit it along.

        The commit raises `InFlight` where that request was done meanwhile.
        """

    def commit(self) -> Receipt:
        """Make state and entries durable. Raises `UnrecordedChange` if state was put and nothing was recorded."""

    def entries(self, start: int = 0) -> Iterable[Entry]:
        """The committed entries from index `start` on that still have their body, in order."""

    def entries_naming(self, identifier: str) -> Iterable[Entry]:
        """As `View.entries_naming`."""

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        """Sorted indices of entries without a body, by the pruning that dropped them; under "" where none says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTreeHead:
    """What the sealer signed last: the log's size, and the signed note (C2SP tlog-checkpoint) that says so."""

    size: int
    note: str


class SealedLog(Protocol):
    """The log as an auditor sees it: bytes, proofs and signed heads."""

    def head(self, cosigned_by: Sequence[str] = ()) -> SignedTreeHead | None:
        """The newest signed tree head that carries a cosignature of each of these witnesses; None where there is none.

        Not checked: the cosignatures. They were, before they were stored; the auditor does it again.
        """

    def head_of(self, size: int) -> SignedTreeHead | None:
        """The head that was signed for exactly this size; None where none was."""

    def entry(self, index: int) -> bytes:
        """The canonical bytes of an entry. Raises `NotFound`."""

    def bodies(self, start: int, limit: int) -> Sequence[bytes]:
        """The canonical bytes of at most `limit` entries from index `start` on, in order; empty at the end."""

    def leaves(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes | None]]:
        """Leaf hash (32 bytes) and canonical bytes of at most `limit` entries from index `start` on, in order.

        None for bytes that retention dropped.
        """

    def heads(self, below: int | None, limit: int) -> Sequence[SignedTreeHead]:
        """At most `limit` of the heads that were signed, the largest size first; those of sizes below `below`."""

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        """RFC 6962 section 2.1.1 audit paths (32 bytes a node) of entries in the tree of the first `size`.

        Every index is below `size`, and the log has that many entries. Raises `Corrupted` where what is stored does
        not lead to the root that was signed for this size.
        """

    def consistency_proof(self, old_size: int, size: int) -> Sequence[bytes]:
        """RFC 6962 section 2.1.2: that the first `old_size` entries are the beginning of the first `size`.

        0 < old_size <= size; empty where the two are equal. Raises `Corrupted` as `inclusion_proofs` does.
        """


Work = Callable[[PrincipalId], UnitOfWork]
"""Begins a unit of work in which that principal acts."""

Views = Callable[[], View]
"""Begins a view of state and log as they are now."""
