"""/v1/files"""

from fastapi import APIRouter

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import FileId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json, file_out, page, receipt_out
from tunewarden.entry.api.uploads import FORM, Uploaded
from tunewarden.usecases import files

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.post("", summary="Upload a file", openapi_extra=dict(FORM))
def upload(called: Called, form: Uploaded) -> Json:
    """Store bytes, encrypted. Nothing is read out of them before a dataset names their columns."""
    limit = called.settings.largest_upload_bytes
    if form.size > limit:
        raise Malformed("file_too_large", f"A file may have at most {limit} bytes.", param="file")
    stored, receipt = files.upload(
        called.platform, called.principal, filename=form.filename, purpose=form.purpose, content=form.content
    )
    return {**file_out(stored), "governance": {"receipt": receipt_out(receipt)}}


@router.get("", summary="List your files")
def listed(called: Called) -> Json:
    """Oldest first."""
    return page([file_out(one) for one in files.listed(called.platform, called.principal)])


@router.get("/{file_id}", summary="One file")
def get(called: Called, file_id: str) -> Json:
    """Its facts; contents are never given out."""
    return file_out(files.get(called.platform, called.principal, FileId(file_id)))
