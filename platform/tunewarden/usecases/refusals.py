"""Refusals are evidence: they are committed in a unit of work of their own, and then raised.

Raising inside an open unit of work would erase them. Every use case that can refuse stands inside
`refusals_recorded`, outside its own unit of work.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tunewarden.domain.errors import NotFound, Refused
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.names import Action
from tunewarden.usecases.ports import Decision, Platform, Principal, Resource

_IDENTIFIER = re.compile(r"[a-z]{2,9}-[0-9a-f]{32}")
_SHELVES = {
    "dataset": "datasets",
    "erasure": "erasures",
    "file": "files",
    "key": "principals",
    "model": "models",
    "promotion": "promotions",
    "request": "requests",
    "review": "reviews",
}
"""Kind of resource -> where things of this kind are. Holds and prunings are in the log alone."""


@contextmanager
def refusals_recorded(
    platform: Platform, principal: Principal, action: Action, kind: str, identifier: str = ""
) -> Iterator[None]:
    """Record any `Refused` that leaves this block, then let it go on.

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
        raise


def permit(platform: Platform, principal: Principal, action: Action, resource: Resource) -> Decision:
    """What the access policy says where it allows it; raise `Refused` where not.

    The error names the rule, what is missing and the roles that can mend it or do it themselves, and nobody else.
    """
    decision = platform.access(principal, action, resource)
    require_allowed(action, decision)
    return decision


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


def permit_to_see(platform: Platform, principal: Principal, action: Action, resource: Resource) -> None:
    """Like `permit` for reading: a thing that one may not see is recorded as refused and then is not found."""
    try:
        with refusals_recorded(platform, principal, action, resource.kind, resource.id):
            permit(platform, principal, action, resource)
    except Refused as refusal:
        raise NotFound(f"{resource.kind}_not_found", f"There is no such {resource.kind} for you.") from refusal


def _is_ours(platform: Platform, kind: str, identifier: str) -> bool:
    """Whether this is the identifier of something; of a hold or a pruning, whether it stands in the log already."""
    if not _IDENTIFIER.fullmatch(identifier):
        return False
    with platform.view() as view:
        if kind in _SHELVES:
            return getattr(view, _SHELVES[kind]).find(identifier) is not None
        return any(True for _ in view.entries_naming(identifier))
