"""The doors to the outside, as the use cases see them.

`drivers/memory.py` has every one of them in memory; each real driver passes the same contract tests.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Protocol, TypeVar

from tunewarden.domain.access import PolicySet
from tunewarden.domain.access_explain import Explanation
from tunewarden.domain.cohorts import CohortId
from tunewarden.domain.data_report import DataReport
from tunewarden.domain.datasets import Columns, Groups, HeldOut, Purpose
from tunewarden.domain.gates import Measurement, SamplingPlan
from tunewarden.domain.names import (
    Action,
    DatasetId,
    Digest,
    PolicyName,
    PrincipalId,
    RequestId,
)
from tunewarden.domain.privacy import Accountant, Mechanism
from tunewarden.domain.reviews import Mark
from tunewarden.domain.training import Plan, StepName
from tunewarden.usecases.attribute_doors import Attributes, Keep, Read
from tunewarden.usecases.custody import Blobs as Blobs, RawRows as RawRows
from tunewarden.usecases.policy_files import Policies as Policies
from tunewarden.usecases.promoted import Promoted as Promoted
from tunewarden.usecases.work import (
    KeyRecord as KeyRecord,
    Principal as Principal,
    Receipt as Receipt,
    SealedLog as SealedLog,
    Shelf as Shelf,
    SignedTreeHead as SignedTreeHead,
    Store as Store,
    StoredFile as StoredFile,
    UnitOfWork as UnitOfWork,
    View as View,
    Views as Views,
    Work as Work,
)

C = TypeVar("C", bound=str)
TRAINING_GATE = PolicyName("training")

Clock = Callable[[], datetime]
"""Now, with a time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an action is about.

    Attributes:
        kind: one of `domain.access.KINDS`.
        id: empty where the thing does not exist yet or the action is about all of a kind.
        author: who asked for it or owns it; None where nobody does.
        project: where it is; `EVERYWHERE` where in none.
        parents: what it is in, each as `kind/id`; a rule about one of them is about this too.
        purpose, purposes, gate_green, legal_hold, emergency_open: facts, as `domain.access_predicates.Thing` has them;
            None where not stated yet. From the server, never from the caller.
    """

    kind: str
    id: str = ""
    author: PrincipalId | None = None
    project: str = "*"
    parents: tuple[str, ...] = ()
    purpose: Purpose | None = None
    purposes: frozenset[Purpose] | None = None
    gate_green: bool | None = None
    legal_hold: bool | None = None
    emergency_open: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Of the access driver.

    Attributes:
        because: the line of the policy that decided, or `no-rule-allows`, `error` or `policy-not-fresh`.
        who: the roles that may do it.
        version: digest of the policy that decided; empty where none did.
        rule, failed, unblocks: of a denial, as `domain.access_explain.Reason` has them.
        stale: whether the policy that decided could not be compared with the stored one for more than two seconds.
        outside: whether who asks holds no role where the thing is, neither there nor everywhere; then it is denied.
    """

    allowed: bool
    because: str
    who: str = ""
    version: str = ""
    rule: str = ""
    failed: str = ""
    unblocks: str = ""
    stale: bool = False
    outside: bool = False


Access = Callable[[Principal, Action, Resource], Decision]
"""Denies by default, and when anything goes wrong."""


