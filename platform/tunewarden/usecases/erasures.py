"""Erasing a person from a dataset: asked for by a privacy officer, carried out by the worker, both in the log.

Which pseudonym is whose hangs on the tenant's key, which only the worker holds. So whoever is asked here seals the
person in an envelope, and the worker opens it before it begins with its next step. The destruction of the key, the end
of the envelope and the entry are one transaction: no key is destroyed without an entry, and after a crash the erasure
waits as before and is carried out then.

The answer to asking is the same whether the dataset holds the person or not, and takes as long: nothing is looked up.
How many keys were destroyed is said afterwards, to those who may read the log, which says it too. Whoever may erase may
also look a person up (`usecases/tracing.py`), so it tells them nothing that they could not ask for.

Not reached by an erasure:
- clean versions that were released before and weights that were trained before. Requests that have read the records and
  made no model version yet end with the erasure, though, and a release that is under way begins anew (`jobs`). A model
  version from before is found by `tracing.trace_person`;
- the pseudonym in what was released before: it is made with the tenant's key, not with the person's;
- uploads that have become no dataset version, and dataset versions from before rows were sealed under the keys of
  their persons (`custody`): they are sources of others' records too. Of every other version the person's raw rows are
  unreadable from then on, wherever copies of the files are;
- copies and backups of the database, and its unused pages until they are written over: who has one and the master keys
  of then has the person's keys again, until these are rotated (`tunewarden master-keys rotate`), which destroys them.
  After restoring a backup, erasures since then have to be asked for again; the log names how many there were.
"""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import replace
from typing import Protocol

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.entries import Entry
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.errors import Corrupted, Malformed, Refused, Unavailable
from tunewarden.domain.events import ActionRefused, ErasureAsked, PersonErased
from tunewarden.domain.names import Action, DatasetId, ErasureId
from tunewarden.domain.retention import covered, holds
from tunewarden.domain.training import State
from tunewarden.usecases.custody import UPLOAD, upload_key
from tunewarden.usecases.gating import failed
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, UnitOfWork
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_dataset

OUTDATED = "person_erased_meanwhile"
"""Why a request ends, or a release begins anew: it has read records of somebody who was erased then."""

_HOLD_IDS = "hold-"
_HAVE_READ = frozenset({State.IN_REVIEW, State.DEIDENTIFIED, State.TRAINED})


def ask(platform: Platform, principal: Principal, identifier: DatasetId, person: str) -> tuple[Erasure, Receipt]:
    """Have `person`, written as in the dataset's person column, erased; the worker does it.

    A second time is as good as the first: it leaves entries too, and destroys nothing. Whoever is not in the dataset
    yet never comes into a release of it. Retired datasets too: their records and releases are still there. Raises
    `Refused`, also while a legal hold covers the dataset (GDPR Art. 17(3)(e)), `NotFound` for the dataset, `Malformed`.
    """
    with refusals_recorded(platform, principal, Action.ERASE_PERSON, "dataset", identifier):
        with platform.view() as view:
            about = of_dataset(view.datasets.get(identifier))
        permit(platform, principal, Action.ERASE_PERSON, about, seen_by=Action.READ_DATASET)
        content = _written(person)
        with platform.work(principal.id) as work:
            dataset = work.datasets.get(identifier)
            require_no_hold(platform, principal, Action.ERASE_PERSON, work, dataset)
            erasure = ErasureId(platform.new_id("erasure"))
            asked = Erasure(
                id=erasure,
                dataset=dataset.id,
                asked_by=principal.id,
                asked_at=platform.clock(),
                sealed=platform.envelopes.seal(_about(erasure, dataset.id), content),
            )
            work.erasures.put(asked)
            work.record(ErasureAsked(erasure=erasure, dataset=dataset.id))
            return asked, work.commit()


def listed(platform: Platform, principal: Principal, identifier: DatasetId) -> list[Erasure]:
    """Every erasure of a dataset, oldest first, for those who may read the log. Raises `NotFound`."""
    with platform.view() as view:
        about = Resource(kind="log", project=view.datasets.get(identifier).project)
        permit_to_see(platform, principal, Action.READ_LOG, about, noun="dataset")
        return [one for one in view.erasures.all() if one.dataset == identifier]


def waiting(platform: Platform) -> Sequence[ErasureId]:
    """Those that have still to be carried out, oldest first."""
    with platform.view() as view:
        return [one.id for one in view.erasures.all() if one.is_waiting]


