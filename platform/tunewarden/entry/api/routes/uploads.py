"""/v1/uploads: files that come in parts."""

from tunewarden.domain.errors import Malformed
from tunewarden.domain.files import LARGEST_PART
from tunewarden.domain.names import PartId, UploadId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.file_schemas import CompletionIn, UploadIn, part_out, upload_out
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.api.uploads import PART_FORM, PartUploaded
from tunewarden.usecases import uploads

router = Routes(prefix="/v1/uploads", tags=["files"])


@router.post("", summary="Begin a file that comes in parts")
def begin(called: Called, body: UploadIn) -> Json:
    """It has an hour; then what came of it is thrown away."""
    limit = called.settings.largest_upload_bytes
    if body.bytes > limit:
        raise Malformed("file_too_large", f"A file may have at most {limit} bytes.", param="bytes")
    upload, receipt = uploads.begin(
        called.platform,
        called.principal,
        filename=body.filename,
        purpose=body.purpose,
        size=body.bytes,
        lifetime_seconds=None if body.expires_after is None else body.expires_after.seconds,
    )
    return {**upload_out(upload, called.platform.clock()), "governance": {"receipt": receipt_out(receipt)}}


@router.post("/{upload_id}/parts", summary="Add a part", openapi_extra=dict(PART_FORM))
def add_part(called: Called, upload_id: str, form: PartUploaded) -> Json:
    """In any order, several at once; which part is where is said at the end."""
    if form.size > LARGEST_PART:
        raise Malformed("part_too_large", f"A part may have at most {LARGEST_PART} bytes.", param="data")
    part, receipt = uploads.add_part(called.platform, called.principal, UploadId(upload_id), form.content, form.size)
    return {**part_out(UploadId(upload_id), part), "governance": {"receipt": receipt_out(receipt)}}


@router.post("/{upload_id}/complete", summary="Make a file of the parts")
def complete(called: Called, upload_id: str, body: CompletionIn) -> Json:
    """Of these, in this order; together they have the bytes that were announced."""
    upload, file, receipt = uploads.complete(
        called.platform, called.principal, UploadId(upload_id), [PartId(one) for one in body.part_ids], body.md5
    )
    return {**upload_out(upload, called.platform.clock(), file), "governance": {"receipt": receipt_out(receipt)}}


@router.post("/{upload_id}/cancel", summary="Give an upload up")
def cancel(called: Called, upload_id: str) -> Json:
    """Its parts are thrown away."""
    upload, receipt = uploads.cancel(called.platform, called.principal, UploadId(upload_id))
    return {**upload_out(upload, called.platform.clock()), "governance": {"receipt": receipt_out(receipt)}}