class Engine(Protocol):
    """What is behind `Access` where the policy is stored and has a life (`policies.py`)."""

    def explain(self, principal: Principal, action: Action, resource: Resource, viewer: Principal) -> Explanation:
        """A decision in full, as `viewer` may see it."""

    def judge(self, policy: PolicySet) -> Access:
        """What this policy would decide, which nobody is told by it. Raises `Malformed` with every fault."""

    def refresh(self) -> None:
        """Decide by what is stored now, in this process; all others see it within two seconds."""

    def version(self) -> str:
        """A word for what is decided by: no older than any change that was made here. Raises `Unavailable`."""

    def at_least(self, version: str) -> None:
        """Decide by this version, or a later one, from here on.

        Raises `Malformed` for what is no such word, and `Unavailable` where what is stored is older.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """Records as every step reads them.

    Attributes:
        records: digest of a blob with one canonical JSON object a line, in file order:
            {"label": int, "person": str, "protected": {column: str}, "text": str}, and, where the columns name known
            identifiers, "known": {entity type: [values]}.
            `label` is an index into `labels`; numeric protected columns are banded.
            Where a row belongs to several persons, "person" is the first and "others": [str] the rest, all different.
            Where completions are learnt, "label" is 0, "text" is the prompt, one line feed and the completion, and
            "completion": int says where in it, in code points, the completion begins.
        rows, persons: counts.
        labels: the classes, sorted; empty where completions are learnt.
        shared_rows, report: how many rows belong to several persons; what may be told of the contents.
    """

    records: Digest
    rows: int
    persons: int
    labels: tuple[str, ...]
    shared_rows: int = 0
    report: DataReport | None = None


Ingest = Callable[[Blobs, Digest, str, Columns], Ingested]
"""(blobs, digest of an upload, its file name, columns) -> records. Raises `Malformed`; never repeats a value."""


class Vault(Protocol):
    """The data keys of persons. A person's surrogates, date offset and reversible pseudonyms are made from theirs.

    A key is destroyed by `UnitOfWork.forget` alone.
    """

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:
        """The 32-byte key of every one of them, made where there was none; None once it was destroyed."""


Pseudonyms = Callable[[DatasetId, str], str]
"""(dataset, person) -> the person's pseudonym in it (`domain.pseudonyms`), under the tenant's key."""


class Envelopes(Protocol):
    """Words that one process leaves in the database for another one, and that are for no one else."""

    def seal(self, about: str, content: bytes) -> str:
        """An envelope that opens only as one about `about`, one of our ids."""

    def open(self, about: str, sealed: str) -> bytes:
        """The inverse. Raises `Corrupted`."""


class Calibrate(Protocol):
    """Finds the least noise that keeps a promise."""

    def __call__(self, template: Mechanism, epsilon: Decimal, delta: Decimal) -> Mechanism:
        """`template` with the smallest noise multiplier whose epsilon at `delta` is at most `epsilon`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Persons put down for a cohort: how many, their Merkle root (see `Cohort`), and a number no other roll has."""

    root: Digest
    persons: int
    number: int


class Enrolments(Protocol):
    """Who is in which cohort, by budget pseudonyms of 32 bytes. Nobody counts before a unit of work stored it."""

    def put_down(self, cohort: CohortId, members: Iterable[bytes]) -> Roll:
        """Each once, in place of those before; streamed. Raises as `strike`, and `Conflict` where another does it."""

    def left_out(self, cohort: CohortId) -> frozenset[bytes]:
        """Those whom the unit of work left out that admitted the cohort. Raises `Conflict` where nobody is down."""

    def strike(self, cohort: CohortId) -> None:
        """Nobody is put down for this any more. Raises `Conflict` for a cohort that was admitted."""


Charge = Callable[[int], Receipt]
"""Pay for so many further updates, durably, before their result exists. Raises `BudgetExceeded`.

The receipt is that of the entry BudgetCharged: the ledger as it was then has this head.
"""

Admit = Callable[[Iterable[bytes]], frozenset[bytes]]
"""(budget pseudonyms of everybody that this step learns from) -> those of them to leave out.

Once for each step, before the first charge; an attempt after it gets the same answer. Raises `BudgetExceeded`.
"""

ChargedAt = Callable[[Receipt], int | None]
"""How many updates this request had been charged, of this step's kind, at the head of the ledger that a receipt is of.

