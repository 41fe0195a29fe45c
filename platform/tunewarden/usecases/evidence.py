"""One document of the evidence about a model version, by its digest; for whoever may read the lineage with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, decode
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import StepFinished
from tunewarden.domain.names import Action, Digest, ModelId
from tunewarden.domain.registry import ModelVersion
from tunewarden.usecases.ports import Platform, Principal, View
from tunewarden.usecases.refusals import not_found, permit_to_see
from tunewarden.usecases.things import of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a step left behind.

    Attributes:
        model: a model version that it is about, which the reader may see.
        entry: that names it.
        is_evidence: whether it is the measurements, or else the tables behind them.
    """

    digest: Digest
    model: ModelId
    entry: Entry
    is_evidence: bool
    content: Plain


def document(platform: Platform, principal: Principal, digest: Digest) -> Document:
    """Raises `NotFound` for what no step left behind, or about no model version whose lineage they may read.

    Steps are repeated and left the same: then the same document is about several model versions, and one that the
    reader may see is enough. Raises `Corrupted` where it is not what its digest says.
    """
    with platform.view() as view:
        found = list(_naming(view, digest))
    if not found:
        raise not_found("evidence")
    allowed = [pair for pair in found if platform.access(principal, Action.READ_LINEAGE, of_model(pair[0])).allowed]
    model, entry, event = (allowed or found)[0]
    permit_to_see(platform, principal, Action.READ_LINEAGE, of_model(model), noun="evidence")
    return Document(
        digest=digest,
        model=model.id,
        entry=entry,
        is_evidence=event.evidence == digest,
        content=decode(platform.blobs.read(digest)),
    )


def _naming(view: View, digest: Digest) -> Iterator[tuple[ModelVersion, Entry, StepFinished]]:
    """Every model version, oldest entry first, of whose making a step left this document."""
    for entry in view.entries_naming(digest):
        event = entry.event
        if isinstance(event, StepFinished) and digest in {event.evidence, event.details}:
            request = view.requests.find(event.request)
            model = None if request is None or request.model is None else view.models.find(request.model)
            if model is not None:
                yield model, entry, event
