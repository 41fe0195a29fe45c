"""Uploads."""

from typing import BinaryIO

from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import FileUploaded
from tunewarden.domain.names import Action, FileId
from tunewarden.usecases.ports import Platform, Principal, Receipt, StoredFile
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import new, of_file


def upload(
    platform: Platform, principal: Principal, *, filename: str, purpose: str, content: BinaryIO
) -> tuple[StoredFile, Receipt]:
    """Store bytes, encrypted, under their digest. Nothing is read out of them before a dataset names their columns.

    They are there until they have become a dataset version; then their key is destroyed (`datasets.add_version`).
    """
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "file"):
        permit(platform, principal, Action.UPLOAD_FILE, new("file", principal))
        file = FileId(platform.new_id("file"))
        store = platform.blobs if platform.rows is None else platform.rows.upload(file)
        digest = store.put(content)
        size = store.size(digest)
        if size == 0:
            raise Malformed("file_empty", "The file has no bytes.", remedy="Upload a file with records.", param="file")
        stored = StoredFile(
            id=file,
            owner=principal.id,
            filename=filename[:255],
            purpose=purpose,
            digest=digest,
            size=size,
            uploaded_at=platform.clock(),
            project=principal.place,
        )
        with platform.work(principal.id) as work:
            require_active(work, stored.project)
            work.files.put(stored)
            work.record(FileUploaded(file=stored.id, digest=digest, size=size, project=stored.project))
            return stored, work.commit()


def get(platform: Platform, principal: Principal, file: FileId) -> StoredFile:
    """Raises `NotFound`, also for other people's files."""
    with platform.view() as view:
        stored = view.files.get(file)
    permit_to_see(platform, principal, Action.READ_FILE, of_file(stored))
    return stored


def listed(platform: Platform, principal: Principal) -> list[StoredFile]:
    """Every upload that this principal may see, oldest first."""
    with platform.view() as view:
        stored = view.files.all()
    return [file for file in stored if platform.access(principal, Action.READ_FILE, of_file(file)).allowed]
