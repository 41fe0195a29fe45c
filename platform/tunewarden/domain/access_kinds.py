"""What each action is done to. One kind each: use cases ask about no other, and neither do questions about a policy."""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.names import Action

_OF: Mapping[str, tuple[Action, ...]] = {
    "file": (Action.UPLOAD_FILE, Action.READ_FILE, Action.TAKE_FILE, Action.DELETE_FILE, Action.EXPIRE_FILE),
    "dataset": (
        Action.REGISTER_DATASET,
        Action.READ_DATASET,
        Action.RETIRE_DATASET,
        Action.SET_PURPOSES,
        Action.TRACE_PERSON,
        Action.ERASE_PERSON,
        Action.CARRY_OUT_ERASURE,
    ),
    "request": (
        Action.SUBMIT_REQUEST,
        Action.READ_REQUEST,
        Action.CANCEL_REQUEST,
        Action.APPROVE_REQUEST,
        Action.ENDORSE_REQUEST,
        Action.ADVANCE_JOB,
        Action.ATTEST_REPORT,
        Action.WITHDRAW_SIGNATURE,
        Action.SUSPEND_REQUEST,
        Action.RESUME_REQUEST,
    ),
    "review": (Action.REVIEW_SAMPLE, Action.READ_REVIEW),
    "model": (
        Action.READ_MODEL,
        Action.PROPOSE_PROMOTION,
        Action.TAKE_ADAPTER,
        Action.READ_LINEAGE,
        Action.ROLL_BACK_MODEL,
        Action.CLEAR_ALIAS,
        Action.RETIRE_MODEL,
    ),
    "promotion": (Action.APPROVE_PROMOTION, Action.OVERRIDE_GATE),
    "log": (
        Action.READ_LOG,
        Action.PLACE_HOLD,
        Action.RELEASE_HOLD,
        Action.PROPOSE_PRUNE,
        Action.APPROVE_PRUNE,
    ),
    "key": (Action.CREATE_KEY, Action.REVOKE_KEY, Action.LIST_KEYS),
    "policy": (
        Action.READ_POLICY,
        Action.PROPOSE_POLICY,
        Action.ACTIVATE_POLICY,
        Action.EXPLAIN_ACCESS,
        Action.READ_GATE,
    ),
    "grant": (Action.GRANT_ROLE, Action.REVOKE_ROLE),
    "project": (Action.MANAGE_PROJECT, Action.READ_PROJECT),
    "webhook": (Action.MANAGE_WEBHOOKS,),
    "emergency": (
        Action.OPEN_EMERGENCY,
        Action.CONFIRM_EMERGENCY,
        Action.CLOSE_EMERGENCY,
        Action.REVIEW_EMERGENCY,
        Action.READ_EMERGENCY,
    ),
}

KIND_OF: Mapping[Action, str] = MappingProxyType({action: kind for kind, actions in _OF.items() for action in actions})
"""Every action is here; a test holds it against the truth table."""
