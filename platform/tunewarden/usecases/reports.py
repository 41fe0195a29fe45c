"""What the platform can prove about a model version: its lineage, folded from the log, with the documents it names."""

from collections.abc import Mapping
from dataclasses import dataclass

from tunewarden.domain.lineage import LineageReport, documents, fold
from tunewarden.domain.names import Action, Digest, ModelId
from tunewarden.usecases.ports import Platform, Principal, Resource
from tunewarden.usecases.refusals import permit_to_see


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The report and the bytes of every document it names (plans, profiles, gates, evidence; never records)."""

    report: LineageReport
    documents: Mapping[Digest, bytes]


def lineage(platform: Platform, principal: Principal, identifier: ModelId) -> Lineage:
    """Raises `NotFound`, or `Corrupted` where a document is not what its digest says."""
    with platform.view() as view:
        model = view.models.get(identifier)
    resource = Resource(kind="model", id=identifier, author=model.requested_by)
    permit_to_see(platform, principal, Action.READ_LINEAGE, resource)
    with platform.view() as view:
        report = fold(view.entries, identifier)
    return Lineage(report=report, documents={digest: platform.blobs.read(digest) for digest in documents(report)})
