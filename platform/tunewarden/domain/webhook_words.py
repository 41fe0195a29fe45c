"""Words about webhooks that stand in the log, and so are never taken back."""

from enum import StrEnum


class WebhookType(StrEnum):
    """What an endpoint can be told of. The first three are names of the OpenAI contract."""

    JOB_SUCCEEDED = "fine_tuning.job.succeeded"
    JOB_FAILED = "fine_tuning.job.failed"
    JOB_CANCELLED = "fine_tuning.job.cancelled"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_GRANTED = "approval.granted"
    APPROVAL_DENIED = "approval.denied"
    GATE_FAILED = "gate.failed"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_COMPLETED = "erasure.completed"


class WebhookEnd(StrEnum):
    """Why nothing is sent to an endpoint any more."""

    GONE = "gone"  # it answered 410
    TOO_MUCH_WAITS = "too-much-waits"
    KEPT_FAILING = "kept-failing"  # it took nothing for days
