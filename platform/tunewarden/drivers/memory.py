"""Every port in memory: the tests stand on it, and it passes the same contract tests as the real drivers.

Nothing here is durable. State is kept as the same canonical bodies that the SQL driver stores, so that nothing can
be kept here that could not be kept there.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Generic, Protocol, Self, TypeVar

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.errors import Corrupted, NotFound, Unavailable
from tunewarden.domain.events import Entry, Event, entry_bytes, read_entry
from tunewarden.domain.names import Alias, DatasetId, Digest, FileId, ModelId, PrincipalId, PromotionId, RequestId
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion
from tunewarden.domain.training import TrainingRequest
from tunewarden.drivers import bodies
from tunewarden.drivers.bodies import Kind
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

K = TypeVar("K", bound=str)
V = TypeVar("V")
Shelves = dict[str, dict[str, bytes]]

_WAIT_SECONDS = 5.0


@dataclass(slots=True)
class MemoryState:
    """What outlives a unit of work: `shelves` holds bodies by noun and key, `entries` the log's canonical bytes."""

    shelves: Shelves = field(default_factory=lambda: {noun: {} for noun in bodies.NOUNS})
    entries: list[bytes] = field(default_factory=list)
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
        self.principals = _Shelf(self, bodies.PRINCIPALS)
        self.keys = _Shelf(self, bodies.KEYS)
        self.files = _Shelf(self, bodies.FILES)
        self.datasets = _Shelf(self, bodies.DATASETS)
        self.requests = _Shelf(self, bodies.REQUESTS)
        self.ledgers = _Shelf(self, bodies.LEDGERS)
        self.models = _Shelf(self, bodies.MODELS)
        self.promotions = _Shelf(self, bodies.PROMOTIONS)
        self.aliases = _Shelf(self, bodies.ALIASES)

    def __enter__(self) -> Self:
        # Units of work replace the shelves as one, and only ever add entries.
        self._shelves, self._entries = self._state.shelves, list(self._state.entries)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelves = None

    def entries(self, start: int = 0) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed
        for index in range(start, len(self._entries)):
            yield read_entry(index, self._entries[index])

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
        self._pending: list[bytes] = []
        self.principals: Store[PrincipalId, Principal] = _Shelf(self, bodies.PRINCIPALS)
        self.keys: Store[str, KeyRecord] = _Shelf(self, bodies.KEYS)
        self.files: Store[FileId, StoredFile] = _Shelf(self, bodies.FILES)
        self.datasets: Store[DatasetId, Dataset] = _Shelf(self, bodies.DATASETS)
        self.requests: Store[RequestId, TrainingRequest] = _Shelf(self, bodies.REQUESTS)
        self.ledgers: Store[DatasetId, Ledger] = _Shelf(self, bodies.LEDGERS)
        self.models: Store[ModelId, ModelVersion] = _Shelf(self, bodies.MODELS)
        self.promotions: Store[PromotionId, Promotion] = _Shelf(self, bodies.PROMOTIONS)
        self.aliases: Store[Alias, AliasTarget] = _Shelf(self, bodies.ALIASES)

    def __enter__(self) -> Self:
        if not self._state.lock.acquire(timeout=_WAIT_SECONDS):
            raise Unavailable("state_busy", f"Another unit of work was open for {_WAIT_SECONDS} seconds.")
        self._shelves = {noun: dict(shelf) for noun, shelf in self._state.shelves.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shelves = None
        self._state.lock.release()

    def record(self, event: Event) -> None:
        self.shelf("key")  # refuse when closed
        self._pending.append(entry_bytes(event, actor=self._actor, at=self._clock()))

    def commit(self) -> Receipt:
        if self._shelves is None:
            raise bodies.closed()
        if not self._pending:
            raise bodies.unrecorded()
        self._state.shelves, self._shelves = self._shelves, None
        self._state.entries.extend(self._pending)
        return Receipt(index=len(self._state.entries) - 1, leaf_hash=_leaf_hash(self._pending[-1]).hex())

    def entries(self, start: int = 0) -> Iterator[Entry]:
        self.shelf("key")  # refuse when closed
        for index in range(start, len(self._state.entries)):
            yield read_entry(index, self._state.entries[index])

    def shelf(self, noun: str) -> dict[str, bytes]:
        """The copy that this unit of work reads and writes."""
        if self._shelves is None:
            raise bodies.closed()
        return self._shelves[noun]


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

    def all(self) -> Sequence[V]:
        return [self._kind.read(key, body) for key, body in self._unit.shelf(self._kind.noun).items()]


class MemorySealedLog:
    """The log of a `MemoryState` as an auditor sees it; there is no sealer here, so tests set `signed` themselves."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self.signed: SignedTreeHead | None = None

    def head(self) -> SignedTreeHead | None:
        return self.signed

    def entry(self, index: int) -> bytes:
        if not 0 <= index < len(self._state.entries):
            raise NotFound("entry_not_found", f"The log has no entry {index}.", param="index")
        return self._state.entries[index]

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> Mapping[int, Sequence[bytes]]:
        leaves = [_leaf_hash(entry) for entry in self._state.entries[:size]]
        return {index: _path(index, leaves) for index in indices}


class MemoryBlobs:
    """Blobs in a dictionary, checked on reading like all blobs; tests may spoil `stored`."""

    def __init__(self) -> None:
        self.stored: dict[Digest, bytes] = {}

    def put(self, source: BinaryIO) -> Digest:
        return self.put_bytes(source.read())

    def put_bytes(self, data: bytes) -> Digest:
        digest = digest_bytes(data)
        self.stored[digest] = data
        return digest

    def open(self, digest: Digest) -> BinaryIO:
        return BytesIO(self.read(digest))

    def read(self, digest: Digest) -> bytes:
        data = self._find(digest)
        if digest_bytes(data) != digest:
            raise Corrupted("blob_corrupted", f"The blob {digest} holds other bytes than its digest says.")
        return data

    def size(self, digest: Digest) -> int:
        return len(self._find(digest))

    def _find(self, digest: Digest) -> bytes:
        if digest not in self.stored:
            raise NotFound("blob_not_found", f"There is no blob {digest}.")
        return self.stored[digest]


class MemoryClaims:
    """Claims in a dictionary: request -> (worker, until)."""

    def __init__(self) -> None:
        self._held: dict[RequestId, tuple[str, datetime]] = {}
        self._lock = Lock()

    def take(self, worker: str, among: Sequence[RequestId], now: datetime, lease: timedelta) -> RequestId | None:
        with self._lock:
            for request in among:
                held = self._held.get(request)
                if held is None or held[1] <= now:
                    self._held[request] = (worker, now + lease)
                    return request
            return None

    def renew(self, worker: str, request: RequestId, now: datetime, lease: timedelta) -> bool:
        with self._lock:
            held = self._held.get(request)
            if held is None or held[0] != worker:
                return False
            self._held[request] = (worker, now + lease)
            return True

    def release(self, worker: str, request: RequestId) -> None:
        with self._lock:
            held = self._held.get(request)
            if held is not None and held[0] == worker:
                del self._held[request]


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self.now += by


# RFC 6962 section 2.1, written down a second time, because of the drivers only SQL may know tunewarden_audit. The
# contract tests compare the two.


def _leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = _split(leaves)
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.1: the hashes beside the way from leaf `index` up to the root."""
    if len(leaves) == 1:
        return []
    split = _split(leaves)
    if index < split:
        return [*_path(index, leaves[:split]), _root(leaves[split:])]
    return [*_path(index - split, leaves[split:]), _root(leaves[:split])]


def _split(leaves: Sequence[bytes]) -> int:
    """The largest power of two below the number of leaves."""
    return 1 << (len(leaves) - 1).bit_length() - 1
