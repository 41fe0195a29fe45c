"""The data report of a dataset version: made while the upload is read, kept under its digest, which the log names."""

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.data_report import DataReport
from tunewarden.domain.errors import NotFound
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.usecases.datasets import get
from tunewarden.usecases.ports import Platform, Principal


def read(platform: Platform, principal: Principal, identifier: DatasetId, version: Digest) -> DataReport:
    """What may be told of the contents, to whoever may read the dataset's description.

    It is counts alone, so it stays when the records are destroyed. Raises `NotFound`, also for a version that was
    registered before reports were made, and `Corrupted`.
    """
    digest = get(platform, principal, identifier).version(version).report
    if digest is None:
        raise NotFound(
            "data_report_absent",
            "No data report was made when this version was registered.",
            remedy="Register its records once more, as a new upload.",
            who="steward",
        )
    return from_plain(DataReport, decode(platform.blobs.read(digest)))
