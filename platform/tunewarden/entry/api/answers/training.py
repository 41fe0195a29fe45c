"""Jobs in the words of the OpenAI contract; ours stand in `governance`."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from tunewarden.domain.fairness import GroupMetric, Reference, Split
from tunewarden.domain.mitigations import Swap
from tunewarden.domain.names import Role
from tunewarden.domain.privacy import PrivacyUnit, Relation
from tunewarden.domain.training import NoiseForm, Precision, State, Task
from tunewarden.entry.api.answers.plans import GateVerdict, JobPrivacy
from tunewarden.entry.api.answers.shapes import (
    Count,
    DecimalText,
    Listed,
    Page,
    Paged,
    Receipt,
    Seconds,
    Sha256,
)


class Hyperparameters(TypedDict):
    """What the plan makes of what was asked; epochs as the number of updates has them."""

    n_epochs: Count
    batch_size: Count
    learning_rate_multiplier: float


class Supervised(TypedDict):
    hyperparameters: Hyperparameters


class JobMethod(TypedDict):
    type: Literal["supervised"]
    supervised: Supervised


class JobError(TypedDict):
    """Why the job failed: `code` has its page at /errors."""

    code: str | None
    message: str
    param: None


class Privacy(TypedDict):
    """Every epsilon is one person's, with all their records, and of all that is run."""

    unit: PrivacyUnit
    relation: Relation
    records_per_person: Count
    clip: DecimalText
    precision: Precision
    noise: NoiseForm
    canaries: Count
    epsilon: DecimalText
    epsilon_of_one_record: DecimalText | None
    delta: DecimalText
    noise_multiplier: DecimalText
    sampling_rate: DecimalText
    updates: Count
    updates_charged: Count
    epsilon_spent: DecimalText


class Fairness(TypedDict):
    """What will be compared between groups of people, and how far one may be behind."""

    digest: Sha256
    attributes: list[str]
    tolerances: dict[GroupMetric, DecimalText]
    reference: Reference
    split: Split
    minimum_persons: Count
    least_persons: Count
    alpha: DecimalText
    depth: Count
    policy: Sha256
    added: list[GroupMetric]


class Mitigating(TypedDict):
    weights: list[DecimalText]
    swaps: list[Swap]


class Curve(TypedDict):
    """A learning curve, and what it costs beside the model."""

    shares: list[DecimalText]
    epsilon: DecimalText
    epsilon_of_the_model: DecimalText
    updates: Count
    updates_of_the_model: Count
    training_time: DecimalText


class JobGovernance(TypedDict):
    """What a status cannot say."""

    state: State
    ended_because: str | None
    model: str | None
    suspended: bool
    project: str | None
    plan: Sha256
    purpose: str
    task: Task
    dataset: str
    dataset_version: Sha256
    deidentification_profile: Sha256
    requested_by: str
    approved_by: str | None
    attempt: Count
    privacy: Privacy
    fairness: Fairness | None
    mitigation: Mitigating | None
    twins: bool
    learning_curve: Curve | None
    receipt: NotRequired[Receipt]


class Job(TypedDict):
    """The `fine_tuning.job` of the OpenAI contract. `paused` is a word of that service which its types lack."""

    id: str
    object: Literal["fine_tuning.job"]
    created_at: Seconds
    finished_at: Seconds | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    status: Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
    training_file: str
    validation_file: None
    result_files: list[str]
    seed: int
    trained_tokens: None
    estimated_finish: None
    integrations: list[dict[str, Any]]
    hyperparameters: Hyperparameters
    method: JobMethod
    metadata: dict[str, str] | None
    error: JobError | None
    governance: JobGovernance
    privacy: JobPrivacy
    gates: list[GateVerdict]


class JobEvent(TypedDict):
    """The `fine_tuning.job.event` of the OpenAI contract: an entry of the log that is about the job."""

    id: str
    object: Literal["fine_tuning.job.event"]
    created_at: Seconds
    level: Literal["info", "warn"]
    message: str
    type: Literal["message"]
    data: dict[str, Any]


class CheckpointFigures(TypedDict):
    """Figures of training are of its persons without noise, so they are null."""

    step: Count
    train_loss: None
    train_mean_token_accuracy: None
    valid_loss: None
    valid_mean_token_accuracy: None
    full_valid_loss: None
    full_valid_mean_token_accuracy: None


class Checkpoint(TypedDict):
    """The `fine_tuning.job.checkpoint` of the OpenAI contract: the model version that came of a job."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"]
    created_at: Seconds
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: Count
    metrics: CheckpointFigures


class CheckpointPermission(TypedDict):
    """The `checkpoint.permission` of the OpenAI contract."""

    id: str
    object: Literal["checkpoint.permission"]
    created_at: Seconds
    project_id: str


class PlanOfJob(TypedDict):
    """Everything that changes the model or its guarantee. `canonical` are the bytes (RFC 8785) that have the digest."""

    object: Literal["plan"]
    digest: Sha256
    plan: dict[str, Any]
    canonical: str


class Vote(TypedDict):
    """One person's word for a plan."""

    object: Literal["fine_tuning.job.approval"]
    by: str
    role: Role
    kind: Literal["approval", "endorsement"]
    at: Seconds


class Needed(TypedDict):
    persons: Count
    roles: Count


class Missing(TypedDict):
    """`who`: the roles of which one can give the next."""

    persons: Count
    roles: Count
    approval: bool
    who: list[Role]


class Approvals(Listed[Vote]):
    """Votes for the plan as it is, and what is missing."""

    plan: Sha256
    needed: Needed
    missing: Missing


_JOBS = "/v1/fine_tuning/jobs"
_JOB = _JOBS + "/{job_id}"
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("POST", _JOBS): Job,
    ("GET", _JOBS): Paged[Job],
    ("GET", _JOB): Job,
    **{("POST", f"{_JOB}/{verb}"): Job for verb in ("approve", "endorse", "reject", "cancel", "pause", "resume")},
    ("GET", _JOB + "/plan"): PlanOfJob,
    ("GET", _JOB + "/approvals"): Approvals,
    ("GET", _JOB + "/events"): Paged[JobEvent],
    ("GET", _JOB + "/checkpoints"): Paged[Checkpoint],
    ("GET", "/v1/fine_tuning/checkpoints/{model_id}/permissions"): Page[CheckpointPermission],
}
