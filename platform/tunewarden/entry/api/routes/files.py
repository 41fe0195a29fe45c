"""/v1/files"""

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import FileId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.file_schemas import file_out
from tunewarden.entry.api.organization_pages import After, paged
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.api.uploads import FORM, Uploaded
from tunewarden.usecases import discarding, files

router = Routes(prefix="/v1/files", tags=["files"])

Purpose = Annotated[str | None, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Order = Annotated[Literal["asc", "desc"], Query(description="By when they were uploaded.")]
_PART = 1 << 20  # bytes


@router.post("", summary="Upload a file", openapi_extra=dict(FORM))
def upload(called: Called, form: Uploaded) -> Json:
    """Store bytes, encrypted. Nothing is read out of them before a dataset names their columns.

    With `expires_after` they are deleted after so many seconds; without it, when they have become a dataset version.
    """
    limit = called.settings.largest_upload_bytes
    if form.size > limit:
        raise Malformed("file_too_large", f"A file may have at most {limit} bytes.", param="file")
    stored, receipt = files.upload(
        called.platform,
        called.principal,
        filename=form.filename,
        purpose=form.purpose,
        content=form.content,
        lifetime_seconds=form.lifetime_seconds,
    )
    return {**file_out(stored), "governance": {"receipt": receipt_out(receipt)}}


@router.get("", summary="List your files")
def listed(
    called: Called, after: After = None, limit: Limit = 10_000, order: Order = "desc", purpose: Purpose = None
) -> Json:
    """Newest first."""
    found = files.listed(called.platform, called.principal)
    chosen = [one for one in found if purpose in (None, one.purpose)]
    return paged(chosen, file_out, lambda one: one.id, after, limit, order)


@router.get("/{file_id}", summary="One file")
def get(called: Called, file_id: str) -> Json:
    """Its facts."""
    return file_out(files.get(called.platform, called.principal, FileId(file_id)))


@router.get("/{file_id}/content", summary="What is in a file", response_class=StreamingResponse, responses={200: {}})
def content(called: Called, file_id: str) -> StreamingResponse:
    """The bytes, for who uploaded them and until they have become a dataset version; that they left is an entry.

    The header `Tunewarden-Receipt` has its index and leaf hash.
    """
    source, stored, receipt = files.take(called.platform, called.principal, FileId(file_id))
    headers = {
        "content-disposition": "attachment",  # without the name, which somebody typed
        "content-length": str(stored.size),
        "tunewarden-receipt": f"{receipt.index} {receipt.leaf_hash}",
    }
    return StreamingResponse(_parts(source), media_type="application/octet-stream", headers=headers)


@router.delete("/{file_id}", summary="Delete a file")
def delete(called: Called, file_id: str) -> Json:
    """Its key is destroyed, so nobody reads it again. What it became meanwhile is not touched."""
    receipt = discarding.delete(called.platform, called.principal, FileId(file_id))
    return {"id": FileId(file_id), "object": "file", "deleted": True, "governance": {"receipt": receipt_out(receipt)}}


def _parts(source: BinaryIO) -> Iterator[bytes]:
    with source:
        while part := source.read(_PART):
            yield part