None where the log has no such entry: the receipt is of another log, of another request, or the log was put back to a
copy of before.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one step, as the step sees it.

    Attributes:
        records: digest of the dataset version's records, in the form that `Ingested` states.
        labels: the classes of the dataset version.
        outputs: what the steps before made, by step.
        evidence: digests of the evidence about these, by step.
        charged: updates that earlier attempts were charged; the ledger's word, not the step's.
        charge, admit: must be called before every block of updates, and before the first of them.
        charged_at: what a receipt of `charge` is worth.
        namespace: which identifier persons are known by across datasets; None where by none.
        held_out, groups: what the dataset's steward declared about figures on held-out persons.
        protected: the dataset's protected columns.
        sealed: of the blob with the records under their persons' keys (`custody.RawRows`); None: in plain `records`.
        key: of the dataset version's own data key; empty where it has none.
        promoted: what the measuring step holds the adapter against; None where nothing can be compared.
        keep, attributes: to protected attributes apart: de-identification's door, and the measuring step's.
        twins: whether those that the plan asks for may still be trained.
    """

    request: RequestId
    number: int
    plan: Plan
    records: Digest
    labels: tuple[str, ...]
    outputs: Mapping[StepName, Digest]
    charge: Charge
    charged: int = 0
    evidence: Mapping[StepName, Digest] = field(default_factory=dict)
    admit: Admit = lambda _: frozenset()
    charged_at: ChargedAt = lambda _: None
    namespace: PolicyName | None = None
    held_out: HeldOut = HeldOut.PRIVATE
    groups: tuple[Groups, ...] = ()
    protected: tuple[str, ...] = ()
    sealed: Digest | None = None
    key: str = ""
    promoted: Promoted | None = None
    keep: Keep | None = None
    attributes: Read | None = None
    twins: bool = False


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
    """Who is busy with what: workers with requests, readers with texts. Nobody answers for it, so it is not logged."""

    def take(self, who: str, among: Sequence[C], now: datetime, lease: timedelta) -> C | None:
        """Claim the first of `among` that nobody holds a live claim on; None if there is none."""

    def held(self, who: str, among: Sequence[C], now: datetime) -> C | None:
        """The first of `among` on which this one holds a live claim; None if there is none."""

    def renew(self, who: str, what: str, now: datetime, lease: timedelta) -> bool:
        """Keep a claim; False when it was lost to somebody else."""

    def release(self, who: str, what: str) -> None:
        """Give a claim up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A record that was drawn to be read, as a reader sees it.

    Attributes:
        record: position in the clean version.
        seed: the runs of letters and digits of the identifier that was put into the text; empty where none was.
    """

    record: int
    text: str
    seed: tuple[Mark, ...]


Draw = Callable[[Digest, SamplingPlan], Sequence[Drawn]]
"""(clean version, plan) -> its sample, in the order of reading; `domain.reviews.picked` says which. Needs records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What the release key said of an adapter; each document as it is stored, and as an auditor gets it.

    Attributes:
        signature: OpenSSF Model Signing of the adapter as the file `adapter.safetensors`, a Sigstore bundle in JSON.
        statement: the in-toto Statement in a DSSE envelope with one signature, canonical JSON.
        key: the public key of both, one PEM block.
    """

    signature: bytes
    statement: bytes
    key: bytes


class Release(Protocol):
    """The release key: an ECDSA P-256 key that signs what leaves the house, and nothing else."""

    def attest(self, adapter: BinaryIO, statement: bytes) -> Attested:
        """Sign the adapter's bytes, and the in-toto Statement about it. Not checked: that the two belong together."""


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
    envelopes: Envelopes
    new_id: Callable[[str], str]
    """prefix -> a fresh, unguessable, sortable identifier."""
    release: Release | None = None
    """None in a process that holds no release key; only the worker does."""
    draw: Draw | None = None
    """None in a process that draws no samples; only the worker does."""
    pseudonyms: Pseudonyms | None = None
    """None in a process that does not hold the tenant's key; only the worker does."""
    enrolments: Enrolments | None = None
    """None in a process that admits nobody; only the worker does."""
    training_gate: PolicyName = TRAINING_GATE
    """Which gate guards training; a plan pins it by its digest."""
    engine: Engine | None = None
    """None where the access policy is in files, which nobody changes through the platform."""
    collator: Digest | None = None
    """Of the code from records to batches, for plans to pin; None where none is installed."""
    rows: RawRows | None = None
    """None in a process that has no data keys: it stores records in plain lines, sealed under the blob key alone."""
    attributes: Attributes | None = None
    """None in a process that neither lays protected attributes apart nor reads them; only the worker does."""
