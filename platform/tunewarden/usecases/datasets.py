"""Registering datasets, adding their contents, retiring them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from tunewarden.domain.canonical import encode
from tunewarden.domain.datasets import (
    Budget,
    Columns,
    Dataset,
    DatasetVersion,
    HeldOut,
    LawfulBasis,
    Purpose,
    Sensitivity,
)
from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.events import DatasetRegistered, DatasetRetired, DatasetVersionAdded, PurposesChanged
from tunewarden.domain.names import Action, DatasetId, Digest, FileId, PolicyName
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.projects import require_one_project
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.usecases import attributes
from tunewarden.usecases.custody import UPLOAD, upload_key, version_key
from tunewarden.usecases.erasures import is_held, require_no_hold
from tunewarden.usecases.files import there
from tunewarden.usecases.gating import failed, turned_down
from tunewarden.usecases.limits import person_limit
from tunewarden.usecases.ports import Platform, Principal, Receipt, StoredFile, UnitOfWork, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.repeats import in_flight
from tunewarden.usecases.sessions import DOORKEEPER
from tunewarden.usecases.things import new, of_dataset, of_file

PURPOSE_TAKEN_BACK = "purpose_taken_back"
"""Why a request ends: what it was approved for is no purpose of its dataset any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a steward states about a dataset. Dates are calendar days in UTC."""

    name: str
    purposes: frozenset[Purpose]
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: date
    columns: Columns
    budget: Budget
    namespace: PolicyName | None = None
    held_out: HeldOut = HeldOut.PRIVATE


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """What is left of a dataset's privacy budget, as epsilon at `delta`; `apart` as `domain.privacy.Ledger` has it."""

    limit: Decimal
    delta: Decimal
    spent: Decimal
    left: Decimal
    apart: bool


def register(platform: Platform, principal: Principal, asked: Registration) -> tuple[Dataset, Receipt]:
    """A dataset without records yet, and its empty ledger."""
    with refusals_recorded(platform, principal, Action.REGISTER_DATASET, "dataset"):
        permit(platform, principal, Action.REGISTER_DATASET, new("dataset", principal))
        if asked.retain_until < platform.clock().date():
            raise Malformed(
                "retention_in_the_past",
                "The date until which the dataset may be kept has passed.",
                param="retain_until",
            )
        dataset = Dataset(
            id=DatasetId(platform.new_id("ds")),
            name=asked.name,
            registered_by=principal.id,
            purposes=asked.purposes,
            lawful_basis=asked.lawful_basis,
            sensitivity=asked.sensitivity,
            retain_until=asked.retain_until,
            columns=asked.columns,
            budget=asked.budget,
            namespace=asked.namespace,
            held_out=asked.held_out,
            project=principal.place,
        )
        person_limit(platform, dataset)  # raises `Refused` where no policy says what a person of the namespace may lose
        with platform.work(principal.id) as work:
            require_active(work, dataset.project)
            work.datasets.put(dataset)
            # A pseudonym of a person stays on its side, trained on or measured on; that of a row is another person's
            # in the next version.
            apart = asked.columns.person is not None
            work.ledgers.put(
                Ledger(dataset=dataset.id, limit=asked.budget.epsilon, delta=asked.budget.delta, apart=apart)
            )
            work.record(_registered(dataset))
            return dataset, work.commit()


