"""Budgets, evidence, the log and lineage: what is ours alone, to be read."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from tunewarden.domain.privacy import PrivacyUnit, Relation, Spend
from tunewarden.domain.training import StepName
from tunewarden.entry.api.answers.data import PrivacyBudget
from tunewarden.entry.api.answers.plans import Measured
from tunewarden.entry.api.answers.registry import Clearing, ListedPromotion
from tunewarden.entry.api.answers.shapes import (
    Count,
    DecimalText,
    Index,
    Instant,
    Page,
    Paged,
    Sha256,
)
from tunewarden.entry.exports.evidence_kinds import EvidenceKind
from tunewarden.usecases.descending import Direction, NodeKind

Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


class Budget(PrivacyBudget):
    """Of one dataset, whose id it has."""

    id: str
    dataset: str


class AccountedMechanism(TypedDict):
    """A Poisson-sampled Gaussian mechanism, so often; a person has at most so many of its units (`contributions`)."""

    unit: PrivacyUnit
    relation: Relation
    sampling_rate: DecimalText
    noise_multiplier: DecimalText
    updates: Count
    contributions: Count


class BudgetEntry(TypedDict):
    """An entry of the log about a budget; epsilon is one person's at `delta`.

    `updates` were promised, charged by this entry, or charged in all until it was settled, when `returned` of them were
    given back; of a settlement these are the training's, and `metrics_charged` and `metrics_returned` those of noisy
    figures. `what` is null where an entry is about both kinds of spending. `metrics` were promised for noisy figures,
    and cost one person `metrics_epsilon`.
    """

    id: str
    object: Literal["privacy_budget.entry"]
    kind: Literal["reservation", "admission", "charge", "settlement"]
    index: Index
    at: Instant
    dataset: str
    request: str
    what: Spend | None
    updates: Count | None
    returned: Count | None
    persons: Count | None
    left_out: Count | None
    metrics_charged: Count | None
    metrics_returned: Count | None
    mechanism: AccountedMechanism | None
    metrics: AccountedMechanism | None
    epsilon: DecimalText | None
    metrics_epsilon: DecimalText | None
    delta: DecimalText | None


class BudgetStatement(Paged[BudgetEntry]):
    """Entries about one budget; `withheld` is how many are about requests that the reader may not see."""

    withheld: Count


class EvidenceListed(TypedDict):
    """A kind of evidence: how many measurements, and the digests of the documents that hold them and their tables."""

    id: EvidenceKind
    object: Literal["model.evidence"]
    kind: EvidenceKind
    measurements: Count
    evidence: list[Sha256]
    documents: list[Sha256]


class EvidenceList(Page[EvidenceListed]):
    """All kinds of evidence about a model version."""

    model: str


class Measurement(Measured):
    """With what it means (`policies/metrics.toml`), the digest of the evidence, and the entry that names it."""

    metric: str
    unit: str
    n_counts: str
    meaning: str
    evidence: Sha256
    index: Index


class Tables(TypedDict):
    """What stands behind the measurements, as the step wrote it; what it withheld is not in it."""

    step: StepName
    document: Sha256
    index: Index
    tables: dict[str, Any]


class EvidenceOfKind(TypedDict):
    """One kind of evidence about a model version."""

    object: Literal["model.evidence"]
    model: str
    kind: EvidenceKind
    measurements: list[Measurement]
    documents: list[Tables]


class EvidenceDocument(TypedDict):
    """A document as it is stored: its canonical form (RFC 8785) has the digest that is its id."""

    object: Literal["evidence"]
    id: Sha256
    model: str
    index: Index
    is_evidence: bool
    content: Any


class LogEntry(TypedDict):
    """An entry as it is sealed. `entry` are its canonical bytes; null, with what they say, once retention ended."""

    id: str
    object: Literal["audit.entry"]
    index: Index
    leaf_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    type: str | None
    actor: str | None
    at: Instant | None
    entry: Base64 | None


class LogEntries(Paged[LogEntry]):
    """A page of the sealed log, which has `size` entries."""

    size: Count


class TreeHead(TypedDict):
    """A signed tree head: `note` is a C2SP checkpoint."""

    id: str
    object: Literal["audit.checkpoint"]
    size: Count
    note: str


class LineageNode(TypedDict):
    """A thing, so many steps from the one that was asked about; `state` is null of what has none."""

    id: str
    kind: NodeKind
    distance: Count
    state: str | None


class LineageEdge(TypedDict):
    """The target was made from the source."""

    source: str
    target: str


class LineageGraph(TypedDict):
    """What may be seen around a thing, nearest first; `withheld` is how many things next to these may not."""

    object: Literal["lineage.graph"]
    id: str
    direction: Direction
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    withheld: Count


class AliasNow(TypedDict):
    """What an alias names now, by which promotion; `clearing` is who wants it taken off."""

    object: Literal["alias"]
    alias: str
    model: str
    promotion: str
    project: str
    clearing: Clearing | None


ANSWERS: Mapping[tuple[str, str], Any] = {
    ("GET", "/v1/privacy/budgets"): Paged[Budget],
    ("GET", "/v1/privacy/budgets/{dataset_id}"): Budget,
    ("GET", "/v1/privacy/budgets/{dataset_id}/entries"): BudgetStatement,
    ("GET", "/v1/models/{model_id}/evidence"): EvidenceList,
    ("GET", "/v1/models/{model_id}/evidence/{kind}"): EvidenceOfKind,
    ("GET", "/v1/evidence/{digest}"): EvidenceDocument,
    ("GET", "/v1/lineage/{thing_id}"): LineageGraph,
    ("GET", "/v1/aliases"): Paged[AliasNow],
    ("GET", "/v1/promotions"): Paged[ListedPromotion],
    ("GET", "/v1/audit/entries"): LogEntries,
    ("GET", "/v1/audit/checkpoints"): Paged[TreeHead],
}
