"""Uploads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO

from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.events import FileUploaded
from tunewarden.domain.file_events import FileTaken
from tunewarden.domain.files import require_lifetime
from tunewarden.domain.names import Action, Digest, FileId
from tunewarden.usecases.custody import Blobs
from tunewarden.usecases.ports import Platform, Principal, Receipt, Shelf, StoredFile, UnitOfWork, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import not_found, permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import new, of_file

_LONGEST_NAME = 255


def upload(
    platform: Platform,
    principal: Principal,
    *,
    filename: str,
    purpose: str,
    content: BinaryIO,
    lifetime_seconds: int | None = None,
) -> tuple[StoredFile, Receipt]:
    """Store bytes, encrypted, under their digest. Nothing is read out of them before a dataset names their columns.

    They are there until they have become a dataset version; then their key is destroyed (`datasets.add_version`). With
    a lifetime they are gone after it in any case, whatever they have become.
    """
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "file"):
        permit(platform, principal, Action.UPLOAD_FILE, new("file", principal))
        require_lifetime(lifetime_seconds)
        with platform.view() as view:
            require_active(view, principal.place)
        file = FileId(platform.new_id("file"))
        stored = put(platform, principal, file, filename=filename, purpose=purpose, content=content)
        stored = replace(stored, expires_at=expiry(stored.uploaded_at, lifetime_seconds))
        with (
            taken_back(platform, file, stored.digest, lambda view: view.files.find(file) is None),
            platform.work(principal.id) as work,
        ):
            return stored, record_upload(work, stored).commit()


def put(
    platform: Platform, principal: Principal, file: FileId, *, filename: str, purpose: str, content: BinaryIO
) -> StoredFile:
    """The bytes are stored, and nothing says so yet. Raises `Malformed` where there are none."""
    store = store_of(platform, file)
    digest = store.put(content)
    size = store.size(digest)
    if size == 0:
        discard(platform, file, digest)
        raise Malformed("file_empty", "The file has no bytes.", remedy="Upload a file with records.", param="file")
    return StoredFile(
        id=file,
        owner=principal.id,
        filename=filename[:_LONGEST_NAME],
        purpose=purpose,
        digest=digest,
        size=size,
        uploaded_at=platform.clock(),
        project=principal.place,
    )


@contextmanager
def taken_back(
    platform: Platform, file: FileId, digest: Digest, is_of_nothing: Callable[[View], bool]
) -> Iterator[None]:
    """Discard what was stored where this block, which says what it is, fails, and it is of nothing then.

    Of a file that never was the key stays: none is destroyed without an entry, and this one has sealed nothing that is
    left.
    """
    try:
        yield
    except BaseException:
        with platform.view() as view:
            is_to_go = is_of_nothing(view)
        if is_to_go:
            discard(platform, file, digest)
        raise


def discard(platform: Platform, file: FileId, digest: Digest) -> None:
    """Give the room of an upload's bytes back."""
    if platform.rows is not None:
        platform.rows.upload(file).discard(digest)


def record_upload(work: UnitOfWork, stored: StoredFile) -> UnitOfWork:
    """Say so, inside this unit of work. Raises `Refused` where the project was archived."""
    require_active(work, stored.project)
    work.files.put(stored)
    work.record(
        FileUploaded(
            file=stored.id, digest=stored.digest, size=stored.size, project=stored.project, expires=stored.expires_at
        )
    )
    return work


def store_of(platform: Platform, file: FileId) -> Blobs:
    """Where the content of an upload is put: under a key of its own, where this process has keys."""
    return platform.blobs if platform.rows is None else platform.rows.upload(file)


def expiry(since: datetime, lifetime_seconds: int | None) -> datetime | None:
    """From when on a file with this lifetime is there for nobody."""
    return None if lifetime_seconds is None else since + timedelta(seconds=lifetime_seconds)


def there(platform: Platform, shelf: Shelf[FileId, StoredFile], file: FileId) -> StoredFile:
    """An upload that is there still. Raises `NotFound` for one that was deleted, or whose time is over, as for none."""
    stored = shelf.get(file)
    if not stored.is_there(platform.clock()):
        raise not_found("file")
    return stored


def get(platform: Platform, principal: Principal, file: FileId) -> StoredFile:
    """Raises `NotFound`, also for other people's files."""
    with platform.view() as view:
        stored = there(platform, view.files, file)
    permit_to_see(platform, principal, Action.READ_FILE, of_file(stored))
    return stored


def listed(platform: Platform, principal: Principal) -> list[StoredFile]:
    """Every upload that this principal may see, oldest first."""
    with platform.view() as view:
        stored, now = view.files.all(), platform.clock()
    here = (file for file in stored if file.is_there(now))
    return [file for file in here if platform.access(principal, Action.READ_FILE, of_file(file)).allowed]


def take(platform: Platform, principal: Principal, file: FileId) -> tuple[BinaryIO, StoredFile, Receipt]:
    """The content again, for whoever may have it; that it left is recorded first, and the stream is closed by whoever
    reads it.

    Raises `NotFound`, also where it has become a dataset version, whether its key was destroyed or a legal hold kept
    it; `Refused` and `Corrupted`.
    """
    stored = get(platform, principal, file)
    with refusals_recorded(platform, principal, Action.TAKE_FILE, "file", file):
        permit(platform, principal, Action.TAKE_FILE, of_file(stored))
        content = _opened(platform, stored)
        return content, stored, _recorded(content, lambda: _taken(platform, principal, file))


def _opened(platform: Platform, stored: StoredFile) -> BinaryIO:
    try:
        if platform.rows is None:
            return platform.blobs.open(stored.digest)
        return platform.rows.upload(stored.id).open_own(stored.digest)  # that others have the same is not told
    except NotFound as error:
        raise _gone() from error


def _gone() -> NotFound:
    return NotFound(
        "content_gone",
        "The content is not kept as a file any more: it has become records of a dataset.",
        remedy="Upload it again, if you have it.",
    )


def _taken(platform: Platform, principal: Principal, file: FileId) -> Receipt:
    with platform.work(principal.id) as work:
        there(platform, work.files, file)
        if any(version.file == file for dataset in work.datasets.all(file) for version in dataset.versions):
            raise _gone()
        work.record(FileTaken(file=file))
        return work.commit()


def _recorded(content: BinaryIO, record: Callable[[], Receipt]) -> Receipt:
    """What `record` gives; where it fails, nobody is left with the content."""
    try:
        return record()
    except BaseException:
        content.close()
        raise