def add_version(
    platform: Platform, principal: Principal, identifier: DatasetId, file: FileId
) -> tuple[Dataset, Receipt]:
    """Read an upload as records of this dataset. Raises `Malformed` (row and part of the column, never a value), and
    `InFlight` where somebody else who read it meanwhile was refused and took the rows back.

    Where rows are sealed under the keys of their persons, the key of the upload is destroyed in the same transaction,
    unless a legal hold is on it: what it held is then nowhere else. Naming it once more for the same dataset changes
    nothing.
    """
    with refusals_recorded(platform, principal, Action.REGISTER_DATASET, "dataset", identifier):
        with platform.work(principal.id) as work:
            dataset = work.datasets.get(identifier)
            permit(platform, principal, Action.REGISTER_DATASET, of_dataset(dataset))
            stored = there(platform, work.files, file)
            permit(platform, principal, Action.READ_FILE, of_file(stored))
        require_one_project(dataset.project, stored.project, param="file_id")
        with platform.view() as view:
            _require_unregistered(view, dataset, stored.digest)
        # The file is read outside any unit of work: it may take minutes, and its content cannot change meanwhile.
        version = _read_before(dataset, file) or _read(platform, dataset, stored)
        with _taken_back(platform, identifier, version), platform.work(principal.id) as work:
            dataset = work.datasets.get(identifier)
            _require_in_use(dataset)
            there(platform, work.files, file)  # it may have been deleted while it was read
            require_active(work, dataset.project)
            _require_unregistered(work, dataset, version.source, version.digest)
            _require_sealed(platform, identifier, version)
            dataset = dataset.with_version(version)
            work.datasets.put(dataset)
            work.record(
                DatasetVersionAdded(
                    dataset=dataset.id,
                    version=version.digest,
                    file=file,
                    source=stored.digest,
                    rows=version.rows,
                    persons=version.persons,
                    sealed=version.sealed,
                    report=version.report,
                )
            )
            is_over = version.sealed is not None and not is_held(work, file)
            if is_over:
                work.forget(upload_key(file), UPLOAD)
            receipt = work.commit()  # point of no return: the upload cannot be read any more
        if is_over and platform.rows is not None:
            platform.rows.upload(file).discard(stored.digest)
        return dataset, receipt


@contextmanager
def _taken_back(platform: Platform, identifier: DatasetId, version: DatasetVersion) -> Iterator[None]:
    """Discard the rows that were sealed for a version where this block, which says that it is one, is refused.

    No version names their key, so no erasure, retirement or end of retention would come to them. Whoever reads the same
    upload for the same dataset meanwhile has sealed the same rows: a unit of work keeps the two apart, and that of the
    other looks whether they are there still (`_require_sealed`).
    """
    try:
        yield
    except (Refused, NotFound, Malformed):
        if platform.rows is not None and version.sealed is not None:
            with platform.work(DOORKEEPER) as work:  # who was refused may have been revoked
                known = {one.sealed for one in work.datasets.get(identifier).versions}
                if version.sealed not in known:
                    platform.rows.version(identifier, version_key(version.source)).discard(version.sealed)
        raise


def _require_sealed(platform: Platform, identifier: DatasetId, version: DatasetVersion) -> None:
    if platform.rows is None or version.sealed is None:
        return
    try:
        platform.rows.version(identifier, version_key(version.source)).size(version.sealed)
    except NotFound:
        raise in_flight() from None  # to be read once more


def _read_before(dataset: Dataset, file: FileId) -> DatasetVersion | None:
    """The version that this upload has become; its content is there no more."""
    return next((known for known in dataset.versions if known.file == file and known.sealed is not None), None)


def _read(platform: Platform, dataset: Dataset, stored: StoredFile) -> DatasetVersion:
    key = version_key(stored.digest)
    writer = None if platform.rows is None else platform.rows.writer(dataset.id, key)
    ingested = platform.ingest(writer or platform.blobs, stored.digest, stored.filename, dataset.columns)
    return DatasetVersion(
        digest=ingested.records,
        file=stored.id,
        source=stored.digest,
        rows=ingested.rows,
        persons=ingested.persons,
        labels=ingested.labels,
        shared_rows=ingested.shared_rows,
        sealed=None if writer is None else writer.sealed,
        report=None if ingested.report is None else platform.blobs.put_bytes(encode(ingested.report)),
    )


def retire(platform: Platform, principal: Principal, identifier: DatasetId) -> tuple[Dataset, Receipt]:
    """No new training may use it from now on; running jobs stop before their next step.

    Protected attributes that lie apart for them are destroyed now: nothing will be measured by them. Raises `Refused`,
    also while a legal hold covers the dataset.
    """
    with (
        refusals_recorded(platform, principal, Action.RETIRE_DATASET, "dataset", identifier),
        platform.work(principal.id) as work,
    ):
        dataset = work.datasets.get(identifier)
        permit(platform, principal, Action.RETIRE_DATASET, of_dataset(dataset))
        require_no_hold(platform, principal, Action.RETIRE_DATASET, work, dataset)
        _require_in_use(dataset)
        retired = replace(dataset, retired=True)
        work.datasets.put(retired)
        work.record(DatasetRetired(dataset=identifier))
        for request in work.requests.all():
            if request.plan.dataset == identifier and not request.terminal:
                attributes.destroy(work, request)
        return retired, work.commit()


