"""Why somebody who could approve a plan rejects it: a word, so that the log can hold it and nobody types one."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """What has to change before the same is asked for again."""

    PURPOSE_NOT_SHOWN = "purpose-not-shown"
    MORE_DATA_THAN_NEEDED = "more-data-than-needed"
    EPSILON_TOO_LARGE = "epsilon-too-large"
    PROTECTION_TOO_WEAK = "protection-too-weak"
    GROUPS_NOT_COMPARED = "groups-not-compared"
    BASE_MODEL_UNSUITED = "base-model-unsuited"
    NOT_NEEDED = "not-needed"
    OTHER = "other"
