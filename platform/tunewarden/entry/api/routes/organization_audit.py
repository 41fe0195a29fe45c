"""/v1/organization/audit_logs: the log as the OpenAI client lists it."""

from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.api.caller import Asking, Caller
from tunewarden.entry.api.organization_log import ALL, cursor, index_of, is_ours, item, known_types, names, type_of
from tunewarden.entry.api.organization_pages import MOST, page_of, unknown_cursor
from tunewarden.entry.api.schemas import Json, Lenient, Word
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases.audit_trail import Period, trail

router = Routes(prefix="/v1/organization", tags=["organization"])

_MOST_WORDS = 100
_LAST = 253_402_214_399  # a day before the last that there is: what is asked for a second later, or two minutes, is one
_SECOND = timedelta(seconds=1)


def _words(alias: str, description: str = "") -> list[str]:
    return Field(default=[], alias=alias, max_length=_MOST_WORDS, description=description)


def _instant(alias: str) -> int | None:
    return Field(default=None, alias=alias, ge=0, le=_LAST)


class AuditQuery(Lenient):
    """Every filter that is named has to fit; of several words in one, one has to. Times are Unix seconds."""

    after: Word | None = Field(default=None, description="The last item of the page before: older ones follow.")
    before: Word | None = Field(default=None, description="The first item of the page after: the nearest newer ones.")
    limit: int = Field(default=20, ge=1, le=MOST)
    event_types: list[Word] = _words(
        "event_types[]", "Left out: all that the contract knows. Types of ours begin with 'tunewarden.'; '*' is all."
    )
    actor_ids: list[Word] = _words("actor_ids[]")
    resource_ids: list[Word] = _words("resource_ids[]", "Of what the entry is about.")
    project_ids: list[Word] = _words("project_ids[]")
    gt: int | None = _instant("effective_at[gt]")
    gte: int | None = _instant("effective_at[gte]")
    lt: int | None = _instant("effective_at[lt]")
    lte: int | None = _instant("effective_at[lte]")
    tenant_only: bool = False

    def wants(self, entry: Entry, services: Set[PrincipalId]) -> bool:
        """Whether an entry is what is asked for, its time apart."""
        kind = type_of(entry, services)
        is_kind = kind in self.event_types or ALL in self.event_types if self.event_types else not is_ours(kind)
        if not is_kind or (self.actor_ids and entry.actor not in self.actor_ids):
            return False
        if self.project_ids and getattr(entry.event, "project", None) not in self.project_ids:
            return False
        return not self.resource_ids or not names(entry).isdisjoint(self.resource_ids)

    def period(self) -> Period:
        """What lies in all of the bounds that are named."""
        since = [_at(self.gte)] if self.gte is not None else []
        since += [_at(self.gt) + _SECOND] if self.gt is not None else []
        until = [_at(self.lt)] if self.lt is not None else []
        until += [_at(self.lte) + _SECOND] if self.lte is not None else []
        return Period(since=max(since, default=None), until=min(until, default=None))


@router.get("/audit_logs", summary="Entries of the log")
def listed(request: Request, called: Asking, asked: Annotated[AuditQuery, Query()]) -> Json:
    """The newest first; with ids, digests and words of closed vocabularies only, as the log holds them. `actor_emails`
    is refused: no address is kept of anybody.
    """
    _require_answerable(asked, by_email="actor_emails[]" in request.query_params)
    services = _services(called)
    found = trail(
        called.platform,
        called.principal,
        lambda entry: asked.wants(entry, services),
        asked.period(),
        asked.limit,
        after=_index(asked.after, "after"),
        before=_index(asked.before, "before"),
    )
    items = [item(entry, services) for entry in found.entries]
    return page_of(items, [cursor(entry.index) for entry in found.entries], found.has_more)


def _require_answerable(asked: AuditQuery, *, by_email: bool) -> None:
    """Raise `Malformed` for what cannot be asked here."""
    if by_email:
        raise Malformed(
            "emails_not_kept",
            "No e-mail address is kept of anybody, so nobody is found by one.",
            remedy="Ask for actors by their ids.",
            param="actor_emails",
        )
    if asked.tenant_only:
        raise Malformed("no_tenant", "There is one organisation here, and none above it.", param="tenant_only")
    known: Sequence[str] = [*known_types(), ALL]
    if any(kind not in known and is_ours(kind) for kind in asked.event_types):
        raise Malformed("event_type_unknown", "There is no such type of event.", param="event_types")


def _index(identifier: str | None, param: str) -> int | None:
    if identifier is None:
        return None
    index = index_of(identifier)
    if index is None:
        raise unknown_cursor(param)
    return index


def _services(called: Caller) -> Set[PrincipalId]:
    with called.platform.view() as view:
        return {one.id for one in view.principals.all() if one.kind is PrincipalKind.SERVICE}


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