def set_purposes(
    platform: Platform, principal: Principal, identifier: DatasetId, purposes: frozenset[Purpose]
) -> tuple[Dataset, Receipt]:
    """The dataset may be used for these purposes from now on, and for no others.

    Requests for a purpose that is none of them any more have ended, with that reason, and give back what they held of
    the budget: those that wait for approval as rejected, all others as failed; a step that is under way notices at its
    next charge. What was trained for it before may not be taken (`models.inherited`). Whether
    a purpose may be added (GDPR Art. 6(4)) is the steward's statement; it is recorded, not checked. Raises `Refused`,
    and `Malformed` without any purpose.
    """
    with (
        refusals_recorded(platform, principal, Action.SET_PURPOSES, "dataset", identifier),
        platform.work(principal.id) as work,
    ):
        dataset = work.datasets.get(identifier)
        permit(platform, principal, Action.SET_PURPOSES, of_dataset(dataset))
        _require_in_use(dataset)
        changed = replace(dataset, purposes=purposes)
        work.datasets.put(changed)
        work.record(PurposesChanged(dataset=identifier, purposes=tuple(sorted(purposes))))
        for request in work.requests.all():
            if request.plan.dataset == identifier and _is_over(request, changed):
                end = turned_down if request.state is State.AWAITING_APPROVAL else failed
                work.requests.put(end(platform, work, request, PURPOSE_TAKEN_BACK))
        return changed, work.commit()


def _is_over(request: TrainingRequest, dataset: Dataset) -> bool:
    """Whether it has not ended, and is for a purpose that the dataset has no more."""
    return not request.terminal and request.plan.purpose not in dataset.purposes


def get(platform: Platform, principal: Principal, identifier: DatasetId) -> Dataset:
    """Raises `NotFound`."""
    with platform.view() as view:
        dataset = view.datasets.get(identifier)
    permit_to_see(platform, principal, Action.READ_DATASET, of_dataset(dataset))
    return dataset


def listed(platform: Platform, principal: Principal) -> list[Dataset]:
    """Every dataset that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.datasets.all()
    return [one for one in found if platform.access(principal, Action.READ_DATASET, of_dataset(one)).allowed]


def budget(platform: Platform, principal: Principal, identifier: DatasetId) -> BudgetState:
    """What the ledger says now."""
    get(platform, principal, identifier)
    return budget_of(platform, identifier)


def budget_of(platform: Platform, identifier: DatasetId) -> BudgetState:
    """The same, for a reader who may see the dataset."""
    with platform.view() as view:
        ledger = view.ledgers.get(identifier)
    return BudgetState(
        limit=ledger.limit,
        delta=ledger.delta,
        spent=ledger.spent(platform.accountant),
        left=ledger.left(platform.accountant),
        apart=ledger.apart,
    )


def _registered(dataset: Dataset) -> DatasetRegistered:
    return DatasetRegistered(
        dataset=dataset.id,
        purposes=tuple(sorted(dataset.purposes)),
        lawful_basis=dataset.lawful_basis,
        sensitivity=dataset.sensitivity,
        retain_until=dataset.retain_until,
        columns=dataset.columns_digest(),
        row_is_person=dataset.columns.person is None,
        epsilon_limit=dataset.budget.epsilon,
        delta=dataset.budget.delta,
        namespace=dataset.namespace,
        held_out=dataset.held_out,
        project=dataset.project,
    )


def _require_unregistered(
    work: UnitOfWork | View, dataset: Dataset, source: Digest, digest: Digest | None = None
) -> None:
    """One content, one budget: the same bytes or records in a second dataset would be paid for from a second ledger.

    In another project too, about which nothing more is said than that it is not this one. Not checked: whether other
    bytes are about the same persons.
    """
    known_by = (source,) if digest is None else (source, digest)
    for other in (each for one in known_by for each in work.datasets.all(one)):
        if other.id == dataset.id:
            continue
        if any(known.source == source or known.digest == digest for known in other.versions):
            raise Refused(
                "already_registered",
                f"These records are a version of {_called(other, dataset)} already.",
                remedy="Use that dataset; a second one would give the same persons a second privacy budget.",
                who="privacy-officer",
                param="file_id",
            )


def _called(other: Dataset, dataset: Dataset) -> str:
    return f"the dataset {other.id}" if other.project == dataset.project else "a dataset of another project"


def _require_in_use(dataset: Dataset) -> None:
    if dataset.retired:
        raise Refused("dataset_retired", "The dataset is retired.", remedy="Register a new one.", who="steward")
