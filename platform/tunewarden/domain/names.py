"""Identifiers and the closed vocabularies that everything else is spoken in.

Identifiers are opaque: they never carry a name, a date of birth or anything typed by a person, because they are
written into the audit log, from which nothing can be erased.
"""

import re
from enum import StrEnum
from typing import ClassVar, NewType, Self

from tunewarden.domain.errors import Malformed

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits."""

PrincipalId = NewType("PrincipalId", str)
DatasetId = NewType("DatasetId", str)
FileId = NewType("FileId", str)
UploadId = NewType("UploadId", str)
"""Of a file that comes in parts."""

PartId = NewType("PartId", str)
RequestId = NewType("RequestId", str)
ModelId = NewType("ModelId", str)
PromotionId = NewType("PromotionId", str)
HoldId = NewType("HoldId", str)
PruneId = NewType("PruneId", str)
ReviewId = NewType("ReviewId", str)
AnswerId = NewType("AnswerId", str)
"""The id of a review, a full stop, and the number of an item."""

AttestationId = NewType("AttestationId", str)
ErasureId = NewType("ErasureId", str)
EmergencyId = NewType("EmergencyId", str)
WebhookId = NewType("WebhookId", str)
"""Of an endpoint that is told of events."""

PolicyId = NewType("PolicyId", str)
"""Of a version of the access policy."""

GroupId = NewType("GroupId", str)
"""`grp-` and 32 hexadecimal digits: of a group that roles are granted to."""

ProjectId = NewType("ProjectId", str)
"""One of our ids, or `EVERYWHERE`."""

EVERYWHERE = ProjectId("*")
"""Where a role is held: in all projects, and in what is in none. Where a thing is: in none."""

PolicyName = NewType("PolicyName", str)
"""Name of a versioned policy file (a gate, a de-identification profile, a base model): `[a-z][a-z0-9-]{0,63}`."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PROJECT = re.compile(r"\*|[a-z]{2,9}-[0-9a-f]{32}")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NAME = re.compile(r"[a-z][a-z0-9.-]{0,63}")


def digest_name(text: str) -> Digest:
    """Return `text` as a digest, or raise `Malformed` if it is not one."""
    if not _DIGEST.fullmatch(text):
        raise Malformed("digest_malformed", "A digest is 'sha256:' followed by 64 lower-case hexadecimal digits.")
    return Digest(text)


def policy_name(text: str) -> PolicyName:
    """Return `text` as the name of a policy file, or raise `Malformed` if it cannot be one."""
    if not _NAME.fullmatch(text):
        raise Malformed("name_malformed", "A name is up to 64 of a-z, 0-9, '.' and '-', and begins with a letter.")
    return PolicyName(text)


def project_id(text: str) -> ProjectId:
    """Return `text` as a project, or raise `Malformed` if it is neither "*" nor one of our ids."""
    if not _PROJECT.fullmatch(text):
        raise Malformed("project_malformed", "A project is '*', or an id that this platform gave it.", param="project")
    return ProjectId(text)


class Role(StrEnum):
    """What a principal may be; `policies/access/policy.csv` says what each role may do."""

    REQUESTER = "requester"
    STEWARD = "steward"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    PRIVACY_OFFICER = "privacy-officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    WORKER = "worker"
    BREAK_GLASS = "break-glass"


class Action(StrEnum):
    """Everything that can be asked of the platform; a use case that has no action here cannot be allowed."""

    UPLOAD_FILE = "upload-file"
    READ_FILE = "read-file"
    TAKE_FILE = "take-file"
    DELETE_FILE = "delete-file"
    EXPIRE_FILE = "expire-file"
    REGISTER_DATASET = "register-dataset"
    READ_DATASET = "read-dataset"
    RETIRE_DATASET = "retire-dataset"
    SET_PURPOSES = "set-purposes"
    SUBMIT_REQUEST = "submit-request"
    READ_REQUEST = "read-request"
    CANCEL_REQUEST = "cancel-request"
    APPROVE_REQUEST = "approve-request"
    ENDORSE_REQUEST = "endorse-request"
    ADVANCE_JOB = "advance-job"
    READ_MODEL = "read-model"
    PROPOSE_PROMOTION = "propose-promotion"
    APPROVE_PROMOTION = "approve-promotion"
    OVERRIDE_GATE = "override-gate"
    TAKE_ADAPTER = "take-adapter"
    READ_LINEAGE = "read-lineage"
    READ_LOG = "read-log"
    TRACE_PERSON = "trace-person"
    ERASE_PERSON = "erase-person"
    CARRY_OUT_ERASURE = "carry-out-erasure"
    CREATE_KEY = "create-key"
    REVOKE_KEY = "revoke-key"
    LIST_KEYS = "list-keys"
    PLACE_HOLD = "place-hold"
    RELEASE_HOLD = "release-hold"
    PROPOSE_PRUNE = "propose-prune"
    APPROVE_PRUNE = "approve-prune"
    REVIEW_SAMPLE = "review-sample"
    READ_REVIEW = "read-review"
    ATTEST_REPORT = "attest-report"
    WITHDRAW_SIGNATURE = "withdraw-signature"
    READ_POLICY = "read-policy"
    PROPOSE_POLICY = "propose-policy"
    ACTIVATE_POLICY = "activate-policy"
    GRANT_ROLE = "grant-role"
    REVOKE_ROLE = "revoke-role"
    EXPLAIN_ACCESS = "explain-access"
    MANAGE_PROJECT = "manage-project"
    READ_PROJECT = "read-project"
    OPEN_EMERGENCY = "open-emergency"
    CONFIRM_EMERGENCY = "confirm-emergency"
    CLOSE_EMERGENCY = "close-emergency"
    REVIEW_EMERGENCY = "review-emergency"
    READ_EMERGENCY = "read-emergency"
    SUSPEND_REQUEST = "suspend-request"
    RESUME_REQUEST = "resume-request"
    ROLL_BACK_MODEL = "roll-back-model"
    CLEAR_ALIAS = "clear-alias"
    RETIRE_MODEL = "retire-model"
    READ_GATE = "read-gate"
    MANAGE_WEBHOOKS = "manage-webhooks"


class Alias(str):
    """A movable name for a model version: `[a-z][a-z0-9-]{0,31}`.

    It is written into the log, so nobody types one: which there are is said by `policies/registry.toml`, which people
    review, and `registry.AliasRules` refuses every other. Raises `Malformed`.
    """

    __slots__ = ()
    CANDIDATE: ClassVar[Self]
    STAGING: ClassVar[Self]
    PRODUCTION: ClassVar[Self]

    def __new__(cls, text: str) -> Self:
        if not _ALIAS.fullmatch(text):
            raise Malformed("alias_malformed", "An alias is up to 32 of a-z, 0-9 and '-', and begins with a letter.")
        return super().__new__(cls, text)


Alias.CANDIDATE, Alias.STAGING, Alias.PRODUCTION = Alias("candidate"), Alias("staging"), Alias("production")
