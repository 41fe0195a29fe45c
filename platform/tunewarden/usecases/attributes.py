"""Laying protected attributes apart, reading them, and the end of them: each is an entry.

They are special in most law that knows them (GDPR Art. 9(1), Regulation (EU) 2024/1689 Art. 10(5)): processed for
finding bias where that is strictly necessary, and no longer. So they are there from the end of a request's
de-identification to the end of its measuring, and no reading goes without an entry. They end with the request, however
it ends, and when its dataset is retired; the next request makes its own from the raw rows, where each lies under its
person's key. A legal hold does not keep them: it keeps what they are made from.

Nobody but the worker reads the raw rows, and of its steps only de-identification does. The training step, its helpers,
pages and the api have neither this table nor a key of it.
"""

from collections.abc import Iterable, Mapping, Sequence

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.errors import Conflict, Corrupted, IllegalTransition, Unavailable
from tunewarden.domain.names import DatasetId
from tunewarden.domain.training import STEP_FROM, StepName, TrainingRequest
from tunewarden.usecases.attribute_doors import Attributes, Line, Whose, table_key
from tunewarden.usecases.ports import Platform, Principal, UnitOfWork


def keep(platform: Platform, worker: Principal, request: TrainingRequest, lines: Iterable[Line]) -> None:
    """Lay the attributes of a release apart, in place of those of an attempt before.

    `lines` are not even made where the dataset has no protected column. Raises as `underway` does, and `Unavailable`
    in a process without the keys.
    """
    with platform.work(worker.id) as work:
        if not underway(platform, work, request, StepName.DEIDENTIFY):
            return
    table = _table(platform).keep(request.plan.dataset, request.id, lines)
    with platform.work(worker.id) as work:
        underway(platform, work, request, StepName.DEIDENTIFY)
        work.record(
            AttributesKept(
                request=request.id,
                attempt=request.attempt,
                dataset=request.plan.dataset,
                version=request.plan.dataset_version,
                table=table,
            )
        )
        work.commit()


def read(
    platform: Platform, worker: Principal, request: TrainingRequest, of: Sequence[Whose]
) -> Sequence[Mapping[str, str]]:
    """The attributes of these records. That they are read is in the log before anything is opened.

    Raises as `underway` does, `Corrupted` where none were laid apart or what is stored is not what was, and
    `Unavailable` in a process without the keys.
    """
    table = _table(platform)
    with platform.work(worker.id) as work:
        underway(platform, work, request, StepName.MEASURE)
        kept = _kept(work, request)
        work.record(
            AttributesRead(
                request=request.id,
                attempt=request.attempt,
                dataset=kept.dataset,
                version=kept.version,
                table=kept.table,
                reads=reads_of(work, kept.dataset) + 1,
            )
        )
        work.commit()
    return table.read(kept.dataset, request.id, kept.table, of)


def destroy(work: UnitOfWork, request: TrainingRequest) -> None:
    """The end of a request's attributes, in the unit of work that ends the request or retires its dataset.

    Nothing can be kept for the request afterwards. Says nothing where there was nothing.
    """
    dataset = request.plan.dataset
    if not request.attempt or not work.datasets.get(dataset).columns.protected:
        return
    if work.forget(dataset, table_key(request.id)):
        work.record(AttributesDestroyed(request=request.id, dataset=dataset))


def reads_of(work: UnitOfWork, dataset: DatasetId) -> int:
    """How often the attributes of a dataset were read so far, by whatever request: as the last reading says.

    Entries are not counted, because some may have lost their body (`domain/retention.py`).
    """
    said = (entry.event for entry in work.entries_naming(dataset))
    return max((event.reads for event in said if isinstance(event, AttributesRead)), default=0)


def underway(platform: Platform, work: UnitOfWork, request: TrainingRequest, step: StepName) -> bool:
    """Whether the dataset has protected columns at all.

    Raises `IllegalTransition` where the request has come to another step, `Conflict` where it is suspended or another
    attempt has begun, and `Refused` where the dataset may not be used any more.
    """
    now = work.requests.get(request.id)
    now.require_going()
    if STEP_FROM.get(now.state) is not step:
        raise IllegalTransition("illegal_transition", f"A request that is {now.state} has no attributes to do with.")
    if now.attempt != request.attempt:
        raise Conflict("attempt_over", "Another attempt of this step has begun meanwhile.")
    dataset = work.datasets.get(request.plan.dataset)
    dataset.require_usable_for(request.plan.purpose, platform.clock().date())
    return bool(dataset.columns.protected)


def _kept(work: UnitOfWork, request: TrainingRequest) -> AttributesKept:
    said = [entry.event for entry in work.entries_naming(request.id) if isinstance(entry.event, AttributesKept)]
    if not said:
        raise Corrupted(
            "attributes_missing",
            "No protected attributes were laid apart for this request.",
            remedy="Ask again; the records are then de-identified anew.",
            who="requester",
        )
    return said[-1]


def _table(platform: Platform) -> Attributes:
    if platform.attributes is None:
        raise Unavailable(
            "attribute_keys_missing", "This process holds no keys of protected attributes.", who="administrator"
        )
    return platform.attributes
