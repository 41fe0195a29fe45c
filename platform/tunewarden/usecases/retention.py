"""Legal holds, and dropping the bodies of entries whose retention has ended.

The order is fixed: the log is exported and verified somewhere else; one person proposes; another approves, with the
signed head of the verified copy; the intent is durable before the first body goes, and the outcome is recorded with it.

Not reached: the exported copy, backups of the database and its unused pages, and what SIEMs were sent. They keep the
bodies as long as whoever has them wants to. Entries hold nothing of a person, so no erasure waits for them.
"""

import re
from collections.abc import Iterable, Sequence

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Conflict, Malformed, NotFound, Refused
from tunewarden.domain.events import HoldPlaced, HoldReleased, PruneFinished, PruneProposed, PruneStarted
from tunewarden.domain.names import Action, Digest, HoldId, PruneId
from tunewarden.domain.retention import (
    NOTHING_DUE,
    WHOLE_LOG,
    Due,
    Hold,
    Prune,
    Retention,
    concerns,
    due,
    holds,
    prunes,
    require_explained,
)
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded

_IDENTIFIER = re.compile(r"[a-z]{2,9}-[0-9a-f]{32}")


def place_hold(platform: Platform, principal: Principal, resource: str, order: Digest | None) -> tuple[HoldId, Receipt]:
    """Keep every entry about `resource` (an id, or "log" for all) until the hold is released.

    Covered are the story of the thing, every story that rests on it, and what those rest on; of a principal, everything
    they did. Raises `NotFound` for what no entry is about (any more): such a hold would look like one and hold nothing.
    """
    with refusals_recorded(platform, principal, Action.PLACE_HOLD, "log", resource):
        permit(platform, principal, Action.PLACE_HOLD, Resource(kind="log"))
        if resource != WHOLE_LOG and not _IDENTIFIER.fullmatch(resource):
            raise Malformed(
                "hold_resource_unknown",
                "A hold is on the id of a dataset, file, upload, request, model, promotion or principal, or on 'log'.",
                param="resource",
            )
        if resource != WHOLE_LOG:
            _require_known(platform, resource)
        hold = HoldId(platform.new_id("hold"))
        with platform.work(principal.id) as work:
            work.record(HoldPlaced(hold=hold, resource=resource, order=order))
            return hold, work.commit()


def _require_known(platform: Platform, resource: str) -> None:
    with platform.view() as view:
        if not any(concerns(entry, resource) for entry in view.entries_naming(resource)):
            raise NotFound(
                "hold_resource_not_found",
                "No entry of the log is about that; a hold on it would hold nothing.",
                remedy="Look the id up again. What was pruned already is only where it was exported to.",
                param="resource",
            )


def release_hold(platform: Platform, principal: Principal, hold: HoldId) -> Receipt:
    """A hold is over. Raises `NotFound` where it is not in force."""
    with (
        refusals_recorded(platform, principal, Action.RELEASE_HOLD, "log", hold),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.RELEASE_HOLD, Resource(kind="log", id=hold))
        if hold not in {known.id for known in holds(work.entries())}:
            raise NotFound("hold_not_found", "There is no such hold in force.")
        work.record(HoldReleased(hold=hold))
        return work.commit()


def holds_in_force(platform: Platform, principal: Principal) -> list[Hold]:
    """Oldest first."""
    permit_to_see(platform, principal, Action.READ_LOG, Resource(kind="log"))
    with platform.view() as view:
        return holds(view.entries())


def propose(platform: Platform, principal: Principal, retention: Retention) -> tuple[PruneId, Due]:
    """Propose to drop the bodies that may go as of today. Nothing is dropped yet.

    Raises `Refused` where there is none, and `Corrupted` where bodies are gone that the log does not tell of.
    """
    with refusals_recorded(platform, principal, Action.PROPOSE_PRUNE, "log"):
        permit(platform, principal, Action.PROPOSE_PRUNE, Resource(kind="log"))
        head, today = platform.log.head(), platform.clock().date()
        size = head.size if head else 0
        with platform.view() as view:
            log = list(view.entries())
            require_explained(log, view.dropped_bodies())
        found = due(log, retention, today, size)
        if not found.indices:
            raise Refused(
                "nothing_to_prune",
                "No entry under the newest signed head may lose its body today.",
                remedy="See the classes in policies/retention.toml, the holds in force, and what is still in use.",
            )
        prune = PruneId(platform.new_id("prune"))
        with platform.work(principal.id) as work:
            work.record(
                PruneProposed(
                    prune=prune,
                    as_of=today,
                    size=size,
                    policy=retention.digest(),
                    entries=len(found.indices),
                    indices=found.digest(),
                )
            )
            work.commit()
        return prune, found


