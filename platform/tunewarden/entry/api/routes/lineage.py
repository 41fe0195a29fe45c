"""Lineage the other way: which models learned from a dataset version, and which from one person's records."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import HTMLResponse
from pydantic import Field

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.descent import Descendant
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ActionRefused, DatasetVersionAdded
from tunewarden.domain.model_names import model_in
from tunewarden.domain.names import DatasetId, digest_name
from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import TrainingRequest
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.schemas import Json, Strict, Word, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.report import render_descendants
from tunewarden.usecases import descending, tracing
from tunewarden.usecases.descending import DEEPEST, Direction

router = Routes(tags=["lineage"])

Way = Annotated[Direction, Query(description="Towards what it was made from, what was made from it, or both.")]
Depth = Annotated[int, Query(ge=1, le=DEEPEST, description="So many steps.")]

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


@router.get("/v1/lineage/{thing_id}", summary="What something was made from, and what was made from it")
def around(called: Called, thing_id: str, direction: Way = Direction.BOTH, depth: Depth = DEEPEST) -> Json:
    """Of a dataset, a job, a model version or a promotion: what may be seen around it, and which was made from which.

    From a dataset to its promotions there are three steps. What is `withheld` may not be seen, nor what lies beyond it.
    """
    found = descending.surroundings(called.platform, called.principal, model_in(thing_id), direction, depth)
    return {
        "object": "lineage.graph",
        "id": model_in(thing_id),
        "direction": direction,
        "nodes": [
            {"id": one.thing.id, "kind": one.kind, "distance": one.distance, "state": _state(one.thing)}
            for one in found.nodes
        ],
        "edges": [{"source": one.source, "target": one.target} for one in found.edges],
        "withheld": found.withheld,
    }


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


def _state(one: descending.Thing) -> str | None:
    """In which it is, where it has states."""
    return one.state if isinstance(one, TrainingRequest | Promotion) else None


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
