"""Lineage the other way: which models learned from a dataset version, and which from one person's records."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import Field

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.descent import Descendant
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ActionRefused, DatasetVersionAdded
from tunewarden.domain.names import DatasetId, digest_name
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.schemas import Json, Strict, Word, receipt_out
from tunewarden.entry.report import render_descendants
from tunewarden.usecases import tracing

router = APIRouter(tags=["lineage"])

_ONE_PERSON = (
    "Each of these was made from records that hold the person. Whether the person was trained on or held out to "
    "measure with is decided by a pseudonym under the tenant's key, which this process does not hold."
)


class PersonIn(Strict):
    """The person as written in the dataset's person column; `row-1`, `row-2` and so on where it has none."""

    dataset: Word
    person: Annotated[str, Field(min_length=1, max_length=100_000, repr=False)]


@router.get("/v1/datasets/{dataset_id}/versions/{digest}/models", summary="What learned from a dataset version")
def of_version(called: Called, dataset_id: str, digest: str) -> Json:
    """Every request on it with the model version it became: running, refused and ended ones too."""
    found = tracing.trace_version(called.platform, called.principal, DatasetId(dataset_id), digest_name(digest))
    descent = found.descent
    return {
        "object": "lineage.version",
        "dataset": dataset_id,
        "version": digest,
        "size": descent.size,
        "added": [_signed(entry) for entry in descent.added],
        "data": [_descendant(one) for one in descent.descendants],
        "withheld": found.withheld,
        "refused": [_refused(entry) for entry in descent.refusals],
        "entries_without_body": found.without_body,
    }


@router.get(
    "/v1/datasets/{dataset_id}/versions/{digest}/models/report",
    summary="What learned from a dataset version, as a page",
    response_class=HTMLResponse,
)
def of_version_page(called: Called, dataset_id: str, digest: str) -> HTMLResponse:
    """The same for paper and screen, for the same readers."""
    told = tracing.tell_version(called.platform, called.principal, DatasetId(dataset_id), digest_name(digest))
    return html(render_descendants(told, reader=called.principal.id, origin=called.settings.origin))


@router.post("/v1/lineage/person", summary="What learned from one person")
def of_person(called: Called, body: PersonIn) -> Json:
    """Searches every version of one dataset. Each lookup is an entry of the log, without anything about the person."""
    found = tracing.trace_person(called.platform, called.principal, DatasetId(body.dataset), body.person)
    added = {
        entry.event.version: entry for entry in found.descent.added if isinstance(entry.event, DatasetVersionAdded)
    }
    return {
        "object": "lineage.person",
        "dataset": body.dataset,
        "size": found.descent.size,
        "searched": found.searched,
        "versions": [
            {"version": version, "added": _signed(added[version]) if version in added else None}
            for version in found.versions
        ],
        "data": [_descendant(one) for one in found.descent.descendants],
        "limits": _ONE_PERSON,
        "entries_without_body": found.without_body,
        "receipt": receipt_out(found.receipt),
    }


def _descendant(one: Descendant) -> Json:
    return {
        "request": one.request,
        "requested_by": one.requested_by,
        "version": one.version,
        "plan": one.plan,
        "purpose": one.purpose,
        "state": one.state,
        "use": one.use,
        "adapter": one.adapter,
        "model": one.model,
        "aliases": list(one.aliases),
        "log": list(one.log),
    }


def _refused(entry: Entry) -> Json:
    code = entry.event.code if isinstance(entry.event, ActionRefused) else ""
    return {**_signed(entry), "code": code}


def _signed(entry: Entry) -> Json:
    return {"index": entry.index, "actor": entry.actor, "at": instant_text(entry.at)}
