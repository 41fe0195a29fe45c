"""The end of uploads: deleted by who uploaded them, or because their time is over, or never completed.

Deleting destroys the key of the content, wherever copies of the bytes are; the entries of the log stay, and so does the
row, without the name. Not reached: what the records became meanwhile (a dataset version, models), which retiring the
dataset and `erasures` are for, and copies of the database with the wrapped keys. In a process that has no data keys
there is no key to destroy, and nobody is given the content.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tunewarden.domain.errors import Refused
from tunewarden.domain.file_events import FileDeleted, FileExpired, UploadEnded
from tunewarden.domain.files import Upload, UploadState, file_of
from tunewarden.domain.names import Action, FileId, UploadId
from tunewarden.usecases.custody import UPLOAD, upload_key
from tunewarden.usecases.erasures import held_among, is_held
from tunewarden.usecases.files import discard, there
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource, StoredFile, UnitOfWork
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import of_file, of_upload, some


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """What is to be discarded, as it was when the log had `seen` entries.

    Attributes:
        files: their time is over, and their content is still kept.
        uploads: they were not completed in time, and their parts are still kept.
    """

    files: Sequence[FileId]
    uploads: Sequence[UploadId]
    seen: int


def delete(platform: Platform, principal: Principal, file: FileId) -> Receipt:
    """Nobody can read it from here on. Raises `NotFound`, and `Refused`, also while a legal hold keeps it."""
    with platform.view() as view:
        seen = there(platform, view.files, file)
    permit_to_see(platform, principal, Action.READ_FILE, of_file(seen))
    with refusals_recorded(platform, principal, Action.DELETE_FILE, "file", file):
        with platform.work(principal.id) as work:
            stored = there(platform, work.files, file)
            permit(platform, principal, Action.DELETE_FILE, of_file(stored))
            require_unheld(platform, principal, work, of_file(stored), Action.DELETE_FILE)
            work.record(FileDeleted(file=file, keys=_forget(work, stored)))
            receipt = work.commit()  # point of no return: the key is gone
        discard(platform, file, stored.digest)
        return receipt


def overdue(platform: Platform) -> Overdue:
    """Files and uploads whose time is over, and which no legal hold keeps."""
    with platform.view() as view:
        seen, now = view.size(), platform.clock()
        files = [one.id for one in view.files.all() if not one.deleted and not one.is_there(now)]
        uploads = [one.id for one in view.uploads.all() if _is_abandoned(one, now)]
        held = held_among(view, [*files, *uploads]) if files or uploads else frozenset[str]()
    return Overdue(
        files=[one for one in files if one not in held],
        uploads=[one for one in uploads if one not in held],
        seen=seen,
    )


def may_discard(platform: Platform, worker: Principal) -> bool:
    """Whether the access policy lets a worker do so at all."""
    return platform.access(worker, Action.EXPIRE_FILE, some("file", worker)).allowed


def expire(platform: Platform, worker: Principal, file: FileId, seen: int = 0) -> None:
    """Delete one whose time is over; one that is held, or was deleted meanwhile, is left as it is.

    `seen` is how long the log was when no hold was found to keep it; 0 where nobody looked.
    Raises `Refused` for everybody but a worker, and `NotFound`.
    """
    with refusals_recorded(platform, worker, Action.EXPIRE_FILE, "file", file):
        with platform.work(worker.id) as work:
            stored = work.files.get(file)
            permit(platform, worker, Action.EXPIRE_FILE, of_file(stored))
            if stored.deleted or stored.is_there(platform.clock()) or _is_held_since(work, file, seen):
                return
            work.record(FileExpired(file=file, keys=_forget(work, stored)))
            work.commit()  # point of no return: the key is gone
        discard(platform, file, stored.digest)


def collect(platform: Platform, worker: Principal, upload: UploadId, seen: int = 0) -> None:
    """Throw away the parts of one that was not completed in time; one that ended meanwhile, or is held, stays as it is.

    `seen` as for `expire`. Raises `Refused` for everybody but a worker, and `NotFound`.
    """
    with refusals_recorded(platform, worker, Action.EXPIRE_FILE, "upload", upload):
        with platform.work(worker.id) as work:
            found = work.uploads.get(upload)
            permit(platform, worker, Action.EXPIRE_FILE, of_upload(found))
            if not _is_abandoned(found, platform.clock()) or _is_held_since(work, upload, seen):
                return
            end(work, found, UploadState.EXPIRED)
            work.commit()  # point of no return: the key is gone
        discard_parts(platform, found)


def end(work: UnitOfWork, upload: Upload, state: UploadState, file: FileId | None = None) -> Upload:
    """An upload is over, inside this unit of work, and the key of its parts is destroyed with it.

    Where it became no file, so is the key of the one that it would have been: somebody may be, or have been, at it.
    """
    keys = int(work.forget(upload_key(FileId(upload.id)), UPLOAD))
    if file is None:
        keys += int(work.forget(upload_key(file_of(upload.id)), UPLOAD))
    ended = upload.ended(state, file)
    work.uploads.put(ended)
    work.record(UploadEnded(upload=upload.id, state=state, keys=keys, file=file))
    return ended


def discard_parts(platform: Platform, upload: Upload) -> None:
    """Give the room of the parts back, once their key is gone."""
    for part in upload.parts:
        discard(platform, FileId(upload.id), part.digest)


def _is_abandoned(upload: Upload, now: datetime) -> bool:
    return upload.state is UploadState.PENDING and upload.state_at(now) is UploadState.EXPIRED


def _is_held_since(work: UnitOfWork, thing: str, seen: int) -> bool:
    """Whether a legal hold keeps what none kept then. Ends of other uploads put nothing under a hold."""
    ends = (isinstance(entry.event, FileExpired | UploadEnded) for entry in work.entries(seen))
    return not all(ends) and is_held(work, thing)


def _forget(work: UnitOfWork, stored: StoredFile) -> int:
    work.files.put(replace(stored, deleted=True, filename=""))
    return int(work.forget(upload_key(stored.id), UPLOAD))


def require_unheld(platform: Platform, principal: Principal, work: UnitOfWork, thing: Resource, action: Action) -> None:
    """Raise `Refused` where a legal hold keeps a file or an upload; with the rule that says so too, if one does."""
    if is_held(work, thing.id):
        decision = platform.access(principal, action, replace(thing, legal_hold=True))
        raise Refused(
            "legal_hold_on_file",
            "A legal hold keeps it; until that is released, nothing of it is deleted.",
            remedy="Release the hold first, if its order allows.",
            who="privacy-officer",
            rule="" if decision.allowed else decision.because,
        )
