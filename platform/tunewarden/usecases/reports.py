"""What the platform can prove about a model version: its lineage, folded from the log, with the documents it names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from tunewarden.domain.emergency_events import EmergencyUsed
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.lineage import LineageReport, Story, documents, fold
from tunewarden.domain.names import Action, Digest, ModelId
from tunewarden.domain.retention import require_explained
from tunewarden.usecases.emergencies import because_of
from tunewarden.usecases.ports import Platform, Principal, View
from tunewarden.usecases.refusals import permit_to_see
from tunewarden.usecases.things import of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The report and the bytes of every document it names (plans, profiles, gates, evidence; never records).

    `as_of` is the instant that was asked for; None for the report as it is now.
    """

    report: LineageReport
    documents: Mapping[Digest, bytes]
    as_of: datetime | None = None


def lineage(platform: Platform, principal: Principal, identifier: ModelId, *, as_of: datetime | None = None) -> Lineage:
    """The report as it is now, or as it was at an instant of the past: from the entries before the first later one.

    Raises `NotFound`, also where the model version did not exist at that time; `Malformed` for a time to come;
    `Corrupted` where a document is not what its digest says, or where entries lost their bodies and the log does not
    say why.
    """
    used = permit_lineage(platform, principal, identifier)
    if as_of is not None and as_of > platform.clock():
        raise Malformed(
            "as_of_in_the_future",
            "The report can be as of a time that has passed, to the end of a whole day.",
            remedy="For today, give an instant instead of a date, or leave it out.",
            param="as_of",
        )
    with platform.view() as view:
        found = _lineage(platform, view, identifier, as_of)
    record_use(platform, principal, used)
    return found


def compare(platform: Platform, principal: Principal, one: ModelId, other: ModelId) -> tuple[Lineage, Lineage]:
    """The lineages of two model versions, from one moment of the log; for a caller who may see both."""
    used = permit_lineage(platform, principal, one, other)
    with platform.view() as view:
        found = _lineage(platform, view, one, None), _lineage(platform, view, other, None)
    record_use(platform, principal, used)
    return found


def permit_lineage(
    platform: Platform, principal: Principal, *identifiers: ModelId, noun: str = ""
) -> Sequence[EmergencyUsed]:
    """What has to be recorded before anything is shown, because it takes an emergency. Raises `NotFound`."""
    used: list[EmergencyUsed] = []
    with platform.view() as view:
        for identifier in identifiers:
            model = of_model(view.models.get(identifier))
            resource, emergency = because_of(platform, principal, Action.READ_LINEAGE, model, view)
            permit_to_see(platform, principal, Action.READ_LINEAGE, resource, noun=noun)
            if emergency is not None:
                used.append(EmergencyUsed(emergency=emergency, action=Action.READ_LINEAGE, model=identifier))
    return used


def record_use(platform: Platform, principal: Principal, used: Sequence[EmergencyUsed], *, noun: str = "") -> None:
    """Durably, before the first byte leaves; the report itself is of the moment before, which is sealed by now.

    Reading took its time, so it is asked once more whether the emergency is in force. Raises `NotFound` where not.
    """
    if still := used and permit_lineage(platform, principal, *[event.model for event in used], noun=noun):
        with platform.work(principal.id) as work:
            for event in still:
                work.record(event)
            work.commit()


def _lineage(platform: Platform, view: View, identifier: ModelId, as_of: datetime | None) -> Lineage:
    if dropped := view.dropped_bodies():
        require_explained(view.entries(), dropped)
    entries = view.entries() if as_of is None else _until(view.entries(), as_of)
    try:
        report = fold(entries, _story(view, identifier))
    except NotFound:
        if as_of is not None:
            raise NotFound("model_not_found", "The model version did not exist at that time.", param="as_of") from None
        if not dropped:
            raise
        raise NotFound(  # a story is dropped whole, so there is never half a report
            "lineage_pruned",
            "The entries of this model version lost their bodies when their retention ended.",
            remedy="Read them in a copy of the log that was exported before.",
            who="auditor",
        ) from None
    read = {digest: platform.blobs.read(digest) for digest in documents(report)}
    return Lineage(report=report, documents=read, as_of=as_of)


def _story(view: View, identifier: ModelId) -> Story:
    """Where the state says that the story is; the fold checks that the log says the same."""
    model = view.models.get(identifier)
    plan = view.requests.get(model.request).plan
    return Story(model=identifier, request=model.request, dataset=plan.dataset, version=plan.dataset_version)


def _until(entries: Iterable[Entry], instant: datetime) -> Iterable[Entry]:
    """The beginning of the log up to the first later entry: a tree that existed, even if a clock was set back."""
    return takewhile(lambda entry: entry.at <= instant, entries)
