"""Files that come in parts, because they are large or the line is bad.

Parts lie under a key of the upload, as a file's bytes do under that of the file. It is destroyed when the upload is
over, however it ended, so that what never became a file is in no copy either. Only who began an upload goes on with it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused, Unseen
from tunewarden.domain.file_events import PartAdded, UploadBegun, UploadEnded
from tunewarden.domain.files import MOST_PENDING, Part, Upload, UploadState, file_of, require_lifetime
from tunewarden.domain.names import Action, Digest, FileId, PartId, UploadId
from tunewarden.usecases import discarding, files
from tunewarden.usecases.custody import Blobs
from tunewarden.usecases.lines import joined
from tunewarden.usecases.ports import Platform, Principal, Receipt, StoredFile, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import new, of_upload

_AT_ONCE = 1 << 20  # bytes


def begin(
    platform: Platform,
    principal: Principal,
    *,
    filename: str,
    purpose: str,
    size: int,
    lifetime_seconds: int | None = None,
) -> tuple[Upload, Receipt]:
    """Announce a file of `size` bytes. Raises `Refused`, also for one who has `MOST_PENDING` under way."""
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "upload"):
        permit(platform, principal, Action.UPLOAD_FILE, new("file", principal))
        require_lifetime(lifetime_seconds)
        upload = Upload(
            id=UploadId(platform.new_id("upload")),
            owner=principal.id,
            filename=filename[:255],
            purpose=purpose,
            size=size,
            begun_at=platform.clock(),
            lifetime_seconds=lifetime_seconds,
            project=principal.place,
        )
        seen, pending = _pending(platform, principal)
        with platform.work(principal.id) as work:
            require_active(work, upload.project)
            _require_few(pending + sum(_is_begun_by(principal, entry) for entry in work.entries(seen)))
            work.uploads.put(upload)
            work.record(UploadBegun(upload=upload.id, size=size, project=upload.project))
            return upload, work.commit()


def add_part(
    platform: Platform, principal: Principal, identifier: UploadId, content: BinaryIO, size: int
) -> tuple[Part, Receipt]:
    """Take a part of `size` bytes, in whatever order they come. Raises `Refused`, `Malformed` and `NotFound`."""
    _see(platform, principal, identifier)
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "upload", identifier):
        with platform.view() as view:
            upload = view.uploads.get(identifier)
        permit(platform, principal, Action.UPLOAD_FILE, of_upload(upload))
        upload.require_room(size, platform.clock())  # what is not taken is not stored either
        store = files.store_of(platform, FileId(identifier))
        digest = store.put(content)
        part = Part(
            id=PartId(platform.new_id("part")), digest=digest, size=store.size(digest), added_at=platform.clock()
        )
        with (
            files.taken_back(platform, FileId(identifier), digest, lambda view: not _is_pending(view, identifier)),
            platform.work(principal.id) as work,
        ):
            grown = work.uploads.get(identifier).with_part(part, platform.clock())
            work.uploads.put(grown)
            work.record(PartAdded(upload=identifier, part=part.id, size=part.size))
            return part, work.commit()


def complete(
    platform: Platform, principal: Principal, identifier: UploadId, parts: Sequence[PartId], md5: str | None = None
) -> tuple[Upload, StoredFile, Receipt]:
    """Make the file of these parts, in this order; the rest is thrown away.

    Where it is complete already, the answer is that of then: the client asks again when it waited too long, and what
    it names now is not looked at. Raises as above, also where a legal hold keeps a part that would not be in the file;
    `Malformed` where the parts do not have the bytes that were announced, or another MD5 (RFC 1321, 32 hexadecimal
    digits) than the caller says: it shows damage on the way, and is no protection against anybody.
    """
    _see(platform, principal, identifier)
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "upload", identifier):
        try:
            return _complete(platform, principal, identifier, parts, md5)
        except (IllegalTransition, NotFound):  # over, or the parts went while they were read
            done = _completed_before(platform, identifier)
            if done is None:
                raise
            return done


def _complete(
    platform: Platform, principal: Principal, identifier: UploadId, parts: Sequence[PartId], md5: str | None
) -> tuple[Upload, StoredFile, Receipt]:
    with platform.view() as view:
        upload = view.uploads.get(identifier)
        permit(platform, principal, Action.UPLOAD_FILE, of_upload(upload))
        require_active(view, upload.project)
    chosen = upload.ordered(parts, platform.clock())
    store, file = files.store_of(platform, FileId(identifier)), file_of(identifier)
    if md5 is not None:
        _require_md5(store, chosen, md5)
    # Outside any unit of work: it may take minutes, and what a part holds cannot change meanwhile.
    whole = joined(_pieces(store, chosen))
    stored = files.put(platform, principal, file, filename=upload.filename, purpose=upload.purpose, content=whole)
    stored = replace(
        stored, project=upload.project, expires_at=files.expiry(stored.uploaded_at, upload.lifetime_seconds)
    )
    with (
        files.taken_back(platform, file, stored.digest, lambda view: _is_of_nothing(view, identifier, stored.digest)),
        platform.work(principal.id) as work,
    ):
        found = work.uploads.get(identifier)
        found.require_pending(platform.clock())
        if len(found.parts) > len(chosen):
            discarding.require_unheld(platform, principal, work, of_upload(found), Action.UPLOAD_FILE)
        files.record_upload(work, stored)
        completed = discarding.end(work, found, UploadState.COMPLETED, file)
        receipt = work.commit()  # point of no return: the parts are gone
    discarding.discard_parts(platform, found)
    return completed, stored, receipt


def _completed_before(platform: Platform, identifier: UploadId) -> tuple[Upload, StoredFile, Receipt] | None:
    """What was answered when it was completed; None where it was not, or its file is there no more."""
    with platform.view() as view:
        upload, stored = view.uploads.get(identifier), view.files.find(file_of(identifier))
        ends = [entry for entry in view.entries_naming(identifier) if isinstance(entry.event, UploadEnded)]
    if upload.file is None or stored is None or not stored.is_there(platform.clock()) or not ends:
        return None
    written = entry_bytes(ends[0].event, actor=ends[0].actor, at=ends[0].at)
    leaf = hashlib.sha256(b"\x00" + written).hexdigest()  # RFC 6962 section 2.1
    return upload, stored, Receipt(index=ends[0].index, leaf_hash=leaf)


def cancel(platform: Platform, principal: Principal, identifier: UploadId) -> tuple[Upload, Receipt]:
    """Give it up: its parts are gone. Raises `Refused`, also while a legal hold keeps them, and `NotFound`."""
    _see(platform, principal, identifier)
    with refusals_recorded(platform, principal, Action.UPLOAD_FILE, "upload", identifier):
        with platform.work(principal.id) as work:
            found = work.uploads.get(identifier)
            permit(platform, principal, Action.UPLOAD_FILE, of_upload(found))
            found.require_pending(platform.clock())
            discarding.require_unheld(platform, principal, work, of_upload(found), Action.UPLOAD_FILE)
            cancelled = discarding.end(work, found, UploadState.CANCELLED)
            receipt = work.commit()  # point of no return: the parts are gone
        discarding.discard_parts(platform, found)
        return cancelled, receipt


def _see(platform: Platform, principal: Principal, identifier: UploadId) -> None:
    """Raise `NotFound` for everybody but who began it, with an entry that names it."""
    with refusals_recorded(platform, principal, Action.READ_FILE, "upload", identifier):
        with platform.view() as view:
            upload = view.uploads.get(identifier)
        decision = platform.access(principal, Action.READ_FILE, of_upload(upload))
        if not decision.allowed:
            raise Unseen("access_denied", "You may not read this.", noun="upload", rule=decision.because)
        if upload.owner != principal.id:  # whatever the access policy says of reading it
            raise Unseen("access_denied", "Only who began an upload goes on with it.", noun="upload")


def _pending(platform: Platform, principal: Principal) -> tuple[int, int]:
    """How long the log was, and how many uploads of this principal were under way then.

    Outside any unit of work, because it reads all uploads there ever were.
    """
    with platform.view() as view:
        seen, now = view.size(), platform.clock()
        theirs = [one for one in view.uploads.all() if one.owner == principal.id]
    return seen, sum(one.state_at(now) is UploadState.PENDING for one in theirs)


def _is_begun_by(principal: Principal, entry: Entry) -> bool:
    return entry.actor == principal.id and isinstance(entry.event, UploadBegun)


def _is_pending(view: View, identifier: UploadId) -> bool:
    return view.uploads.get(identifier).state is UploadState.PENDING


def _is_of_nothing(view: View, identifier: UploadId, whole: Digest) -> bool:
    """Whether these bytes are no file, and will not be: another attempt may be about to say that they are."""
    stored = view.files.find(file_of(identifier))
    return not _is_pending(view, identifier) and (stored is None or stored.digest != whole)


def _require_few(pending: int) -> None:
    if pending >= MOST_PENDING:
        raise Refused(
            "uploads_pending",
            f"You have {MOST_PENDING} uploads under way, and nobody has more at once.",
            remedy="Complete one, or cancel it.",
        )


def _require_md5(store: Blobs, parts: Sequence[Part], md5: str) -> None:
    found = hashlib.md5(usedforsecurity=False)
    for piece in _pieces(store, parts):
        found.update(piece)
    if found.hexdigest() != md5.lower():
        raise Malformed("checksum_differs", "The parts have another MD5 than you say.", param="md5")


def _pieces(store: Blobs, parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        with store.open(part.digest) as content:
            while piece := content.read(_AT_ONCE):
                yield piece
