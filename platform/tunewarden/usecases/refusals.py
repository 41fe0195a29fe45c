"""Refusals are evidence: they are committed in a unit of work of their own, and then raised.

Raising inside an open unit of work would erase them. Every use case that can refuse stands inside
`refusals_recorded`, outside its own unit of work.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tunewarden.domain.access import IN_PROJECTS
from tunewarden.domain.errors import NotFound, Refused, Unseen
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Decision, Platform, Principal, Resource

_IDENTIFIER = re.compile(r"[a-z]{2,9}-[0-9a-f]{32}")
_SHELVES = {
    "dataset": "datasets",
    "emergency": "emergencies",
    "erasure": "erasures",
    "file": "files",
    "key": "principals",
    "model": "models",
    "project": "projects",
    "promotion": "promotions",
    "request": "requests",
    "review": "reviews",
    "upload": "uploads",
    "webhook": "webhooks",
}
"""Kind of resource -> where things of this kind are. Holds and prunings are in the log alone."""


@contextmanager
def refusals_recorded(
    platform: Platform, principal: Principal, action: Action, kind: str, identifier: str = ""
) -> Iterator[None]:
    """Record any `Refused` that leaves this block, then let it go on; `Unseen` goes on as `NotFound`.

    Args:
        kind: of the resource; it stands in the entry where nothing has this `identifier`, because it comes from the
            caller and nothing typed by a person may reach the log.
    """
    try:
        yield
    except Refused as refusal:
        resource = identifier if _is_ours(platform, kind, identifier) else kind
        with platform.work(principal.id) as work:
            work.record(ActionRefused(action=action, resource=resource, code=refusal.code, rule=refusal.rule))
            work.commit()
        if isinstance(refusal, Unseen):
            raise not_found(refusal.noun) from refusal
        raise


def permit(
    platform: Platform,
    principal: Principal,
    action: Action,
    resource: Resource,
    *,
    noun: str = "",
    seen_by: Action | None = None,
) -> Decision:
    """What the access policy says where it allows it; raise `Refused` where not.

    The error names the rule, what is missing and the roles that can mend it or do it themselves, and nobody else. A
    thing in whose project who asks holds no role raises `Unseen`, whatever the action; so this stands inside
    `refusals_recorded`, and nothing before it tells whether the thing is there. Not the same: how long the answer
    takes, because a refusal is written down.

    Args:
        noun: of what is not found then, where it was named as something else than the resource.
        seen_by: whoever may do neither this nor the action is not told either whether the thing is there.
    """
    decision = platform.access(principal, action, resource)
    if seen_by is not None and not decision.allowed:
        seen = platform.access(principal, seen_by, resource)
        decision = decision if seen.allowed else replace(decision, outside=True)
    _require_there(decision, resource, noun)
    require_allowed(action, decision)
    return decision


def require_there(platform: Platform, principal: Principal, action: Action, resource: Resource, noun: str = "") -> None:
    """Raise `Unseen` as `permit` does, and nothing where who asks holds a role, whether they may do it or not."""
    _require_there(platform.access(principal, action, resource), resource, noun)


def _require_there(decision: Decision, resource: Resource, noun: str) -> None:
    if decision.outside and resource.id and resource.kind in IN_PROJECTS:
        reason = "Nobody sees what is in a project without a role in it."
        raise Unseen("access_denied", reason, noun=noun or resource.kind, rule=decision.because)


def require_allowed(action: Action, decision: Decision) -> None:
    """As `permit`, for a decision that was made before."""
    if not decision.allowed:
        raise Refused(
            "access_denied",
            f"You may not {action.replace('-', ' ')} here ({decision.because}).",
            remedy=_remedy(decision),
            who=decision.who,
            rule=decision.because,
        )


def _remedy(decision: Decision) -> str:
    if decision.failed and decision.unblocks:
        return f"Missing: {decision.failed}. Can be mended by: {decision.unblocks}."
    return "Ask somebody who may."


def permit_to_see(
    platform: Platform, principal: Principal, action: Action, resource: Resource, *, noun: str = ""
) -> None:
    """Like `permit` for reading: a thing that one may not see is recorded as refused and then is not found."""
    try:
        with refusals_recorded(platform, principal, action, resource.kind, resource.id):
            permit(platform, principal, action, resource, noun=noun)
    except Refused as refusal:
        raise not_found(noun or resource.kind) from refusal


def not_found(noun: str) -> NotFound:
    """What is said of a thing that is nowhere, and of one that is nowhere for who asks."""
    return NotFound(f"{noun.replace(' ', '_')}_not_found", f"There is no such {noun} for you.")


def _is_ours(platform: Platform, kind: str, identifier: str) -> bool:
    """Whether this is the identifier of something; of a hold or a pruning, whether it stands in the log already."""
    if not _IDENTIFIER.fullmatch(identifier):
        return False
    with platform.view() as view:
        if kind in _SHELVES:
            return getattr(view, _SHELVES[kind]).find(identifier) is not None
        return any(True for _ in view.entries_naming(identifier))
