"""Plans that nobody asked for yet, what waits for decisions, and gates."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from tunewarden.domain.gates import Bound, Outcome
from tunewarden.domain.names import Role
from tunewarden.domain.privacy import PrivacyUnit, Relation
from tunewarden.entry.api.answers.data import PrivacyBudget
from tunewarden.entry.api.answers.shapes import (
    Count,
    DecimalText,
    Index,
    Page,
    Paged,
    Seconds,
    Sha256,
)
from tunewarden.usecases.deciding import Deed

Guards = Literal["training", "promotion"]


class Refusal(TypedDict):
    """What a request would be answered with: `code` has its page at /errors, `status` is of HTTP."""

    code: str
    status: Annotated[int, Field(ge=400, le=599)]
    message: str
    remedy: str | None
    who_can: str | None
    param: str | None


class PlannedPrivacy(TypedDict):
    """What a plan costs one person, as epsilon at `delta`, and what it is made of.

    `updates` are of the model and of all parts of a learning curve, `releases_of_figures` noisy tables about persons
    held out of training.
    """

    unit: PrivacyUnit
    relation: Relation
    records_per_person: Count
    epsilon: DecimalText
    epsilon_of_one_record: DecimalText | None
    delta: DecimalText
    noise_multiplier: DecimalText
    sampling_rate: DecimalText
    updates: Count
    releases_of_figures: Count


class PlannedTraining(TypedDict):
    """Persons and rows of the dataset version; about how many persons (or records) are trained on, the others being
    measured on; how many of them are expected in an update; and how many updates there are.
    """

    persons: Count
    rows: Count
    units_to_train_on: Count
    units_in_an_update: Count
    updates_of_the_model: Count
    updates: Count


class PlannedBudget(TypedDict):
    """The dataset's, as epsilon at `delta`; `left_after` is null where there is no plan or the budget forbids it."""

    limit: DecimalText
    delta: DecimalText
    left: DecimalText
    left_after: DecimalText | None


class PlannedApprovals(TypedDict):
    """So many persons in so many roles have to agree, none of whom asked, and one of whom approves."""

    persons: Count
    roles: Count
    approving: list[Role]
    endorsing: list[Role]


class GateRule(TypedDict):
    """One condition on the far end of a 95 % interval; `limit` is in the metric's unit. A `hard` one stays as it is."""

    metric: str
    bound: Bound
    limit: DecimalText
    because: str
    remedy: str
    otherwise: Outcome
    hard: bool


class Sample(TypedDict):
    """How much people read before the gate can pass, and how much of it has a made-up identifier in it."""

    documents: Count
    seeds: Count


class Gate(TypedDict):
    """Rules that guard one transition. Its digest is what plans and verdicts name."""

    id: str
    object: Literal["gate"]
    guards: Guards
    digest: Sha256
    rules: list[GateRule]
    review: Sample | None


class Measured(TypedDict):
    """A value between the ends of its 95 % interval, of `n`."""

    low: DecimalText
    value: DecimalText
    high: DecimalText
    n: Count


class JudgedRule(TypedDict):
    """What one rule said; `measured` is null where nothing was measured, or it was contradicted.

    `because` and `remedy` are null where the gate is not kept any more.
    """

    metric: str
    bound: Bound
    limit: DecimalText
    outcome: Outcome
    hard: bool
    measured: Measured | None
    because: str | None
    remedy: str | None


class GateVerdict(TypedDict):
    """The last word of one gate about a job, and its entry; `outcome` is null before it was asked.

    `fault` is the code of an error, where the gate's stored document is not what its digest says. The verdict is that
    of the log all the same.
    """

    object: Literal["gate.verdict"]
    gate: str | None
    guards: Guards
    digest: Sha256
    outcome: Outcome | None
    index: Index | None
    fault: str | None
    rules: list[JudgedRule]


class PlanPreview(TypedDict):
    """What would come of a request. `canonical` are the bytes (RFC 8785) whose SHA-256 is the digest.

    `plan` and what is said of it are null where none can be made; `refused` says why, and what else is known to be in
    the way. `file` makes this plan again, or is refused.
    """

    object: Literal["plan"]
    digest: Sha256 | None
    plan: dict[str, Any] | None
    canonical: str | None
    accepted: bool
    refused: list[Refusal]
    dataset: str
    dataset_version: Sha256
    privacy: PlannedPrivacy | None
    training: PlannedTraining | None
    budget: PlannedBudget
    approvals: PlannedApprovals
    gates: list[Gate]
    file: dict[str, Any]


class JobMechanism(TypedDict):
    """The Poisson-sampled Gaussian mechanism that is accounted, which is the one that is run."""

    relation: Relation
    sampling_rate: DecimalText
    noise_multiplier: DecimalText
    contributions: Count
    noise: str


class JobPrivacy(TypedDict):
    """What is promised to each person and what of it is spent: epsilon at `delta`; `budget` where it is asked for."""

    unit: PrivacyUnit
    epsilon: DecimalText
    epsilon_spent: DecimalText
    delta: DecimalText
    updates: Count
    updates_charged: Count
    mechanism: JobMechanism
    budget: PrivacyBudget | None


class StillMissing(TypedDict):
    """How many more persons, in how many more roles, and whether an approval is among them."""

    persons: Count
    roles: Count
    approval: bool


class WaysToDecide(TypedDict):
    """A request that decides, and what has to be in its body."""

    decision: Deed
    method: Literal["POST"]
    path: str
    body: dict[str, str]


class Approval(TypedDict):
    """A plan, or a promotion, that waits for who asks: `digest` is what a decision binds to.

    `fault` is the code of an error, where what is to be read first cannot be; then there is no decision yet.
    """

    id: str
    object: Literal["approval"]
    kind: Literal["plan", "promotion"]
    digest: Sha256
    requested_by: str
    requested_at: Seconds | None
    missing: StillMissing | None
    fault: str | None
    decisions: list[WaysToDecide]


ANSWERS: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/plans"): PlanPreview,
    ("GET", "/v1/approvals"): Paged[Approval],
    ("GET", "/v1/gates"): Page[Gate],
    ("GET", "/v1/gates/{name}"): Gate,
}
