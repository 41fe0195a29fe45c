"""What is exported: the fields of a sealed entry with its place in the log, and every signed tree head.

Nothing else leaves. Entries hold ids, digests, words and numbers only, so neither do exported events hold more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import cast

from tunewarden.domain.attribute_events import AttributesRead
from tunewarden.domain.canonical import Plain, instant_text, to_plain
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyClosed,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.entries import read_entry
from tunewarden.domain.events import (
    ActionRefused,
    Event,
    GateJudged,
    HoldReleased,
    LoginsRefused,
    PromiseDisproved,
    PromotionProposed,
    PruneFinished,
    PruneStarted,
    SignatureWithdrawn,
    SigningKeyRotated,
    StepFailed,
)
from tunewarden.domain.file_events import FileDeleted, FileExpired, FileTaken
from tunewarden.domain.gates import Outcome
from tunewarden.domain.group_events import GroupRoleGranted, MemberAdded
from tunewarden.domain.key_events import MasterKeyRotated, VersionDestroyed
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.policy_events import PolicyActivated, RoleGranted
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.vote_events import QuorumInForce
from tunewarden.domain.webhook_events import WebhookChanged, WebhookCreated, WebhookDisabled, WebhookGivenUp
from tunewarden.drivers.sql_log import StoredTreeHead

SEALER = "sealer"


class Gravity(IntEnum):
    """How much an event asks for attention; the numbers are severities of RFC 5424."""

    CRITICAL = 2
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One event on its way out.

    Attributes:
        position: "entry 7", "head 9", or "test" and when.
        type: of the entry; `EntryPruned` where retention dropped the body, `TreeHeadSigned` for a head.
        index: in the log; None for what is no entry.
        leaf_hash: RFC 6962, 64 hex digits; empty for what is no entry.
        at: server time of the entry; for an entry without a body, when the head that covers it was signed.
    """

    origin: str
    position: str
    type: str
    at: datetime
    actor: str
    fact: Mapping[str, Plain]
    gravity: Gravity = Gravity.INFORMATIONAL
    index: int | None = None
    leaf_hash: str = ""

    @property
    def place(self) -> str:
        """The index of an entry; "head-9", or "test-" and when. Each is there once in a log."""
        return self.position.replace(" ", "-") if self.index is None else str(self.index)

    @property
    def id(self) -> str:
        """The same for the same event for ever: a receiver that has it can drop it."""
        return f"{self.origin}#{self.place}"


def of_entry(origin: str, index: int, leaf: bytes, body: bytes | None, head: StoredTreeHead) -> Exported:
    """A sealed entry; `head` covers it. Raises `Corrupted` for an entry that this version cannot read."""
    pruned = Exported(
        origin=origin,
        position=f"entry {index}",
        type="EntryPruned",
        at=head.sealed_at,
        actor="",
        fact={},
        index=index,
        leaf_hash=leaf.hex(),
    )
    if body is None:
        return pruned
    entry = read_entry(index, body)
    return replace(
        pruned,
        type=type(entry.event).__name__,
        at=entry.at,
        actor=entry.actor,
        fact=cast(Mapping[str, Plain], to_plain(entry.event)),
        gravity=_gravity(entry.event),
    )


def of_head(origin: str, head: StoredTreeHead) -> Exported:
    """A signed tree head: kept elsewhere, it shows later that the log was cut, forked or rolled back."""
    return Exported(
        origin=origin,
        position=f"head {head.size}",
        type="TreeHeadSigned",
        at=head.sealed_at,
        actor=SEALER,
        fact={"checkpoint": head.note, "root": head.root.hex(), "size": head.size},
    )


def tested(origin: str, at: datetime) -> Exported:
    """To see that a sink works; it is in no log."""
    return Exported(origin=origin, position=f"test {instant_text(at)}", type="SinkTested", at=at, actor="", fact={})


def _gravity(event: Event) -> Gravity:
    match event:
        case PromiseDisproved() | EmergencyOpened() | EmergencyUsed():
            return Gravity.CRITICAL
        case RequestSuspended(emergency=str()) | AliasRolledBack(emergency=str()):
            return Gravity.CRITICAL
        case EmergencyConfirmed() | EmergencyClosed() | EmergencyReviewed():
            return Gravity.WARNING
        case GateJudged(outcome=outcome) | PromotionProposed(outcome=outcome) if outcome is not Outcome.PASS:
            return Gravity.WARNING
        case StepFailed() | GateOverridden():
            return Gravity.WARNING
    return Gravity.NOTICE if type(event) in _NOTICED else Gravity.INFORMATIONAL


_NOTICED: frozenset[type[Event]] = frozenset(
    {
        AliasRolledBack,
        AliasClearingAsked,
        AliasCleared,
        ModelRetired,
        RequestSuspended,
        RequestResumed,
        ActionRefused,
        LoginsRefused,
        HoldReleased,
        SignatureWithdrawn,
        PolicyActivated,
        QuorumInForce,
        RoleGranted,
        MemberAdded,
        GroupRoleGranted,
        PruneStarted,
        PruneFinished,
        SigningKeyRotated,
        MasterKeyRotated,
        VersionDestroyed,
        AttributesRead,
        FileTaken,
        FileDeleted,
        FileExpired,
        WebhookCreated,
        WebhookChanged,
        WebhookDisabled,
        WebhookGivenUp,
    }
)
