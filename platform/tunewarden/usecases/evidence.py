"""One document of the evidence about a model version, by its digest; for whoever may read the lineage with it.

In an emergency that opens the lineage this is opened too, and written down as the same deed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, decode
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ReviewClosed, StepFinished
from tunewarden.domain.names import Action, Digest, ModelId, RequestId
from tunewarden.domain.registry import ModelVersion
from tunewarden.usecases.emergencies import because_of
from tunewarden.usecases.ports import Platform, Principal, View
from tunewarden.usecases.refusals import not_found
from tunewarden.usecases.reports import permit_lineage, record_use
from tunewarden.usecases.things import of_model

_NOUN = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a step or a review left behind.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    """That a document is about a model version, and which entry says so."""

    model: ModelVersion
    entry: Entry
    is_evidence: bool


def document(platform: Platform, principal: Principal, digest: Digest) -> Document:
    """Raises `NotFound` for what neither a step nor a review left, and where they may read the lineage of none of it.

    Steps are repeated and left the same, and a review is about all that was made of what was read: then the same
    document is about several model versions, and one that the reader may see is enough. Who read which text of a
    review, and where the made-up ones were, is in no document of a lineage, and not found here either. Raises
    `Corrupted` where it is not what its digest says.
    """
    with platform.view() as view:
        found = list(_naming(view, digest))
        if not found:
            raise not_found(_NOUN)
        shown = _first_shown(platform, principal, view, found)
    used = permit_lineage(platform, principal, shown.model.id, noun=_NOUN)
    content = decode(platform.blobs.read(digest))
    record_use(platform, principal, used, noun=_NOUN)
    return Document(
        digest=digest, model=shown.model.id, entry=shown.entry, is_evidence=shown.is_evidence, content=content
    )


def _first_shown(platform: Platform, principal: Principal, view: View, found: list[_Naming]) -> _Naming:
    """Of those that the reader may see by a role, else of those that an emergency opens, else of all: the oldest."""
    asked = [(one, *because_of(platform, principal, Action.READ_LINEAGE, of_model(one.model), view)) for one in found]
    allowed = [
        (one, emergency)
        for one, about, emergency in asked
        if platform.access(principal, Action.READ_LINEAGE, about).allowed
    ]
    of_role = [one for one, emergency in allowed if emergency is None]
    return (of_role or [one for one, _ in allowed] or found)[0]


def _naming(view: View, digest: Digest) -> Iterator[_Naming]:
    """Every model version that this document is about, with the entry that names it; oldest entry first."""
    for entry in list(view.entries_naming(digest)):
        event = entry.event
        match event:
            case StepFinished() if digest in {event.evidence, event.details}:
                requests, is_evidence = [event.request], event.evidence == digest
            case ReviewClosed() if event.evidence == digest:
                requests, is_evidence = list(_made_from(view, view.reviews.get(event.review).about)), True
            case _:
                continue
        for request in requests:
            if (model := _made_by(view, request)) is not None:
                yield _Naming(model=model, entry=entry, is_evidence=is_evidence)


def _made_from(view: View, clean: Digest) -> Iterator[RequestId]:
    """The requests whose de-identification made this clean version."""
    for entry in view.entries_naming(clean):
        if isinstance(entry.event, StepFinished) and entry.event.output == clean:
            yield entry.event.request


def _made_by(view: View, identifier: RequestId) -> ModelVersion | None:
    request = view.requests.find(identifier)
    return None if request is None or request.model is None else view.models.find(request.model)
