"""Legal holds, and dropping the bodies of entries whose retention has ended.

The order is fixed: the log is exported and verified somewhere else; one person proposes; another approves, with the
signed head of the verified copy; the intent is durable before the first body goes, and the outcome is recorded with it.
"""

import re

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Conflict, Malformed, NotFound, Refused
from tunewarden.domain.events import HoldPlaced, HoldReleased, PruneFinished, PruneProposed, PruneStarted
from tunewarden.domain.names import Action, Digest, HoldId, PruneId
from tunewarden.domain.retention import WHOLE_LOG, Due, Hold, Prune, Retention, due, holds, prunes, require_explained
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded

_IDENTIFIER = re.compile(r"[a-z]{2,9}-[0-9a-f]{32}")


def place_hold(platform: Platform, principal: Principal, resource: str, order: Digest | None) -> tuple[HoldId, Receipt]:
    """Keep every entry about `resource` (an id, or "log" for all) until the hold is released.

    Covered are the story of the thing, every story that rests on it, and what those rest on; of a principal, everything
    they did. Not checked: that there is such a thing; a hold on an id that is not in the log holds nothing yet.
    """
    with refusals_recorded(platform, principal, Action.PLACE_HOLD, "log", resource):
        permit(platform, principal, Action.PLACE_HOLD, Resource(kind="log"))
        if resource != WHOLE_LOG and not _IDENTIFIER.fullmatch(resource):
            raise Malformed(
                "hold_resource_unknown",
                "A hold is on the id of a dataset, file, request, model, promotion or principal, or on 'log'.",
                param="resource",
            )
        hold = HoldId(platform.new_id("hold"))
        with platform.work(principal.id) as work:
            work.record(HoldPlaced(hold=hold, resource=resource, order=order))
            return hold, work.commit()


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

    Safe to repeat after a crash: a started pruning goes on. Not checked: that the copy really was verified, and that it
    still exists; who approves states it.
    """
    with refusals_recorded(platform, principal, Action.APPROVE_PRUNE, "log", prune):
        # 1. Somebody else proposed it, under the retention classes that hold today.
        known = _proposed(platform, principal, prune)
        if known.proposed.policy != retention.digest():
            raise Conflict("retention_changed", "The retention classes changed.", remedy="Propose again.")
        # 2. The same entries may go as when it was proposed.
        with platform.view() as view:
            log = list(view.entries())
            require_explained(log, view.dropped_bodies())
        found = due(log, retention, known.proposed.as_of, known.proposed.size)
        if found.digest() != known.proposed.indices:
            raise Conflict(
                "prune_changed",
                "Other entries may lose their body now than when it was proposed: a hold, or something in use.",
                remedy="Propose again.",
            )
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
                work.record(PruneStarted(prune=prune, indices=found.digest(), verified_size=size, verified_head=text))
                work.commit()
        # 5. Point of no return: the bodies go, together with the entry that says so.
        with platform.work(principal.id) as work:
            dropped = _undisturbed(work, found, log[-1].index + 1)
            work.drop_bodies(prune, dropped.indices)
            work.record(PruneFinished(prune=prune, entries=len(dropped.indices), indices=dropped.digest()))
            receipt = work.commit()
    if not dropped.indices:
        raise Conflict(
            "prune_disturbed",
            "A hold, or an entry about one of these things, came in between; nothing was dropped.",
            remedy="Propose again.",
        )
    return len(dropped.indices), receipt


def _proposed(platform: Platform, principal: Principal, prune: PruneId) -> Prune:
    with platform.view() as view:
        known = prunes(view.entries()).get(prune)
    if known is None:
        raise NotFound("prune_not_found", "There is no such proposal.")
    permit(platform, principal, Action.APPROVE_PRUNE, Resource(kind="log", id=prune, author=known.proposed_by))
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


def _undisturbed(work: UnitOfWork, found: Due, seen: int) -> Due:
    """`found`, or nothing where what was recorded from index `seen` on could keep one of them."""
    later = [entry.event for entry in work.entries(seen)]
    if any(isinstance(event, PruneFinished) for event in later):
        raise Conflict("prune_overtaken", "Another pruning ended meanwhile.", remedy="Propose again.")
    return Due(indices=(), about=frozenset()) if any(map(found.disturbed_by, later)) else found
