"""Every port in memory: the tests stand on it, and it passes the same contract tests as the real drivers.

Nothing here is durable. State is kept as the same canonical bodies that the SQL driver stores, so that nothing can
be kept here that could not be kept there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from tunewarden.domain.attestations import Attestation
from tunewarden.domain.break_glass import Emergency
from tunewarden.domain.cohorts import Cohort, CohortId, Combination
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.errors import NotFound, Unavailable
from tunewarden.domain.events import Event
from tunewarden.domain.files import Upload
from tunewarden.domain.names import (
    AnswerId,
    AttestationId,
    DatasetId,
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
    UploadId,
    WebhookId,
)
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.projects import Project
from tunewarden.domain.registry import AliasKey, AliasTarget, ModelVersion, Promotion
from tunewarden.domain.reviews import Answer, Review
from tunewarden.domain.training import TrainingRequest
from tunewarden.domain.webhooks import Webhook
from tunewarden.drivers import bodies, memory_cohorts, memory_repeats
from tunewarden.drivers.bodies import Kind
from tunewarden.drivers.memory_claims import MemoryClaims as MemoryClaims
from tunewarden.drivers.memory_log import by_prune, naming, read_about, read_from
from tunewarden.drivers.memory_policies import MemoryPolicies
from tunewarden.drivers.memory_tree import continuation, leaf_hash, path
from tunewarden.usecases.ports import (
    Clock,
    KeyRecord,
    Principal,
    Receipt,
    SignedTreeHead,
    Store,
    StoredFile,
    UnitOfWork,
    View,
    Views,
    Work,
)
from tunewarden.usecases.repeats import Keeping
from tunewarden.usecases.work import Removable

K = TypeVar("K", bound=str)
V = TypeVar("V")
Shelves = dict[str, dict[str, bytes]]
PersonKeys = dict[tuple[DatasetId, str], bytes | None]
"""By dataset and pseudonym; None once it was destroyed."""

_WAIT_SECONDS = 5.0


@dataclass(slots=True)
class MemoryState:
    """What outlives a unit of work: `shelves` holds bodies by noun and key, `entries` the log's canonical bytes.

    An entry that lost its body is empty, and `dropped` has what dropped it and its leaf hash; `person_keys` is the
    vault, `attributes` goes with keys in it, `rolls` says who is in which cohort, `policies` is the access policy,
    `repeats` what is kept of requests.
    """

    shelves: Shelves = field(default_factory=lambda: {noun: {} for noun in bodies.NOUNS})
    entries: list[bytes] = field(default_factory=list)
    dropped: dict[int, tuple[PruneId, bytes]] = field(default_factory=dict)
    person_keys: PersonKeys = field(default_factory=dict)
    attributes: dict[tuple[DatasetId, str], dict[bytes, bytes]] = field(default_factory=dict)
    rolls: memory_cohorts.Rolls = field(default_factory=dict)
    policies: MemoryPolicies = field(default_factory=MemoryPolicies)
    repeats: memory_repeats.ById = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


def memory_work(state: MemoryState, clock: Clock) -> Work:
    """Begin units of work on `state`; one at a time, like those of the SQL driver."""

    def begin(actor: PrincipalId) -> UnitOfWork:
        return _MemoryUnit(state, clock, actor)

    return begin


def memory_views(state: MemoryState) -> Views:
    """Begin views of `state`: copies, so that nobody waits."""

    def begin() -> View:
        return _MemoryView(state)

    return begin


class _MemoryView:
    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._shelves: Shelves | None = None
        self._entries: list[bytes] = []
        self._policies = state.policies
        self._dropped: dict[int, tuple[PruneId, bytes]] = {}
        self.principals = _Shelf(self, bodies.PRINCIPALS)
        self.keys = _Shelf(self, bodies.KEYS)
        self.files = _Shelf(self, bodies.FILES)
        self.uploads = _Shelf(self, bodies.UPLOADS)
        self.datasets = _Shelf(self, bodies.DATASETS)
        self.requests = _Shelf(self, bodies.REQUESTS)
        self.ledgers = _Shelf(self, bodies.LEDGERS)
        self.models = _Shelf(self, bodies.MODELS)
        self.promotions = _Shelf(self, bodies.PROMOTIONS)
        self.aliases = _Shelf(self, bodies.ALIASES)
        self.reviews = _Shelf(self, bodies.REVIEWS)
        self.answers = _Shelf(self, bodies.ANSWERS)
        self.attestations = _Shelf(self, bodies.ATTESTATIONS)
        self.erasures = _Shelf(self, bodies.ERASURES)
        self.cohorts = _Shelf(self, bodies.COHORTS)
        self.projects = _Shelf(self, bodies.PROJECTS)
        self.emergencies = _Shelf(self, bodies.EMERGENCIES)
        self.webhooks = _Shelf(self, bodies.WEBHOOKS)

    def __enter__(self) -> Self:
        # Units of work replace the shelves as one.
        self._shelves, self._entries = self._state.shelves, list(self._state.entries)
        self._dropped = dict(self._state.dropped)
        self._policies = self._state.policies
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelves = None

    def size(self) -> int:
        self.shelf("key")  # refuse when closed
        return len(self._entries)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed
        yield from read_from(self._entries, start, stop)

    def entries_naming(self, identifier: str, start: int = 0) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed
        yield from (entry for entry in naming(self._entries, identifier) if entry.index >= start)

    def entries_about(
        self, requests: Collection[RequestId], kind: type[Event] | None = None, start: int = 0
    ) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed
        yield from read_about(self._entries, requests, kind, start)

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        self.shelf("key")  # refuse when closed
        return by_prune(self._dropped)

    @property
    def policies(self) -> MemoryPolicies:
        self.shelf("key")  # refuse when closed
        return self._policies

    def shelf(self, noun: str) -> dict[str, bytes]:
        """What was there when this view began."""
        if self._shelves is None:
            raise bodies.closed()
        return self._shelves[noun]


class _MemoryUnit:
    """Works on copies of the shelves, and swaps them in on commit."""

    def __init__(self, state: MemoryState, clock: Clock, actor: PrincipalId) -> None:
        self._state, self._clock, self._actor = state, clock, actor
        self._shelves: Shelves | None = None
        self._is_active = False
        self._policies = state.policies
        self._dropping: dict[int, PruneId] = {}
        self._forgetting: set[tuple[DatasetId, str]] = set()
        self._leaving_out: dict[CohortId, set[bytes]] = {}
        self._pending: list[Event] = []
        self._keeping: Keeping | None = None
        self.principals: Store[PrincipalId, Principal] = _Shelf(self, bodies.PRINCIPALS)
        self.keys: Store[str, KeyRecord] = _Shelf(self, bodies.KEYS)
        self.files: Store[FileId, StoredFile] = _Shelf(self, bodies.FILES)
        self.uploads: Store[UploadId, Upload] = _Shelf(self, bodies.UPLOADS)
        self.datasets: Store[DatasetId, Dataset] = _Shelf(self, bodies.DATASETS)
        self.requests: Store[RequestId, TrainingRequest] = _Shelf(self, bodies.REQUESTS)
        self.ledgers: Store[DatasetId, Ledger] = _Shelf(self, bodies.LEDGERS)
        self.models: Store[ModelId, ModelVersion] = _Shelf(self, bodies.MODELS)
        self.promotions: Store[PromotionId, Promotion] = _Shelf(self, bodies.PROMOTIONS)
        self.aliases: Store[AliasKey, AliasTarget] = _Shelf(self, bodies.ALIASES)
        self.reviews: Store[ReviewId, Review] = _Shelf(self, bodies.REVIEWS)
        self.answers: Store[AnswerId, Answer] = _Shelf(self, bodies.ANSWERS)
        self.attestations: Store[AttestationId, Attestation] = _Shelf(self, bodies.ATTESTATIONS)
        self.erasures: Store[ErasureId, Erasure] = _Shelf(self, bodies.ERASURES)
        self.cohorts: Store[CohortId, Cohort] = _Shelf(self, bodies.COHORTS)
        self.projects: Store[ProjectId, Project] = _Shelf(self, bodies.PROJECTS)
        self.emergencies: Store[EmergencyId, Emergency] = _Shelf(self, bodies.EMERGENCIES)
        self.webhooks: Removable[WebhookId, Webhook] = _Shelf(self, bodies.WEBHOOKS)

    def __enter__(self) -> Self:
        if not self._state.lock.acquire(timeout=_WAIT_SECONDS):
            raise Unavailable("state_busy", f"Another unit of work was open for {_WAIT_SECONDS} seconds.")
        self._shelves = {noun: dict(shelf) for noun, shelf in self._state.shelves.items()}
        self._policies = self._state.policies.copy()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelves = None
        self._state.lock.release()

    def record(self, event: Event) -> None:
        self._require_open()
        self._pending.append(event)

    def keeping(self, ask: Keeping) -> None:
        self._keeping = ask

    def commit(self) -> Receipt:
        shelves = self._require_open()
        if not self._pending:
            raise bodies.unrecorded()
        kept = None if self._keeping is None else self._keeping(self._pending)
        if kept is not None:
            memory_repeats.keep(self._state.repeats, kept)
        now = self._clock()
        written = [entry_bytes(event, actor=self._actor, at=now) for event in self._pending]
        self._state.shelves, self._shelves = shelves, None
        self._state.policies = self._policies
        for index, prune in self._dropping.items():
            self._state.dropped[index] = (prune, leaf_hash(self._state.entries[index]))
            self._state.entries[index] = b""
        self._state.person_keys.update(dict.fromkeys(self._forgetting))
        for key in self._forgetting:
            self._state.attributes.pop(key, None)
        for cohort, theirs in self._leaving_out.items():
            self._state.rolls[cohort].update(dict.fromkeys(theirs, True))
        self._state.entries.extend(written)
        return Receipt(index=len(self._state.entries) - 1, leaf_hash=leaf_hash(written[-1]).hex())

    def entries(self, start: int = 0) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed or revoked
        yield from read_from(self._state.entries, start)

    def dropped_bodies(self) -> Mapping[str, Sequence[int]]:
        self.shelf("key")  # refuse when closed or revoked
        return by_prune(self._state.dropped)

    def entries_naming(self, identifier: str) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed or revoked
        yield from naming(self._state.entries, identifier)

    def drop_bodies(self, prune: PruneId, indices: Sequence[int]) -> None:
        self.shelf("key")  # refuse when closed or revoked
        self._dropping.update(dict.fromkeys(indices, prune))

    def forget(self, dataset: DatasetId, pseudonym: str) -> bool:
        self.shelf("key")  # refuse when closed or revoked
        person = (dataset, pseudonym)
        is_there = self._state.person_keys.get(person) is not None and person not in self._forgetting
        self._forgetting.add(person)
        return is_there

    def combinations(self, cohort: CohortId, roll: int | None = None) -> Mapping[Combination, int]:
        return memory_cohorts.combinations(self._state.rolls, cohort, roll, self.shelf("cohort").keys())

    def leave_out(self, cohort: CohortId, combinations: Set[Combination]) -> int:
        admitted = self.shelf("cohort").keys()
        self._leaving_out[cohort] = memory_cohorts.among(self._state.rolls, cohort, admitted, combinations)
        return len(self._leaving_out[cohort])

    @property
    def policies(self) -> MemoryPolicies:
        self.shelf("key")  # refuse when closed or revoked
        return self._policies

    def shelf(self, noun: str) -> dict[str, bytes]:
        """The copy that this unit of work reads and writes."""
        shelves = self._require_open()
        if not self._is_active:
            self._is_active = True
            bodies.require_active(self.principals.find(self._actor))
        return shelves[noun]

    def _require_open(self) -> Shelves:
        if self._shelves is None:
            raise bodies.closed()
        return self._shelves


class _Shelved(Protocol):
    def shelf(self, noun: str) -> dict[str, bytes]: ...


class _Shelf(Generic[K, V]):
    def __init__(self, unit: _Shelved, kind: Kind[K, V]) -> None:
        self._unit, self._kind = unit, kind

    def get(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise self._kind.missing()
        return found

    def find(self, key: K) -> V | None:
        body = self._unit.shelf(self._kind.noun).get(key)
        return None if body is None else self._kind.read(key, body)

    def put(self, value: V) -> None:
        self._unit.shelf(self._kind.noun)[self._kind.key(value)] = self._kind.write(value)

    def remove(self, key: K) -> None:
        self._unit.shelf(self._kind.noun).pop(key, None)

    def all(self, holding: str = "") -> Sequence[V]:
        rows = self._unit.shelf(self._kind.noun).items()
        found = (self._kind.read(key, body) for key, body in rows if holding.encode() in body)
        return [one for one in found if one is not None]


class MemorySealedLog:
    """The log of a `MemoryState` as an auditor sees it; there is no sealer here, so tests set `signed` themselves."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self.signed: SignedTreeHead | None = None

    def head(self, cosigned_by: Sequence[str] = ()) -> SignedTreeHead | None:
        lines = self.signed.note.splitlines() if self.signed is not None else []
        found = all(any(line.startswith(f"\N{EM DASH} {name} ") for line in lines) for name in cosigned_by)
        return self.signed if found else None

    def head_of(self, size: int) -> SignedTreeHead | None:
        return self.signed if self.signed is not None and self.signed.size == size else None

    def entry(self, index: int) -> bytes:
        if not 0 <= index < len(self._state.entries):
            raise NotFound("entry_not_found", f"The log has no entry {index}.", param="index")
        return self.bodies(index, 1)[0]

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        leaves = self._leaves(size)
        return {index: path(index, leaves) for index in indices}

    def bodies(self, start: int, limit: int) -> Sequence[bytes]:
        for index in range(start, min(start + limit, len(self._state.entries))):
            if index in self._state.dropped:
                raise bodies.pruned(index, self._state.dropped[index][1].hex())
        return self._state.entries[start : start + limit]

    def leaves(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes | None]]:
        found = self._leaves(len(self._state.entries))[start : start + limit]
        return [(leaf, self._state.entries[start + place] or None) for place, leaf in enumerate(found)]

    def heads(self, below: int | None, limit: int) -> Sequence[SignedTreeHead]:
        signed = self.signed
        return [signed][:limit] if signed is not None and (below is None or signed.size < below) else []

    def consistency_proof(self, old_size: int, size: int) -> Sequence[bytes]:
        return continuation(old_size, self._leaves(size), whole=True)

    def _leaves(self, size: int) -> list[bytes]:
        dropped = self._state.dropped
        bodies_left = enumerate(self._state.entries[:size])
        return [dropped[index][1] if index in dropped else leaf_hash(body) for index, body in bodies_left]


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self.now += by
