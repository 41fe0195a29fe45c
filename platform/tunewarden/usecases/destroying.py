"""The end of a dataset's retention: the data keys of its versions are destroyed, and nobody reads them any more.

GDPR Art. 5(1)(e), storage limitation. Unreadable are the rows and every clean version made from them, wherever copies
of the files are; not reached are copies of the database with the wrapped keys (`erasures` says until when), model
versions that learned from them, and versions of before records were sealed under a key of their own.
"""

from collections.abc import Sequence
from dataclasses import replace

from tunewarden.domain.datasets import Dataset, DatasetVersion
from tunewarden.domain.key_events import VersionDestroyed
from tunewarden.domain.names import Action, DatasetId
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases.custody import UPLOAD, upload_key, version_key
from tunewarden.usecases.erasures import is_held
from tunewarden.usecases.gating import failed, turned_down
from tunewarden.usecases.ports import Platform, Principal, UnitOfWork, View
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import of_dataset

SUSPENDED_TOO_LONG = "suspended_past_retention"
"""Why a request ends: it stood still when the records that it is about were to be kept no longer."""


def due(platform: Platform) -> Sequence[DatasetId]:
    """Datasets whose retention has ended, of which a version can still be read, and which nothing keeps.

    Kept by a legal hold (GDPR Art. 17(3)(e)), and by a request that a worker may be busy with; it ends soon, because it
    is refused its next step. One that is suspended keeps nothing, or whoever suspends it would keep the records.
    """
    with platform.view() as view:
        return [one.id for one in view.datasets.all() if _is_due(platform, view, one)]


def destroy(platform: Platform, worker: Principal, identifier: DatasetId) -> Dataset:
    """Destroy the keys of all versions of a dataset that is due; one that is not, or not any more, is left as it is.

    Suspended requests on it have ended with that, and give back what they held of the budget.
    Raises `Refused` for everybody but a worker, and `NotFound`.
    """
    with (
        refusals_recorded(platform, worker, Action.CARRY_OUT_ERASURE, "dataset", identifier),
        platform.work(worker.id) as work,
    ):
        dataset = work.datasets.get(identifier)
        permit(platform, worker, Action.CARRY_OUT_ERASURE, of_dataset(dataset))
        if not _is_due(platform, work, dataset):
            return dataset
        for version in filter(_is_readable, dataset.versions):
            work.forget(identifier, version_key(version.source))
            work.forget(upload_key(version.file), UPLOAD)  # there where a legal hold had kept it
            work.record(VersionDestroyed(dataset=identifier, version=version.digest))
        ended = replace(dataset, versions=tuple(map(_destroyed, dataset.versions)))
        work.datasets.put(ended)
        for request in work.requests.all():
            if request.plan.dataset == identifier and request.suspended and not request.terminal:
                end = turned_down if request.state is State.AWAITING_APPROVAL else failed
                work.requests.put(end(platform, work, request, SUSPENDED_TOO_LONG))
        work.commit()  # point of no return: the keys are gone
        return ended


def _is_due(platform: Platform, shelves: View | UnitOfWork, dataset: Dataset) -> bool:
    if platform.clock().date() <= dataset.retain_until or not any(map(_is_readable, dataset.versions)):
        return False
    return not any(_is_under_way(request, dataset) for request in shelves.requests.all()) and not is_held(
        shelves, dataset.id
    )


def _is_under_way(request: TrainingRequest, dataset: Dataset) -> bool:
    return request.plan.dataset == dataset.id and request.next_step is not None


def _is_readable(version: DatasetVersion) -> bool:
    """Whether it has a key of its own that is still there."""
    return version.sealed is not None and not version.destroyed


def _destroyed(version: DatasetVersion) -> DatasetVersion:
    return replace(version, destroyed=True) if _is_readable(version) else version