def carry_out(platform: Platform, worker: Principal, identifier: ErasureId) -> Erasure:
    """Destroy the person's data keys: their raw rows are unreadable, and no later release has them.

    Nobody can tell then who it was.

    With it end the requests on the dataset that have read its records and made no model version yet, those on a version
    without the person too, since which it was is not known here. Where no key was destroyed nothing ends: the person is
    in no release.

    It ends as refused, with an entry, where a legal hold has come in between and where the envelope cannot be opened
    any more: it has to be asked for again then. One that ended before is left as it is, so several workers may try.
    Raises `Unavailable`, `NotFound`, and `Refused` for everybody but a worker.
    """
    with (
        refusals_recorded(platform, worker, Action.CARRY_OUT_ERASURE, "erasure", identifier),
        platform.work(worker.id) as work,
    ):
        asked = work.erasures.get(identifier)
        dataset = work.datasets.get(asked.dataset)
        permit(platform, worker, Action.CARRY_OUT_ERASURE, of_dataset(dataset))
        if not asked.is_waiting:
            return asked
        try:
            require_no_hold(platform, worker, Action.CARRY_OUT_ERASURE, work, dataset)
            pseudonym, handle = _names(platform, asked)
        except (Refused, Corrupted) as error:
            ended = asked.refused(error.code, platform.clock())
            work.record(
                ActionRefused(action=Action.CARRY_OUT_ERASURE, resource=identifier, code=error.code, rule=error.rule)
            )
        else:
            keys = int(work.forget(asked.dataset, pseudonym))
            raw = int(work.forget(asked.dataset, handle)) if handle else 0
            _end_uploads(work, asked.dataset)
            ended = asked.done(keys, platform.clock(), raw)
            work.record(PersonErased(erasure=identifier, dataset=asked.dataset, keys=keys, raw=raw))
            if keys:
                _end_what_has_read(platform, work, asked.dataset)
        work.erasures.put(ended)
        work.commit()  # point of no return: the key is gone
        return ended


def persons_erased(work: UnitOfWork, dataset: DatasetId) -> int:
    """How many data keys of a dataset were destroyed so far: whoever remembers the number sees when one more was."""
    return sum(one.keys for one in work.erasures.all() if one.dataset == dataset)


def _end_uploads(work: UnitOfWork, dataset: DatasetId) -> None:
    """Those that a legal hold had kept when they became versions."""
    for version in work.datasets.get(dataset).versions:
        if version.sealed is not None:
            work.forget(upload_key(version.file), UPLOAD)


def _end_what_has_read(platform: Platform, work: UnitOfWork, dataset: DatasetId) -> None:
    for request in work.requests.all():
        if request.plan.dataset == dataset and request.state in _HAVE_READ:
            work.requests.put(failed(platform, work, request, OUTDATED))


def _names(platform: Platform, asked: Erasure) -> tuple[str, str]:
    """Of the person's data keys: what releases are made with, and what raw rows are sealed under ("" where none is)."""
    if platform.pseudonyms is None:
        raise Unavailable(
            "tenant_key_missing",
            "This process does not hold the key under which pseudonyms are made.",
            remedy="Let a worker do it.",
            who="administrator",
        )
    assert asked.sealed is not None
    person = platform.envelopes.open(_about(asked.id, asked.dataset), asked.sealed).decode("utf-8")
    handle = "" if platform.rows is None else platform.rows.handle(asked.dataset, person)
    return platform.pseudonyms(asked.dataset, person), handle


def _about(erasure: ErasureId, dataset: DatasetId) -> str:
    return f"{erasure} of {dataset}"


def _written(person: str) -> bytes:
    try:
        return person.encode("utf-8")
    except UnicodeEncodeError:  # it would quote the person
        raise Malformed(
            "person_malformed", "The person holds half a surrogate pair, which no record can.", param="person"
        ) from None


class _Log(Protocol):
    def entries(self, start: int = 0) -> Iterable[Entry]: ...
    def entries_naming(self, identifier: str) -> Iterable[Entry]: ...


def is_held(log: _Log, resource: str) -> bool:
    """Whether a legal hold keeps the entries about a dataset, file or upload: it keeps their keys too."""
    return resource in held_among(log, [resource])


def held_among(log: _Log, things: Collection[str]) -> Set[str]:
    """Those of `things` of which that is so; the log is read once for all of them."""
    return covered(holds(log.entries_naming(_HOLD_IDS)), log.entries(), things)


def require_no_hold(platform: Platform, principal: Principal, action: Action, log: _Log, dataset: Dataset) -> None:
    """Raise `Refused` where a legal hold covers the dataset; with the rule of the access policy that says so too."""
    if is_held(log, dataset.id):
        held = replace(of_dataset(dataset), legal_hold=True)
        raise Refused(
            "legal_hold",
            "A legal hold covers the dataset; until it is released, nothing of it is erased, and it is not retired.",
            remedy="Release the hold first, if its order allows.",
            who="privacy-officer",
            rule=platform.access(principal, action, held).because,
        )
