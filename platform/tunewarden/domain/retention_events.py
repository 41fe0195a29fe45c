"""Facts about what is kept how long: a part of the closed set of `events.py`, by its law."""

from dataclasses import dataclass
from datetime import date

from tunewarden.domain.names import Digest, HoldId, PruneId


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """A legal hold: no entry about `resource` may lose its body. `resource` is an id, or "log" for everything.

    `order` is the digest of the document that asks for it, which is kept elsewhere.
    """

    hold: HoldId
    resource: str
    order: Digest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """A legal hold is over."""

    hold: HoldId


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneProposed:
    """Somebody wants the bodies of entries dropped whose retention has ended `as_of` a day; their leaf hashes stay.

    All lie below the signed head of `size`. `indices` is the digest of the sorted indices as canonical JSON; `policy`
    that of the retention classes.
    """

    prune: PruneId
    as_of: date
    size: int
    policy: Digest
    entries: int
    indices: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneStarted:
    """The intent: somebody else approved it, and named the signed head of the verified copy that keeps the bodies."""

    prune: PruneId
    indices: Digest
    verified_size: int
    verified_head: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneFinished:
    """The outcome: so many bodies were dropped; none where something changed after the intent."""

    prune: PruneId
    entries: int
    indices: Digest


RetentionEvent = HoldPlaced | HoldReleased | PruneProposed | PruneStarted | PruneFinished
