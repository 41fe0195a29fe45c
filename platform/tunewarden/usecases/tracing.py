"""From data to models: which learned from a dataset version, and which from one person's records.

Whether a person was trained on or held out to measure with depends on a pseudonym under the tenant's key, which only
the worker holds. So the answers here say "trained on or measured on" and no more.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from tunewarden.domain.canonical import Plain, decode
from tunewarden.domain.datasets import DatasetVersion
from tunewarden.domain.descent import Descent, descend
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted, NotFound, Unavailable
from tunewarden.domain.events import BudgetCharged, DatasetRegistered, DatasetRetired, PersonTraced
from tunewarden.domain.names import Action, DatasetId, Digest, PrincipalId
from tunewarden.domain.retention import require_explained
from tunewarden.usecases.ports import Blobs, Platform, Principal, RawRows, Receipt, Resource, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTrace:
    """What became of a dataset version.

    Attributes:
        withheld: requests that this principal may not see.
        without_body: entries whose retention ended; a request among them cannot be told any more.
    """

    descent: Descent
    withheld: int
    without_body: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStory:
    """A version trace with the entries it rests on, for a page that cites them.

    Attributes:
        entries: by index, in log order: those that the trace names, the registration and the retirement of the
            dataset, and the first charge of each request, which says that its records may have been learned from.
    """

    dataset: DatasetId
    version: Digest
    trace: VersionTrace
    entries: Mapping[int, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTrace:
    """The versions of a dataset that hold a person, and what became of them. The person is not in it.

    Attributes:
        searched: versions that were read, each from its first to its last record.
        without_body: entries whose retention ended; a request among them cannot be told any more.
    """

    versions: tuple[Digest, ...]
    searched: int
    descent: Descent
    without_body: int
    receipt: Receipt


def trace_version(platform: Platform, principal: Principal, identifier: DatasetId, version: Digest) -> VersionTrace:
    """Every request on a dataset version and its outcome. Raises `NotFound`."""
    _permit_version(platform, principal, identifier)
    with platform.view() as view:
        return _trace(platform, principal, view, identifier, version)


def tell_version(platform: Platform, principal: Principal, identifier: DatasetId, version: Digest) -> VersionStory:
    """The same with the entries it rests on, from the same moment of the log. Raises `NotFound`."""
    _permit_version(platform, principal, identifier)
    with platform.view() as view:
        trace = _trace(platform, principal, view, identifier, version)
        entries = {entry.index: entry for entry in _rests_on(view.entries(), identifier, trace.descent)}
    return VersionStory(dataset=identifier, version=version, trace=trace, entries=entries)


def trace_person(platform: Platform, principal: Principal, identifier: DatasetId, person: str) -> PersonTrace:
    """Look for `person`, written as in the dataset's person column, in every version of one dataset.

    Every lookup is an entry, with counts and nothing about the person; it is durable before the answer leaves. Raises
    `Refused`, `NotFound` for the dataset, and `Unavailable` where records that would have to be read are not there:
    an answer that did not look everywhere would be wrong. Not looked at: other datasets, and uploads that no dataset
    has.
    """
    with refusals_recorded(platform, principal, Action.TRACE_PERSON, "dataset", identifier):
        with platform.view() as view:
            dataset = view.datasets.get(identifier)
        permit(platform, principal, Action.TRACE_PERSON, of_dataset(dataset), seen_by=Action.READ_DATASET)
        versions = dataset.versions
        holding = [version.digest for version in versions if _holds(platform, identifier, version, person)]
        with platform.view() as view:
            descent, without_body = _descent(view, identifier, frozenset(holding))
        models = sum(one.model is not None for one in descent.descendants)
        with platform.work(principal.id) as work:
            work.datasets.get(identifier)  # reading is refused to who was revoked meanwhile; only recording is not
            work.record(PersonTraced(dataset=identifier, versions=len(holding), models=models))
            receipt = work.commit()
        return PersonTrace(
            versions=tuple(holding),
            searched=len(versions),
            descent=descent,
            without_body=without_body,
            receipt=receipt,
        )


def _permit_version(platform: Platform, principal: Principal, identifier: DatasetId) -> None:
    with platform.view() as view:
        dataset = view.datasets.get(identifier)
    permit_to_see(platform, principal, Action.READ_DATASET, of_dataset(dataset))


def _trace(
    platform: Platform, principal: Principal, view: View, identifier: DatasetId, version: Digest
) -> VersionTrace:
    dataset = view.datasets.get(identifier)
    known = dataset.version(version)
    descent, without_body = _descent(view, identifier, {known.digest})

    def may_see(author: PrincipalId, request: str = "") -> bool:
        resource = Resource(kind="request", id=request, author=author, project=dataset.project)
        return platform.access(principal, Action.READ_REQUEST, resource).allowed

    seen = tuple(one for one in descent.descendants if may_see(one.requested_by, one.request))
    return VersionTrace(
        descent=replace(
            descent,
            descendants=seen,
            refusals=tuple(entry for entry in descent.refusals if may_see(entry.actor)),
        ),
        withheld=len(descent.descendants) - len(seen),
        without_body=without_body,
    )


def _rests_on(entries: Iterable[Entry], dataset: DatasetId, descent: Descent) -> Iterator[Entry]:
    named = {index for one in descent.descendants for index in one.log}
    named |= {entry.index for entry in (*descent.added, *descent.refusals)}
    uncharged = {one.request for one in descent.descendants}
    for entry in entries:
        match entry.event:
            case DatasetRegistered() | DatasetRetired() as event if event.dataset == dataset:
                yield entry
            case BudgetCharged(request=request) if request in uncharged:
                uncharged.remove(request)
                yield entry
            case _ if entry.index in named:
                yield entry


def _descent(view: View, dataset: DatasetId, versions: Set[Digest]) -> tuple[Descent, int]:
    """What became of the versions, and how many entries of the log have no body any more."""
    dropped = view.dropped_bodies()
    if dropped:
        require_explained(view.entries(), dropped)
    return descend(view.entries(), dataset, versions), sum(map(len, dropped.values()))


def _holds(platform: Platform, dataset: DatasetId, version: DatasetVersion, person: str) -> bool:
    """Reads every record, also after the first hit: how long it takes says nothing about whether there is one."""
    wanted, found = _bytes(person), False
    try:
        if version.sealed is not None:
            return _rows(platform).holds(dataset, version.sealed, person)
        for each in _owners(platform.blobs, version.digest):
            found |= hmac.compare_digest(_bytes(each), wanted)
    except NotFound as error:
        raise Unavailable(
            "records_missing",
            f"The records of the dataset version {version.digest} are not stored here, so nothing can be said of them.",
            who="administrator",
        ) from error
    return found


def _rows(platform: Platform) -> RawRows:
    if platform.rows is None:
        raise Unavailable(
            "data_keys_missing",
            "The records are sealed under the keys of their persons, and this process has none.",
            remedy="Give it the master key.",
            who="administrator",
        )
    return platform.rows


def _bytes(person: str) -> bytes:
    """Of any text that JSON can carry, half a surrogate pair too: an error would quote it."""
    return person.encode("utf-8", "surrogatepass")


def _owners(blobs: Blobs, records: Digest) -> Iterator[str]:
    """Every person of each record, in the form that `ports.Ingested` states; one record in memory at a time."""
    with blobs.open(records) as stream:
        for line in stream:
            record = decode(line.rstrip(b"\n"))
            owners = _named(record) if isinstance(record, Mapping) else []
            if not owners or not all(isinstance(owner, str) for owner in owners):
                raise Corrupted("record_malformed", "A stored record does not have the expected form.")
            yield from map(str, owners)


def _named(record: Mapping[str, Plain]) -> list[Plain]:
    others = record.get("others", [])
    return [record.get("person"), *(others if isinstance(others, list) else [None])]
