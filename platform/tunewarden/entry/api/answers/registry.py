"""Model versions, their promotions and aliases, and lineage."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.descent import Use
from tunewarden.domain.gates import Bound, Outcome
from tunewarden.domain.names import Role
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.registry import PromotionState
from tunewarden.domain.removals import RemovalReason
from tunewarden.domain.training import State
from tunewarden.entry.api.answers.shapes import (
    Count,
    DecimalText,
    Entry,
    Index,
    Instant,
    Page,
    Paged,
    Receipt,
    Seconds,
    Sha256,
)


class ModelGovernance(TypedDict):
    """What it is here: `model` is its id without words of ours around it."""

    model: str
    request: str
    project: str | None
    plan: Sha256
    adapter: Sha256
    aliases: list[str]
    purposes: list[Purpose]
    retired: RemovalReason | None


class Model(TypedDict):
    """The `model` of the OpenAI contract: a model version."""

    id: str
    object: Literal["model"]
    created: Seconds
    owned_by: Literal["tunewarden"]
    governance: ModelGovernance
    receipt: NotRequired[Receipt]


class ModelDeleted(TypedDict):
    """It is retired: no alias will name it. Its evidence stays."""

    id: str
    object: Literal["model"]
    deleted: Literal[True]
    receipt: Receipt


class Interval(TypedDict):
    """A measured value between the ends of its 95 % interval, of `n`."""

    low: DecimalText
    value: DecimalText
    high: DecimalText
    n: Count


class Finding(TypedDict):
    """What one rule of a gate says; `measured` is null where nothing was."""

    metric: str
    bound: Bound
    limit: DecimalText
    outcome: Outcome
    hard: bool
    measured: Interval | None


class Judged(TypedDict):
    """Which gate, and what it says."""

    name: str
    digest: Sha256
    outcome: Outcome


class NotAssessable(TypedDict):
    """A group, or a comparison of it, about which nobody can say anything; null: of all of them."""

    attribute: str | None
    group: str | None
    metric: str | None
    label: str | None


class Overridden(TypedDict):
    """Who let pass what the gate had stopped, and why."""

    by: str
    role: Role
    reason: OverrideReason


class Proposed(TypedDict):
    """What a promotion says alone as in a list. `fault` is null where it is told alone."""

    id: str
    object: Literal["promotion"]
    model: str
    alias: str
    state: PromotionState
    proposed_by: str
    approved_by: str | None
    verdict: Sha256
    unassessed: Count
    not_assessable: list[NotAssessable]
    overridable: bool
    overrides: list[Overridden]
    fault: str | None
    findings: list[Finding]
    receipt: NotRequired[Receipt]


class Promotion(Proposed):
    """A proposal that an alias is to name a model version: the verdict to approve, and every finding behind it."""

    gate: Judged


class ListedPromotion(Proposed):
    """A promotion in a list, which goes on where one of them is broken.

    `fault` is the code of an error, where a stored document is not what its digest says: nobody can decide then. The
    findings are those of the log all the same, and `unassessed` is 0 where it cannot be read. Where the log has the
    verdict no more either, `gate` is null, and there are no findings.
    """

    gate: Judged | None


class Clearing(TypedDict):
    """Who wants an alias taken off what it names."""

    by: str
    role: Role
    reason: RemovalReason


class Alias(TypedDict):
    """What an alias names now; `model` is null where it names nothing."""

    object: Literal["alias"]
    alias: str
    model: str | None
    promotion: str | None
    project: str
    clearing: Clearing | None
    receipt: Receipt


class By(TypedDict):
    """An entry of the log."""

    at: Instant
    index: Index
    by: str


class Served(TypedDict):
    """What an alias named, from one entry of the log to another; `until` is null where it names it still."""

    object: Literal["alias.served"]
    alias: str
    project: str
    model: str | None
    since: By
    until: By | None
    end_known: bool
    clearing: NotRequired[Clearing | None]


class Told(TypedDict):
    """What one lineage says, and the entries that say so."""

    value: Any
    log: list[Index]


class Gap(TypedDict):
    """The second value less the first, with its 95 % interval."""

    low: DecimalText
    value: DecimalText
    high: DecimalText
    paired: Literal[False]


class Row(TypedDict):
    """One thing that is compared; a side is null where it has no such thing."""

    name: str
    same: bool
    left: Told | None
    right: Told | None
    difference: Gap | None


class Compared(TypedDict):
    model: str
    index: Index
    registered_at: Instant


class Difference(TypedDict):
    """How two model versions differ; never a score."""

    object: Literal["lineage.diff"]
    size: Count
    left: Compared
    right: Compared
    plan: list[Row]
    made: list[Row]
    evidence: list[Row]
    verdicts: list[Row]
    people: list[Row]
    aliases: list[Row]


class Descendant(TypedDict):
    """A request on the records, and the model version that it became."""

    request: str
    requested_by: str
    version: Sha256
    plan: Sha256
    purpose: str
    state: State
    use: Use
    adapter: Sha256 | None
    model: str | None
    aliases: list[str]
    log: list[Index]


class RefusedEntry(Entry):
    code: str


class LineageOfVersion(TypedDict):
    """What learned from a dataset version."""

    object: Literal["lineage.version"]
    dataset: str
    version: Sha256
    size: Count
    added: list[Entry]
    data: list[Descendant]
    withheld: Count
    refused: list[RefusedEntry]
    entries_without_body: Count


class Holding(TypedDict):
    """A dataset version whose records hold the person."""

    version: Sha256
    added: Entry | None


class LineageOfPerson(TypedDict):
    """What learned from records that hold a person."""

    object: Literal["lineage.person"]
    dataset: str
    size: Count
    searched: Count
    versions: list[Holding]
    data: list[Descendant]
    limits: str
    entries_without_body: Count
    receipt: Receipt


_MODEL, _PROMOTION = "/v1/models/{model_id}", "/v1/promotions/{promotion_id}"
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("GET", "/v1/models"): Page[Model],
    ("GET", _MODEL): Model,
    ("DELETE", _MODEL): ModelDeleted,
    ("POST", _MODEL + "/retire"): Model,
    ("POST", _MODEL + "/promotions"): Promotion,
    ("POST", _MODEL + "/rollback"): Alias,
    ("POST", _MODEL + "/aliases/{alias}/clear"): Alias,
    ("GET", _MODEL + "/card"): dict[str, Any],
    ("GET", _MODEL + "/diff/{other_id}"): Difference,
    ("GET", "/v1/aliases/{alias}"): Served,
    ("GET", "/v1/aliases/{alias}/history"): Paged[Served],
    ("GET", _PROMOTION): Promotion,
    ("POST", _PROMOTION + "/approve"): Promotion,
    ("POST", _PROMOTION + "/override"): Promotion,
    ("GET", "/v1/datasets/{dataset_id}/versions/{digest}/models"): LineageOfVersion,
    ("POST", "/v1/lineage/person"): LineageOfPerson,
}