def approve(
    platform: Platform, principal: Principal, retention: Retention, prune: PruneId, checkpoint: str
) -> tuple[int, Receipt]:
    """Drop the bodies that somebody else proposed to drop; returns how many.

    Args:
        checkpoint: the signed head of the exported copy that was verified. It must be one that this log signed, and
            cover every entry that loses its body.

    Safe to repeat after a crash: a started pruning goes on, or gets the outcome that nothing was dropped where it may
    not any more. Not checked: that the copy really was verified, and that it still exists; who approves states it.
    """
    with refusals_recorded(platform, principal, Action.APPROVE_PRUNE, "log", prune):
        with platform.view() as view:
            log, gone = list(view.entries()), view.dropped_bodies()
        seen = log[-1].index + 1 if log else 0
        # 1. Somebody else proposed it, under the retention classes that hold today.
        known = _proposed(platform, principal, prune, log)
        if known.proposed.policy != retention.digest():
            stopped = Conflict("retention_changed", "The retention classes changed.", remedy="Propose again.")
            raise _over(platform, principal, known, seen, stopped)
        # 2. The same entries may go as when it was proposed.
        require_explained(log, gone)
        found = due(log, retention, known.proposed.as_of, known.proposed.size)
        if found.digest() != known.proposed.indices:
            stopped = Conflict(
                "prune_changed",
                "Other entries may lose their body now than when it was proposed: a hold, or something in use.",
                remedy="Propose again.",
            )
            raise _over(platform, principal, known, seen, stopped)
        # 3. The verified copy holds all of them.
        size, text = _verified(platform, checkpoint)
        if found.indices[-1] >= size:
            raise Refused(
                "checkpoint_too_small",
                f"The verified copy holds {size} entries, and entry {found.indices[-1]} would lose its body.",
                remedy="Export the log again, verify the copy elsewhere, and give its checkpoint.",
                who="privacy-officer",
                param="verified_checkpoint",
            )
        # 4. The intent, durable.
        if known.started is None:
            with platform.work(principal.id) as work:
                _require_unfinished(prune, work.entries(seen))
                work.record(PruneStarted(prune=prune, indices=found.digest(), verified_size=size, verified_head=text))
                work.commit()
        # 5. Point of no return: the bodies go, together with the entry that says so.
        with platform.work(principal.id) as work:
            later = list(work.entries(seen))
            _require_unfinished(prune, later)
            dropped = NOTHING_DUE if any(map(found.disturbed_by, later)) else found
            work.drop_bodies(prune, dropped.indices)
            work.record(_finished(prune, dropped))
            receipt = work.commit()
    if not dropped.indices:
        raise Conflict(
            "prune_disturbed",
            "A hold, another pruning or an entry about one of these things came in between; nothing was dropped.",
            remedy="Propose again.",
        )
    return len(dropped.indices), receipt


def _proposed(platform: Platform, principal: Principal, prune: PruneId, log: Sequence[Entry]) -> Prune:
    known = prunes(log).get(prune)
    if known is None:
        raise NotFound("prune_not_found", "There is no such proposal.")
    # What a hold on something keeps is not dropped. One on the whole log keeps everything; where the dropping had begun
    # before, it gets the outcome that nothing was dropped.
    held = known.started is None and any(hold.resource == WHOLE_LOG for hold in holds(log))
    resource = Resource(kind="log", id=prune, author=known.proposed_by, legal_hold=held)
    permit(platform, principal, Action.APPROVE_PRUNE, resource)
    if known.finished is not None:
        raise Conflict("prune_finished", "This pruning is over.", remedy="Propose another one.")
    return known


def _verified(platform: Platform, checkpoint: str) -> tuple[int, Digest]:
    """Size of a checkpoint that this log signed, and the digest of its text. Signature lines may differ: witnesses."""
    text, _, _ = checkpoint.partition("\n\n")
    lines = text.split("\n")
    size = int(lines[1]) if len(lines) >= 3 and re.fullmatch(r"[1-9][0-9]{0,15}", lines[1]) else 0
    signed = platform.log.head_of(size)
    if signed is None or signed.note.partition("\n\n")[0] != text:
        raise Refused(
            "checkpoint_not_ours",
            "The checkpoint is not one that this log signed.",
            remedy="Give the checkpoint of the exported copy, as it was verified.",
            who="auditor",
            param="verified_checkpoint",
        )
    return size, digest_bytes(f"{text}\n".encode())


def _require_unfinished(prune: PruneId, later: Iterable[Entry]) -> None:
    """Raise `Conflict` where somebody else, who approved it too, was faster."""
    if any(isinstance(entry.event, PruneFinished) and entry.event.prune == prune for entry in later):
        raise Conflict("prune_finished", "This pruning is over.", remedy="Propose another one.")


def _over(platform: Platform, principal: Principal, known: Prune, seen: int, stopped: Conflict) -> Conflict:
    """`stopped`, once what was begun has its outcome: nothing was dropped. An intent must not stay open for ever."""
    if known.started is not None:
        with platform.work(principal.id) as work:
            _require_unfinished(known.proposed.prune, work.entries(seen))
            work.record(_finished(known.proposed.prune, NOTHING_DUE))
            work.commit()
    return stopped


def _finished(prune: PruneId, dropped: Due) -> PruneFinished:
    return PruneFinished(prune=prune, entries=len(dropped.indices), indices=dropped.digest())
